"""Copies a ledger and its results while they are in use. Does not know tables.

The ledger is copied first and its results after it, so the copy holds a body for every state that claims one;
the copies take their names only when all of them are whole, the ledger last.
"""

import contextlib
import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger import files
from ledger.bodies import directory_of, month_files
from ledger.connection import Connection
from ledger.errors import LedgerError
from ledger.migrate import LEDGER, RESULTS, Kind
from ledger.schema import open_database
from ledger.trouble import damaged


def backup(ledger: Connection, to: Path) -> None:
    """Copy `ledger` to the file `to`, and its results to `results/` beside it.

    Raises:
        LedgerError: an earlier copy of that name is still whole.
    """
    target = _target(ledger.path, to)
    with _copies() as copies:
        _copy(ledger, target, LEDGER, copies)
        for path in month_files(directory_of(ledger.path)):
            month = Connection(path, kind=RESULTS, readonly=True, driver=type(ledger.database))
            try:
                _copy(month, directory_of(target) / path.name, RESULTS, copies)
            finally:
                month.close()
        for copy, name in reversed(copies):
            copy.replace(name)
            files.sync_directory(name.parent)


def _target(ledger: Path, to: Path) -> Path:
    target = files.real_path(to, "copy of the ledger")
    if target.is_dir():
        target = target / ledger.name
    if target.parent == ledger.parent:
        raise LedgerError(
            f"{target} lies beside the ledger, where the copy's results would replace the ledger's own; "
            "name another directory"
        )
    return target


@contextmanager
def _copies() -> Iterator[list[tuple[Path, Path]]]:
    """Collect (temporary file, final name), and leave no temporary file behind."""
    copies: list[tuple[Path, Path]] = []
    try:
        yield copies
    except OSError as error:
        raise LedgerError(f"the copy {error.filename} could not be written: {error.strerror}") from error
    finally:
        for copy, _ in copies:
            with contextlib.suppress(OSError):
                copy.unlink(missing_ok=True)


def _copy(source: Connection, name: Path, kind: Kind, copies: list[tuple[Path, Path]]) -> None:
    files.make_directory(name.parent)
    copy = name.with_name(f".{name.name}.{os.getpid()}.tmp")
    _sweep(name)
    copies.append((copy, name))
    # SQLite fills an empty file, and so keeps the narrow mode that it was created with.
    os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_RDWR, files.FILE_MODE))
    with source.reading() as database:
        database.execute_sql("vacuum into ?", [str(copy)])
    files.sync_file(copy)
    _require_whole(copy, kind)


def _sweep(name: Path) -> None:
    """Remove temporary files of copies that were killed."""
    for left in name.parent.glob(f".{glob.escape(name.name)}.*.tmp"):
        process = left.suffixes[-2].removeprefix(".")
        if process == str(os.getpid()) or not (process.isdigit() and _runs(int(process))):
            left.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _require_whole(copy: Path, kind: Kind) -> None:
    database, _ = open_database(copy, readonly=True, kind=kind)
    try:
        verdict = database.one("pragma quick_check(1)")
    finally:
        database.close()
    if verdict != "ok":
        raise damaged(copy, kind.noun, str(verdict))
