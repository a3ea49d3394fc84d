"""Begins calls of task_post: the row of the call, and its tasks in `posting`. Decides nothing, and sends nothing.

Runs inside a transaction of the caller.
"""

from collections.abc import Sequence

from ledger.database import LedgerDatabase
from ledger.moves import Move, apply
from ledger.records import Reason, State


def begin(database: LedgerDatabase, function: str, task_ids: Sequence[str], reason: Reason, at: int) -> int:
    """Write down a call of planned tasks of a function; return its id."""
    values = [function, at, len(task_ids)]
    call_id = int(database.execute_sql(_CALL, values).lastrowid)
    moves = [Move(one, State.PLANNED, State.POSTING, reason, at, (at,)) for one in task_ids]
    apply(database, "posted_at = ?, next_try_at = null", moves)
    database.executemany(
        "update intent set call_id = ? where task_id = ?", [(call_id, one) for one in task_ids]
    )
    return call_id


_CALL = "insert into post_call (function, begun_at, tasks) values (?, ?, ?)"
