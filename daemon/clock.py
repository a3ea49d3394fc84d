"""The clock that passes are handed: wall time for deadlines, monotonic time for budgets and pauses.

Knows no rule and no schedule. With `ledger.times` it is the only reader of the operating system's clocks.
"""

import time
from typing import Protocol

from ledger.times import wall_clock_ms


class Clock(Protocol):
    """What tells the time; virtual time has one of its own (`daemon.virtual.VirtualClock`)."""

    def now(self) -> int:
        """Return wall time, milliseconds since the epoch, UTC; it jumps when somebody sets the clock."""
        ...

    def monotonic(self) -> float:
        """Return seconds since some moment in the past; it never goes back, whatever the wall clock does."""
        ...


class SystemClock:
    """The operating system's clocks."""

    def now(self) -> int:
        """Return the machine's wall time, milliseconds since the epoch, UTC."""
        return wall_clock_ms()

    def monotonic(self) -> float:
        """Return the machine's monotonic time in seconds."""
        return time.monotonic()
