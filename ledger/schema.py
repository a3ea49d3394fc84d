"""The one door to a file: identity, health, migrations, mode, pragmas, in this order.

Knows no verbs. Results files come through the same door as ledgers.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import peewee

from ledger import files
from ledger.database import DRIVER_VERSION, LedgerDatabase, set_mode
from ledger.engine import OLDEST, Engine, Version, choose
from ledger.errors import LedgerError, NewerLedgerError, NotALedgerError, UnsafeEngineError
from ledger.migrate import KINDS, LEDGER, Kind, migrate, refresh_views
from ledger.restored import be_no_copy
from ledger.trouble import DRIVER_ERRORS, code_of, damaged, explained, sqlite

APPLICATION_ID = LEDGER.application_id
SCHEMA_VERSION = LEDGER.version

_WHOLE_CHECK_BYTES = 32 << 20
"""Up to this size a writer also compares every index with its table; beyond, only the structure."""

_READER_CHECK_BYTES = 4 << 20
"""Up to this size a reader does the same; beyond, it would keep a person waiting."""


def open_database(
    path: str | os.PathLike[str],
    *,
    readonly: bool = False,
    kind: Kind = LEDGER,
    version: Version = DRIVER_VERSION,
    driver: type[LedgerDatabase] = LedgerDatabase,
) -> tuple[LedgerDatabase, Engine]:
    """Open a file through every check; a writer creates and migrates it, a reader leaves it untouched.

    `version` is the engine's, for the guard alone.

    Raises:
        LedgerError: or one of its kinds, when the file cannot be trusted or used.
    """
    place, engine = files.real_path(path, kind.noun), choose(version)
    if version < OLDEST:
        raise LedgerError(
            f"SQLite {engine.version} is too old to open {place}: it knows no STRICT tables; "
            "install pysqlite3 or SQLite 3.37"
        )
    with explaining(place, kind):
        if readonly:
            return _open_to_read(place, kind, driver), engine
        return _open_to_write(place, kind, driver, engine), engine


@contextmanager
def explaining(path: Path, kind: Kind) -> Iterator[None]:
    """Let only ledger errors out."""
    try:
        yield
    except DRIVER_ERRORS as error:
        raise explained(error, path, kind.noun) from error


def reconnect(database: LedgerDatabase, engine: Engine, path: Path, kind: Kind) -> None:
    """Connect again after a failure; the file must be what it was."""
    with _connected(database):
        _identify(database, path, kind, readonly=False)
        _set_mode(database, engine, path)
        database.require_pragmas(path)


def _open_to_write(path: Path, kind: Kind, driver: type[LedgerDatabase], engine: Engine) -> LedgerDatabase:
    files.require_writable(path, kind.noun)
    database = driver(path, "mode=rw", readonly=False)
    with _connected(database):
        _identify(database, path, kind, readonly=False)
        _check(database, path, kind, readonly=False)
        database.execute_sql("pragma synchronous = extra")
        migrate(database, kind)
        _set_mode(database, engine, path)
        database.require_pragmas(path)
        be_no_copy(database, kind)
        if kind.views:
            refresh_views(database)
    return database


def _open_to_read(path: Path, kind: Kind, driver: type[LedgerDatabase]) -> LedgerDatabase:
    files.require_readable(path, kind.noun)
    try:
        return _try_to_read(path, kind, driver, "mode=ro")
    except (peewee.OperationalError, sqlite.OperationalError) as error:
        if not code_of(error).startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
            raise
        if _companion(path, "-journal").exists():
            raise LedgerError(
                f"a write to the {kind.noun} {path} was interrupted; start `readyd run` once, it tidies up by itself"
            ) from error
        if _companion(path, "-wal").exists():
            raise
        # A WAL file needs its companions; where they are absent and cannot be created, nobody writes it either.
        return _try_to_read(path, kind, driver, "immutable=1")


def _try_to_read(path: Path, kind: Kind, driver: type[LedgerDatabase], options: str) -> LedgerDatabase:
    database = driver(path, options, readonly=True)
    with _connected(database):
        _identify(database, path, kind, readonly=True)
        database.require_pragmas(path)
        _check(database, path, kind, readonly=True)
    return database


def _companion(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


@contextmanager
def _connected(database: LedgerDatabase) -> Iterator[None]:
    """Connect, and stay connected only if all went well."""
    try:
        database.connect()
        yield
    except BaseException:
        database.disconnect()
        raise


def _set_mode(database: LedgerDatabase, engine: Engine, path: Path) -> None:
    if not set_mode(database, engine, path):
        raise UnsafeEngineError(
            f"SQLite {engine.version} can corrupt {path}, which another program has open in WAL mode; "
            "stop that program, or install pysqlite3 or SQLite 3.51.3"
        )


_IDENTITY = """
    select (select application_id from pragma_application_id), (select user_version from pragma_user_version),
           (select count(*) from sqlite_master)"""
"""In one statement: another process may create the file meanwhile."""


def _identify(database: LedgerDatabase, path: Path, kind: Kind, *, readonly: bool) -> None:
    ((found, version, objects),) = database.rows(_IDENTITY)
    if found == kind.application_id:
        _require_version(version, path, kind, readonly=readonly)
        return
    if found == version == objects == 0:
        if readonly:
            raise NotALedgerError(
                f"{path} is empty, so there is no {kind.noun} in it to read; name another file"
            )
        return
    for other in KINDS:
        if found == other.application_id:
            raise NotALedgerError(f"{path} is a {other.noun} of readyd, not a {kind.noun}; name another file")
    raise NotALedgerError(f"{path} is a database of another program, not a {kind.noun}; name another file")


def _require_version(version: int, path: Path, kind: Kind, *, readonly: bool) -> None:
    if version > kind.version:
        raise NewerLedgerError(
            f"the {kind.noun} {path} was written by a newer readyd (schema {version}, this one knows {kind.version}); "
            "install that readyd"
        )
    if readonly and version < kind.readable_from:
        raise LedgerError(
            f"the {kind.noun} {path} is of an older readyd (schema {version}, this one reads {kind.readable_from}); "
            "start `readyd run` once to bring it up to date"
        )


def _check(database: LedgerDatabase, path: Path, kind: Kind, *, readonly: bool) -> None:
    size = database.one("pragma page_count") * database.one("pragma page_size")
    check = _check_for(size, kind, readonly=readonly)
    if check is None:
        return
    verdict = database.one(f"pragma {check}(1)")
    if verdict != "ok":
        raise damaged(path, kind.noun, str(verdict))


def _check_for(size: int, kind: Kind, *, readonly: bool) -> str | None:
    """Choose how deep to look: results files are large, and each body carries gzip's own checksum."""
    if size <= (_READER_CHECK_BYTES if readonly else _WHOLE_CHECK_BYTES):
        return "integrity_check"
    return "quick_check" if kind is LEDGER and not readonly else None
