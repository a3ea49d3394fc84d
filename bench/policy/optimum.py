"""The best that anybody could do, computed from the backlog by somebody who knows everything. No policy is used.

A slot is the start of one GET; r of them are served a ms. The limit spaces them evenly, 1/r apart, and each takes the
mean latency L. Where thirty at once are the tighter limit, thirty start together every L. Three bounds:

* makespan: N/r + L (thirty at once: N/r, rounded up to whole thirties); with tasks that complete later, the last
  moment at which r can have caught up with them, + L.
* late: the tasks are unit jobs, so the sets that can be on time form a matroid; its rank is the most on time.
* important wait: of these sets the one with the most important tasks; the plain ones of it as late as they may, the
  important ones as early as that leaves room. A wait begins when the network is back, or when the task completes.

The optimum never asks too early and never loses a call: what others waste counts against them.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from bench.policy.harness import GET_MS, LANES, MEAN_GET_MS
from bench.policy.workload import START, Workload


@dataclass(frozen=True, slots=True)
class Optimum:
    """Bounds for one backlog at one rate."""

    makespan_ms: float
    late: int
    important_wait_ms: float  # the mean


@dataclass(frozen=True, slots=True)
class Server:
    """What GETs the limits allow at best: `together` slots every `every_ms`."""

    together: int
    every_ms: float

    @property
    def rate(self) -> float:
        """Slots a ms."""
        return self.together / self.every_ms

    def start_of(self, slot: float) -> float:
        """Return when a slot starts, ms from the beginning."""
        return slot // self.together * self.every_ms

    def slots_until(self, left_ms: float) -> int:
        """Count the slots that start up to an instant."""
        return 0 if left_ms < 0 else (int(left_ms / self.every_ms) + 1) * self.together


def server(per_minute: int) -> Server:
    """Return the tighter of both limits."""
    even, lanes = Server(1, 60_000 / per_minute), Server(LANES, MEAN_GET_MS)
    return min(even, lanes, key=lambda one: one.rate)


def of(work: Workload, per_minute: int) -> Optimum:
    """Compute the bounds."""
    best = server(per_minute)
    # A GET that starts a moment before the deadline is still on time if its answer is quick.
    due = [best.slots_until(work.deadline_of(task) - GET_MS[0] - START) for task in range(len(work))]
    wake = [work.ready_at(task) - START for task in range(len(work))]
    free = [at * best.rate for at in wake]
    on_time = choose(due, work.important)
    served = important_slots(due, free, work.important, on_time)
    waits = [max(0.0, best.start_of(slot) - wake[task]) for task, slot in served.items()]
    last = max(best.start_of(makespan(sorted(free)) - 1), *wake)
    return Optimum(
        makespan_ms=last + MEAN_GET_MS,
        late=len(work) - len(on_time),
        important_wait_ms=sum(waits) / max(1, len(waits)) + MEAN_GET_MS,
    )


def makespan(free: Sequence[float]) -> float:
    """Return when the last of N tasks is served, in slots, each not before `free` (sorted)."""
    return max(at + len(free) - place for place, at in enumerate(free))


def choose(due: Sequence[int], important: Sequence[bool]) -> frozenset[int]:
    """Choose a largest set of tasks of which each can have a slot of its own from 1 to `due`; important ones first."""
    last = len(due)
    latest = list(range(last + 1))  # the latest free slot at or before; 0 means none
    chosen = []
    # The patient first among equals: the set is as large, and leaves the early slots to others.
    for task in sorted(range(last), key=lambda one: (-important[one], -due[one], one)):
        slot = _find(latest, min(due[task], last))
        if slot > 0:
            latest[slot] = slot - 1
            chosen.append(task)
    return frozenset(chosen)


def important_slots(
    due: Sequence[int], free: Sequence[float], important: Sequence[bool], on_time: frozenset[int]
) -> dict[int, float]:
    """Return when each important task is served, in slots from 0, if all of `on_time` are on time."""
    end = len(due) + int(max(free, default=0)) + 1  # by then everything can be done
    reserved = _latest_slots([min(due[task], end) for task in on_time if not important[task]])
    coming = sorted((free[task], task in on_time, task) for task in range(len(due)) if important[task])
    served: dict[int, float] = {}
    slot = 0.0
    waiting: list[tuple[bool, int, int]] = []
    upcoming = iter([*coming, None])
    following = next(upcoming)
    while following is not None or waiting:
        while following is not None and following[0] <= slot:
            task = following[2]
            heapq.heappush(waiting, (not following[1], due[task], task))
            following = next(upcoming)
        if reserved and reserved[-1] <= slot + 1:
            reserved.pop()  # a plain task must be served now
        elif waiting:
            served[heapq.heappop(waiting)[2]] = slot
        elif reserved:
            reserved.pop()  # nothing important is here: the next plain one can go already
        elif following is not None:
            slot = max(slot, following[0] - 1)
        slot += 1
    return served


def _latest_slots(due: list[int]) -> list[int]:
    """Give each of the tasks, all of which can be on time, the latest slot it may have; the last slot first."""
    slots = []
    slot = max(due, default=0) + 1
    for one in sorted(due, reverse=True):
        slot = min(slot - 1, one)
        slots.append(slot)
    return slots


def _find(latest: list[int], slot: int) -> int:
    root = slot
    while latest[root] != root:
        root = latest[root]
    while latest[slot] != root:
        latest[slot], slot = root, latest[slot]
    return root
