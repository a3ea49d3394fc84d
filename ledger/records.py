"""The shared vocabulary: frozen records and enums. Knows nothing but the standard library.

All times are integer milliseconds since the epoch, UTC; names end in `_at` for instants and `_ms` for
durations. `None` means "not known" or "not yet", never zero.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """Where a task stands. The allowed moves between them are in `ledger.states`, and nowhere else."""

    PLANNED = "planned"
    POSTING = "posting"
    POSTED = "posted"
    READY = "ready"
    COLLECTED = "collected"
    DELIVERED = "delivered"
    FAILED = "failed"
    LOST = "lost"
    REJECTED = "rejected"


class Reason(StrEnum):
    """Why a task moved; stored in every transition row, and the same word in logs and the CLI."""

    RECORDED = "recorded"  # a task_post answer was handed to `readyd record` or `record_posted`
    ADOPTED = "adopted"  # somebody else's task, taken in because a rule or `readyd adopt` says so
    LISTED = "listed"  # a window showed it
    FAILED_DELIVERY = "failed delivery"  # a window showed a postback task: its delivery failed
    ANSWERED = "answered"  # a GET by id showed that it is done, before any window did
    FETCHED = "fetched"  # its result was fetched and is durable
    NO_RESULTS = "no results"  # done with an empty result (40102): a success
    PARTIAL = "partial"  # done with an error code beside a non-null result (40106): data is data
    DELIVERED = "delivered"  # a postback task: done, and never listed
    FAILED_REMOTELY = "failed remotely"  # the remote finished it with an error code
    EXPIRED = "expired"  # 40403: the remote deleted the result
    NOT_FOUND = "not found"  # 40401 again and again after the grace period
    FIXED = "fixed"  # tasks_fixed lists a re-parsed result under the same id
    KEPT = "kept"  # that result cannot be had; the earlier one is kept
    AUDITED = "audited"  # id_list names its completion time
    PLANNED = "planned"  # `readyd post` or `Ledger.plan` asked for it
    RESTORED = "restored"  # planned in a copy of the ledger; whether it was sent since nobody knows
    SENT = "sent"  # a call of task_post that holds it is about to be made
    ACCEPTED = "accepted"  # the remote took it and gave it an id
    REFUSED = "refused"  # the remote refused this task, for good
    NOT_SENT = "not sent"  # nothing of the call left this machine
    PUT_OFF = "put off"  # the remote did not take it now; it is posted again later
    FOUND = "found"  # the answer was lost, and the remote shows a task with its key
    ABSENT = "absent"  # the answer was lost, and id_list proves that the remote never got it
    WITHDRAWN = "withdrawn"  # a person took it back before it was sent
    REPOSTED = "reposted"  # a person says that the remote never got it
    PINGBACK = "pingback"  # the remote called our receiver: it is done
    POSTBACK = "postback"  # the remote brought its result to our receiver


class Band(StrEnum):
    """How near the visibility deadline is. Order of declaration is order of urgency."""

    FRESH = "fresh"
    EXPIRING = "expiring"  # 48 h left
    URGENT = "urgent"  # 12 h left
    CRITICAL = "critical"  # 4 h left
    PAST = "past"  # Tasks Ready has forgotten it; a GET by id still works until the retention deadline


class Verdict(StrEnum):
    """What one window says of one task."""

    VISIBLE = "visible"
    NOT_READY = "not ready"
    HIDDEN = "hidden"  # the window was saturated: absence proves nothing


class Webhook(StrEnum):
    """What the poster asked the remote to call on completion."""

    NONE = "none"
    PINGBACK = "pingback"  # a GET; the task stays listed until it is collected
    POSTBACK = "postback"  # the result itself; the task is listed only when the delivery failed


class PrioritySource(StrEnum):
    """Who decided the priority of a task. A `user` word is never overwritten by a rule."""

    POSTED = "posted"  # the remote's own priority; config rules have not looked yet
    RULE = "rule"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Task:
    """One unit of work posted with the Standard method, as the ledger knows it (one row of `task`)."""

    id: str  # the remote's opaque string
    function: str  # what it was posted to: "serp/google/organic"
    state: State
    tag: str | None
    priority: int  # ours: higher is more important; 1 is normal
    priority_source: PrioritySource
    variant: str | None  # None: the function's usual variant
    endpoint: str | None  # the path a listed row named for it, checked against the id
    webhook: Webhook
    posted_at: int
    recorded_at: int
    ready_at: int | None  # the first sign that it is done
    earliest_done_at: int | None  # the completion interval; both None until there is a sign
    latest_done_at: int | None
    pending_at: int | None  # last time a GET by id answered "not yet"
    blocked_at: int | None  # since when it is believed complete but hidden
    settled_at: int | None  # when it reached a state that asks for nothing more
    attempts: int  # GETs in a row that were answered alike and brought no result
    next_try_at: int | None  # not before this instant
    code: int | None  # the remote's last task code
    message: str | None
    band: Band  # as of the last review
    expires_at: int | None  # visibility deadline as of the last review, when known
    cost: float | None  # USD, as the remote said when it was posted


@dataclass(frozen=True, slots=True)
class Transition:
    """One move of one task: history for people, evidence for audits."""

    task_id: str
    from_state: State | None  # None: the row was created
    to_state: State
    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class Sighting:
    """One observation of a task in a window."""

    task_id: str
    function: str | None  # from the endpoint, or from the listing's own scope; None: cannot tell
    tag: str | None  # the user's own
    posted_at: int | None  # the row's date_posted, when it has one
    endpoint: str | None  # path for the usual variant; None when absent or not about this id
    key: str | None = None  # that readyd sent in the tag


@dataclass(frozen=True, slots=True)
class Look:
    """What the ledger remembers of one listing: the newest answers, not their rows."""

    listing: str  # path: "/v3/serp/tasks_ready"
    asked_at: int | None  # last call, answered or not
    answered_at: int | None  # last call that brought a list
    clear_at: int | None  # last answer that was not saturated: absence from it means "not ready"
    saturated: bool  # the newest answer showed exactly its cap
    rows: int
    foreign: int  # rows of the newest answer that the ledger never posted
    failures: int  # calls in a row that brought no list


@dataclass(frozen=True, slots=True)
class Outstanding:
    """The tasks of one function still to be brought home, counted."""

    function: str
    posted: int
    ready: int
    blocked: int
    hurried: int  # of these, tasks above normal priority
    oldest_posted_at: int  # of those in `posted` that a list could show
    expected: int  # of those in `posted`, how many a list is expected to show (not postback)


class Settled(NamedTuple):
    """Where a task stands, and how often its result was brought home: what a re-parse is judged by."""

    state: State
    settled_at: int | None  # when it reached a state that asks for nothing more
    edition: int  # of its result that it has or waits for: 1, and one more after each re-parse


@dataclass(frozen=True, slots=True)
class Candidate:
    """A task that a GET could settle: what ordering and probing need, and no more."""

    id: str
    function: str
    state: State
    tag: str | None
    priority: int
    webhook: Webhook
    variant: str | None
    endpoint: str | None
    posted_at: int
    earliest_done_at: int | None
    pending_at: int | None
    blocked_at: int | None
    attempts: int
    next_try_at: int | None
    code: int | None = None  # the remote's last task code
    recorded_at: int = 0  # since when the ledger knows it under this id


@dataclass(frozen=True, slots=True)
class Body:
    """One result as it came: gzip bytes of the whole answer."""

    task_id: str
    variant: str
    gzip: bytes
    size: int  # bytes when inflated
    code: int  # the task code inside
    fetched_at: int
    edition: int = 1  # of a task that was re-parsed: the second and later ones are kept beside the first


class Edition(NamedTuple):
    """One result without its bytes, as a list of what is kept shows it."""

    variant: str
    edition: int
    code: int  # the task code inside
    size: int  # bytes when inflated
    fetched_at: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """A task reached its end, and why. Its body, if any, is already durable."""

    task_id: str
    expected: State
    to: State
    reason: Reason
    code: int | None
    message: str | None
    done_at: int  # when we learned it


@dataclass(frozen=True, slots=True)
class Postponement:
    """A GET that brought no result: when to try again, kept in the ledger and not in memory."""

    task_id: str
    attempts: int
    next_try_at: int
    code: int | None
    message: str | None
    pending_at: int | None  # set when the remote said "not yet": the task was not done at this instant


@dataclass(frozen=True, slots=True)
class Alert:
    """A condition that opened, may escalate, and closes (one row of `alert`)."""

    id: int | None  # None: not stored yet
    kind: str  # "expiring", "blocked", "poll stale", ...
    subject: str  # what it is about: a function, a listing, "account"
    step: str  # the band for expiry; else "warning" or "critical"
    count: int
    nearest_deadline_at: int | None
    task_ids: tuple[str, ...]  # at most five
    detail: str  # one sentence for people
    command: str  # lists the rest
    opened_at: int
    escalated_at: int | None
    said_at: int  # the last line about it
    quiet_since: int | None  # the condition has been false since
    closed_at: int | None


@dataclass(frozen=True, slots=True)
class Poll:
    """One call of one listing (one row of `poll`)."""

    id: int
    listing: str
    asked_at: int
    answered_at: int | None  # None: no answer, or the process ended in between
    outcome: str | None  # "listed", "throttled", "refused", "unreachable", "garbled"
    code: int | None
    rows: int | None
    saturated: bool
    ready: int  # tasks that this look moved to ready
    foreign: int
    why: str  # the listing plan's reason for asking


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one row of id_list says of one task."""

    task_id: str
    done_at: int | None  # None: still pending when id_list was asked
    posted_at: int | None


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody else's task that is to be taken in, as id_list describes it."""

    task_id: str
    function: str
    tag: str | None
    priority: int  # the remote's: 1 or 2
    webhook: Webhook
    variant: str | None
    posted_at: int
    cost: float | None  # USD


@dataclass(frozen=True, slots=True)
class Audit:
    """How far the audit of one API has come (one row of `audit`)."""

    api: str
    asked_at: int | None  # last call, answered or not
    answered_at: int | None  # last call that brought a page
    failures: int  # calls in a row that brought no page
    sweep_at: int | None  # when the sweep under way began; None: none is under way
    from_at: int | None  # the period of that sweep, and the row in it where the next page starts
    to_at: int | None
    offset: int
    finished_at: int | None  # when the last whole sweep ended
    seen_to: int | None  # high-water mark: every task posted before this instant was shown by some page
    rows: int  # of the sweep under way, or else of the last one
    foreign: int  # of these, rows that the ledger does not know


class AuditCall(NamedTuple):
    """One call of id_list, as much of it as the budget of calls needs."""

    id: int
    asked_at: int
    answered_at: int | None  # None: under way, or it ended without an answer, or its process did
    why: str


class AuditCalls(NamedTuple):
    """The latest calls of id_list by all processes, and the newest one ever begun."""

    calls: tuple[AuditCall, ...]
    newest: int  # id; 0: none was ever begun
