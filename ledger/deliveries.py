"""Writes what webhooks told: that a task is done, and its end when the result came along.

Runs inside a transaction of the caller. Does not read requests, and does not decide what a delivery is worth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.database import LedgerDatabase
from ledger.looks import Known, earliest_done_at, known_of
from ledger.moves import Move, apply
from ledger.records import Reason, Settlement, State
from ledger.settling import settle

AWAITED = frozenset({State.POSTED, State.LOST})
"""States that a webhook ends. It refutes that a task is lost; of a delivered one the result is here already."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A webhook about a task, as a sign that the task is done."""

    task_id: str
    reason: Reason  # PINGBACK or POSTBACK
    clear_at: int | None  # the last look that should have shown the task if it had been done
    at: int  # when the request came


@dataclass(frozen=True, slots=True)
class ArrivalOutcome:
    """The ids that moved: to ready, and (also) to their ends."""

    ready: tuple[str, ...]
    settled: tuple[str, ...]


def record(
    database: LedgerDatabase, arrivals: Sequence[Arrival], settlements: Sequence[Settlement], lag_ms: int
) -> ArrivalOutcome:
    """Mark tasks as ready, then settle: a settlement of a task that becomes ready here expects it in `ready`."""
    rows = {one.task_id: one for one in arrivals}
    moves = [_move(task, rows[task.id], lag_ms) for task in known_of(database, rows) if task.state in AWAITED]
    apply(database, _ASSIGNMENTS, moves)
    return ArrivalOutcome(tuple(move.task_id for move in moves), settle(database, settlements))


def _move(task: Known, arrival: Arrival, lag_ms: int) -> Move:
    """Done by the time of the arrival; exactly then is not said: a webhook may wait in a queue, or be sent again."""
    at = arrival.at
    earliest = earliest_done_at(task, arrival.clear_at, lag_ms, at)
    # An audit may have told of the completion of a postback task before: that was the first sign.
    ready_at = task.ready_at if task.state is State.POSTED and task.ready_at is not None else at
    latest = at if task.done_at is None else task.done_at
    return Move(task.id, task.state, State.READY, arrival.reason, at, (ready_at, latest, earliest))


_ASSIGNMENTS = """ready_at = ?, latest_done_at = ?, earliest_done_at = ?, blocked_at = null, attempts = 0,
    next_try_at = null, settled_at = null"""
