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

    def pop_until(self, instant: int, most: int) -> list[Key]:
        """Take out keys at or before an instant, the first ones, `most` at most."""
        gone: list[Key] = []
        while self._firsts and self._firsts[0][0] <= instant and len(gone) < most:
            first = self.stretches[0]
            cut = min(bisect_left(first, (instant + 1, "")), most - len(gone))
            gone += first[:cut]
            self._replace(0, 1, [first[cut:]] if cut < len(first) else [])
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

    def narrow(self, now: int, widest: float, until: int, most: int) -> bool:
        """Cut stretches that begin before `until` and are too wide, and join narrow ones where there are too many.

        Say whether that changed anything.
        """
        changed = len(self.stretches) > most
        if changed:
            self._join(now, widest)
        for at in range(bisect_left(self._firsts, (until, "")) - 1, -1, -1):
            stretch = self.stretches[at]
            if stretch[-1][0] > _limit(stretch[0][0], now, widest):
                self._replace(at, at + 1, _cut(stretch, now, widest))
                changed = True
        return changed

    def _join(self, now: int, widest: float) -> None:
        joined: list[list[Key]] = []
        for stretch in self.stretches:
            last = joined[-1] if joined else []
            fits = last and len(last) + len(stretch) <= MOST_KEYS
            if fits and stretch[-1][0] <= _limit(last[0][0], now, widest):
                joined[-1] = last + stretch
            else:
                joined.append(stretch)
        self._replace(0, len(self.stretches), joined)

    def _replace(self, start: int, end: int, parts: list[list[Key]]) -> None:
        self.stretches[start:end] = parts
        self._firsts[start:end] = [part[0] for part in parts]


def _cut(stretch: list[Key], now: int, widest: float) -> list[list[Key]]:
    parts, start = [], 0
    while start < len(stretch):
        limit = _limit(stretch[start][0], now, widest)
        end = bisect_left(stretch, (int(limit) + 1, ""), lo=start + 1)
        parts.append(stretch[start:end])
        start = end
    return parts


def _limit(first: int, now: int, widest: float) -> float:
    """Return the last instant that may share a stretch with `first`; all that is over may share one."""
    return first + min(widest, (first - now) / NEAR) if first > now else now
