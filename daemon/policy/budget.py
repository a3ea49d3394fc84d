"""How many calls may be made now. Counts in whatever milliseconds it is handed; knows no clock and no call.

Calls are spaced evenly (packaged limiters let twice the limit through or send a minute's worth in a blink), and an
exact window over the last calls makes sure that no minute ever holds more than the limit.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

MARGIN = 0.98
"""The remote counts arrivals, we count starts: jitter between the two must not add up to one call too many."""

CATCH_UP = 3
"""So many late slots may be made up for, so that a timer's jitter costs no throughput."""

TIGHTEN = 0.8
RECOVER_MS = 10 * 60_000
"""After the remote said that we ask too fast: a fifth slower, and back to the full rate over ten minutes."""

SILENCE_MS = 60_000
"""And nothing for a minute, because the remote counts minutes."""


@dataclass(frozen=True, slots=True)
class Limit:
    """So many calls in each `per_ms` milliseconds."""

    calls: int
    per_ms: int


class Limiter:
    """Hands out evenly spaced slots. `now` is monotonic ms; `share` is the part of the limit that is ours."""

    def __init__(self, limit: Limit, share: float = 1.0, seed: Sequence[int] = ()) -> None:
        """Begin; `seed` are the instants of calls already made in the last window (before a restart)."""
        self._share = share
        self._limit = limit
        self._calls = 1
        self.allow(limit.calls)
        self._made: deque[int] = deque(sorted(seed))
        self._next: float | None = self._made[-1] + self._spacing() if self._made else None
        self._silent_until: int | None = None
        self._factor = 1.0
        self._tightened_at = 0

    def allow(self, calls: int) -> None:
        """Follow what the account allows from now on."""
        self._limit = Limit(calls, self._limit.per_ms)
        self._calls = max(1, int(calls * self._share * MARGIN))

    def wait_ms(self, now: int) -> int:
        """How long to wait for the next slot; 0: it is here."""
        self._forget(now)
        waits = [0]
        if self._silent_until is not None:
            waits.append(self._silent_until - now)
        if self._next is not None:
            waits.append(int(self._next - now))
        if len(self._made) >= self._calls:
            waits.append(self._made[len(self._made) - self._calls] + self._limit.per_ms - now)
        return max(waits)

    def take(self, now: int) -> None:
        """Use a slot now."""
        spacing = self._spacing(now)
        earliest = now - CATCH_UP * spacing
        slot = now if self._next is None else max(self._next, earliest)
        self._next = slot + spacing
        self._made.append(now)

    def tighten(self, now: int) -> None:
        """Obey the remote's word that we ask too fast."""
        self._factor = max(0.1, self._current(now) * TIGHTEN)
        self._tightened_at = now
        self._silent_until = now + SILENCE_MS

    def rate_per_ms(self, now: int) -> float:
        """Return the rate of slots, for planning."""
        return 1 / self._spacing(now)

    def _spacing(self, now: int | None = None) -> float:
        factor = 1.0 if now is None else self._current(now)
        return self._limit.per_ms / (self._calls * factor)

    def _current(self, now: int) -> float:
        healed = (1 - self._factor) * min(1.0, max(0, now - self._tightened_at) / RECOVER_MS)
        return self._factor + healed

    def _forget(self, now: int) -> None:
        while self._made and self._made[0] <= now - self._limit.per_ms:
            self._made.popleft()
        if self._silent_until is not None and now >= self._silent_until:
            self._silent_until = None
