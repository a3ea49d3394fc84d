"""`readyd explain`: what is known of a task, since when and from which observation, and what happens next.

Written as sentences, each from one fact of the ledger. `readyd show` lists the same facts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from daemon.cli import filters, words
from daemon.cli.options import DONE, Shared, examples, json_option, shared_options
from daemon.cli.render import Screen, write_json
from daemon.cli.showing import MEANING, REPARSED, is_reparsed, reparsed_by
from ledger.records import Edition, Look, State, Task, Transition, Webhook
from ledger.states import OUTSTANDING
from ledger.times import as_text

if TYPE_CHECKING:
    from daemon.policy.probing import GetReason
    from daemon.settings import Settings
    from daemon.standing import Standing
    from ledger.reader import Reader

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
    "not found": "the remote answered again and again that there is no such task (40401)",
    "fixed": "the remote parsed its result anew, and a list of re-parsed tasks (tasks_fixed) showed it",
    "kept": "the re-parsed result cannot be had, so the earlier one is kept",
    "planned": "readyd post or a program asked for it",
    "sent": "a call that holds it was about to be made",
    "accepted": "the remote took it and gave it an id",
    "refused": "the remote refused it, or there is nothing to post it to",
    "not sent": "no connection came about, so nothing of it was sent",
    "put off": "the remote did not take it at that time",
    "found": "its answer was lost, and the remote shows a task with its key",
    "absent": "its answer was lost, and two whole reads of id_list prove that the remote never got it",
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


@click.command(
    short_help="Explain what is known of a task, and why.",
    epilog=examples("readyd explain 11231402-1535-0066-0000-8a3f2c1e0d4b", "readyd explain 11231402-15"),
)
@click.argument("task_id", metavar="ID")
@json_option
@shared_options
@click.pass_obj
def explain(shared: Shared, task_id: str, as_json: bool) -> int:
    """Explain in plain words what is known of the task ID, since when, from which observation, and what will
    happen next. The beginning of an id is enough if no other id begins so.
    """
    with shared.reading() as (settings, reader, now):
        task = filters.resolve(reader, task_id)
        case = _case(reader, task, settings, now)
    told = {title: list(sentences) for title, sentences in explanation(case, now)}
    if as_json:
        write_json({"id": task.id, "state": str(task.state), **told})
    else:
        _tell(shared.screen(), told)
    return DONE


def explanation(case: Case, now: int) -> Iterator[tuple[str, Iterator[str]]]:
    """Give titled groups of sentences; pure."""
    yield "task", _identity(case.task, now)
    yield "known", _known(case, now)
    if case.standing is not None:
        yield "time", _time(case, case.standing, now)
    yield "next", _next(case, now)


def _identity(task: Task, now: int) -> Iterator[str]:
    tag = f" with the tag {words.clean(task.tag)!r}" if task.tag else ""
    posted = {State.PLANNED: "planned", State.POSTING: "sent", State.REJECTED: "sent"}.get(
        task.state, "posted"
    )
    yield f"{words.clean(task.function)}{tag}, {posted} at {as_text(task.posted_at)}, {words.ago(task.posted_at, now)}."
    if task.webhook is Webhook.POSTBACK:
        yield "The remote was asked to deliver the result to a postback server; lists show it only if that fails."
    elif task.webhook is Webhook.PINGBACK:
        yield "The remote was asked to call a pingback server when it is done; lists show it until it is fetched."


def _known(case: Case, now: int) -> Iterator[str]:
    task = case.task
    meaning = REPARSED if is_reparsed(task, case.history) else MEANING[task.state]
    yield f"It is {task.state}: {meaning}."
    for move in case.history:
        yield f"{as_text(move.at)}: {EVIDENCE.get(move.reason, move.reason)}; so it became {move.to_state}."
    if task.state is State.POSTED:
        yield from _no_sign(case, now)
    if (reparsed_at := reparsed_by(task, case.history)) is not None:
        yield f"Its newest result was parsed by {as_text(reparsed_at)}; no list says when."
    elif task.earliest_done_at is not None and task.latest_done_at is not None:
        yield _done_at(task.earliest_done_at, task.latest_done_at)
    yield from _editions(case.editions)
    if task.code is not None:
        yield f"The last answer about it was {task.code} {words.clean(task.message).rstrip('.')}."


def _editions(editions: list[Edition]) -> Iterator[str]:
    """Tell the editions when there is more than the first one."""
    if any(one.edition > 1 for one in editions):
        for one in reversed(editions):
            about = f"its result ({one.variant}), fetched at {as_text(one.fetched_at)}, is kept"
            yield f"Edition {one.edition} of {about}."


def _no_sign(case: Case, now: int) -> Iterator[str]:
    task = case.task
    if task.pending_at is not None:
        yield f"The remote said at {as_text(task.pending_at)} that it was not done, {words.ago(task.pending_at, now)}."
    for look in case.looks:
        if look.answered_at is not None and look.answered_at >= task.posted_at:
            yield _looked(look, now)
    if not any(look.answered_at is not None for look in case.looks):
        yield "No list that could show it has been read yet."
    if task.blocked_at is not None:
        yield f"It counts as blocked since {as_text(task.blocked_at)}: believed done, and hidden behind full lists."


def _looked(look: Look, now: int) -> str:
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
    return f"{look.listing}, read {when}, did not show it, so it was not done then, but for the list's small lag."


def _done_at(earliest: int, latest: int) -> str:
    if earliest == latest:
        return f"It was done at {as_text(latest)}, exactly."
    return f"It was done between {as_text(earliest)} and {as_text(latest)}."


def _time(case: Case, standing: "Standing", now: int) -> Iterator[str]:
    if is_reparsed(case.task, case.history):
        yield "The list of re-parsed tasks shows it until it is fetched again; no other end is documented."
    elif standing.listed:
        word = "If it is done, " if case.task.state is State.POSTED else ""
        until = f"Tasks Ready shows it until {as_text(standing.deadline_at)} at the earliest"
        yield f"{word}{until} ({words.left(standing.deadline_at, now)}); band: {standing.band}."
    kept = f"The remote keeps its result until {as_text(standing.retention_at)}"
    yield f"{kept} ({words.left(standing.retention_at, now)}), and a GET by id works until then."


def _next(case: Case, now: int) -> Iterator[str]:
    task = case.task
    if case.standing is None:
        yield _settled(task, case.editions)
        return
    tries = f" after {words.counted(task.attempts, 'answer')} of this kind" if task.attempts > 1 else ""
    if task.next_try_at is not None and task.next_try_at > now:
        yield f"The next GET is not before {as_text(task.next_try_at)}, {words.ago(task.next_try_at, now)}{tries}."
    elif case.why_get is not None:
        yield f"{NEXT[str(case.why_get)]}; its turn comes by priority ({task.priority}) and deadline."
    else:
        yield "The lists are asked for it as often as its function and priority call for."
        if case.by_id_at is not None:
            when = f"{as_text(case.by_id_at)}, {words.ago(case.by_id_at, now)}"
            yield f"If none shows it before, it is asked for by id at {when}."


def _settled(task: Task, editions: list[Edition]) -> str:
    if task.state in (State.COLLECTED, State.DELIVERED) and any(one.edition > 1 for one in editions):
        return "Nothing: its result is here; `readyd show ID --result` writes the newest edition, --edition N another."
    if task.state in (State.COLLECTED, State.DELIVERED):
        return "Nothing: its result is here; `readyd show ID --result` writes it."
    if task.state is State.PLANNED:
        return "The daemon posts it when its turn comes: the most important first, then in order of planning."
    if task.state is State.POSTING:
        return "Its answer is awaited, or else looked up by its key in id_list; until then it is not posted again."
    if task.state is State.LOST:
        return "Nothing, unless a list shows it after all."
    return "Nothing: this is final."


def _case(reader: "Reader", task: Task, settings: "Settings", now: int) -> Case:
    from daemon.policy import probing
    from daemon.standing import Standings, as_candidate, scopes

    rules = settings.rules
    looks = {look.listing: look for look in reader.looks()}
    covering = [one for one in scopes() if task.function in one.functions]
    seen = [
        looks[one.listing]
        for one in sorted(covering, key=lambda one: not one.umbrella)
        if one.listing in looks
    ]
    standing = why_get = by_id_at = None
    if task.state in OUTSTANDING:
        standings = Standings(looks, now, rules, settings.variants)
        candidate = as_candidate(task)
        standing = standings.of(candidate)
        clear_at = standings.clear_at(task.function)
        why_get = probing.why_get(candidate, now, clear_at, rules)
        if task.state is State.POSTED:
            by_id_at = probing.by_id_at(candidate, clear_at, rules)
    return Case(task, reader.history(task.id), seen, standing, why_get, by_id_at, reader.editions(task.id))


def _tell(screen: Screen, told: dict[str, list[str]]) -> None:
    for title, sentences in told.items():
        screen.line(title, "bold")
        for sentence in sentences:
            screen.sentence("  ", sentence, hang=2)
