"""Everything that is shown to people, read from a ledger that somebody else may be writing. Never writes, never waits.

Each answer is a short read of its own: a reader that stays inside a transaction keeps the writer's log growing.
"""

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from peewee import SQL, fn

from ledger import batches, rows
from ledger.alerts import fact
from ledger.audits import AUDITS
from ledger.bodies import Bodies, directory_of
from ledger.connection import Connection
from ledger.database import LedgerDatabase
from ledger.engine import Engine
from ledger.failure_records import DeliveryFailure
from ledger.failures import failed_since, reasons_of
from ledger.handover_records import Target
from ledger.handovers import targets
from ledger.migrate import RESULTS
from ledger.models import AlertRow, LookRow, PollRow, TaskRow, TransitionRow
from ledger.polls import READY_LISTS
from ledger.records import Alert, Audit, Band, Body, Edition, Look, Poll, State, Task, Transition
from ledger.spending import By, Spent, spent

PAGE = 500

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks to show; what is left empty does not restrict."""

    states: frozenset[State] = frozenset()
    bands: frozenset[Band] = frozenset()
    blocked: bool | None = None
    function: str | None = None  # glob
    tag: str | None = None  # glob
    ids: tuple[str, ...] = ()
    important: bool | None = None  # above normal priority


@dataclass(frozen=True, slots=True)
class Totals:
    """The ledger in a few numbers."""

    tasks: int
    bodies: int
    cost: float  # USD
    oldest_outstanding_at: int | None  # posted_at
    last_answered_at: int | None  # of a listing of Tasks Ready
    important_wait_mean_ms: (
        float | None
    )  # from the first sign to settled, of collected tasks above normal priority
    other_wait_mean_ms: float | None


class Reader:
    """A ledger opened read-only. One thread uses one Reader."""

    def __init__(self, connection: Connection, bodies: Bodies) -> None:
        """Wire the parts; use `Reader.open`."""
        self._connection = connection
        self._bodies = bodies
        self.path: Path = connection.path
        self.engine: Engine = connection.engine

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> "Reader":
        """Open a ledger to look at it, whether a daemon writes it or not.

        Raises:
            LedgerMissingError: there is none.
            LedgerError: it cannot be read; one sentence says why.
        """
        connection = Connection(path, readonly=True)

        def month(file: Path) -> Connection:
            return Connection(file, kind=RESULTS, readonly=True)

        return cls(connection, Bodies(directory_of(connection.path), month))

    def close(self) -> None:
        """Close; a second time does nothing."""
        self._bodies.close()
        self._connection.close()

    def __enter__(self) -> "Reader":
        """Return itself: it is open already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def counts(self) -> dict[str, dict[State, int]]:
        """Count tasks by function and state."""
        found: dict[str, dict[State, int]] = {}
        with self._connection.reading() as database:
            for function, state, count in database.rows(_COUNTS):
                found.setdefault(function, {})[State(state)] = count
        return found

    def planned_since(self) -> int | None:
        """Return when the oldest task was planned that is not posted yet, or not known to be."""
        with self._connection.reading() as database:
            planned_at: int | None = database.one(_PLANNED_SINCE)
        return planned_at

    def targets(self) -> list[Target]:
        """Return every target that results were ever handed over to, by name."""
        with self._connection.reading() as database:
            # A reader migrates nothing; before schema 4 there were no targets.
            return targets(database) if database.one("pragma user_version") >= 4 else []

    def failed_deliveries(self, since: int) -> list[str]:
        """Return the ids of tasks of which a delivery failed since an instant (ms UTC), in order."""
        with self._connection.reading() as database:
            return failed_since(database, since) if database.one("pragma user_version") >= 6 else []

    def why_not_delivered(self, task_id: str) -> DeliveryFailure | None:
        """Return why the newest failed delivery of a task failed, if the remote told it."""
        with self._connection.reading() as database:
            # A reader migrates nothing; before schema 6 nobody asked.
            found = reasons_of(database, [task_id]) if database.one("pragma user_version") >= 6 else {}
            return found.get(task_id)

    def tasks(
        self,
        filter: TaskFilter,  # noqa: A002  the CLI's word
        *,
        limit: int | None = None,
        after: str | None = None,
    ) -> Iterator[Task]:
        """Yield matching tasks by ascending id, from behind the id `after` on; resumable, read page by page."""
        left = limit
        while left is None or left > 0:
            page = self._page(filter, PAGE if left is None else min(PAGE, left), after)
            yield from page
            if len(page) < PAGE:
                return
            after = page[-1].id
            left = None if left is None else left - len(page)

    def count(self, filter: TaskFilter) -> int:  # noqa: A002  the CLI's word
        """Count matching tasks."""
        with self._connection.reading() as database:
            query = _filtered(TaskRow.select(fn.count(TaskRow.id)), filter)
            return int(next(iter(query.tuples().execute(database)))[0])

    def task(self, task_id: str) -> Task | None:
        """Return one task."""
        found = self._tasks(_TASKS.where(TaskRow.id == task_id))
        return found[0] if found else None

    def by_plan_id(self, beginning: str, most: int) -> list[tuple[str, str]]:
        """Find tasks by the beginning of the ids that they had when they were planned: that id, and the one of now."""
        with self._connection.reading() as database:
            return batches.by_plan_id(database, beginning, most) if _has_intents(database) else []

    def keys_known(self, keys: Collection[str]) -> set[str]:
        """Say which of these keys of planned lines the ledger knows."""
        with self._connection.reading() as database:
            return batches.known(database, keys) if _has_intents(database) else set()

    def earlier_batch(self, batch: str, place: str) -> batches.Earlier | None:
        """Return what was planned from a file before it changed; None if nothing, or if it has not changed since."""
        with self._connection.reading() as database:
            return batches.earlier(database, batch, place) if _has_intents(database) else None

    def still_planned(self, batch: str) -> list[str]:
        """Return the ids of the tasks of a batch that were not sent yet."""
        with self._connection.reading() as database:
            return batches.still_planned(database, batch) if _has_intents(database) else []

    def history(self, task_id: str) -> list[Transition]:
        """Return a task's moves, the oldest first."""
        query = TransitionRow.select().where(TransitionRow.task_id == task_id).order_by(TransitionRow.id)
        return self._records(query, rows.transition)

    def polls(self, limit: int) -> list[Poll]:
        """Return the newest calls of lists of both kinds, the newest first."""
        return self._records(PollRow.select().order_by(PollRow.id.desc()).limit(limit), rows.poll)

    def looks(self) -> list[Look]:
        """Return the newest answers of every listing of Tasks Ready that was ever asked."""
        query = LookRow.select().where(SQL(READY_LISTS)).order_by(LookRow.listing)
        return self._records(query, rows.look)

    def audits(self) -> list[Audit]:
        """Return how far the audit of every API has come that was ever asked, by the API's name."""
        with self._connection.reading() as database:
            return [rows.audit_of_columns(row) for row in database.rows(AUDITS)]

    def audit_of(self, api: str) -> Audit | None:
        """Return how far the audit of one API has come; None when it was never asked."""
        return next((one for one in self.audits() if one.api == api), None)

    def alerts(self, *, closed: bool = False, limit: int = 50) -> list[Alert]:
        """Return open alerts, with `closed` the closed ones too; open ones first, then the newest."""
        query = AlertRow.select().order_by(
            AlertRow.closed_at.is_null(False), AlertRow.opened_at.desc(), AlertRow.id.desc()
        )
        if not closed:
            query = query.where(AlertRow.closed_at.is_null())
        return self._records(query.limit(limit), rows.alert)

    def body(self, task: Task, variant: str | None = None, edition: int | None = None) -> Body | None:
        """Return a task's result; the newest edition, of it the newest variant, where none is named."""
        return self._bodies.load(task.id, task.recorded_at, variant, edition)

    def editions(self, task_id: str) -> list[Edition]:
        """Return what is kept of a task's results, the newest edition first; nothing for an unknown task."""
        with self._connection.reading() as database:
            recorded_at = database.one("select recorded_at from task where id = ?", [task_id])
        return [] if recorded_at is None else self._bodies.editions(task_id, recorded_at)

    def variants(self, task: Task) -> list[str]:
        """Return which variants of a task's result are here."""
        return self._bodies.variants(task.id, task.recorded_at)

    def fact(self, name: str) -> str | None:
        """Return a small fact about the ledger."""
        with self._connection.reading() as database:
            return fact(database, name)

    def totals(self) -> Totals:
        """Return the ledger in a few numbers."""
        with self._connection.reading() as database:
            tasks, cost, oldest = database.rows(_TOTALS)[0]
            answered_at = database.one(f"select max(answered_at) from look where {READY_LISTS}")
            important, other = database.rows(_WAITS)[0]
        return Totals(tasks, self._bodies.count(), cost, oldest, answered_at, important, other)

    def spent(self, by: By, since: int | None = None) -> list[Spent]:
        """Add up what tasks cost that were posted since an instant (ms UTC)."""
        return spent(self._connection, by, since)

    def _page(self, which: TaskFilter, size: int, after: str | None) -> list[Task]:
        query = _filtered(_TASKS, which).order_by(TaskRow.id).limit(size)
        if after is not None:
            query = query.where(TaskRow.id > after)
        return self._tasks(query)

    def _tasks(self, query: Any) -> list[Task]:
        with self._connection.reading() as database:
            return [rows.task(row) for row in query.tuples().execute(database)]

    def _records(self, query: Any, convert: Callable[[dict[str, Any]], T]) -> list[T]:
        """Convert while a damaged word still becomes a ledger error: SQLite checks no constraints for readers."""
        with self._connection.reading() as database:
            return [convert(row) for row in query.dicts().execute(database)]


def _has_intents(database: LedgerDatabase) -> bool:
    """Say whether there is what was planned: a reader migrates nothing, and before schema 5 there was nothing."""
    return int(database.one("pragma user_version")) >= 5


def _filtered(query: Any, which: TaskFilter) -> Any:
    if which.states:
        query = query.where(TaskRow.state.in_([str(state) for state in which.states]))
    if which.bands:
        query = query.where(TaskRow.band.in_([str(band) for band in which.bands]))
    if which.blocked is not None:
        query = query.where(TaskRow.blocked_at.is_null(not which.blocked))
    if which.function is not None:
        query = query.where(fn.glob(which.function, TaskRow.function))
    if which.tag is not None:
        query = query.where(fn.glob(which.tag, TaskRow.tag))
    if which.ids:
        query = query.where(SQL("id in (select value from json_each(?))", [rows.ids_json(which.ids)]))
    if which.important is not None:
        query = query.where(TaskRow.priority > 1 if which.important else TaskRow.priority <= 1)
    return query


_TASKS = TaskRow.select(*rows.TASK_COLUMNS)

_COUNTS = "select function, state, count(*) from task group by function, state order by function, state"

# One state at a time: each has an index of its own.
_PLANNED_SINCE = """
    select min(at) from (select min(recorded_at) as at from task where state = 'planned'
                         union all select min(recorded_at) from task where state = 'posting')
"""

_TOTALS = """
    select count(*), total(cost), min(posted_at) filter (where state in ('posted', 'ready')) from task
"""

_WAITS = """
    select avg(settled_at - ready_at) filter (where priority > 1),
           avg(settled_at - ready_at) filter (where priority <= 1)
    from task where state = 'collected'
"""
