"""Plays one policy against one account in virtual time. Knows neither how a policy chooses nor what is best.

A policy is asked for a task whenever one of its lanes is free and its pace allows a call; once a second it may ask
for the list or for a page of id_list. Everything is drawn from a seed: the same run is the same run.
"""

import heapq
import random
from collections.abc import Sequence
from typing import Any, Protocol

from bench.policy.account import Account, Page
from bench.policy.workload import SECOND_MS, START

GET_MS = (240, 560)
"""A GET takes 0.4 s, give or take 40 %."""

MEAN_GET_MS = sum(GET_MS) / 2
LIST_MS = 1_000
LANES = 30  # so many GETs at once the remote allows


class Pace(Protocol):
    """When the next GET may start. The daemon's own limiter is one."""

    def wait_ms(self, now: int) -> int:
        """How long to wait; 0: start."""

    def begin(self, now: int) -> None:
        """Use the slot for a GET."""

    def take(self, now: int) -> None:
        """Use a slot for another call."""

    def end(self, now: int, took: int | None) -> None:
        """Hear how long the GET took."""


class Policy(Protocol):
    """What decides: which task next, and when to look."""

    pace: Pace
    lanes: int
    by_id: bool  # it knows the ids of its tasks, and needs no list to fetch them

    def pick(self, now: int) -> int | None:
        """Choose the task to fetch now; None: none is worth it."""

    def answered(self, task: int, now: int, *, done: bool) -> None:
        """Hear the answer: the result, or "not yet"."""

    def wants_list(self, now: int) -> bool:
        """Say whether to ask for the list now."""

    def listed(self, rows: list[int], now: int) -> None:
        """Hear what the list shows."""

    def wants_page(self, now: int) -> Page | None:
        """Name the page of id_list to ask for now; None: none."""

    def audited(self, page: Sequence[tuple[int, int | None]], now: int) -> None:
        """Hear when each task was done; None: not yet."""


class Even:
    """Even spacing at the limit, without a margin: more than a careful client dares.

    One call a minute is kept back, because a list is asked at once and takes the next slot afterwards.
    """

    def __init__(self, per_minute: int) -> None:
        """Begin."""
        self._spacing = 60_000 / max(1, per_minute - 1)
        self._next = 0.0

    def wait_ms(self, now: int) -> int:
        """How long to wait; rounded up, so that no minute holds one call too many."""
        return max(0, -int((now - self._next) // 1))

    def begin(self, now: int) -> None:
        """Use the slot."""
        self._next = max(self._next, now - 1) + self._spacing  # a clock of whole ms is late by up to one

    take = begin

    def end(self, now: int, took: int | None) -> None:
        """Nothing to learn: it counts starts."""


class Run:
    """One policy at work; afterwards `account` holds when each task came home."""

    def __init__(self, account: Account, policy: Policy, seed: int = 1) -> None:
        """Prepare."""
        self.account = account
        self.policy = policy
        self.now = START
        self.early = 0  # GETs answered "not yet"
        self._chance = random.Random(seed)  # noqa: S311  # the same latencies each time
        self._events: list[tuple[int, int, int, Any]] = []
        self._number = 0
        self._busy = 0
        if policy.lanes > LANES:
            raise ValueError(f"{policy.lanes} lanes: the remote allows {LANES} at once")

    def play(self) -> None:
        """Run until everything is home, or until nothing more can be found."""
        self._after(0, _TICK, None)
        while self.account.collected < len(self.account.work):
            until = self._start_all()
            if self._is_over():
                return
            event_at, _, kind, what = self._events[0]
            if until is not None and until < event_at:
                self.now = until
                continue
            heapq.heappop(self._events)
            self.now = event_at
            self._happen(kind, what)

    def _start_all(self) -> int | None:
        """Start what may start now; return when the pace allows the next GET, None if an event must come first."""
        policy, pace, now = self.policy, self.policy.pace, self.now
        while self._busy < policy.lanes:
            wait = pace.wait_ms(now)
            if wait > 0:
                return now + wait
            task = policy.pick(now)
            if task is None:
                return None
            pace.begin(now)
            self._busy += 1
            done, took = self.account.is_done(task, now), self._chance.randrange(*GET_MS)
            self._after(took, _DONE if done else _EARLY, (task, took))
        return None

    def _happen(self, kind: int, what: Any) -> None:
        if kind == _TICK:
            self._tick()
        elif kind == _LISTED:
            self.policy.listed(what, self.now)
        elif kind == _AUDITED:
            self.policy.audited(what, self.now)
        else:
            self._answer(*what, done=kind == _DONE)

    def _answer(self, task: int, took: int, *, done: bool) -> None:
        self._busy -= 1
        self.policy.pace.end(self.now, took)
        if done:
            self.account.collect(task, self.now)
        else:
            self.early += 1
        self.policy.answered(task, self.now, done=done)

    def _tick(self) -> None:
        self._after(SECOND_MS, _TICK, None)
        if self.policy.wants_list(self.now):
            self.policy.pace.take(self.now)
            self._after(LIST_MS, _LISTED, self.account.window(self.now))
        if page := self.policy.wants_page(self.now):  # its pace has left room for these
            self._after(LIST_MS, _AUDITED, self.account.page(page, self.now))

    def _is_over(self) -> bool:
        waiting = len(self._events) > 1 or self._busy
        return not waiting and not self.policy.by_id and self.account.nothing_to_come(self.now)

    def _after(self, delay: int, kind: int, what: Any) -> None:
        self._number += 1
        heapq.heappush(self._events, (self.now + delay, self._number, kind, what))


_TICK, _LISTED, _AUDITED, _DONE, _EARLY = range(5)
