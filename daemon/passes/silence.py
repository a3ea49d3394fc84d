"""What a review remembers of the lists' silence from one run to the next. Decides nothing (`policy.silence`)."""

from dataclasses import dataclass


@dataclass(slots=True)
class Silence:
    """When all was well last, in monotonic ms: time that a clock was set ahead by is nobody's silence."""

    well_ticks: int | None = None  # a review found no list overdue

    def known_ms(self, due: int | None, since_start_ms: int, ticks: int) -> int:
        """Note what a review found; return for how long at most a list can have been overdue to our knowledge."""
        if due is None:
            self.well_ticks = ticks
        elif self.well_ticks is None:
            # The time before readyd was started is not the lists' silence.
            self.well_ticks = ticks - max(0, since_start_ms)
        return ticks - self.well_ticks
