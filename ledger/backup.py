"""Copies a ledger and its results while they are in use. Does not know tables.

The ledger is copied first and its results after it, so the copy holds a body for every state that claims one;
the copies take their names only when all of them are whole, the ledger last. They replace nothing but earlier copies of
the same ledger (`ledger.copies`).
"""

import contextlib
import errno
import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ledger import copies, files, schema
from ledger.bodies import directory_of, month_files
from ledger.connection import Connection
from ledger.copies import Mark
from ledger.errors import CopyRefusedError, LedgerWriteError
from ledger.migrate import RESULTS, Kind
from ledger.trouble import DRIVER_ERRORS, code_of, complaint_of, damaged, explained

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})

_OF_THE_COPY = ("SQLITE_FULL", "SQLITE_CANTOPEN", "SQLITE_READONLY")
"""What goes wrong with the new file, while the one that is copied is only read."""


def backup(ledger: Connection, to: Path, now: int) -> None:
    """Copy `ledger`, as it is `now`, to the file `to`, and its results to `results/` beside it.

    Raises:
        CopyRefusedError: there is something else than an earlier copy of this ledger; nothing was changed.
        LedgerError: an earlier copy of that name is still whole.
    """
    target, driver = _target(ledger.path, to), type(ledger.database)
    name = copies.name_of(ledger, now)
    mark = Mark(name, now)
    with _copies(target) as made:
        copies.require_free(target, name, driver)
        _copy(ledger, target, mark, made)
        for path in month_files(directory_of(ledger.path)):
            month = Connection(path, kind=RESULTS, readonly=True, driver=driver)
            try:
                _copy(month, directory_of(target) / path.name, mark, made)
            finally:
                month.close()
        # Copying may take hours, in which somebody may have put something there.
        copies.require_free(target, name, driver)
        for copy, final in reversed(made):
            copy.replace(final)
            files.sync_directory(final.parent)


def _target(ledger: Path, to: Path) -> Path:
    target = files.real_path(to, "copy of the ledger")
    if os.path.isdir(target):
        target = target / ledger.name
    results = files.real_path(directory_of(target), "directory of results")
    if target.parent == ledger.parent or results == files.real_path(directory_of(ledger), results.name):
        raise CopyRefusedError(
            f"{target} lies beside the ledger, where the copy's results would replace the ledger's own; "
            "name another directory"
        )
    return target


@contextmanager
def _copies(target: Path) -> Iterator[list[tuple[Path, Path]]]:
    """Collect (temporary file, final name), and leave no temporary file behind."""
    made: list[tuple[Path, Path]] = []
    try:
        yield made
    except OSError as error:
        kind = LedgerWriteError if error.errno in _FULL else CopyRefusedError
        raise kind(f"the copy {error.filename or target} could not be written: {error.strerror}") from error
    finally:
        for copy, _ in made:
            with contextlib.suppress(OSError):
                copy.unlink(missing_ok=True)


def _copy(source: Connection, final: Path, mark: Mark, made: list[tuple[Path, Path]]) -> None:
    files.make_directory(final.parent)
    copy = final.with_name(f".{final.name}.{os.getpid()}.tmp")
    _sweep(final)
    made.append((copy, final))
    # SQLite fills an empty file, and so keeps the narrow mode that it was created with.
    os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_RDWR, files.FILE_MODE))
    with source.reading() as database, _blaming(final, source.path):
        database.execute_sql("vacuum into ?", [str(copy)])
    with schema.explaining(final, replace(source.kind, noun="copy")):
        copies.write(copy, mark, type(source.database))
    files.sync_file(copy)
    _require_whole(copy, source.kind)


@contextmanager
def _blaming(copy: Path, source: Path) -> Iterator[None]:
    """Name the copy where it is what failed, not the file that is copied."""
    try:
        yield
    except DRIVER_ERRORS as error:
        if code_of(error).startswith(_OF_THE_COPY):
            raise explained(error, copy, "copy") from error
        if code_of(error).startswith("SQLITE_IOERR"):
            # Of a failed VACUUM SQLite does not tell whether it read or wrote.
            raise LedgerWriteError(
                f"the copy {copy} could not be written ({complaint_of(error)}); "
                f"look at its disk, and at that of {source}"
            ) from error
        raise


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
    database, _ = schema.open_database(copy, readonly=True, kind=kind)
    try:
        verdict = database.one("pragma quick_check(1)")
    finally:
        database.close()
    if verdict != "ok":
        raise damaged(copy, kind.noun, str(verdict))
