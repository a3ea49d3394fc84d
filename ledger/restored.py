"""What becomes of a copy that is worked on: it is a ledger of its own, and not sure of what it has planned.

Since the copy was made, the ledger it comes from may have posted what is planned here. Posted once more, it would be
paid for twice. So planned tasks count as sent and never answered: a look-up by key finds those that exist, and plans
the others again (`daemon.passes.lookup`).
"""

from itertools import groupby

from ledger import calls
from ledger.database import LedgerDatabase
from ledger.migrate import COPY_MARK, LEDGER, Kind
from ledger.records import Reason

PROOFS = "proofs"
"""The fact that tells how far the proofs are that tasks in doubt are absent (`daemon.passes.proofs`)."""


def be_no_copy(database: LedgerDatabase, kind: Kind) -> None:
    """Take the mark of a copy away, so that no later copy replaces this file; put in doubt what is planned in it."""
    if not database.one("select count(*) from sqlite_master where name = ?", [COPY_MARK]):
        return
    with database.transact():
        # Another process may have been quicker.
        if database.one("select count(*) from sqlite_master where name = ?", [COPY_MARK]):
            if kind is LEDGER:
                _doubt(database)
            database.execute_sql(f"drop table {COPY_MARK}")


def _doubt(database: LedgerDatabase) -> None:
    """Let a call be begun, and never answered, when the copy was made: from then on a look-up must look, and anew."""
    # A proof of absence may be half finished in the copy. What was posted since would count for nothing in it.
    database.change("delete from fact where name = ?", [PROOFS])
    made_at = database.one(f"select made_at from {COPY_MARK}")
    for function, tasks in groupby(database.rows(_PLANNED), key=lambda row: row[0]):
        calls.begin(database, function, [task_id for _, task_id in tasks], Reason.RESTORED, made_at)


_PLANNED = """
    select function, task.id from task join intent on intent.task_id = task.id
    where state = 'planned' order by function, task.id
"""
