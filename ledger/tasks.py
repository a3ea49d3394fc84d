"""Questions about tasks, and the small notes on them that are no moves. Does not move tasks (`looks`, `settling`)."""

from collections.abc import Iterable, Mapping, Sequence

from ledger import moves, rows
from ledger.connection import Connection
from ledger.keys import PLAN_PREFIX
from ledger.models import TaskRow
from ledger.records import Band, Candidate, Outstanding, PrioritySource, Reason, Settled, State, Task


class TaskTable:
    """The table `task`."""

    def __init__(self, connection: Connection) -> None:
        """Use the ledger's connection."""
        self._connection = connection

    def outstanding(self) -> list[Outstanding]:
        """Count what is still to be brought home, per function."""
        with self._connection.reading() as database:
            return [Outstanding(*row) for row in database.rows(_OUTSTANDING)]

    def states_of(self, ids: Sequence[str]) -> dict[str, State]:
        """Look up many ids at once; ids that the ledger does not know are absent."""
        with self._connection.reading() as database:
            return moves.states_of(database, ids)

    def editions_of(self, ids: Sequence[str]) -> dict[str, int]:
        """Return which edition of its result each task waits for, or has: 1, and one more after each re-parse.

        Ids that the ledger does not know are absent.
        """
        return {task_id: one.edition for task_id, one in self.settled_of(ids).items()}

    def settled_of(self, ids: Sequence[str]) -> dict[str, Settled]:
        """Return where tasks stand, since when, and with which edition; unknown ids are absent."""
        with self._connection.reading() as database:
            found = database.rows(_SETTLED, [rows.ids_json(ids)])
            return {task_id: Settled(State(state), *rest) for task_id, state, *rest in found}

    def results_since(self, at: int) -> dict[str, int]:
        """Return the functions of which results came home since `at`, with the newest posting time of these tasks."""
        with self._connection.reading() as database:
            return dict(database.rows(_RESULTS, [at]))

    def ready_by(self, functions: Iterable[str], at: int) -> int:
        """Count the tasks of these functions that were in `ready` by `at`, and are still."""
        with self._connection.reading() as database:
            count: int = database.one(_READY_BY, [rows.ids_json(list(functions)), at])
            return count

    def moved_since(self, reason: Reason, at: int) -> tuple[str, ...]:
        """Return the ids of tasks that moved for this reason since `at`, the latest move first."""
        with self._connection.reading() as database:
            found = database.rows(_MOVED, [at, str(reason)])
            return tuple(dict.fromkeys(task_id for (task_id,) in found))

    def candidates(self, now: int) -> list[Candidate]:
        """Return every outstanding task that no postponement holds back."""
        return self._candidates("(next_try_at is null or next_try_at <= ?)", now)

    def still_outstanding(self, ids: Sequence[str]) -> dict[str, Candidate]:
        """Return what is known now of those of these tasks that are outstanding."""
        with self._connection.reading() as database:
            found = database.rows(_CANDIDATES_GIVEN, [rows.ids_json(ids)])
            return {row[0]: rows.candidate(row) for row in found}

    def candidates_of(self, ids: Sequence[str]) -> dict[str, Candidate]:
        """Look up many ids at once, whatever state their tasks are in; unknown ids are absent."""
        with self._connection.reading() as database:
            found = database.rows(
                f"select {rows.CANDIDATE_COLUMNS} from task where {_GIVEN}", [rows.ids_json(ids)]
            )
            return {one.id: one for one in map(rows.candidate, found)}

    def blocked(self) -> list[Candidate]:
        """Return every outstanding task that is marked as blocked."""
        return self._candidates("blocked_at is not null")

    def near_expiry(self, before: int) -> list[Candidate]:
        """Return what a review must look at: old enough, or in a band already."""
        return self._candidates(
            "(posted_at <= ? or earliest_done_at <= ? or band <> 'fresh')", before, before
        )

    def bands(self, ids: Sequence[str]) -> dict[str, tuple[Band, int | None]]:
        """Return the bands and visibility deadlines of tasks as the last review stored them."""
        with self._connection.reading() as database:
            found = database.rows(
                f"select id, band, expires_at from task where {_GIVEN}", [rows.ids_json(ids)]
            )
            return {task_id: (Band(band), expires_at) for task_id, band, expires_at in found}

    def stuck(self, tries: int) -> list[Candidate]:
        """Return outstanding tasks that got an answer which is neither "not yet" nor the remote's own trouble."""
        return self._candidates(
            "attempts >= ? and (code is null or (code not in (20100, 40601, 40602) and code < 50000))", tries
        )

    def lost_since(self, at: int) -> tuple[str, ...]:
        """Return the ids of tasks that were lost since `at`, the newest first."""
        with self._connection.reading() as database:
            found = database.rows(
                "select id from task where state = 'lost' and settled_at >= ? order by settled_at desc, id",
                [at],
            )
            return tuple(task_id for (task_id,) in found)

    def get(self, task_id: str) -> Task | None:
        """Return one task."""
        with self._connection.reading() as database:
            query = TaskRow.select(*rows.TASK_COLUMNS).where(TaskRow.id == task_id)
            found = list(query.tuples().execute(database))
            return rows.task(found[0]) if found else None

    def block_posted(self, believed: Mapping[str, int], at: int) -> int:
        """Mark tasks in `posted` as blocked since `at`: of each function those posted by an instant (ms UTC).

        Not postback tasks, which no list is to show, nor those of which a GET said lately that they are not done.
        Returns how many were not marked before.
        """
        if not believed:
            return 0
        with self._connection.writing() as database:
            return database.executemany(_BLOCK_POSTED, [(at, name, by, at) for name, by in believed.items()])

    def block(self, ids: Sequence[str], at: int) -> int:
        """Mark outstanding tasks as blocked since `at`; return how many were not before."""
        with self._connection.writing() as database:
            return database.change(
                f"update task set blocked_at = ? where {_GIVEN} and {_OPEN} and blocked_at is null",
                [at, rows.ids_json(ids)],
            )

    def unblock_except(self, functions: Sequence[str]) -> int:
        """Take the mark away from the tasks of all other functions; return how many had it."""
        with self._connection.writing() as database:
            return database.change(
                f"""update task set blocked_at = null
                    where blocked_at is not null and {_OPEN}
                        and function not in (select value from json_each(?))""",
                [rows.ids_json(functions)],
            )

    def set_bands(self, changes: Sequence[tuple[str, Band, int | None]]) -> None:
        """Note each task's band and visibility deadline, as a review found them."""
        with self._connection.writing() as database:
            database.executemany(
                f"update task set band = ?, expires_at = ? where id = ? and {_OPEN}",
                [(str(band), expires_at, task_id) for task_id, band, expires_at in changes],
            )

    def unruled(self) -> list[tuple[str, str, str | None, int]]:
        """Return (id, function, tag, the remote's priority) of outstanding tasks that no rule has looked at."""
        with self._connection.reading() as database:
            found: list[tuple[str, str, str | None, int]] = database.rows(
                f"""select id, function, tag, remote_priority from task
                    where {_OPEN} and priority_source = 'posted' order by id"""
            )
            return found

    def reset_rules(self) -> None:
        """Forget what rules decided about outstanding tasks: their priority is the remote's again."""
        with self._connection.writing() as database:
            database.change(
                f"""update task set priority = remote_priority, priority_source = 'posted'
                    where {_OPEN} and priority_source = 'rule'"""
            )

    def set_priorities(self, changes: Sequence[tuple[str, int]], source: PrioritySource) -> int:
        """Set the priority of outstanding tasks; a rule never overwrites a user's word. Return how many were set.

        A user's word counts for tasks that are still to be posted too, and finds those that got an id meanwhile.
        """
        with self._connection.writing() as database:
            if source is PrioritySource.USER:
                values = [
                    (priority, str(source), task_id, task_id.removeprefix(PLAN_PREFIX))
                    for task_id, priority in changes
                ]
                return max(0, database.executemany(_PRIORITY_BY_USER, values))
            ruled = [(priority, str(source), task_id) for task_id, priority in changes]
            return max(0, database.executemany(_PRIORITY_BY_RULE, ruled))

    def _candidates(self, condition: str, *parameters: object) -> list[Candidate]:
        with self._connection.reading() as database:
            found = database.rows(
                f"select {rows.CANDIDATE_COLUMNS} from task where {_OPEN} and {condition}", parameters
            )
            return [rows.candidate(row) for row in found]


_OPEN = "state in ('posted', 'ready')"
"""Written as the partial index `task_outstanding` is, so that it is used."""

_PRIORITY_BY_RULE = f"""
    update task set priority = ?, priority_source = ? where id = ? and {_OPEN} and priority_source <> 'user'
"""

_PRIORITY_BY_USER = """
    update task set priority = ?, priority_source = ?
    where id in (?, (select task_id from intent where key = ?))
        and state in ('planned', 'posting', 'posted', 'ready')
"""

_CANDIDATES_GIVEN = f"""
    select {", ".join(f"task.{name}" for name in rows.CANDIDATE_COLUMNS.split(", "))}
    from json_each(?) cross join task on task.id = json_each.value
    where {_OPEN}
"""

_GIVEN = "id in (select value from json_each(?))"

_BLOCK_POSTED = f"""
    update task set blocked_at = ?
    where {_OPEN} and function = ? and state = 'posted' and posted_at <= ? and webhook <> 'postback'
        and blocked_at is null and (next_try_at is null or next_try_at <= ?)
"""

_SETTLED = """
    select task.id, state, settled_at,
           1 + (select count(*) from transition where task_id = task.id and reason = 'fixed')
    from json_each(?) cross join task on task.id = json_each.value
"""

_RESULTS = """
    select function, max(posted_at) from task
    where settled_at >= ? and state in ('collected', 'delivered') group by function
"""

_READY_BY = f"""
    select count(*) from json_each(?) cross join task on task.function = json_each.value
    where {_OPEN} and state = 'ready' and ready_at <= ?
"""

# From the newest move back to the last one before that instant: moves have no index by time, and need none.
_MOVED = """
    select task_id from transition
    where id > coalesce((select id from transition where at < ? order by id desc limit 1), 0) and reason = ?
    order by id desc
"""

_OUTSTANDING = f"""
    select function,
           count(*) filter (where state = 'posted'),
           count(*) filter (where state = 'ready'),
           count(*) filter (where blocked_at is not null),
           count(*) filter (where priority > 1),
           coalesce(min(posted_at) filter (where state = 'posted' and webhook <> 'postback'), min(posted_at)),
           count(*) filter (where state = 'posted' and webhook <> 'postback')
    from task where {_OPEN} group by function order by function
"""
