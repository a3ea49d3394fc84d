"""What every target has, and what it still waits for. Does not decide who gets what, and hands nothing over itself.

The order of writes is the promise: a result waits here until its target has taken it, and a crash in between hands it
over once more. Results are found through the transitions, which are numbered in the order of their commits.
"""

from collections.abc import Iterable

from ledger.connection import Connection
from ledger.database import LedgerDatabase
from ledger.handover_records import Handover, HandoverTrouble, Home, Target
from ledger.rows import MESSAGE_LENGTH, storable

STUCK_TRIES = 5
"""So many hand-overs of one result that failed make it stuck, if its target is well; the index says the same."""


class HandoverTable:
    """The tables `target` and `handover`."""

    def __init__(self, connection: Connection) -> None:
        """Use the ledger's connection."""
        self._connection = connection

    def begin(self, name: str, kind: str, at: int, *, backfill: bool) -> None:
        """Make a target known: it gets what comes home from now on, and with `backfill` all that is here already.

        A known target goes on where it was; one that now wants a backfill looks at everything once, and what it has is
        not handed over again.
        """
        with self._connection.writing() as database:
            newest = database.one("select coalesce(max(id), 0) from transition")
            database.change(_BEGIN, [name, kind, at, int(backfill), 0 if backfill else newest])
            database.change(_CHANGE, [kind, int(backfill), int(backfill), name])

    def fresh(self, name: str, limit: int) -> tuple[list[Home], int]:
        """Return results that came home and that nobody looked at yet for this target, and up to where that goes.

        At most `limit` transitions are looked at; the second value is the last of them, 0 when there is none.
        """
        with self._connection.reading() as database:
            last = database.one(_UP_TO, [name, limit])
            found = database.rows(_FRESH, [name, last]) if last else []
            return [Home(*row) for row in found], int(last or 0)

    def enrol(self, name: str, chosen: Iterable[Home], seen: int) -> int:
        """Let results wait for a target, and note that everything up to transition `seen` was looked at.

        Return how many were new: an edition that waits or was handed over already stays as it is.
        """
        with self._connection.writing() as database:
            added = database.executemany(
                _ENROL, [(name, one.task_id, one.edition, one.priority, one.transition_id) for one in chosen]
            )
            added = max(0, added)
            database.change(_SEEN, [seen, added, name])
            return added

    def next(self, name: str, now: int, latest: int) -> Handover | None:
        """Return the most important result that waits for a target and may be tried now.

        A try noted for later than `latest` was noted before somebody set the clock back, so it may be tried too.
        """
        with self._connection.reading() as database:
            found = database.rows(_NEXT, [name, now, latest])
            return Handover(*found[0]) if found else None

    def next_due(self, name: str) -> int | None:
        """Return when the first result that is held back may be tried; None when none is held back."""
        with self._connection.reading() as database:
            due: int | None = database.one(f"select min(next_try_at) from {_HELD_BACK}", [name])
            return due

    def taken(self, one: Handover, at: int) -> None:
        """Note that a target has a result; the target is well."""
        with self._connection.writing() as database:
            moved = database.change(_TAKEN, [at, one.target, one.task_id, one.edition])
            database.change(_WELL, [moved, at, one.target])

    def failed(self, one: Handover, trouble: HandoverTrouble) -> None:
        """Note why a result was not handed over, and when it and its target may be tried again."""
        problem = storable(trouble.problem, MESSAGE_LENGTH)
        with self._connection.writing() as database:
            database.change(
                _HELD,
                [trouble.attempts, trouble.next_try_at, problem, one.target, one.task_id, one.edition],
            )
            database.change(
                _ILL,
                [trouble.failures, trouble.failing_since, trouble.target_next_try_at, problem, one.target],
            )

    def target(self, name: str) -> Target | None:
        """Return one target without its counts; they are 0."""
        with self._connection.reading() as database:
            found = database.rows(f"select {_TARGET}, 0, 0 from target where name = ?", [name])
            return Target(*found[0]) if found else None

    def targets(self) -> list[Target]:
        """Return every target that ever was, with its counts."""
        with self._connection.reading() as database:
            return targets(database)

    def retry(self, name: str) -> int:
        """Let a target, and everything that waits for it, be tried at once; return how much waits."""
        with self._connection.writing() as database:
            database.change("update target set next_try_at = null where name = ?", [name])
            database.change(_RELEASE, [name, name])
            return int(database.one("select enrolled - handed from target where name = ?", [name]) or 0)


def targets(database: LedgerDatabase) -> list[Target]:
    """Read every target, by name."""
    return [Target(*row) for row in database.rows(_TARGETS)]


# Named, because SQLite would rather walk through all that a target ever got than use an index of what it waits for.
_WAITING = "handover indexed by handover_waiting"

_HELD_BACK = """handover indexed by handover_held
    where target = ? and handed_at is null and next_try_at is not null"""

_RELEASE = f"""
    update handover set next_try_at = null
    where target = ? and (task_id, edition) in (select task_id, edition from {_HELD_BACK})
"""

_BEGIN = """
    insert into target (name, kind, first_seen_at, backfill, seen) values (?, ?, ?, ?, ?)
    on conflict (name) do nothing
"""

_CHANGE = """
    update target set kind = ?, seen = iif(backfill < ?, 0, seen), backfill = ? where name = ?
"""

_UP_TO = """
    select max(id) from (
        select id from transition where id > (select seen from target where name = ?) order by id limit ?
    )
"""

# `kept`: a re-parsed result could not be had, so there is nothing new to hand over.
_FRESH = """
    select moved.id, moved.task_id, task.function, task.tag, task.priority,
           1 + (select count(*) from transition as earlier
                where earlier.task_id = moved.task_id and earlier.id < moved.id and earlier.reason = 'fixed')
    from transition as moved cross join task on task.id = moved.task_id
    where moved.id > (select seen from target where name = ?) and moved.id <= ?
        and moved.to_state = 'collected' and moved.reason <> 'kept'
    order by moved.id
"""

_SEEN = "update target set seen = max(seen, ?), enrolled = enrolled + ? where name = ?"

_ENROL = """
    insert into handover (target, task_id, edition, priority, transition_id) values (?, ?, ?, ?, ?)
    on conflict (target, task_id, edition) do nothing
"""

_NEXT = f"""
    select handover.target, handover.task_id, handover.edition, task.function, task.tag, task.recorded_at,
           handover.attempts
    from {_WAITING} cross join task on task.id = handover.task_id
    where handover.target = ? and handover.handed_at is null
        and (handover.next_try_at is null or handover.next_try_at <= ? or handover.next_try_at > ?)
    order by handover.priority desc, handover.transition_id limit 1
"""

_TAKEN = """
    update handover set handed_at = ?, next_try_at = null, problem = null
    where target = ? and task_id = ? and edition = ? and handed_at is null
"""

_WELL = """
    update target set handed = handed + ?, handed_at = ?, failures = 0, failing_since = null, next_try_at = null
    where name = ?
"""

_HELD = """
    update handover set attempts = ?, next_try_at = ?, problem = ?
    where target = ? and task_id = ? and edition = ? and handed_at is null
"""

_ILL = """
    update target set failures = ?, failing_since = ?, next_try_at = ?, problem = ? where name = ?
"""

_TARGET = """name, kind, first_seen_at, backfill, handed, handed_at, failures, failing_since, next_try_at, problem"""

_TARGETS = f"""
    select {_TARGET}, enrolled - handed,
           (select count(*) from handover indexed by handover_stuck
            where target = name and handover.handed_at is null and handover.attempts >= {STUCK_TRIES})
    from target order by name
"""
