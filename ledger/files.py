"""What the file system says about a path before SQLite sees it; new files and directories with narrow modes.

Never opens a file that exists: closing any descriptor of it would drop the locks that this process holds on it
through SQLite (https://sqlite.org/howtocorrupt.html, 2.2).
"""

import contextlib
import os
from pathlib import Path

from ledger.errors import LedgerError, LedgerMissingError, NotALedgerError

FILE_MODE = 0o600
DIRECTORY_MODE = 0o700


def real_path(path: str | os.PathLike[str], noun: str) -> Path:
    """Return the absolute path with links resolved, so that two names of one ledger share one lock.

    Raises:
        LedgerError: no file can have this name.
    """
    try:
        return Path(os.path.realpath(os.fspath(path)))
    except (ValueError, OSError) as error:
        raise LedgerError(f"{path!r} cannot be the name of a {noun}: {error}") from error


def require_readable(path: Path, noun: str) -> None:
    """Refuse a path that cannot be read as a file.

    Raises:
        LedgerMissingError: nothing is there.
        LedgerError: a directory, or a file that this user may not read.
    """
    try:
        exists = path.exists()
    except OSError as error:
        raise LedgerError(f"the {noun} {path} cannot be reached: {error.strerror}") from error
    if not exists:
        raise LedgerMissingError(
            f"there is no {noun} at {path}; `readyd run`, `record`, `post` and `adopt` create one, or name another file"
        )
    if not path.is_file():
        what = "a directory" if path.is_dir() else "no regular file"
        raise NotALedgerError(f"{path} is {what}, not a {noun}; name a file")
    if not os.access(path, os.R_OK):
        raise LedgerError(
            f"the {noun} {path} may not be read by this user; run readyd as the user who owns it"
        )


def require_writable(path: Path, noun: str) -> None:
    """Make sure that a file is there and may be written; create it, and its directories, when missing.

    Raises:
        LedgerError: a directory, or a place that this user may not write.
    """
    try:
        make_directory(path.parent)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, FILE_MODE))
    except OSError as error:
        raise LedgerError(f"the {noun} {path} cannot be created: {error.strerror}") from error
    require_readable(path, noun)
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise LedgerError(
            f"the {noun} {path} and its directory may not be written by this user; "
            "run readyd as the user who owns them"
        )


def make_directory(path: Path) -> None:
    """Create a directory and its missing parents, each for the owner alone."""
    if path.is_dir():
        return
    make_directory(path.parent)
    with contextlib.suppress(FileExistsError):
        path.mkdir(DIRECTORY_MODE)
    # SQLite syncs the directory that a file is in, and nobody the one that this directory is in: after a power cut the
    # results could be gone that the ledger says are here. Not every parent may be read, and so synced.
    with contextlib.suppress(PermissionError):
        sync_directory(path.parent)


def identity(path: Path) -> tuple[int, int] | None:
    """Return what tells this very file from another one of the same name; None when there is none."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return (facts.st_dev, facts.st_ino)


def size(path: Path) -> int:
    """Return the size of a file; 0 when there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def sync_directory(path: Path) -> None:
    """Make renames inside a directory survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make a finished file, which nobody has open, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
