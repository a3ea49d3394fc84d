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
    """Write transition rows, with numbers that were never used before."""
    first = int(database.one(_NEXT_ID))
    database.executemany(
        "insert into transition (id, task_id, from_state, to_state, reason, at) values (?, ?, ?, ?, ?, ?)",
        [
            (
                number,
                one.task_id,
                None if one.from_state is None else str(one.from_state),
                str(one.to_state),
                one.reason,
                one.at,
            )
            for number, one in enumerate(transitions, first)
        ],
    )


def forget(database: LedgerDatabase, task_id: str) -> None:
    """Delete the history of a task; its numbers stay used.

    Targets and queues remember up to which number they have looked. SQLite would give the newest numbers again, and
    what moves under them would be seen by nobody.
    """
    database.change(_USED)
    database.change("delete from transition where task_id = ?", [task_id])


# The fact names the greatest number that was used when a history was last deleted.
_NEXT_ID = """
    select 1 + max(coalesce((select max(id) from transition), 0),
                   coalesce((select cast(value as integer) from fact where name = 'moves_used'), 0))
"""

_USED = """
    insert into fact (name, value, at)
    select 'moves_used', cast(id as text), at from transition where id = (select max(id) from transition)
    on conflict (name) do update set value = excluded.value, at = excluded.at
        where cast(excluded.value as integer) > cast(value as integer)
"""
