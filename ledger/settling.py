"""Writes the ends of tasks, and the waits of those that have not ended, inside a transaction of the caller."""

from collections.abc import Sequence

from ledger.database import LedgerDatabase
from ledger.moves import Move, apply, states_of
from ledger.records import Postponement, Reason, Settlement, State
from ledger.rows import MESSAGE_LENGTH, storable

REPARSED = frozenset({State.COLLECTED, State.DELIVERED})
"""States that a re-parse ends: the result that somebody has is no longer the newest one."""


def settle(database: LedgerDatabase, settlements: Sequence[Settlement]) -> tuple[str, ...]:
    """Move each task that is still where it was expected; return the ids that moved."""
    here = states_of(database, [one.task_id for one in settlements])
    moving: dict[str, Settlement] = {}
    for one in settlements:
        if here.get(one.task_id) is one.expected:
            moving.setdefault(one.task_id, one)
    answered = [one for one in moving.values() if one.expected is State.POSTED and one.to is State.COLLECTED]
    # A GET by id brought its result before any window showed it: that is the first sign that it is done.
    apply(database, _ANSWERED, [_to_ready(one) for one in answered])
    fixed = [one for one in moving.values() if one.to is State.READY]
    apply(database, _REOPENED, [_move(one, one.expected, (one.done_at, one.done_at)) for one in fixed])
    ends = [_end(one) for one in moving.values() if one.to is not State.READY]
    apply(database, _SETTLED, ends)
    return tuple(moving)


def reopen(database: LedgerDatabase, ids: Sequence[str], at: int) -> tuple[str, ...]:
    """Move known tasks whose results were re-parsed back to ready: the re-parse is their completion.

    Tasks that are not collected or delivered stay as they are; the result that they still wait for is the new one.
    """
    here = states_of(database, list(dict.fromkeys(ids)))
    moves = [
        Move(task_id, state, State.READY, Reason.FIXED, at, (at, at, at))
        for task_id, state in here.items()
        if state in REPARSED
    ]
    apply(database, _FIXED, moves)
    return tuple(move.task_id for move in moves)


def postpone(database: LedgerDatabase, postponements: Sequence[Postponement]) -> int:
    """Keep for each outstanding task when to ask again; return how many there were.

    The same code without a message: nothing new was said of the task, and its message stays.
    """
    return database.executemany(
        """update task set attempts = ?1, next_try_at = ?2, pending_at = coalesce(?5, pending_at), code = ?3,
               message = iif(?4 is null and code is ?3, message, ?4)
           where id = ?6 and state in ('posted', 'ready')""",
        [
            (
                one.attempts,
                one.next_try_at,
                one.code,
                storable(one.message, MESSAGE_LENGTH),
                one.pending_at,
                one.task_id,
            )
            for one in postponements
        ],
    )


def _to_ready(one: Settlement) -> Move:
    values = (one.done_at, one.done_at, one.done_at)
    return Move(one.task_id, one.expected, State.READY, Reason.ANSWERED, one.done_at, values)


def _end(one: Settlement) -> Move:
    through_ready = one.expected is State.POSTED and one.to is State.COLLECTED
    origin = State.READY if through_ready else one.expected
    return _move(one, origin, (one.done_at, one.code, storable(one.message, MESSAGE_LENGTH)))


def _move(one: Settlement, origin: State, values: tuple[object, ...]) -> Move:
    return Move(one.task_id, origin, one.to, one.reason, one.done_at, values)


_ANSWERED = """ready_at = coalesce(ready_at, ?), latest_done_at = coalesce(latest_done_at, ?),
    earliest_done_at = coalesce(earliest_done_at, min(?, max(posted_at, coalesce(pending_at, 0))))"""

_FIXED = """ready_at = ?, earliest_done_at = ?, latest_done_at = ?, settled_at = null, attempts = 0,
    next_try_at = null"""

_REOPENED = """ready_at = ?, latest_done_at = ?, settled_at = null, attempts = 0, next_try_at = null"""

_SETTLED = """settled_at = ?, code = ?, message = ?, attempts = 0, next_try_at = null, blocked_at = null,
    band = 'fresh', expires_at = null"""
