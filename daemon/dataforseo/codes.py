"""The remote's status codes and what each asks of a collector. A table; knows no task and no call.

Codes and messages as in docs: appendix/errors (2026-08). The remote says that messages may vary, so only
numbers are matched. What a code asks for is our judgement.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Kind(StrEnum):
    """What an answer to a GET asks of a collector."""

    OK = "ok"
    EMPTY = "empty"  # done, and there is nothing: a success
    PARTIAL = "partial"  # an error code beside a result: data is data
    PENDING = "pending"  # not yet
    DEAD = "dead"  # this task will never have a result
    EXPIRED = "expired"  # the remote deleted the result
    NOT_FOUND = "not found"  # the remote does not know the id; right after posting that proves nothing
    ACCOUNT = "account"  # about the account: credentials, payment, access
    THROTTLE = "throttle"  # too often, or too much at once
    RETRY = "retry"  # trouble of the remote that passes
    REQUEST = "request"  # our request is wrong; repeating it does not help
    UNKNOWN = "unknown"  # a code that we do not know: keep the task, ask again later, show the code


@dataclass(frozen=True, slots=True)
class CodeFact:
    """One code: the remote's message (shortened), what it asks for, and a sentence of advice for people."""

    message: str
    kind: Kind
    advice: str


OK = 20000
CREATED = 20100
PARTIAL_RESULT = 40106

_LATER = "Nothing to do: it is asked again later."
_REPOST = "Post the task again if you still need it."
_OUR_PATH = (
    "The path does not fit the task; check its function with `readyd show`, and report it if that is right."
)
_POSTING = "It concerns posting; correct the task_post call."
_FUNDS = "Top up the account; posting is refused until then."

_TABLE: tuple[tuple[int, str, Kind, str], ...] = (
    (20000, "Ok.", Kind.OK, "Nothing to do."),
    # On a POST it means accepted; met on a GET, the task is created and not done (official n8n node).
    (20100, "Task Created.", Kind.PENDING, _LATER),
    (40000, "You can set only one task at a time.", Kind.REQUEST, _POSTING),
    # Final for the id if the account is right. It usually is not, so no task is given up for it.
    (40001, "This id is used by another client.", Kind.ACCOUNT,
     "The task belongs to another account; check DATAFORSEO_LOGIN."),
    (40002, "This id is used by another search engine.", Kind.REQUEST, _OUR_PATH),
    (40003, "This id is used by another search type.", Kind.REQUEST, _OUR_PATH),
    (40004, "This id is used by another function.", Kind.REQUEST, _OUR_PATH),
    (40005, "This id is used by another device type.", Kind.REQUEST, _OUR_PATH),
    (40006, "You can set no more than 100 tasks at a time.", Kind.REQUEST, _POSTING),
    (40100, "You are not authorized to access this resource.", Kind.ACCOUNT,
     "Check DATAFORSEO_LOGIN and DATAFORSEO_PASSWORD: the API password, not the one of the web site."),
    (40101, "Internal SE Server Error.", Kind.DEAD, "The search engine failed. " + _REPOST),
    (40102, "No Search Results.", Kind.EMPTY, "Nothing to do: the search has no results."),
    (40103, "Task execution failed.", Kind.DEAD, _REPOST),
    (40104, "Please verify your account.", Kind.ACCOUNT,
     "Complete the verification in the DataForSEO user panel."),
    (40106, "Task completed with partial results.", Kind.PARTIAL, "Nothing to do: what there is was stored."),
    (40200, "Payment Required.", Kind.ACCOUNT, _FUNDS),
    (40201, "Unusual activity, access paused.", Kind.ACCOUNT, "Contact DataForSEO: the account is paused."),
    (40202, "The rate-limit per minute has been exceeded.", Kind.THROTTLE,
     "Other software uses the same account; lower `share` if this goes on."),
    (40203, "The cost limit has been exceeded.", Kind.ACCOUNT,
     "Posting is refused until 00:00 UTC; raise the daily limit in the user panel if it is too low."),
    (40204, "Access denied, activate the subscription.", Kind.ACCOUNT,
     "Activate this API in the user panel."),
    (40205, "Duplicate task limit per hour.", Kind.REQUEST,
     "The account allows only so many identical tasks an hour (user panel); it is posted again later."),
    (40206, "Duplicate task limit per day.", Kind.REQUEST,
     "The account allows only so many identical tasks a day (user panel); it is posted again later."),
    (40207, "The IP address is not whitelisted.", Kind.ACCOUNT,
     "Add this machine's address to the account's whitelist."),
    (40209, "Too many simultaneous queries.", Kind.THROTTLE, "Lower `lanes` if this goes on."),
    (40210, "Insufficient funds.", Kind.ACCOUNT, _FUNDS),
    (40400, "Not Found.", Kind.REQUEST, _OUR_PATH),
    (40401, "Task Not Found.", Kind.NOT_FOUND,
     "Right after posting it is asked again; later it means that the id was never posted, or is long gone."),
    (40402, "Invalid Path.", Kind.REQUEST, _OUR_PATH),
    (40403, "Results Expired.", Kind.EXPIRED, "The result is gone. " + _REPOST),
    (40404, "No Prepared Data.", Kind.DEAD, "The sandbox has no sample for this; use the real API."),
    (40405, "Insufficient text on the page.", Kind.DEAD, "Nothing to do: the page has too little text."),
    (40406, "The page was not submitted for crawling.", Kind.REQUEST, _POSTING),
    (40407, "Duplicate host.", Kind.REQUEST, _POSTING),
    (40408, "The target URL is invalid.", Kind.DEAD, "Correct the target and post the task again."),
    (40501, "Invalid Field.", Kind.REQUEST, _POSTING),
    (40502, "POST Data Is Empty.", Kind.REQUEST, _POSTING),
    (40503, "POST Data Is Invalid.", Kind.REQUEST, _POSTING),
    (40504, "More than 10 million intersections.", Kind.REQUEST, _POSTING),
    (40505, "You are using old data.", Kind.REQUEST, "Fetch the list of locations again. " + _POSTING),
    (40506, "Unknown fields in the POST data.", Kind.REQUEST, _POSTING),
    (40601, "Task Handed.", Kind.PENDING, _LATER),
    (40602, "Task In Queue.", Kind.PENDING, _LATER),
    (50000, "Internal Error.", Kind.RETRY, _LATER),
    (50001, "Error while checking the balance.", Kind.RETRY, _LATER),
    (50100, "Not Implemented.", Kind.REQUEST, _OUR_PATH),
    (50301, "3rd Party API Service Unavailable.", Kind.RETRY, _LATER),
    (50302, "Internal 3rd Party API Service Unavailable.", Kind.RETRY, _LATER),
    (50303, "An update is in progress.", Kind.RETRY, _LATER),
    (50304, "The function is temporarily unavailable.", Kind.RETRY,
     "It is asked again later; contact DataForSEO if it goes on."),
    (50401, "Internal Error - Timeout.", Kind.RETRY, _LATER),
    (50402, "The target page takes too long to respond.", Kind.DEAD, _REPOST),
)  # fmt: skip

MEANING: Mapping[int, CodeFact] = MappingProxyType(
    {code: CodeFact(message, kind, advice) for code, message, kind, advice in _TABLE}
)
"""Every code we know of."""

_FAMILIES = {
    2: "The number looks like a success.",
    4: "The number looks like a refusal of the request, the account or the task.",
    5: "The number looks like trouble of the remote that may pass.",
}


def kind_of(code: int | None, *, posting: bool = False) -> Kind:
    """Say what a status code asks for; `posting` when it answers a task_post, where 20100 means accepted."""
    if posting and code == CREATED:
        return Kind.OK
    return fact_of(code).kind


def fact_of(code: int | None) -> CodeFact:
    """Return what is known of a code; an unknown one is UNKNOWN, whatever its range suggests."""
    if code is None:
        return CodeFact("", Kind.UNKNOWN, "The answer has no status code; it is asked again later.")
    if code in MEANING:
        return MEANING[code]
    family = _FAMILIES.get(code // 10_000, "The number is outside the documented range.")
    advice = f"Code {code} is not documented. {family} The task is kept and asked for again later."
    return CodeFact("", Kind.UNKNOWN, advice)
