"""What the ledger holds of a batch, of a file's earlier batches and of keys. Reads alone; plans and decides nothing."""

from collections.abc import Collection
from dataclasses import dataclass

from ledger.database import LedgerDatabase
from ledger.keys import PLAN_PREFIX, plan_id
from ledger.rows import ids_json, storable


@dataclass(frozen=True, slots=True)
class Earlier:
    """The newest batch that was planned from a file before it changed."""

    batch: str
    lines: int


def known(database: LedgerDatabase, keys: Collection[str]) -> set[str]:
    """Say which of these keys were planned, whatever became of their tasks."""
    return {key for (key,) in database.rows(_KNOWN, [ids_json(list(keys))])}


def earlier(database: LedgerDatabase, batch: str, place: str) -> Earlier | None:
    """Find the newest batch from the place of a file; None if nothing, or this very batch, was planned from there.

    Batches of which every task was withdrawn or refused cost nothing and do not count. `place` is how the batches of
    files from there end. No index knows that: it takes a look at every planned line, a second or two for a million,
    once for each command that plans a file.
    """
    found = [Earlier(*row) for row in database.rows(_EARLIER, [-len(place), place])]
    if any(one.batch == storable(batch) for one in found):
        return None
    return next((one for one in found if database.one(_MAY_COST, [one.batch]) is not None), None)


def still_planned(database: LedgerDatabase, batch: str) -> list[str]:
    """Return the ids of the tasks of a batch that were not sent yet."""
    return [task_id for (task_id,) in database.rows(_STILL_PLANNED, [storable(batch)])]


def by_plan_id(database: LedgerDatabase, beginning: str, most: int) -> list[tuple[str, str]]:
    """Find tasks by the beginning of the ids that they had when they were planned: that id, and the one of now."""
    first = beginning.removeprefix(PLAN_PREFIX)
    # Keys are written with a to z and 2 to 7, so a brace comes behind all that begin so.
    found = database.rows(_BY_KEY, [first, first + "{", most])
    return [(plan_id(key), task_id) for key, task_id in found]


_KNOWN = "select intent.key from json_each(?) cross join intent on intent.key = json_each.value"

_EARLIER = """
    select batch, count(*) from intent where substr(batch, ?) = ? group by batch order by max(rowid) desc
"""

_MAY_COST = """
    select 1 from intent join task on task.id = intent.task_id
    where intent.batch = ? and task.state <> 'rejected' limit 1
"""

_STILL_PLANNED = """
    select task.id from task join intent on intent.task_id = task.id
    where task.state = 'planned' and intent.batch = ? order by intent.rowid
"""

_BY_KEY = "select key, task_id from intent where key >= ? and key < ? order by key limit ?"
