"""Turns what SQLite and the operating system complain about into the ledger's own errors, as sentences.

Does not know verbs and tables; it knows a path, a noun ("ledger", "results file") and a complaint.
"""

from pathlib import Path
from typing import Any

import peewee
from peewee import sqlite3 as _driver  # type: ignore[attr-defined]

from ledger.errors import (
    DamagedLedgerError,
    LedgerBusyError,
    LedgerError,
    LedgerUnavailableError,
    LedgerWriteError,
    NotALedgerError,
)

sqlite: Any = _driver
"""The driver that peewee chose: pysqlite3 where it is newer than the standard library's."""

DRIVER_ERRORS: tuple[type[Exception], ...] = (peewee.PeeweeException, sqlite.Error, OverflowError, ValueError)
"""What a call into SQLite may raise. ValueError: text that is no text, or a word outside its enum (damage)."""

_BUSY = "another process holds the {noun} {path} locked; wait until it is done and try again"

_KNOWN: tuple[tuple[str, type[LedgerError], str], ...] = (
    ("SQLITE_BUSY", LedgerBusyError, _BUSY),
    ("SQLITE_LOCKED", LedgerBusyError, _BUSY),
    (
        "SQLITE_NOTADB",
        NotALedgerError,
        "{path} is not a {noun}: it is not an SQLite database; name another file",
    ),
    (
        "SQLITE_FULL",
        LedgerWriteError,
        "the disk of the {noun} {path} is full; free some space, what was written before is safe",
    ),
    (
        "SQLITE_IOERR",
        LedgerWriteError,
        "the disk of the {noun} {path} failed ({complaint}); look at the disk before you trust it further",
    ),
    (
        "SQLITE_READONLY",
        LedgerWriteError,
        "the {noun} {path} cannot be written ({complaint}); check its owner and mode",
    ),
    (
        # Owner and mode were checked before (`ledger.files`), so it is the system: no descriptor, no room, no disk.
        "SQLITE_CANTOPEN",
        LedgerUnavailableError,
        "the {noun} {path} cannot be opened ({complaint}); look at the disk, and at who owns the files beside it",
    ),
)

_RESTORE = "restore a copy made by `readyd backup`, and keep the damaged file aside"


def complaint_of(error: BaseException) -> BaseException:
    """Return the driver's own exception behind peewee's."""
    original: BaseException = getattr(error, "orig", None) or error
    return original


def code_of(error: BaseException) -> str:
    """Return SQLite's name for the error, `SQLITE_BUSY`, or an empty string when it is not SQLite's."""
    return str(getattr(complaint_of(error), "sqlite_errorname", None) or "")


def is_busy(error: BaseException) -> bool:
    """Tell whether another connection held a lock for longer than the timeout."""
    return code_of(error).startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def is_refused_value(error: BaseException) -> bool:
    """Tell whether a constraint refused a row: the statement failed, the connection is well."""
    return isinstance(complaint_of(error), sqlite.IntegrityError)


def explained(error: BaseException, path: Path, noun: str) -> LedgerError:
    """Return the ledger error that says what happened to which file, and what to do."""
    code, complaint = code_of(error), complaint_of(error)
    for prefix, kind, sentence in _KNOWN:
        if code.startswith(prefix):
            return kind(sentence.format(path=path, noun=noun, complaint=complaint))
    return _unexpected(complaint, code, path, noun)


def _unexpected(complaint: BaseException, code: str, path: Path, noun: str) -> LedgerError:
    if isinstance(complaint, sqlite.ProgrammingError):
        return LedgerError(
            f"the {noun} {path} was used wrongly: {complaint}; open it in each thread that uses it"
        )
    if isinstance(complaint, UnicodeEncodeError | OverflowError):
        return LedgerError(f"the {noun} {path} cannot hold a value that it was given: {complaint}")
    if is_refused_value(complaint):
        return LedgerError(f"the {noun} {path} refused a row: {complaint}; nothing was changed")
    if code in ("SQLITE_NOMEM", "SQLITE_TOOBIG", "SQLITE_INTERRUPT"):
        return LedgerUnavailableError(f"the {noun} {path} could not be used: {complaint}; try again")
    return damaged(path, noun, str(complaint))


def damaged(path: Path, noun: str, problem: str) -> DamagedLedgerError:
    """Say that the file's content cannot be trusted."""
    # SQLite quotes what it stumbled over, and in a damaged file that is anything: no byte of it may command a terminal.
    short = " ".join(problem.split()).encode("unicode_escape").decode()[:200]
    return DamagedLedgerError(f"the {noun} {path} is damaged ({short}); {_RESTORE}")
