"""Results as they came, one file per month beside the ledger. Does not know states: it is told the month.

A body is committed here before the ledger says `collected`; a body without that state is harmless.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ledger import rows
from ledger.connection import Connection
from ledger.database import LedgerDatabase
from ledger.errors import LedgerError
from ledger.records import Body, Edition

MONTHS = "[0-9][0-9][0-9][0-9]-[0-9][0-9].db"
"""What results files are called."""

OPEN_FILES = 3
"""Results of the newest months come together; older ones are reopened when asked for."""

Opener = Callable[[Path], Connection]


def directory_of(ledger: Path) -> Path:
    """Return the directory of the results of a ledger."""
    return ledger.parent / "results"


def month_of(recorded_at: int) -> str:
    """Name the month whose file holds the result of a task recorded then: `2026-11`."""
    return datetime.fromtimestamp(recorded_at / 1000, UTC).strftime("%Y-%m")


def month_files(directory: Path) -> list[Path]:
    """List the results files that hold anything, the oldest month first."""
    return sorted(filter(_has_content, directory.glob(MONTHS)))


class Bodies:
    """The results files of one ledger; few are open at a time."""

    def __init__(self, directory: Path, opener: Opener) -> None:
        """Open nothing yet; `opener` opens one file."""
        self._directory = directory
        self._opener = opener
        self._open: OrderedDict[Path, Connection] = OrderedDict()

    def close(self) -> None:
        """Close every file."""
        while self._open:
            self._open.popitem()[1].close()

    def save(self, bodies: Sequence[Body], recorded_at: Mapping[str, int]) -> None:
        """Make bodies durable, one transaction per month; a repeated result replaces that of its edition.

        Raises:
            LedgerError: some may be there; saving all of them again is harmless.
        """
        months: dict[str, list[Body]] = {}
        for body in bodies:
            months.setdefault(month_of(recorded_at[body.task_id]), []).append(body)
        for month, group in months.items():
            with self._file(self._path(month)).writing() as database:
                database.executemany(_SAVE_FIRST, [_columns(body) for body in group if body.edition == 1])
                later = [(*_columns(body), body.edition) for body in group if body.edition != 1]
                database.executemany(_SAVE_LATER, later)

    def load(
        self, task_id: str, recorded_at: int, variant: str | None = None, edition: int | None = None
    ) -> Body | None:
        """Return a task's result, by default the newest edition and of it the newest variant, or None."""
        with self._reading(recorded_at) as database:
            if database is None:
                return None
            found = database.rows(
                f"""select {rows.BODY_COLUMNS} from {_source(database)}
                    where task_id = ? and variant = coalesce(?, variant) and edition = coalesce(?, edition)
                    order by edition desc, fetched_at desc, variant limit 1""",
                [task_id, variant, edition],
            )
            return rows.body(found[0]) if found else None

    def editions(self, task_id: str, recorded_at: int) -> list[Edition]:
        """Return what is kept of a task's results, the newest edition and in it the newest variant first."""
        with self._reading(recorded_at) as database:
            if database is None:
                return []
            found = database.rows(
                f"""select variant, edition, code, size, fetched_at from {_source(database)} where task_id = ?
                    order by edition desc, fetched_at desc, variant""",
                [task_id],
            )
            return [Edition(*row) for row in found]

    def variants(self, task_id: str, recorded_at: int) -> list[str]:
        """Return which variants of a task's result are here, the newest first."""
        return list(dict.fromkeys(one.variant for one in self.editions(task_id, recorded_at)))

    def count(self) -> int:
        """Count the results of all months, each edition by itself."""
        return sum(self._count(path) for path in month_files(self._directory))

    def _count(self, path: Path) -> int:
        with self._file(path).reading() as database:
            return int(database.one(f"select count(*) from {_source(database)}"))

    @contextmanager
    def _reading(self, recorded_at: int) -> Iterator[LedgerDatabase | None]:
        """Lend a month's database, or None when this month has no file."""
        path = self._path(month_of(recorded_at))
        if not _has_content(path):
            yield None
            return
        with self._file(path).reading() as database:
            yield database

    def _path(self, month: str) -> Path:
        return self._directory / f"{month}.db"

    def _file(self, path: Path) -> Connection:
        connection = self._open.pop(path, None)
        if connection is None:
            connection = self._opener(path)
        self._open[path] = connection
        while len(self._open) > OPEN_FILES:
            self._open.popitem(last=False)[1].close()
        return connection


def require_known(bodies: Sequence[Body], recorded_at: Mapping[str, int], ledger: Path) -> None:
    """Refuse bodies of tasks that the ledger does not know: nobody would ever find them.

    Raises:
        LedgerError: naming the first.
    """
    for body in bodies:
        if body.task_id not in recorded_at:
            raise LedgerError(
                f"task {body.task_id} is not in the ledger {ledger}, so its result was not kept"
            )


def _has_content(path: Path) -> bool:
    """Tell a results file from a missing one, and from one whose creation was cut short: that one is empty."""
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def _columns(body: Body) -> tuple[object, ...]:
    return (body.task_id, body.variant, body.fetched_at, body.code, body.size, body.gzip)


def _source(database: LedgerDatabase) -> str:
    """Name what holds all editions; a reader may meet a month that no writer has opened since there are several."""
    return "bodies" if database.one("pragma user_version") > 1 else _FIRST


_FIRST = "(select *, 1 as edition from body)"

_SAVE_FIRST = """
    insert into body (task_id, variant, fetched_at, code, size, gzip) values (?, ?, ?, ?, ?, ?)
    on conflict (task_id, variant) do update
    set fetched_at = excluded.fetched_at, code = excluded.code, size = excluded.size, gzip = excluded.gzip
"""

_SAVE_LATER = """
    insert into later_body (task_id, variant, fetched_at, code, size, gzip, edition) values (?, ?, ?, ?, ?, ?, ?)
    on conflict (task_id, variant, edition) do update
    set fetched_at = excluded.fetched_at, code = excluded.code, size = excluded.size, gzip = excluded.gzip
"""
