"""`readyd show`: all that is known of one task, in plain words, with its history; or its result, byte for byte."""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from daemon.cli import filters, words
from daemon.cli.layout import Cell
from daemon.cli.options import ATTENTION, DONE, Shared, WrongUseError, examples, json_option, shared_options
from daemon.cli.render import Screen, say, worded, write_json
from ledger.records import Body, Edition, PrioritySource, Reason, State, Task, Transition, Webhook
from ledger.states import OUTSTANDING
from ledger.times import as_text

if TYPE_CHECKING:
    from daemon.standing import Standing
    from ledger.reader import Reader

MEANING = {
    State.PLANNED: "not posted yet",
    State.POSTING: "sent, its answer is not known yet",
    State.POSTED: "accepted by the remote; no sign yet that it is done",
    State.READY: "done at the remote; its result is not here yet",
    State.COLLECTED: "its result is here",
    State.DELIVERED: "done and on no list, so the remote delivered it to the postback server",
    State.FAILED: "the remote finished it with an error",
    State.LOST: "its result is proven gone",
    State.REJECTED: "never accepted by the remote",
}
SOURCES = {
    PrioritySource.POSTED: "as posted",
    PrioritySource.RULE: "by the rules of the settings, else as posted",
    PrioritySource.USER: "set by readyd prioritise",
}
REPARSED = "parsed anew by the remote; the new result is not here yet, the earlier one is"
UNDELIVERED = "done at the remote; whether the postback server has its result is not known yet"
LABEL = 13


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known of one task."""

    task: Task
    standing: "Standing | None"  # None: nothing is left to be done about it
    history: list[Transition]
    editions: list[Edition]  # what is here of the result, the newest first
    body: Body | None

    @property
    def variants(self) -> list[str]:
        """Name the forms of the result that are here."""
        return list(dict.fromkeys(one.variant for one in self.editions))


@click.command(
    short_help="Show all that is known of a task, or its result.",
    epilog=examples(
        "readyd show 11231402-1535-0066-0000-8a3f2c1e0d4b",
        "readyd show 11231402-15 --json",
        "readyd show 11231402-15 --result | jq '.tasks[0].result[0].items'",
        "readyd show 11231402-15 --result --edition 1",
    ),
)
@click.argument("task_id", metavar="ID")
@click.option("--result", is_flag=True, help="Write the result, the JSON answer as the remote sent it.")
@click.option("--variant", metavar="NAME", help="Which form of the result: advanced, regular, html, ...")
@click.option(
    "--edition",
    type=click.IntRange(1, 1_000_000),
    metavar="N",
    help="Which edition of a re-parsed result: 1 is the first. Default: the newest.",
)
@json_option
@shared_options
@click.pass_obj
def show(
    shared: Shared, task_id: str, result: bool, variant: str | None, edition: int | None, as_json: bool
) -> int:
    """Show all that is known of the task ID, and its history. The beginning of an id is enough if no other id
    begins so.

    With --result, exits with 1 when the result is not here.
    """
    if edition is not None and not (result or as_json):
        raise WrongUseError("--edition chooses which result is written, so it needs --result (or --json)")
    with shared.reading() as (settings, reader, now):
        task = filters.resolve(reader, task_id)
        if result:
            return _write_result(reader, task, variant, edition)
        standing = None
        if task.state in OUTSTANDING:
            from daemon.standing import Standings, as_candidate

            looks = {look.listing: look for look in reader.looks()}
            standings = Standings(looks, now, settings.rules, settings.variants)
            standing = standings.of(as_candidate(task))
        body = reader.body(task, variant, edition)
        known = Known(task, standing, reader.history(task.id), reader.editions(task.id), body)
    if as_json:
        _write(known)
    else:
        _tell(shared.screen(), known, now)
    return DONE


def is_reparsed(task: Task, history: Sequence[Transition]) -> bool:
    """Say whether a task waits for its result to be fetched again."""
    return task.state is State.READY and bool(history) and history[-1].reason == Reason.FIXED


def reparsed_by(task: Task, history: Sequence[Transition]) -> int | None:
    """Return when a list showed that the newest result was parsed anew; None: it was not, or its time is known."""
    seen_at = max((move.at for move in history if move.reason == Reason.FIXED), default=None)
    return seen_at if seen_at == task.latest_done_at else None


def entered(task: Task, history: Sequence[Transition]) -> tuple[str, int]:
    """Say what is known to have happened to a task at first, or last before the remote took it, and when."""
    planned_at = next((move.at for move in history if move.reason == Reason.PLANNED), task.posted_at)
    if task.state is State.PLANNED:
        return "planned", planned_at
    if task.state is State.POSTING:
        return "sent", task.posted_at
    if task.state is State.REJECTED:
        sent = any(move.from_state is State.POSTING for move in history[-1:])
        return ("sent", task.posted_at) if sent else ("planned", planned_at)
    return "posted", task.posted_at


def meaning(task: Task, history: Sequence[Transition]) -> str:
    """Say in a few words what the state of a task means for it."""
    if is_reparsed(task, history):
        return REPARSED
    if task.state is State.POSTED and task.latest_done_at is not None:
        return UNDELIVERED
    return MEANING[task.state]


def inflate(body: Body) -> bytes:
    """Return a result as the remote sent it.

    Raises:
        DamagedLedgerError: what is stored does not inflate.
    """
    from ledger.errors import DamagedLedgerError

    try:
        return gzip.decompress(body.gzip)
    except (OSError, EOFError, zlib.error) as error:
        msg = f"the stored result of task {body.task_id} is damaged: {error}; restore results/ from a backup"
        raise DamagedLedgerError(msg) from None


def _write_result(reader: "Reader", task: Task, variant: str | None, edition: int | None) -> int:
    body = reader.body(task, variant, edition)
    if body is None:
        say(_missing(task, reader.editions(task.id), variant, edition))
        return ATTENTION
    click.echo(inflate(body), nl=False)
    return DONE


def _missing(task: Task, here: list[Edition], variant: str | None, edition: int | None) -> str:
    if not here:
        return f"there is no result of task {task.id}: it is {task.state}, {MEANING[task.state]}"
    if edition is None:
        names = dict.fromkeys(one.variant for one in here)
        return f"the result of task {task.id} is here as {', '.join(names)}, not as {variant}"
    kept = ", ".join(f"edition {one.edition} ({one.variant})" for one in here)
    wanted = f"edition {edition}" + (f" ({variant})" if variant else "")
    return f"the result of task {task.id} is here as {kept}, not as {wanted}"


def _write(known: Known) -> None:
    from daemon.cli import plain

    body = known.body
    write_json(
        {
            **plain.task(known.task, known.standing),
            "history": [plain.record(move) for move in known.history],
            "variants": known.variants,
            "editions": [one._asdict() for one in known.editions],
            "result": body
            and {
                "variant": body.variant,
                "edition": body.edition,
                "size": body.size,
                "stored_size": len(body.gzip),
                "code": body.code,
                "fetched_at": body.fetched_at,
            },
        }
    )


def _tell(screen: Screen, known: Known, now: int) -> None:
    facts = (
        *_identity(known),
        *_progress(known, now),
        *_deadlines(known, now),
        *_outcome(known),
    )
    for label, *parts in facts:
        screen.sentence(Cell(f"{label:{LABEL}}", "bold"), *parts, hang=LABEL)
    screen.line()
    screen.line("history", "bold")
    for move in known.history:
        origin = "" if move.from_state is None else f"{move.from_state} to "
        screen.words(f"  {as_text(move.at)}  {origin}", worded(str(move.to_state)), f": {move.reason}")


Facts = Iterator[tuple[str | Cell, ...]]
"""A label, and the parts of a sentence."""


def _identity(known: Known) -> Facts:
    task = known.task
    yield "task", Cell(words.clean(task.id), "bold")
    yield "function", words.clean(task.function)
    if task.tag:
        yield "tag", words.clean(task.tag)
    yield "state", worded(str(task.state)), f": {meaning(task, known.history)}"
    yield "priority", f"{task.priority}, {SOURCES[task.priority_source]}"
    if task.webhook is not Webhook.NONE:
        yield "webhook", f"{task.webhook}: the remote was asked to call a server when it is done"


def _when(at: int, now: int) -> str:
    return f"{as_text(at)}, {words.ago(at, now)}"


def _progress(known: Known, now: int) -> Facts:
    """Tell when it was posted and done, as exactly as that is known, and what was tried."""
    task, reparsed_at = known.task, reparsed_by(known.task, known.history)
    word, at = entered(task, known.history)
    yield word, _when(at, now)
    if task.pending_at is not None and task.ready_at is None:
        yield "not done", f"as of {_when(task.pending_at, now)}: the remote said so"
    earliest, latest = task.earliest_done_at, task.latest_done_at
    if reparsed_at is not None:
        yield "parsed anew", f"by {_when(reparsed_at, now)}"
    elif earliest is not None and latest is not None:
        yield (
            "done",
            as_text(latest) if earliest == latest else f"between {as_text(earliest)} and {as_text(latest)}",
        )
    if task.blocked_at is not None:
        yield "blocked", f"hidden behind full lists since {_when(task.blocked_at, now)}; it is fetched by id"
    if task.attempts:
        next_try = "" if task.next_try_at is None else f"; next try {words.ago(task.next_try_at, now)}"
        yield "tries", f"{words.counted(task.attempts, 'GET')} without a result{next_try}"
    if task.settled_at is not None:
        yield "settled", _when(task.settled_at, now)


def _deadlines(known: Known, now: int) -> Facts:
    standing = known.standing
    if standing is None:
        return
    # How long the lists of re-parsed tasks show a task is not documented.
    if standing.listed and not is_reparsed(known.task, known.history):
        until = "until" if standing.deadline_at > now else "perhaps no more: until"
        when = f"{as_text(standing.deadline_at)}, {words.left(standing.deadline_at, now)}: "
        yield "on the list", f"{until} {when}", worded(str(standing.band))
    yield "result kept", f"until {as_text(standing.retention_at)}, {words.left(standing.retention_at, now)}"


def _outcome(known: Known) -> Facts:
    task, body = known.task, known.body
    if task.code is not None:
        yield "last answer", f"{task.code} {words.clean(task.message)}"
    if body is not None:
        size = f"{words.size(body.size)} ({words.size(len(body.gzip))} stored)"
        yield "result", f"{body.variant}, {size}, fetched {as_text(body.fetched_at)}; --result writes it"
    if any(one.edition > 1 for one in known.editions):
        for one in known.editions:
            about = f"{one.variant}, {words.size(one.size)}, fetched {as_text(one.fetched_at)}"
            yield f"edition {one.edition}", about
    if len(known.variants) > 1:
        yield "variants", ", ".join(known.variants)
    if task.cost is not None:
        yield "cost", f"{task.cost:.6f}".rstrip("0").rstrip(".") + " USD"
