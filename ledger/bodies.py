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
from ledger.models import BodyRow
from ledger.records import Body

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
    return sorted(filter(_has_content, directory.glob("[0-9][0-9][0-9][0-9]-[0-9][0-9].db")))


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
        """Make bodies durable, one transaction per month; a repeated result replaces the earlier one.

        Raises:
            LedgerError: some may be there; saving all of them again is harmless.
        """
        months: dict[str, list[Body]] = {}
        for body in bodies:
            months.setdefault(month_of(recorded_at[body.task_id]), []).append(body)
        for month, group in months.items():
            with self._file(self._path(month)).writing() as database:
                database.executemany(_SAVE, [_columns(body) for body in group])

    def load(self, task_id: str, recorded_at: int, variant: str | None = None) -> Body | None:
        """Return a task's result, the newest one when no variant is named; None when there is none."""
        wanted = BodyRow.task_id == task_id
        if variant is not None:
            wanted &= BodyRow.variant == variant
        query = BodyRow.select().where(wanted).order_by(BodyRow.fetched_at.desc()).limit(1)
        with self._reading(recorded_at) as database:
            found = [] if database is None else list(query.dicts().execute(database))
            return rows.body(found[0]) if found else None

    def variants(self, task_id: str, recorded_at: int) -> list[str]:
        """Return which variants of a task's result are here, the newest first."""
        query = BodyRow.select(BodyRow.variant).where(BodyRow.task_id == task_id)
        with self._reading(recorded_at) as database:
            if database is None:
                return []
            found = query.order_by(BodyRow.fetched_at.desc(), BodyRow.variant).tuples().execute(database)
            return [variant for (variant,) in found]

    def count(self) -> int:
        """Count the results of all months."""
        return sum(self._count(path) for path in month_files(self._directory))

    def _count(self, path: Path) -> int:
        with self._file(path).reading() as database:
            return int(database.one("select count(*) from body"))

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


_SAVE = """
    insert into body (task_id, variant, fetched_at, code, size, gzip) values (?, ?, ?, ?, ?, ?)
    on conflict (task_id, variant) do update
    set fetched_at = excluded.fetched_at, code = excluded.code, size = excluded.size, gzip = excluded.gzip
"""
