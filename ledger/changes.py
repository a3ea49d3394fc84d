"""Which outstanding tasks changed since somebody last asked. Knows ids and places in the ledger, not what has changed.

Told are moves, priorities and what is blocked: all that can make a task more urgent, whichever process wrote it. What
makes it less urgent (a back-off, a mark taken away, an audit that finds it pending) is found when its row is read.
"""

from typing import NamedTuple

from ledger.connection import Connection


class Mark(NamedTuple):
    """How far the changes were read."""

    transition: int  # row ids: they only grow
    reprioritised: int
    blocked_at: int  # and then the row, as many are blocked at the same instant
    blocked_row: int


class Changes:
    """The tables `transition` and `reprioritised`, and the index of blocked tasks, as news."""

    def __init__(self, connection: Connection) -> None:
        """Use the ledger's connection."""
        self._connection = connection

    def here(self) -> Mark:
        """Return how far the changes go now."""
        with self._connection.reading() as database:
            moved = database.one("select max(id) from transition") or 0
            hurried = database.one("select max(id) from reprioritised") or 0
            hidden = database.rows(_LAST_BLOCKED)
            return Mark(moved, hurried, *(hidden[0] if hidden else (0, 0)))

    def since(self, mark: Mark, most: int) -> tuple[list[str], Mark]:
        """Return ids of tasks that changed since `mark`, and the mark to ask with next; the same `mark`: no more.

        At most `most` of each kind of change; an id may come more than once, or be settled by now.
        """
        with self._connection.reading() as database:
            moved = database.rows(_MOVED, [mark.transition, most])
            hurried = database.rows(_REPRIORITISED, [mark.reprioritised, most])
            hidden = database.rows(_BLOCKED, [mark.blocked_at, mark.blocked_row, most])
        found = [task_id for *_, task_id in (*moved, *hurried, *hidden)]
        return found, Mark(
            moved[-1][0] if moved else mark.transition,
            hurried[-1][0] if hurried else mark.reprioritised,
            *(hidden[-1][:2] if hidden else mark[2:]),
        )

    def forget(self, mark: Mark) -> None:
        """Drop the notes on priorities that were read; moves are history and stay."""
        with self._connection.reading() as database:
            if not database.one(_READ, [mark.reprioritised]):
                return
        with self._connection.writing() as database:
            # The last one stays, so that row ids only grow.
            database.change("delete from reprioritised where id < ?", [mark.reprioritised])


_OPEN = "state in ('posted', 'ready')"
"""Written as the partial index `task_blocked` is, so that it is used."""

_MOVED = "select id, task_id from transition where id > ? order by id limit ?"

_REPRIORITISED = "select id, task_id from reprioritised where id > ? order by id limit ?"

_READ = "select exists (select 1 from reprioritised where id < ?)"

_BLOCKED = f"""
    select blocked_at, rowid, id from task
    where {_OPEN} and blocked_at is not null and (blocked_at, rowid) > (?, ?)
    order by blocked_at, rowid limit ?
"""

_LAST_BLOCKED = f"""
    select blocked_at, rowid from task where {_OPEN} and blocked_at is not null
    order by blocked_at desc, rowid desc limit 1
"""
