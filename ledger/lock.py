"""One daemon per ledger: an advisory lock on a file beside it. Does not open the ledger."""

import contextlib
import fcntl
import os
from pathlib import Path
from types import TracebackType

from ledger import files
from ledger.errors import LedgerBusyError, LedgerError
from ledger.times import as_text, wall_clock_ms


class DaemonLock:
    """Held while a daemon works on a ledger; the kernel lets go of it when the process ends, however it ends."""

    def __init__(self, path: str | os.PathLike[str], at: int | None = None) -> None:
        """Name the ledger and when the daemon started (ms UTC; None: now). Nothing is locked yet."""
        self.ledger = files.real_path(path, "ledger")
        self.path = self.ledger.with_name(self.ledger.name + ".lock")
        self._at = at
        self._descriptor: int | None = None

    def __enter__(self) -> "DaemonLock":
        """Take the lock.

        Raises:
            LedgerBusyError: another daemon has it; the sentence names its process and since when it runs.
            LedgerError: the lock file cannot be written.
        """
        descriptor = self._opened()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._sign(descriptor)
        except BlockingIOError as error:
            os.close(descriptor)
            raise LedgerBusyError(self._refusal()) from error
        except OSError as error:
            os.close(descriptor)
            raise LedgerError(f"the lock file {self.path} cannot be used: {error.strerror}") from error
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go. The file stays: removing it could take away the lock of the next daemon."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def is_held(self) -> bool:
        """Tell whether a daemon works on this ledger; makes no file, and waits for nobody."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    def _opened(self) -> int:
        try:
            files.make_directory(self.path.parent)
            return os.open(self.path, os.O_RDWR | os.O_CREAT, files.FILE_MODE)
        except OSError as error:
            raise LedgerError(f"the lock file {self.path} cannot be opened: {error.strerror}") from error

    def _sign(self, descriptor: int) -> None:
        at = wall_clock_ms() if self._at is None else self._at
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {at}\n".encode(), 0)

    def _refusal(self) -> str:
        holder = _holder(self.path)
        return f"another readyd already works on {self.ledger}{holder}; stop it first, or name another ledger"


def _holder(path: Path) -> str:
    """Name who signed the lock file; an unreadable signature names nobody."""
    try:
        process, at = path.read_text(encoding="ascii").split()
        return f": process {int(process)}, since {as_text(int(at))}"
    except (OSError, ValueError, OverflowError):
        return ""
