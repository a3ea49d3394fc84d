"""The remote: which tasks the list shows, what a GET answers, what id_list says, and the limits of all three.

Knows no policy. The list shows the account as it was `lag_ms` ago, its first thousand rows only.
"""

import random
from bisect import bisect_left, bisect_right, insort
from collections import deque

from bench.policy.workload import START, VISIBLE_MS, Workload

WINDOW = 1000
ROOM = 10  # a block holds 2 ** ROOM places
ORDERS = ("oldest", "newest", "shuffled")

Page = tuple[int, int, int]
"""A call of id_list: tasks posted from an instant to another (both included), and how many of them to leave out."""


class LimitError(Exception):
    """A policy asked more than the remote allows: its figures would mean nothing."""


class Quota:
    """So many calls in any minute, exactly."""

    def __init__(self, name: str, calls: int) -> None:
        """Begin with no call made."""
        self._name = name
        self._calls = calls
        self._made: deque[int] = deque()

    def use(self, now: int) -> None:
        """Count a call."""
        while self._made and self._made[0] <= now - 60_000:
            self._made.popleft()
        self._made.append(now)
        if len(self._made) > self._calls:
            raise LimitError(f"{self._name}: more than {self._calls} calls within the minute before {now}")


class Account:
    """One account, from the moment the network is back."""

    def __init__(self, work: Workload, order: str, lag_ms: int, per_minute: int) -> None:
        """Put the tasks in their places on the list."""
        self.work = work
        self.collected_at = [0] * len(work)
        self.collected = 0
        self.gets = 0
        self.last_at = START  # the last collection
        self._quota = Quota("all calls", per_minute)
        self._list_quota = Quota("tasks_ready", 20)
        self._page_quota = Quota("id_list", 10)
        self._lag = lag_ms
        self._place = _places(work, order)
        self._task_at = sorted(range(len(work)), key=self._place.__getitem__)
        self._shown: list[list[int]] = [[] for _ in range((len(work) >> ROOM) + 1)]
        by_done = sorted(range(len(work)), key=work.done_at.__getitem__)
        self._coming = deque(by_done)
        self._fading = deque(by_done)
        self._last = deque(by_done)
        self._leaving: deque[tuple[int, int]] = deque()
        self._by_posted = sorted(range(len(work)), key=work.posted_at.__getitem__)
        self._posted_at = sorted(work.posted_at)

    def is_done(self, task: int, now: int) -> bool:
        """Answer a GET: the result, or "not yet"."""
        self._quota.use(now)
        self.gets += 1
        return self.work.done_at[task] <= now

    def collect(self, task: int, now: int) -> None:
        """Note that a result is home."""
        if not self.collected_at[task]:
            self.collected_at[task] = self.last_at = now
            self.collected += 1
            self._leaving.append((now, task))

    def window(self, now: int) -> list[int]:
        """Answer a call of the list."""
        self._list_quota.use(now)
        self._quota.use(now)
        self._settle(now - self._lag)
        rows: list[int] = []
        for block in self._shown:
            rows += block
            if len(rows) >= WINDOW:
                break
        return [self._task_at[place] for place in rows[:WINDOW]]

    def page(self, page: Page, now: int) -> list[tuple[int, int | None]]:
        """Answer a call of id_list: of each task posted then, when it was done; None for "not yet"."""
        self._page_quota.use(now)
        self._quota.use(now)
        from_at, to_at, offset = page
        start = bisect_left(self._posted_at, from_at) + offset
        end = min(start + WINDOW, bisect_right(self._posted_at, to_at))
        done_at = self.work.done_at
        return [
            (task, done_at[task] if done_at[task] <= now else None) for task in self._by_posted[start:end]
        ]

    def nothing_to_come(self, now: int) -> bool:
        """Say whether no list will ever show an uncollected task again."""
        last, done_at = self._last, self.work.done_at
        while last and (self.collected_at[last[0]] or done_at[last[0]] + VISIBLE_MS + self._lag <= now):
            last.popleft()
        return not last

    def _settle(self, at: int) -> None:
        """Bring the list to where it was at an instant."""
        done_at = self.work.done_at
        while self._coming and done_at[self._coming[0]] <= at:
            place = self._place[self._coming.popleft()]
            insort(self._shown[place >> ROOM], place)
        while self._leaving and self._leaving[0][0] <= at:
            self._hide(self._leaving.popleft()[1])
        while self._fading and done_at[self._fading[0]] <= at - VISIBLE_MS:
            self._hide(self._fading.popleft())

    def _hide(self, task: int) -> None:
        place = self._place[task]
        block = self._shown[place >> ROOM]
        index = bisect_left(block, place)
        if index < len(block) and block[index] == place:
            del block[index]


def _places(work: Workload, order: str) -> list[int]:
    """Give every task its place on the list."""
    tasks = list(range(len(work)))
    if order == "shuffled":
        random.Random(7).shuffle(tasks)  # noqa: S311  # the same list each time
    else:
        tasks.sort(key=work.done_at.__getitem__, reverse=order == "newest")
    places = [0] * len(tasks)
    for place, task in enumerate(tasks):
        places[task] = place
    return places
