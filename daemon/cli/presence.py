"""Whether a daemon holds the ledger. Taking its lock to find out could fail a daemon that starts."""

import os
from dataclasses import dataclass
from pathlib import Path

LOCKS = Path("/proc/locks")


@dataclass(frozen=True, slots=True)
class Presence:
    """The daemon that holds a ledger. `since` is UTC ms."""

    pid: int
    since: int


def presence(ledger: Path) -> Presence | None:
    """Find the daemon that works on a ledger, by the signature in its lock file; None when nobody does."""
    lock = ledger.resolve()
    lock = lock.with_name(lock.name + ".lock")
    try:
        pid, since = lock.read_text("ascii").split()
        signed = Presence(int(pid), int(since))
    except (OSError, ValueError, OverflowError):
        return None
    return signed if _lives(signed.pid) and _is_locked(lock) else None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return pid > 0


def _is_locked(lock: Path) -> bool:
    """Ask the kernel's list of locks: after a crash the signature stays, and its number may be somebody else's now."""
    try:
        inode = str(lock.stat().st_ino)
        lines = LOCKS.read_text().splitlines()
    except OSError:
        return True  # no such list on this system: the living process has to do
    return any("FLOCK" in line and f":{inode} " in line for line in lines)
