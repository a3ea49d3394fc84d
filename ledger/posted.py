"""Writes new tasks into the ledger, inside a transaction of the caller. Does not read answers (`ledger.intake`)."""

from collections.abc import Sequence

from ledger.database import LedgerDatabase
from ledger.intake import NewTask
from ledger.moves import remember
from ledger.records import Reason, State, Transition
from ledger.rows import ids_json
from ledger.states import require


def insert(
    database: LedgerDatabase, tasks: Sequence[NewTask], reason: Reason, at: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Insert the tasks whose ids the ledger does not know; return these ids, and the ids it knew."""
    ids = [task.id for task in tasks]
    here = {task_id for (task_id,) in database.rows(_KNOWN, [ids_json(ids)])}
    new: dict[str, NewTask] = {}
    for task in tasks:
        if task.id not in here:
            new.setdefault(task.id, task)
            require(task.id, None, State.POSTED)
    database.executemany(_INSERT, [_columns(task, at) for task in new.values()])
    remember(database, [Transition(task_id, None, State.POSTED, str(reason), at) for task_id in new])
    # The same id twice in one answer is recorded once, and known the second time.
    known = [task_id for task_id in ids if task_id in here]
    known += [task.id for task in tasks if task.id in new and task is not new[task.id]]
    return tuple(new), tuple(dict.fromkeys(known))


def _columns(task: NewTask, at: int) -> tuple[object, ...]:
    return (
        task.id,
        task.function,
        str(State.POSTED),
        task.tag,
        task.priority,
        task.priority,
        task.variant,
        str(task.webhook),
        task.posted_at,
        at,
        task.cost,
    )


_KNOWN = "select task.id from json_each(?) cross join task on task.id = json_each.value"

_INSERT = """
    insert into task (id, function, state, tag, priority, remote_priority, variant, webhook, posted_at,
                      recorded_at, cost)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
