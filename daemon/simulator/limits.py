"""The remote's limits per minute. Knows neither calls nor tasks; `now` is an argument."""

from collections import deque
from dataclasses import dataclass, field

from daemon.simulator.moments import MINUTE_MS


@dataclass(slots=True)
class Bucket:
    """Counts accepted calls of the last 60 s, or of the clock minute.

    The remote does not say which it does. Sliding is the default because it is the stricter one: who keeps
    it also keeps every fixed minute. Refused calls do not count.
    """

    limit: int
    sliding: bool = True
    accepted: deque[int] = field(default_factory=deque)

    def take(self, now: int) -> bool:
        """Count one call, or refuse it."""
        self._forget(now)
        if len(self.accepted) >= self.limit:
            return False
        self.accepted.append(now)
        return True

    def used(self, now: int) -> int:
        """Count the calls that still weigh."""
        self._forget(now)
        return len(self.accepted)

    def frees_at(self, now: int) -> int:
        """Say when the next call would be accepted."""
        self._forget(now)
        if len(self.accepted) < self.limit:
            return now
        first = self.accepted[0]
        return first + MINUTE_MS if self.sliding else (first // MINUTE_MS + 1) * MINUTE_MS

    def _forget(self, now: int) -> None:
        start = now - MINUTE_MS if self.sliding else now - now % MINUTE_MS - 1
        while self.accepted and self.accepted[0] <= start:
            self.accepted.popleft()


@dataclass(slots=True)
class Limits:
    """All buckets of one account, made when first needed."""

    sliding: bool = True
    buckets: dict[str, Bucket] = field(default_factory=dict)

    def bucket(self, name: str, limit: int) -> Bucket:
        """Give the bucket of this name."""
        if name not in self.buckets:
            self.buckets[name] = Bucket(limit, self.sliding)
        return self.buckets[name]
