"""A directory of files, each whole or not there: written aside, synced, renamed. Knows no network.

A network file system may hang, and that must delay nothing else, nor the end of the process: so writing happens in a
thread of the target's own, which nobody waits for.
"""

import asyncio
import errno
import os
from pathlib import Path

from daemon.handover.door import HandoverError
from daemon.handover.parcel import Parcel, ParcelError
from daemon.threads import Unawaited

FILE_MODE = 0o644
"""Others are to read it; the umask may say less."""

_ABOUT_THE_NAME = frozenset({errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.EISDIR, errno.EFBIG})


class DirectoryDoor:
    """Writes into one directory, which must exist: one that is not mounted must not be filled behind its back."""

    def __init__(self, path: Path) -> None:
        """Open nothing yet."""
        self._path = path
        self._threads = Unawaited("hand over")

    async def put(self, parcel: Parcel) -> None:
        """Write one file and make it durable; see `Door.put`."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self._put, parcel)

    async def aclose(self) -> None:
        """Nothing is held open; a thread under way ends after what it is doing, or with the process."""

    def _put(self, parcel: Parcel) -> None:
        try:
            directory = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                _write(directory, parcel)
            finally:
                os.close(directory)
        except ParcelError as error:
            raise HandoverError(str(error), about_result=True) from None
        except OSError as error:
            raise HandoverError(_sentence(error), about_result=error.errno in _ABOUT_THE_NAME) from None


def _write(directory: int, parcel: Parcel) -> None:
    # A fixed name: what a crash leaves is replaced by the next try, so nothing piles up.
    aside = f".{parcel.name}.part"
    try:
        _write_file(directory, aside, parcel)
        os.rename(aside, parcel.name, src_dir_fd=directory, dst_dir_fd=directory)
    except Exception:
        _remove(directory, aside)
        raise
    os.fsync(directory)


def _write_file(directory: int, name: str, parcel: Parcel) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(name, flags, FILE_MODE, dir_fd=directory), "wb") as file:
        for piece in parcel.pieces():
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def _remove(directory: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=directory)
    except OSError:
        return  # it was never there, or the disk is in such trouble that the next try has to replace it


def _sentence(error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return "its directory does not exist; create it, or mount what it is on"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"its directory may not be written by this user ({error.strerror})"
    return f"its directory cannot be written ({error.strerror})"
