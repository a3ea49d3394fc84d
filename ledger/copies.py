"""How a copy is known again: by a mark in the file that says of which ledger it is a copy.

Whatever opens a copy to write takes the mark away (`ledger.restored`), so a restored copy on which anybody
has worked is a ledger again. A copy keeps the journal mode of a new file, and no log ever lies beside it.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ledger.alerts import fact
from ledger.bodies import MONTHS, directory_of
from ledger.connection import Connection
from ledger.database import LedgerDatabase
from ledger.errors import CopyRefusedError
from ledger.lock import DaemonLock
from ledger.migrate import COPY_MARK, LEDGER, RESULTS, Kind
from ledger.trouble import DRIVER_ERRORS

_NAME = "ledger_id"
"""The fact that tells this ledger from every other one, also from the next one of the same path."""

_COMPANIONS = ("-wal", "-shm", "-journal")


def name_of(ledger: Connection, now: int) -> str:
    """Return what tells a ledger from every other one: drawn before its first copy, and kept by a restored one."""
    with ledger.reading() as database:
        known = fact(database, _NAME)
    if known is not None:
        return known
    with ledger.writing() as database:
        # Another process may have drawn one meanwhile; the first one stays.
        database.change(_DRAW, [_NAME, secrets.token_hex(8), now])
        return str(fact(database, _NAME))


@dataclass(frozen=True, slots=True)
class Mark:
    """Of which ledger a file is a copy, and the instant (ms UTC) from which on that was read."""

    ledger: str
    made_at: int


def write(copy: Path, mark: Mark, driver: type[LedgerDatabase]) -> None:
    """Mark a copy, which nobody knows yet."""
    with _opened(copy, driver) as database:
        # Whoever dies here leaves a file that is thrown away; a journal beside it would outlive it.
        database.execute_sql("pragma journal_mode = off")
        database.execute_sql(f"drop table if exists {COPY_MARK}")
        database.execute_sql(
            f"create table {COPY_MARK} (ledger text not null, made_at integer not null) strict"
        )
        database.change(f"insert into {COPY_MARK} values (?, ?)", [mark.ledger, mark.made_at])


def require_free(target: Path, name: str, driver: type[LedgerDatabase]) -> None:
    """Refuse a place where a copy would take the place, or the results, of anything but earlier copies of this ledger.

    Raises:
        CopyRefusedError: naming what is there.
    """
    if DaemonLock(target).is_held():
        raise CopyRefusedError(f"{target} is a ledger in use (its lock is held); name another directory")
    _require_copy(target, LEDGER, name, driver)
    months = directory_of(target).glob(f"{MONTHS}*")  # with what belongs to a month that is gone
    for month in sorted({one.with_name(one.name[: len("2026-11.db")]) for one in months}):
        _require_copy(month, RESULTS, name, driver)


def _require_copy(file: Path, kind: Kind, name: str, driver: type[LedgerDatabase]) -> None:
    for companion in _COMPANIONS:
        if os.path.lexists(f"{file}{companion}"):
            # SQLite would take it for the new file's own, and spoil that with it.
            raise CopyRefusedError(
                f"{file}{companion} is there already, so {file.name} is in use or was not closed; "
                "name another directory"
            )
    if not os.path.lexists(file):
        return
    origin = _origin(file, kind, driver) if file.is_file() else None
    if origin is None:
        raise CopyRefusedError(
            f"{file} is there already and is no copy made by readyd backup, or one that was written to since; "
            "name another directory"
        )
    if origin != name:
        raise CopyRefusedError(f"{file} is a copy of another ledger; name another directory")


def _origin(file: Path, kind: Kind, driver: type[LedgerDatabase]) -> str | None:
    """Read of which ledger a file is a copy; None for anything else, also for what cannot be read."""
    # Through SQLite, because reading the bytes would drop the locks of a ledger that this process has open.
    try:
        with _opened(file, driver) as database:
            if database.one("pragma application_id") != kind.application_id:
                return None
            return str(database.one(f"select ledger from {COPY_MARK}"))
    except DRIVER_ERRORS:
        return None


@contextmanager
def _opened(file: Path, driver: type[LedgerDatabase]) -> Iterator[LedgerDatabase]:
    # Not read-only: SQLite would leave an empty log beside a ledger that it looked into so.
    database = driver(file, "mode=rw", readonly=False)
    try:
        database.connect()
        yield database
    finally:
        database.disconnect()


_DRAW = "insert into fact (name, value, at) values (?, ?, ?) on conflict do nothing"
