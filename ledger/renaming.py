"""Gives a task of ours the remote's id, inside a transaction of the caller. Does not know where that id comes from."""

from ledger import moves
from ledger.database import LedgerDatabase


def rename(database: LedgerDatabase, old: str, new: str, key: str) -> None:
    """Rename a task with its history; where the ledger knows the new id already, both become one task."""
    # The rows point at each other: they are right again at the end of the transaction, when SQLite looks.
    database.execute_sql("pragma defer_foreign_keys = on")
    if database.one("select 1 from task where id = ?", [new]) is None:
        database.change("update task set id = ? where id = ?", [new, old])
        database.change("update transition set task_id = ? where task_id = ?", [new, old])
    else:
        # Somebody recorded it by hand, or a rule adopted it from a row whose tag could not be read: that history
        # goes on. The one of the plan would contradict it.
        database.change(_MERGED, [old, new])
        moves.forget(database, old)
        database.change("delete from task where id = ?", [old])
    database.change("update intent set task_id = ? where key = ?", [new, key])


_MERGED = """
    update task set (tag, cost) = (select coalesce(task.tag, plan.tag), coalesce(task.cost, plan.cost)
                                   from task plan where plan.id = ?)
    where id = ?
"""
