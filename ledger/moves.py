"""Moves of tasks from state to state, inside a transaction of the caller. Does not decide who moves, nor why.

Every move is allowed by the table in `ledger.states`, changes exactly one row that is still in the state it was
read in, and leaves a transition row behind.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ledger.database import LedgerDatabase
from ledger.errors import LedgerError
from ledger.records import Reason, State, Transition
from ledger.rows import ids_json
from ledger.states import require


@dataclass(frozen=True, slots=True)
class Move:
    """One task, from where, to where, why, when; `values` fill the statement that moves it."""

    task_id: str
    origin: State
    to: State
    reason: Reason
    at: int
    values: tuple[object, ...]


def states_of(database: LedgerDatabase, ids: Sequence[str]) -> dict[str, State]:
    """Look up many ids with one join; unknown ids are absent."""
    found = database.rows(
        "select task.id, task.state from json_each(?) cross join task on task.id = json_each.value",
        [ids_json(ids)],
    )
    return {task_id: State(state) for task_id, state in found}


def apply(database: LedgerDatabase, assignments: str, moves: Sequence[Move]) -> None:
    """Move each task and write its transition.

    `assignments` are further columns of the UPDATE, with a placeholder for each of `Move.values`.

    Raises:
        IllegalTransitionError: the table does not hold one of the moves.
        LedgerError: a row is no longer where it was read.
    """
    for move in moves:
        require(move.task_id, move.origin, move.to)
    moved = database.executemany(
        f"update task set state = ?, {assignments} where id = ? and state = ?",
        [(str(move.to), *move.values, move.task_id, str(move.origin)) for move in moves],
    )
    if moves and moved != len(moves):
        raise LedgerError(
            f"{moved} of {len(moves)} tasks were where they were read; nothing was changed, try again"
        )
    remember(
        database,
        (Transition(move.task_id, move.origin, move.to, str(move.reason), move.at) for move in moves),
    )


def remember(database: LedgerDatabase, transitions: Iterable[Transition]) -> None:
    """Write transition rows."""
    database.executemany(
        "insert into transition (task_id, from_state, to_state, reason, at) values (?, ?, ?, ?, ?)",
        [
            (
                one.task_id,
                None if one.from_state is None else str(one.from_state),
                str(one.to_state),
                one.reason,
                one.at,
            )
            for one in transitions
        ],
    )
