"""The clock that passes are handed: wall time for deadlines, monotonic time for budgets and pauses.

Knows no rule and no schedule. With `ledger.times` it is the only reader of the operating system's clocks.
"""

import time
from pathlib import Path
from typing import Protocol

from ledger.times import wall_clock_ms

_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """What tells the time; virtual time has one of its own (`daemon.virtual.VirtualClock`)."""

    def now(self) -> int:
        """Return wall time, milliseconds since the epoch, UTC; it jumps when somebody sets the clock."""
        ...

    def monotonic(self) -> float:
        """Return seconds since some moment in the past; it never goes back, whatever the wall clock does."""
        ...

    def boot(self) -> str:
        """Name what `monotonic` counts from: processes that are told the same share it. Empty: nobody can tell."""
        ...


class SystemClock:
    """The operating system's clocks."""

    def now(self) -> int:
        """Return the machine's wall time, milliseconds since the epoch, UTC."""
        return wall_clock_ms()

    def monotonic(self) -> float:
        """Return the machine's monotonic time in seconds."""
        return time.monotonic()

    def boot(self) -> str:
        """Return the kernel's name for this start of this machine."""
        try:
            return _BOOT.read_text().strip()
        except OSError:
            return ""  # no Linux, or a sandbox that hides it
