"""What is known of a task, from which observation, and what happens next, in sentences. Pure; reads no ledger.

Each sentence is from one fact of the ledger, or from one rule that decides what comes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from daemon.cli import words
from daemon.cli.showing import entered, is_reparsed, meaning, reparsed_by
from ledger.records import Edition, Look, Reason, State, Task, Transition, Webhook
from ledger.times import as_text

if TYPE_CHECKING:
    from daemon.policy.probing import GetReason
    from daemon.policy.rules import Rules
    from daemon.standing import Standing
    from ledger.failure_records import DeliveryFailure

EVIDENCE = {
    "recorded": "task_post's answer was recorded",
    "adopted": "it was found on the account, and an adopt rule or `readyd adopt` took it in",
    "listed": "a list of Tasks Ready showed it",
    "failed delivery": "a list of Tasks Ready showed it, so the delivery to the postback server failed",
    "answered": "a GET by id found it done, before any list showed it",
    "audited": "id_list named its completion time, before any list showed it",
    "pingback": "a pingback came to the receiver: it is done",
    "postback": "a postback came to the receiver",
    "fetched": "its result was fetched and is durable",
    "no results": "it was fetched and is done without results (40102)",
    "partial": "it was fetched; beside an error code there is data, and data is kept",
    "delivered": "it is done and no list shows it, so the postback server has it; a GET brought the result here too",
    "failed remotely": "the remote answered a GET with an error that is final",
    "expired": "the remote answered a GET that the result is deleted (40403)",
    "not found": "the remote answered again and again, for most of a day, that there is no such task (40401)",
    "fixed": "the remote parsed its result anew, and a list of re-parsed tasks (tasks_fixed) showed it",
    "kept": "the re-parsed result cannot be had, so the earlier one is kept",
    "planned": "readyd post or a program asked for it",
    "restored": "the copy was made that this ledger was restored from; it may have been sent since",
    "sent": "a call that holds it was about to be made",
    "accepted": "the remote took it and gave it an id",
    "refused": "the remote refused it, or there is nothing to post it to",
    "not sent": "no connection came about, so nothing of it was sent",
    "put off": "the remote did not take it at that time",
    "found": "its answer was lost, and the remote shows a task with its key",
    "absent": "its answer was lost, and two whole reads of id_list prove that the remote never got it",
    "withdrawn": "a person took it back before it was sent (readyd withdraw)",
    "reposted": "a person decided it (readyd repost)",
}
"""The observation behind each reason of a move."""

NEXT = {
    "listed": "It is worth a GET now, since it is done",
    "blocked": "It is worth a GET now: the lists that could show it are full",
    "overdue": "It is worth a GET now: it should long be done, and no list shows it",
    "postback": "It is worth a GET now, to see whether it is done: no list shows a delivered postback task",
    "delisted": "It is worth a GET now: if it is done, Tasks Ready may have forgotten it",
}


@dataclass(frozen=True, slots=True)
class Case:
    """What an explanation is made of."""

    task: Task
    history: list[Transition]
    looks: list[Look]  # of the listings that could show it, the umbrella first
    standing: "Standing | None"  # None: nothing is left to be done about it
    why_get: "GetReason | None"  # why a GET is worth its cost now
    by_id_at: int | None  # when it is asked for by id if no list shows it before
    editions: list[Edition]  # what is here of its result, the newest first
    failure: "DeliveryFailure | None"  # of its webhook
    audited: bool  # its API is asked for an id_list
    rules: "Rules"


def explanation(case: Case, now: int) -> Iterator[tuple[str, Iterator[str]]]:
    """Give titled groups of sentences; pure."""
    yield "task", _identity(case, now)
    yield "known", _known(case, now)
    if case.standing is not None:
        yield "time", _time(case, case.standing, now)
    yield "next", _next(case, now)


def _identity(case: Case, now: int) -> Iterator[str]:
    task = case.task
    tag = f" with the tag {words.clean(task.tag)!r}" if task.tag else ""
    word, at = entered(task, case.history)
    yield f"{words.clean(task.function)}{tag}, {word} at {as_text(at)}, {words.ago(at, now)}."
    if task.webhook is Webhook.POSTBACK:
        yield "The remote was asked to deliver the result to a postback server; lists show it only if that fails."
    elif task.webhook is Webhook.PINGBACK:
        yield "The remote was asked to call a pingback server when it is done; lists show it until it is fetched."


def _known(case: Case, now: int) -> Iterator[str]:
    task = case.task
    yield f"It is {task.state}: {meaning(task, case.history)}."
    for move in case.history:
        yield f"{as_text(move.at)}: {EVIDENCE.get(move.reason, move.reason)}; so it became {move.to_state}."
    yield from _delivery(case, now)
    if task.state is State.POSTED:
        yield from _no_sign(case, now)
    if (reparsed_at := reparsed_by(task, case.history)) is not None:
        yield f"Its newest result was parsed by {as_text(reparsed_at)}; no list says when."
    elif task.earliest_done_at is not None and task.latest_done_at is not None:
        yield _done_at(task.earliest_done_at, task.latest_done_at)
    yield from _editions(case.editions)
    if task.code is not None:
        message = f" {words.clean(task.message).rstrip('.')}" if task.message else ""
        yield f"The last answer about it was {task.code}{message}."


def _delivery(case: Case, now: int) -> Iterator[str]:
    """Tell why the newest failed delivery of its webhook failed."""
    failure = case.failure
    if failure is None:
        if any(move.reason == Reason.FAILED_DELIVERY for move in case.history):
            yield "Why the delivery failed is not known: the remote was not asked yet, or does not tell."
        return
    when = f"{as_text(failure.at)}, {words.ago(failure.at, now)}"
    yield f"The {failure.webhook} failed at {when}: {_answered(failure)}."
    yield "`readyd resend ID` lets the remote deliver it once more."


def _answered(failure: "DeliveryFailure") -> str:
    """Tell who answered what, or that nobody did."""
    who = words.clean(failure.host) if failure.host else "its receiver"
    took = "" if failure.took_ms is None else f" after {failure.took_ms / 1000:.2g} s"
    message = f" ({words.clean(failure.message)})" if failure.message else ""
    if failure.http_code is None:
        return f"{who} gave no answer{took}{message}"
    said = f" and said {words.clean(failure.answer)!r}" if failure.answer else ""
    return f"{who} answered HTTP {failure.http_code}{took}{said}{message}"


def _editions(editions: list[Edition]) -> Iterator[str]:
    """Tell the editions when there is more than the first one."""
    if any(one.edition > 1 for one in editions):
        for one in reversed(editions):
            about = f"its result ({one.variant}), fetched at {as_text(one.fetched_at)}, is kept"
            yield f"Edition {one.edition} of {about}."


def _no_sign(case: Case, now: int) -> Iterator[str]:
    task = case.task
    if task.pending_at is not None and task.latest_done_at is None:
        # A GET that says so leaves its code behind; without one it can only have been id_list.
        who = "id_list" if task.code is None else "The remote"
        yield f"{who} said at {as_text(task.pending_at)} that it was not done, {words.ago(task.pending_at, now)}."
    for look in case.looks:
        if look.answered_at is not None and look.answered_at >= task.posted_at:
            yield _looked(look, task, now)
    if not any(look.answered_at is not None for look in case.looks):
        yield "No list that could show it has been read yet."
    if task.blocked_at is not None:
        yield f"It counts as blocked since {as_text(task.blocked_at)}: believed done, and hidden behind full lists."


def _looked(look: Look, task: Task, now: int) -> str:
    when = (
        "never"
        if look.answered_at is None
        else f"{as_text(look.answered_at)}, {words.ago(look.answered_at, now)}"
    )
    if look.saturated:
        return f"{look.listing}, read {when}, was full ({look.rows:,} rows) without it; that proves nothing."
    if look.clear_at != look.answered_at:
        return (
            f"{look.listing}, read {when}, did not show it, but was suspiciously empty; that proves nothing."
        )
    if task.webhook is Webhook.POSTBACK:
        return f"{look.listing}, read {when}, did not show it, so no delivery had failed then, but for its small lag."
    return f"{look.listing}, read {when}, did not show it, so it was not done then, but for the list's small lag."


def _done_at(earliest: int, latest: int) -> str:
    if earliest == latest:
        return f"It was done at {as_text(latest)}, exactly: id_list says so."
    return f"It was done between {as_text(earliest)} and {as_text(latest)}."


def _time(case: Case, standing: "Standing", now: int) -> Iterator[str]:
    if is_reparsed(case.task, case.history):
        yield "The list of re-parsed tasks shows it until it is fetched again; no other end is documented."
    elif standing.listed:
        yield f"{_shown(case.task, standing.deadline_at, now)}; band: {standing.band}."
    at = as_text(standing.retention_at)
    if standing.retention_at > now:
        left = words.left(standing.retention_at, now)
        yield f"The remote keeps its result until {at} ({left}), and a GET by id works until then."
    else:
        yield f"Since {at} ({words.ago(standing.retention_at, now)}) the remote may have deleted its result."
        yield "Only when two GETs are answered so (40403) does it count as lost."


def _shown(task: Task, deadline_at: int, now: int) -> str:
    """Tell until when Tasks Ready shows it, as surely as that is known."""
    word = "If it is done, " if task.state is State.POSTED else ""
    exact = task.state is State.READY and task.earliest_done_at == task.latest_done_at
    if deadline_at > now:
        at = f"{as_text(deadline_at)}{'' if exact else ' at the earliest'}"
        return f"{word}Tasks Ready shows it until {at} ({words.left(deadline_at, now)})"
    forgot = "forgot it at" if exact else "may have forgotten it since"
    return f"{word}Tasks Ready {forgot} {as_text(deadline_at)} ({words.ago(deadline_at, now)})"


def _next(case: Case, now: int) -> Iterator[str]:
    task = case.task
    if case.standing is None:
        yield _settled(task, case.editions)
        return
    tries = f" after {words.counted(task.attempts, 'answer')} of this kind" if task.attempts > 1 else ""
    if task.next_try_at is not None and task.next_try_at > now:
        yield f"The next GET is not before {as_text(task.next_try_at)}, {words.ago(task.next_try_at, now)}{tries}."
        yield from _if_again(task, case.rules)
    elif case.why_get is not None:
        yield f"{NEXT[str(case.why_get)]}; its turn comes by priority ({task.priority}) and deadline."
    else:
        yield from _awaited(case, now)


def _awaited(case: Case, now: int) -> Iterator[str]:
    """Tell who is asked about a task in `posted` that no GET is worth yet."""
    task, rules = case.task, case.rules
    yield "The lists are asked for it as often as its function and priority call for."
    if case.audited and task.latest_done_at is None:
        old, often = words.duration(rules.audit_age_ms), words.duration(rules.audit_ms)
        yield f"id_list is asked about it too, every {often} once it is {old} old."
    if case.by_id_at is None:
        return
    when = f"{as_text(case.by_id_at)}, {words.ago(case.by_id_at, now)}"
    if task.webhook is not Webhook.POSTBACK:
        yield f"If none shows it before, it is asked for by id at {when}."
    elif task.latest_done_at is None:
        yield f"If none shows before that its delivery failed, a GET finds out at {when}, whether it is done."
    else:
        yield f"If none shows before {when}, that its delivery failed, it counts as delivered."
        yield "A GET makes sure of it then, and brings its result here too."


def _if_again(task: Task, rules: "Rules") -> Iterator[str]:
    """Tell which answer would be proof that the result is gone."""
    from daemon.policy.answers import EXPIRED_CODE, NOT_FOUND_CODE

    if task.code == NOT_FOUND_CODE:
        yield f"After {rules.not_found_tries} answers of this kind in a row it counts as lost."
    elif task.code == EXPIRED_CODE:
        yield "It asks for the usual form of the result; if that is deleted too, the task counts as lost."


def _settled(task: Task, editions: list[Edition]) -> str:
    if task.state in (State.COLLECTED, State.DELIVERED) and any(one.edition > 1 for one in editions):
        return "Nothing: its result is here; `readyd show ID --result` writes the newest edition, --edition N another."
    if task.state in (State.COLLECTED, State.DELIVERED):
        return "Nothing: its result is here; `readyd show ID --result` writes it."
    if task.state is State.PLANNED:
        return (
            "The daemon posts it when its turn comes: the most important first, then in order of planning."
            " `readyd withdraw ID` takes it back until then."
        )
    if task.state is State.POSTING:
        return "Its answer is awaited, or else looked up by its key in id_list; until then it is not posted again."
    if task.state is State.LOST:
        return "Nothing, unless a list shows it after all."
    return "Nothing: this is final."
