"""The ledger's verbs: what the daemon and the posters do with it. Decides nothing; time is handed in.

Reading for people is in `ledger.reader`, which never writes.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType

from ledger import backup, clock_set, files, looks, planning, posted, settling
from ledger.alerts import AlertTable, FactTable
from ledger.audits import AuditTable
from ledger.bodies import Bodies, directory_of, require_known
from ledger.changes import Changes
from ledger.connection import Connection
from ledger.database import DRIVER_VERSION, LedgerDatabase
from ledger.deliveries import Arrival, ArrivalOutcome
from ledger.deliveries import record as record_arrivals
from ledger.engine import Engine, Version
from ledger.evidence import AuditOutcome, Page
from ledger.evidence import record as record_page
from ledger.failures import FailureTable
from ledger.handovers import HandoverTable
from ledger.intake import Intake, read_posted
from ledger.intents import IntentTable
from ledger.looks import LookOutcome, Window
from ledger.migrate import RESULTS
from ledger.planning import Planned
from ledger.polls import PollTable
from ledger.records import Audit, Body, Evidence, Newcomer, Postponement, Reason, Settlement, Sighting
from ledger.rows import ids_json
from ledger.tasks import TaskTable
from ledger.times import from_datetime, wall_clock_ms
from ledger.walk import Walk


class Ledger:
    """The tasks you posted and what became of them. One thread uses one Ledger; several processes may each open it.

    A process that holds one must not open the same file through another copy of SQLite, such as the `sqlite3`
    module when pysqlite3 is installed: the copies do not see each other's locks.
    """

    def __init__(self, connection: Connection, bodies: Bodies) -> None:
        """Wire the parts; use `Ledger.open`."""
        self._connection = connection
        self.path: Path = connection.path
        self.engine: Engine = connection.engine
        self.tasks = TaskTable(connection)
        self.changes = Changes(connection)
        self.polls = PollTable(connection)
        self.audits = AuditTable(connection)
        self.intents = IntentTable(connection)
        self.alerts = AlertTable(connection)
        self.facts = FactTable(connection)
        self.handovers = HandoverTable(connection)
        self.failures = FailureTable(connection)
        self.bodies = bodies

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        version: Version = DRIVER_VERSION,
        driver: type[LedgerDatabase] = LedgerDatabase,
    ) -> "Ledger":
        """Open a ledger to work with it; create it, with its directory, when there is none.

        `version` is the SQLite engine's, for its guard.

        Raises:
            LedgerError: the file is no ledger, damaged, newer, or may not be written; one sentence says which.
        """
        connection = Connection(path, version=version, driver=driver)

        def month(file: Path) -> Connection:
            return Connection(file, kind=RESULTS, version=version, driver=driver)

        return cls(connection, Bodies(directory_of(connection.path), month))

    def close(self) -> None:
        """Close the ledger and its results files; a second time does nothing."""
        self.bodies.close()
        self._connection.close()

    def __enter__(self) -> "Ledger":
        """Return itself: it is open already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def record_posted(
        self, response: object, at: int | datetime | None = None, *, now: int | None = None
    ) -> Intake:
        """Record the tasks of task_post answers; the same answer again changes nothing.

        `response` is a parsed answer, a model of the official client, JSON text or bytes, JSON Lines, or a list of
        these. `at` is when it was posted: an aware datetime, or ms UTC; None means now. `now` is the time of recording,
        None means by the wall clock.

        Raises:
            LedgerError: nothing was recorded.
            ValueError: `at` names no time zone.
        """
        now = wall_clock_ms() if now is None else now
        posted_at = now if at is None else from_datetime(at) if isinstance(at, datetime) else at
        tasks, rejected = read_posted(response, posted_at)
        with self._connection.writing() as database:
            accepted, known = posted.insert(database, tasks, Reason.RECORDED, now)
        return Intake(accepted, known, tuple(rejected))

    def plan(
        self, tasks: Iterable[Mapping[str, object]], batch: str | None = None, *, now: int | None = None
    ) -> Planned:
        """Plan tasks; the daemon posts them, the most important first, each once.

        A task is what `readyd post` reads from a line: `function`, and the fields that are sent. The same task at the
        same place of the same `batch` is planned once, however often this is called; without a batch each call plans
        anew. Tasks are taken as they come, some thousands at a time, so a generator of millions needs no memory.

        Raises:
            ValueError: one of the tasks cannot be posted, and those before it may be planned already; or the name of
                the batch is empty.
            LedgerError: the ledger could not be written; call it again with the same batch.
        """
        return planning.plan(self.intents, tasks, batch, wall_clock_ms() if now is None else now)

    def record_look(
        self,
        poll_id: int,
        listing: str,
        sightings: Sequence[Sighting],
        adopted: Sequence[Sighting],
        *,
        saturated: bool,
        rows: int,
        foreign: int,
        clear: bool,
        lag_ms: int,
        at: int,
    ) -> LookOutcome:
        """Write what one window showed: new tasks of `adopted`, tasks that became ready, the poll, the look.

        `clear` says that absence from this window proves "not done"; `lag_ms` is how far a list may lag behind.

        Raises:
            LedgerError: nothing of it was written.
        """
        window = Window(poll_id, listing, saturated, rows, foreign, clear, at)
        with self._connection.writing() as database:
            return looks.record(database, window, sightings, adopted, lag_ms)

    def close_poll(self, poll_id: int, listing: str, *, outcome: str, code: int | None, at: int) -> None:
        """Write how a call ended that brought no list."""
        self.polls.close(poll_id, listing, outcome=outcome, code=code, at=at)

    def record_audit(
        self,
        call_id: int,
        audit: Audit,
        evidence: Sequence[Evidence],
        adopted: Sequence[Newcomer],
        *,
        rows: int,
        foreign: int,
        at: int,
    ) -> AuditOutcome:
        """Write what one page of id_list says: newcomers, exact completion times, tasks still pending, the call.

        `audit` is the cursor from here on; its `failures`, `asked_at` and `answered_at` are the ledger's own business.
        `rows` and `foreign` are this page's.

        Raises:
            LedgerError: nothing of it was written.
        """
        page = Page(call_id, audit.api, rows, foreign, at)
        with self._connection.writing() as database:
            return record_page(database, page, audit, evidence, adopted)

    def record_adoption(
        self,
        call_id: int,
        api: str,
        evidence: Sequence[Evidence],
        adopted: Sequence[Newcomer],
        *,
        rows: int,
        foreign: int,
        at: int,
    ) -> AuditOutcome:
        """Write what a page of id_list says that was asked for beside the audits: as `record_audit`, without a cursor.

        Raises:
            LedgerError: nothing of it was written.
        """
        page = Page(call_id, api, rows, foreign, at)
        with self._connection.writing() as database:
            return record_page(database, page, None, evidence, adopted)

    def record_fixed(self, ids: Sequence[str], at: int, *, window: Window | None = None) -> tuple[str, ...]:
        """Bring settled tasks back whose results were re-parsed (tasks_fixed); return the ids that moved.

        Only tasks that are collected or delivered move; they count as completed anew at `at`. `window` is the answered
        call of the list that showed them; it is closed in the same transaction.

        Raises:
            LedgerError: none was moved.
        """
        with self._connection.writing() as database:
            moved = settling.reopen(database, ids, at)
            if window is not None:
                looks.close(database, window, len(moved))
            return moved

    def save_bodies(self, bodies: Sequence[Body]) -> None:
        """Make results durable; call it before `settle`.

        Raises:
            LedgerError: a task is unknown, or the disk refused; saving all of them again is harmless.
        """
        ids = [body.task_id for body in bodies]
        with self._connection.reading() as database:
            recorded_at: dict[str, int] = dict(database.rows(_RECORDED_AT, [ids_json(ids)]))
        require_known(bodies, recorded_at, self.path)
        self.bodies.save(bodies, recorded_at)

    def settle(self, settlements: Sequence[Settlement]) -> tuple[str, ...]:
        """Move tasks to their ends, each only from the state in which it was read; return the ids that moved.

        Raises:
            IllegalTransitionError: the transition table does not hold one of the moves; none was made.
            LedgerError: none was made; after a LedgerWriteError read the tasks again.
        """
        with self._connection.writing() as database:
            return settling.settle(database, settlements)

    def record_arrivals(
        self, arrivals: Sequence[Arrival], settlements: Sequence[Settlement], *, lag_ms: int
    ) -> ArrivalOutcome:
        """Write what webhooks told: tasks that became ready, and of these the ends of those whose result came along.

        Bodies must be durable before (`save_bodies`). `lag_ms` is how far a list may lag behind.

        Raises:
            LedgerError: nothing of it was written; after a LedgerWriteError read the tasks again.
        """
        with self._connection.writing() as database:
            return record_arrivals(database, arrivals, settlements, lag_ms)

    def postpone(self, postponements: Sequence[Postponement]) -> None:
        """Keep when to ask again; no state changes."""
        with self._connection.writing() as database:
            settling.postpone(database, postponements)

    def newest_at(self) -> int | None:
        """Return when the newest call of a list or the newest move of a task was made, by the clock as it was then."""
        with self._connection.reading() as database:
            found = database.rows(_NEWEST)
        return max((at for (at,) in found), default=None)

    def clock_set(self, by_ms: int, at: int) -> int:
        """Take in that somebody has moved the wall clock by so much; return how many waits were moved.

        `at` is its time, as it is now, of the last thing that was written before: what lies behind was by the other.
        """
        with self._connection.writing() as database:
            return clock_set.record(database, by_ms, at)

    def walk(self) -> Walk:
        """Begin to go through all outstanding tasks, page by page."""
        return Walk(self._connection)

    def backup(self, to: Path, now: int | None = None) -> None:
        """Copy the ledger to a file in another directory, and its results to `results/` beside that file.

        In a copy that is opened to write, planned tasks are in doubt: they may have been posted since (`now`, ms UTC).
        """
        backup.backup(self._connection, to, wall_clock_ms() if now is None else now)

    def log_bytes(self) -> int:
        """Return the size of SQLite's log beside the ledger; it grows while another program reads on and on."""
        return files.size(self.path.with_name(f"{self.path.name}-wal"))

    def maintain(self) -> None:
        """Let SQLite refresh its statistics and empty its log; does not wait for readers."""
        with self._connection.reading() as database:
            database.execute_sql("pragma optimize")
            database.execute_sql("pragma wal_checkpoint(passive)")


_NEWEST = """
    select at from (select asked_at as at from poll order by id desc limit 1)
    union all select at from (select at from transition order by id desc limit 1)
"""

_RECORDED_AT = "select task.id, recorded_at from json_each(?) cross join task on task.id = json_each.value"
