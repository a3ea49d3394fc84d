"""The policies that readyd is compared with. They are given more than they would have: see each.

Their pace has no margin, and those that fetch by id are told the exact deadlines, which readyd has to find out.
"""

import heapq
from collections.abc import Callable, Sequence

from bench.policy.account import Page
from bench.policy.harness import LANES, Even, Pace
from bench.policy.workload import MINUTE_MS, START, Workload

LIST_SPACING_MS = 3_000  # 20 calls a minute
REFILL_AT = 500
RETRY_MS = 2 * MINUTE_MS

Key = Callable[[Workload, int], tuple[int, int]]


def by_deadline(work: Workload, task: int) -> tuple[int, int]:
    """Put the earliest deadline first; by age this is the oldest."""
    return work.deadline_of(task), task


def by_importance(work: Workload, task: int) -> tuple[int, int]:
    """Put important ones first, the oldest of them before others."""
    return -work.important[task], work.deadline_of(task)


class Baseline:
    """What all of them share: a heap of tasks, and no interest in id_list."""

    by_id = False
    lanes = LANES

    def __init__(self, work: Workload, per_minute: int, key: Key) -> None:
        """Begin with nothing to fetch."""
        self.pace: Pace = Even(per_minute)
        self.work = work
        self.key = key
        self.waiting: list[tuple[tuple[int, int], int]] = []

    def put(self, task: int) -> None:
        """Take a task in."""
        heapq.heappush(self.waiting, (self.key(self.work, task), task))

    def pick(self, now: int) -> int | None:
        """Choose the first by the key."""
        return heapq.heappop(self.waiting)[1] if self.waiting else None

    def answered(self, task: int, now: int, *, done: bool) -> None:
        """Nothing to learn: what a list shows is done."""

    def wants_list(self, now: int) -> bool:
        """Never."""
        return False

    def listed(self, rows: list[int], now: int) -> None:
        """Never asked for."""

    def wants_page(self, now: int) -> Page | None:
        """Never."""
        return None

    def audited(self, page: Sequence[tuple[int, int | None]], now: int) -> None:
        """Never asked for."""


class ListOnly(Baseline):
    """Thirty lanes fed by the list: asked again, as often as allowed, when fewer than 500 ids are left."""

    def __init__(self, work: Workload, per_minute: int, key: Key) -> None:
        """Begin knowing no id."""
        super().__init__(work, per_minute, key)
        self._seen = bytearray(len(work))
        self._next_at = START

    def wants_list(self, now: int) -> bool:
        """Ask when the queue runs low."""
        if len(self.waiting) >= REFILL_AT or now < self._next_at:
            return False
        self._next_at = now + LIST_SPACING_MS
        return True

    def listed(self, rows: list[int], now: int) -> None:
        """Take in what was not seen before: collected rows stay on the list for a while."""
        for task in rows:
            if not self._seen[task]:
                self._seen[task] = 1
                self.put(task)


class OfficialLoop(Baseline):
    """The official examples: ask the list, GET its rows one after the other, ask again."""

    lanes = 1

    def __init__(self, work: Workload, per_minute: int) -> None:
        """Begin knowing no id."""
        super().__init__(work, per_minute, by_deadline)
        self._rows: list[int] = []
        self._asking = False
        self._next_at = START

    def pick(self, now: int) -> int | None:
        """Take the next row, in the order of the list."""
        return self._rows.pop() if self._rows else None

    def wants_list(self, now: int) -> bool:
        """Ask when the last row was taken."""
        if self._rows or self._asking or now < self._next_at:
            return False
        self._asking, self._next_at = True, now + LIST_SPACING_MS
        return True

    def listed(self, rows: list[int], now: int) -> None:
        """Take all rows, those too that were collected a moment ago: the examples remember nothing."""
        self._rows, self._asking = rows[::-1], False


class IdOnly(Baseline):
    """Thirty lanes fed by the ids of all tasks; no list. Not yet done: again after two minutes."""

    by_id = True

    def __init__(self, work: Workload, per_minute: int, key: Key) -> None:
        """Begin with all tasks."""
        super().__init__(work, per_minute, key)
        self._later: list[tuple[int, int]] = []
        for task in range(len(work)):
            self.put(task)

    def answered(self, task: int, now: int, *, done: bool) -> None:
        """Try again later."""
        if not done:
            heapq.heappush(self._later, (now + RETRY_MS, task))

    def pick(self, now: int) -> int | None:
        """Choose the first by the key among those whose time has come."""
        while self._later and self._later[0][0] <= now:
            self.put(heapq.heappop(self._later)[1])
        return super().pick(now)
