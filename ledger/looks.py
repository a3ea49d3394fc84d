"""Writes what one window showed: who became ready, when it was done at the earliest, and the poll itself.

Runs inside a transaction of the caller. Does not read windows and does not decide who is adopted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ledger import posted
from ledger.database import LedgerDatabase
from ledger.errors import LedgerError
from ledger.intake import NewTask
from ledger.moves import Move, apply
from ledger.records import Reason, Sighting, State, Webhook
from ledger.rows import ids_json, storable

WAITING = frozenset({State.POSTED, State.DELIVERED, State.LOST})
"""States that a sighting ends. For delivered and lost tasks it refutes what was believed."""


@dataclass(frozen=True, slots=True)
class LookOutcome:
    """What one look changed."""

    ready: tuple[str, ...]
    lingering: int  # known tasks that are collected and still listed


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger holds of a sighted task: as much as the completion interval needs."""

    id: str
    state: State
    webhook: Webhook
    posted_at: int
    recorded_at: int
    pending_at: int | None
    ready_at: int | None = None
    done_at: int | None = None  # the completion time where it is known exactly


@dataclass(frozen=True, slots=True)
class Window:
    """One answered call of a listing."""

    poll_id: int
    listing: str
    saturated: bool
    rows: int
    foreign: int
    clear: bool  # absence from it proves "not done"
    at: int


def earliest_done_at(task: Known, clear_at: int | None, lag_ms: int, at: int) -> int:
    """Return the earliest instant at which a task sighted at `at` can have been done.

    `clear_at` is the listing's previous clear look: the task was not on it, so it was not done, give or take the
    list's lag. That proves nothing for a task recorded only later (it may have been listed as foreign), nor for a
    postback task (it is listed only after its delivery has failed). What is known exactly stays as it is.
    """
    if task.done_at is not None:
        return task.done_at
    bounds = [task.posted_at, task.pending_at or 0]
    if clear_at is not None and clear_at >= task.recorded_at and task.webhook is not Webhook.POSTBACK:
        bounds.append(clear_at - lag_ms)
    return min(at, max(bounds))


def record(
    database: LedgerDatabase,
    window: Window,
    sightings: Sequence[Sighting],
    adopted: Sequence[Sighting],
    lag_ms: int,
) -> LookOutcome:
    """Adopt, mark as ready, and close the poll."""
    posted.insert(
        database, [_newcomer(one, window.at) for one in adopted if one.function], Reason.ADOPTED, window.at
    )
    rows = {one.task_id: one for one in (*adopted, *sightings)}
    known = known_of(database, rows)
    clear_at = database.one("select clear_at from look where listing = ?", [window.listing])
    moves = [
        _move(task, rows[task.id], earliest_done_at(task, clear_at, lag_ms, window.at), window.at)
        for task in (_corrected(task, rows[task.id]) for task in known)
        if task.state in WAITING
    ]
    apply(database, _ASSIGNMENTS, moves)
    # What an audit found behind full windows is hidden no longer.
    database.change(_SEEN, [ids_json([task.id for task in known])])
    close(database, window, len(moves))
    return LookOutcome(
        ready=tuple(move.task_id for move in moves),
        lingering=sum(task.state is State.COLLECTED for task in known),
    )


def _newcomer(sighting: Sighting, at: int) -> NewTask:
    return NewTask(
        id=sighting.task_id,
        function=sighting.function or "",
        tag=storable(sighting.tag) or None,
        priority=1,
        variant=None,
        webhook=Webhook.NONE,
        posted_at=at if sighting.posted_at is None else min(at, sighting.posted_at),
        cost=None,
    )


def known_of(database: LedgerDatabase, ids: Iterable[str]) -> list[Known]:
    """Look up what the completion interval of many tasks needs; unknown ids are absent."""
    found = database.rows(_KNOWN, [ids_json(list(ids))])
    return [Known(task_id, State(state), Webhook(webhook), *rest) for task_id, state, webhook, *rest in found]


def _corrected(task: Known, row: Sighting) -> Known:
    """Believe the remote's posting time where ours is later: ours may be the time of recording."""
    if row.posted_at is None or row.posted_at >= task.posted_at:
        return task
    return replace(task, posted_at=row.posted_at)


def _move(task: Known, row: Sighting, earliest: int, at: int) -> Move:
    reason = Reason.FAILED_DELIVERY if task.webhook is Webhook.POSTBACK else Reason.LISTED
    # An audit may have told of the completion of a postback task before: that was the first sign.
    ready_at = task.ready_at if task.state is State.POSTED and task.ready_at is not None else at
    latest = at if task.done_at is None else task.done_at
    values = (ready_at, latest, earliest, task.posted_at, storable(row.endpoint))
    return Move(task.id, task.state, State.READY, reason, at, values)


def close(database: LedgerDatabase, window: Window, ready: int) -> None:
    """Write down what an answered call showed, and how many tasks it moved to ready."""
    closed = database.change(
        """update poll set answered_at = ?, outcome = 'listed', rows = ?, saturated = ?, ready = ?, foreign_rows = ?
           where id = ? and listing = ?""",
        [window.at, window.rows, window.saturated, ready, window.foreign, window.poll_id, window.listing],
    )
    if closed != 1:
        raise LedgerError(f"poll {window.poll_id} of {window.listing} was never begun; nothing was changed")
    database.change(
        """update look set answered_at = ?, clear_at = iif(?, ?, clear_at), saturated = ?, rows = ?,
                           foreign_rows = ?, failures = 0
           where listing = ?""",
        [window.at, window.clear, window.at, window.saturated, window.rows, window.foreign, window.listing],
    )


_KNOWN = """
    select task.id, state, webhook, posted_at, recorded_at, pending_at, ready_at,
           iif(earliest_done_at = latest_done_at, latest_done_at, null)
    from json_each(?) cross join task on task.id = json_each.value
"""

_SEEN = """
    update task set blocked_at = null
    where id in (select value from json_each(?)) and state = 'ready' and blocked_at is not null
"""

# Answers of the time before say nothing of how long to wait from now on: the count of tries begins anew.
_ASSIGNMENTS = """ready_at = ?, latest_done_at = ?, earliest_done_at = ?, posted_at = ?,
    endpoint = coalesce(?, endpoint), blocked_at = null, attempts = 0, next_try_at = null, settled_at = null"""
