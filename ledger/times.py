"""Instants: reading the wall clock once, and writing instants for people. Knows no state and no rules."""

import time
from datetime import UTC, datetime

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


def wall_clock_ms() -> int:
    """Return the operating system's wall clock as milliseconds since the epoch, UTC.

    Everything else takes `now` as an argument; `daemon.clock` builds on this one reading.
    """
    return time.time_ns() // 1_000_000


def as_text(at: int) -> str:
    """Write an instant as people read it: `2026-11-23 14:02:11Z`."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def from_datetime(moment: datetime) -> int:
    """Turn an aware datetime into milliseconds since the epoch.

    Raises:
        ValueError: the datetime names no time zone, so it is no instant.
    """
    if moment.tzinfo is None:
        msg = f"{moment.isoformat()} names no time zone; pass an aware datetime, for example in UTC"
        raise ValueError(msg)
    return round(moment.timestamp() * 1000)
