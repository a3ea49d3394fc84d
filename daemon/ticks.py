"""When passes are woken: APScheduler's trigger for "every so many seconds", without its loop over what was missed.

After the clock was set ahead, or the machine slept, APScheduler lists each missed instant before it folds them into one
run: half a minute of a standing loop for some days, and all memory for the years of a machine that wakes up in 1970.
"""

from datetime import datetime, timedelta

from apscheduler.triggers.base import BaseTrigger


class Every(BaseTrigger):  # type: ignore[misc]
    """Fires on a grid of instants that begins with the first; what was missed is one instant."""

    def __init__(self, seconds: float) -> None:
        """Begin so many seconds from when it is first asked."""
        self._apart = timedelta(seconds=seconds)

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Return the first instant of the grid after the previous one that has not passed."""
        if previous_fire_time is None:
            return now + self._apart
        passed = max(0, (now - previous_fire_time) // self._apart)
        return previous_fire_time + (passed + 1) * self._apart
