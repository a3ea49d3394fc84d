"""A sorted sequence kept in short stretches: cheap to change anywhere, cheap to survey. Knows instants, no tasks.

A key is `(instant, id)`. Who plans from a survey takes every key of a stretch for its first one; so stretches are
kept as narrow as `narrow` was last told to, and no narrower, so that there are few of them.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

Key = tuple[int, str]

MOST_KEYS = 1_000
"""A longer stretch is halved: inserting into it would begin to cost."""

NEAR = 16
"""Stretches narrow as their instant comes near: to this share of the time left, at the widest."""


class Stretches:
    """Keys in order. `stretches` is for reading; none of them is ever empty."""

    def __init__(self) -> None:
        """Start empty."""
        self.stretches: list[list[Key]] = []
        self._firsts: list[Key] = []
        self._size = 0

    def __len__(self) -> int:
        """Count the keys."""
        return self._size

    def add(self, key: Key) -> None:
        """Insert a key that is not in yet."""
        self._size += 1
        if not self.stretches:
            self._replace(0, 0, [[key]])
            return
        at = max(0, bisect_right(self._firsts, key) - 1)
        stretch = self.stretches[at]
        stretch.insert(bisect_right(stretch, key), key)
        self._firsts[at] = stretch[0]
        if len(stretch) > MOST_KEYS:
            half = len(stretch) // 2
            self._replace(at, at + 1, [stretch[:half], stretch[half:]])

    def extend(self, keys: list[Key]) -> None:
        """Insert many keys that are not in yet."""
        if len(keys) < MOST_KEYS:
            for key in keys:
                self.add(key)
            return
        every = sorted([key for stretch in self.stretches for key in stretch] + keys)
        self._size = len(every)
        step = MOST_KEYS // 2
        parts = [every[start : start + step] for start in range(0, len(every), step)]
        self._replace(0, len(self.stretches), parts)

    def remove(self, key: Key) -> None:
        """Take a key out that is in."""
        self._size -= 1
        at = bisect_right(self._firsts, key) - 1
        stretch = self.stretches[at]
        del stretch[bisect_left(stretch, key)]
        if stretch:
            self._firsts[at] = stretch[0]
        else:
            self._replace(at, at + 1, [])

    def pop_until(self, instant: int) -> list[Key]:
        """Take out every key at or before an instant."""
        if not self._firsts or self._firsts[0][0] > instant:
            return []
        whole = bisect_left(self._firsts, (instant + 1, "")) - 1
        last = self.stretches[whole]
        cut = bisect_left(last, (instant + 1, ""))
        gone = [key for stretch in self.stretches[:whole] for key in stretch] + last[:cut]
        self._replace(0, whole + 1, [last[cut:]] if cut < len(last) else [])
        self._size -= len(gone)
        return gone

    def after(self, place: int) -> Iterator[Key]:
        """Go through the keys in order, from the one at `place` (0 is the first)."""
        for stretch in self.stretches:
            if place < len(stretch):
                yield from stretch[place:] if place else stretch
            place = max(0, place - len(stretch))

    def place_of(self, instant: int) -> int:
        """Count the keys before an instant."""
        at = bisect_left(self._firsts, (instant, "")) - 1
        if at < 0:
            return 0
        before = sum(len(stretch) for stretch in self.stretches[:at])
        return before + bisect_left(self.stretches[at], (instant, ""))

    def narrow(self, now: int, widest: float, until: int, most: int) -> None:
        """Cut stretches that begin before `until` and are too wide, and join narrow ones where there are too many."""
        if len(self.stretches) > most:
            self._join(now, widest)
        for at in range(bisect_left(self._firsts, (until, "")) - 1, -1, -1):
            stretch = self.stretches[at]
            first = stretch[0][0]
            if stretch[-1][0] - first > min(widest, (first - now) / NEAR):
                self._replace(at, at + 1, _cut(stretch, now, widest))

    def _join(self, now: int, widest: float) -> None:
        joined: list[list[Key]] = []
        for stretch in self.stretches:
            if joined and len(joined[-1]) + len(stretch) <= MOST_KEYS:
                first = joined[-1][0][0]
                if stretch[-1][0] - first <= min(widest, (first - now) / NEAR):
                    joined[-1] = joined[-1] + stretch
                    continue
            joined.append(stretch)
        self._replace(0, len(self.stretches), joined)

    def _replace(self, start: int, end: int, parts: list[list[Key]]) -> None:
        self.stretches[start:end] = parts
        self._firsts[start:end] = [part[0] for part in parts]


def _cut(stretch: list[Key], now: int, widest: float) -> list[list[Key]]:
    parts, start = [], 0
    while start < len(stretch):
        first = stretch[start][0]
        limit = first + min(widest, (first - now) / NEAR)
        end = bisect_left(stretch, (int(limit) + 1, ""), lo=start + 1)
        parts.append(stretch[start:end])
        start = end
    return parts
