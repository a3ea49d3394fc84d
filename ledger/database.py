"""peewee's SQLite database as the ledger uses it: one thread, explicit transactions, pragmas read back.

Knows no table. Opening, identity and migrations are in `ledger.schema`.
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import peewee

from ledger.engine import Engine, Version
from ledger.errors import LedgerError
from ledger.trouble import DRIVER_ERRORS, is_busy, sqlite

TIMEOUT_S = 10
DRIVER_VERSION: Version = sqlite.sqlite_version_info

_SHARED: dict[str, int] = {
    "foreign_keys": 1,
    "trusted_schema": 0,
    "cell_size_check": 1,
    "mmap_size": 0,  # a mapped file turns another process's mistake into our damage
    "temp_store": 2,  # memory
}
_WRITER: dict[str, int] = {"wal_autocheckpoint": 1000, "journal_size_limit": 8 << 20}

_SYNCHRONOUS = {"full": 2, "extra": 3}


class LedgerDatabase(peewee.SqliteDatabase):
    """A SQLite file; every statement goes through `execute_sql`, `executemany`, `begin` or `commit`."""

    def __init__(self, path: Path, options: str, *, readonly: bool) -> None:
        """Prepare, without connecting; `options` are SQLite's URI parameters, `mode=rw`."""
        self.fixed = {**_SHARED, **({} if readonly else _WRITER)}
        super().__init__(
            f"{path.as_uri()}?{options}",
            uri=True,
            timeout=TIMEOUT_S,
            lock_type="IMMEDIATE",
            pragmas=list(self.fixed.items()),
            autoconnect=False,
            thread_safe=False,
        )

    def execute_sql(self, sql: str, params: Sequence[object] | None = None) -> Any:
        """Run one statement and return its cursor."""
        return super().execute_sql(sql, params)  # type: ignore[no-untyped-call]

    def driver(self) -> Any:
        """Return the driver's own connection."""
        return super().connection()  # type: ignore[no-untyped-call]

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> int:
        """Run one statement for many rows on the driver itself; return how many rows changed."""
        cursor = self.driver().executemany(sql, rows)
        return int(cursor.rowcount)

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return all its rows."""
        found: list[tuple[Any, ...]] = self.execute_sql(sql, parameters).fetchall()
        return found

    def one(self, sql: str, parameters: Sequence[object] = ()) -> Any:
        """Run one statement and return the first column of its first row, or None."""
        row = self.execute_sql(sql, parameters).fetchone()
        return None if row is None else row[0]

    def change(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Run one statement that writes; return how many rows changed."""
        return int(self.execute_sql(sql, parameters).rowcount)

    @contextmanager
    def transact(self) -> Iterator[None]:
        """BEGIN IMMEDIATE, then COMMIT; when anything is raised, nothing of it stays."""
        try:
            self.begin()
            yield
            self.commit()
        except BaseException:
            self._roll_back()
            raise

    def disconnect(self) -> None:
        """Close without complaint; whatever was not committed is gone."""
        with contextlib.suppress(*DRIVER_ERRORS):
            self.close()

    def _roll_back(self) -> None:
        try:
            # SQLite has already rolled back by itself after a full disk or a failed write.
            if not self.is_closed() and self.driver().in_transaction:
                self.rollback()
        except DRIVER_ERRORS:
            self.disconnect()

    def require_pragmas(self, path: Path) -> None:
        """Read every pragma back: SQLite ignores what it does not know, and says so only when asked.

        Raises:
            LedgerError: naming the pragma.
        """
        for name, wanted in {**self.fixed, "busy_timeout": TIMEOUT_S * 1000}.items():
            found = self.one(f"pragma {name}") or 0
            if found != wanted:
                raise LedgerError(
                    f"SQLite {sqlite.sqlite_version} did not set {name} to {wanted} for {path} but to {found}; "
                    "install another SQLite"
                )


def set_mode(database: LedgerDatabase, engine: Engine, path: Path) -> bool:
    """Set journal mode and synchronous and read them back; return False when others hold the file in WAL mode.

    Raises:
        LedgerError: SQLite chose another mode, as it does where a file system cannot share memory.
    """
    try:
        mode = database.one(f"pragma journal_mode = {engine.journal_mode}")
    except (peewee.OperationalError, sqlite.OperationalError) as error:
        if is_busy(error) and engine.journal_mode == "delete":
            return False
        raise
    database.execute_sql(f"pragma synchronous = {engine.synchronous}")
    if mode != engine.journal_mode or database.one("pragma synchronous") != _SYNCHRONOUS[engine.synchronous]:
        raise LedgerError(
            f"SQLite {engine.version} did not put {path} into {engine.journal_mode} mode but into {mode} mode; "
            "move it to a local disk"
        )
    return True
