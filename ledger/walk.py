"""Goes through all outstanding tasks, a page at a time, and keeps nobody waiting in between. Decides nothing.

The ready ones come first, and functions take turns, so that the first pages hold some of everything that is ready.
A task that is outstanding all the while is met, unless it changes meanwhile; then `ledger.changes` names it.
"""

from collections import deque
from dataclasses import dataclass

from ledger import rows
from ledger.connection import Connection
from ledger.database import LedgerDatabase
from ledger.records import Candidate, State


@dataclass(slots=True)
class _Part:
    """The outstanding tasks of one function in one state, and behind which entry of the index to go on."""

    function: str
    state: State
    behind: tuple[object, ...] | None = None


class Walk:
    """One walk through the ledger; it is over when `page` returns nothing."""

    def __init__(self, connection: Connection) -> None:
        """Prepare; nothing is read yet."""
        self._connection = connection
        self._parts: list[deque[_Part]] | None = None  # by state

    def page(self, most: int) -> list[Candidate]:
        """Return the next tasks, `most` at most; none when there are no more.

        Raises:
            LedgerError: nothing is skipped by asking again.
        """
        with self._connection.reading() as database:
            if self._parts is None:
                self._parts = _parts(database)
            for parts in self._parts:
                while parts:
                    found = _next(database, parts[0], most)
                    part = parts.popleft()
                    if found:
                        part.behind = tuple(found[-1][_WIDTH:])
                        parts.append(part)
                        return [rows.candidate(row[:_WIDTH]) for row in found]
        return []


def _parts(database: LedgerDatabase) -> list[deque[_Part]]:
    functions = [function for (function,) in database.rows(_FUNCTIONS) if function is not None]
    return [deque(_Part(name, state) for name in functions) for state in (State.READY, State.POSTED)]


def _next(database: LedgerDatabase, part: _Part, most: int) -> list[tuple[object, ...]]:
    """Read on along the index: first what shares all its columns with the last entry, then all but the last, ...

    So any number of tasks that were posted together are passed without sorting them.
    """
    if part.behind is None:
        return database.rows(_page("", 0), [part.function, str(part.state), most])
    found: list[tuple[object, ...]] = []
    for shared in range(len(_KEYS) - 1, -1, -1):
        if len(found) < most:
            last = part.behind[shared]
            condition = f"and {_KEYS[shared]} is not null" if last is None else f"and {_KEYS[shared]} > ?"
            values = [*part.behind[:shared], *([] if last is None else [last])]
            statement = _page(condition, shared)
            found += database.rows(statement, [part.function, str(part.state), *values, most - len(found)])
    return found


def _page(condition: str, shared: int) -> str:
    """Write the query for tasks that share so many columns of the index with the last one, and are behind it."""
    same = " ".join(f"and {key} is ?" for key in _KEYS[:shared])
    return f"""select {rows.CANDIDATE_COLUMNS}, {", ".join(_KEYS)} from task indexed by task_outstanding
               where {_OPEN} and function = ? and state = ? {same} {condition}
               order by {", ".join(_KEYS[shared:])} limit ?"""


_OPEN = "state in ('posted', 'ready')"
"""Written as the partial index `task_outstanding` is, so that it is used."""

_KEYS = (
    "posted_at",
    "webhook",
    "priority",
    "blocked_at",
    "ready_at",
    "earliest_done_at",
    "latest_done_at",
    "rowid",
)
"""How `task_outstanding` goes on after function and state; only the last one is never the same twice."""

_WIDTH = rows.CANDIDATE_COLUMNS.count(",") + 1

_FUNCTIONS = f"""
    with recursive found (function) as (
        values ((select function from task where {_OPEN} order by function limit 1))
        union all
        select (select task.function from task where {_OPEN} and task.function > found.function
                order by task.function limit 1)
        from found where function is not null
    )
    select function from found
"""
"""Jumps from function to function along the index: `distinct` would look at every task."""
