"""One open file: short reads, short writes, and a fresh start after a failure. Knows no table and no verb."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger import files, schema
from ledger.database import DRIVER_VERSION, LedgerDatabase
from ledger.engine import Version
from ledger.errors import LedgerError, UnsafeEngineError
from ledger.migrate import LEDGER, Kind
from ledger.trouble import DRIVER_ERRORS, explained, is_busy, is_refused_value


class Connection:
    """A file that stays usable: an error closes the connection, and the next verb opens a new one."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        kind: Kind = LEDGER,
        readonly: bool = False,
        version: Version = DRIVER_VERSION,
        driver: type[LedgerDatabase] = LedgerDatabase,
    ) -> None:
        """Open through the one door (`ledger.schema`).

        Raises:
            LedgerError: the file cannot be trusted or used.
        """
        self.path: Path = files.real_path(path, kind.noun)
        self.kind = kind
        self.database, self.engine = schema.open_database(
            self.path, kind=kind, readonly=readonly, version=version, driver=driver
        )
        self._file = files.identity(self.path)
        self._process = os.getpid()
        self._closed = False

    def close(self) -> None:
        """Close; a second time does nothing."""
        self._closed = True
        self.database.disconnect()

    @contextmanager
    def reading(self) -> Iterator[LedgerDatabase]:
        """Lend the database for a short read.

        Raises:
            LedgerError: never the driver's own exception.
        """
        with self._explaining():
            self._require_connection()
            yield self.database

    @contextmanager
    def writing(self) -> Iterator[LedgerDatabase]:
        """Lend the database inside one IMMEDIATE transaction: all of it is durable afterwards, or nothing.

        Raises:
            LedgerError: nothing was changed; except for LedgerWriteError, where SQLite cannot tell.
        """
        with self._explaining():
            self._require_connection()
            self._require_same_file()
            with self.database.transact():
                self._require_own_mode()
                yield self.database

    def _require_connection(self) -> None:
        if self._closed:
            raise LedgerError(f"the {self.kind.noun} {self.path} was closed; open it again")
        if os.getpid() != self._process:
            raise LedgerError(
                f"the {self.kind.noun} {self.path} was opened before this process was forked; open it in the child"
            )
        if self.database.is_closed():
            self._require_same_file()
            schema.reconnect(self.database, self.engine, self.path, self.kind)

    def _require_same_file(self) -> None:
        if files.identity(self.path) != self._file:
            raise LedgerError(
                f"the {self.kind.noun} {self.path} was removed or replaced while it was open; "
                "stop readyd, put the right file back and start again"
            )

    def _require_own_mode(self) -> None:
        """Notice a program with a safe engine that put the file into WAL mode since a vulnerable one opened it."""
        if self.engine.warning and self.database.one("pragma journal_mode") != self.engine.journal_mode:
            raise UnsafeEngineError(
                f"another program has put {self.path} into WAL mode, which SQLite {self.engine.version} must not "
                "write beside it; install pysqlite3 or SQLite 3.51.3"
            )

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except DRIVER_ERRORS as error:
            if not is_busy(error) and not is_refused_value(error):
                # After a failed write the connection's idea of the file may differ from the disk's.
                self.database.disconnect()
            raise explained(error, self.path, self.kind.noun) from error
