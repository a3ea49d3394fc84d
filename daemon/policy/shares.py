"""How many tasks of each priority to serve next, from counts alone. Knows slots (places in the line), no task.

Tasks are unit jobs on one server, so the sets that can be on time form a matroid. Giving each task, by importance, the
latest free slot before its deadline finds the largest and most important such set; of equally important tasks the
patient ones come first, so those that fall out are always the least patient of their level. Of that set, tasks due by
slot t can leave at most t - K unserved after K places; within that, the important go first (Lawler's rule, read
forwards: what it leaves for the first K places is the most important set that keeps the others on time).
"""

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

Group = tuple[int, int]
"""Tasks of one level: the last slot in which they are on time, and how many they are."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one level of priority gets."""

    hopeless: int  # the least patient tasks of the level, which cannot be on time any more
    first: int  # so many of the others, in order of their deadlines, are among the next to be served


def of(levels: Sequence[Sequence[Group]], count: int) -> list[Share]:
    """Share the next `count` places among levels; the most important first, each in order of its slots."""
    if all_make_it(levels):
        hopeless = [0] * len(levels)
        return _share(_by_importance([_total(level) for level in levels], count), hopeless)
    hopeless = _hopeless(levels)
    able = sum(_total(level) for level in levels) - sum(hopeless)
    return _share(_first(levels, hopeless, min(count, able)), hopeless)


def _share(first: Sequence[int], hopeless: Sequence[int]) -> list[Share]:
    return [Share(lost, picked) for lost, picked in zip(hopeless, first, strict=True)]


def _total(level: Sequence[Group]) -> int:
    return sum(tasks for _, tasks in level)


def all_make_it(levels: Sequence[Sequence[Group]]) -> bool:
    """Say whether plain priority order serves everybody in time: the usual case."""
    served = 0
    for level in levels:
        for slot, tasks in level:
            served += tasks
            if served > slot:
                return False
    return True


def _by_importance(able: Sequence[int], count: int) -> list[int]:
    first = []
    for tasks in able:
        first.append(min(tasks, count))
        count -= first[-1]
    return first


def _hopeless(levels: Sequence[Sequence[Group]]) -> list[int]:
    """Count for each level the tasks for which no slot is left."""
    edges = sorted({slot for level in levels for slot, _ in level} | {0})
    place = {edge: at for at, edge in enumerate(edges)}
    free = [0, *(late - early for early, late in itertools.pairwise(edges))]
    link = list(range(len(edges)))  # the nearest place at or before that may have free slots; 0 has none

    def settle(at: int, tasks: int) -> int:
        """Give tasks the latest free slots; return how many found none."""
        trail = []
        while at:
            if link[at] != at:
                trail.append(at)
                at = link[at]
            elif tasks < free[at]:
                free[at] -= tasks
                tasks = 0
                break
            else:
                tasks -= free[at]
                free[at] = 0
                link[at] = at - 1
        for passed in trail:
            link[passed] = at
        return tasks

    found = []
    for level in levels:
        done = 0
        for slot, tasks in reversed(level):
            left = settle(place[slot], tasks)
            done += tasks - left
            if left:
                break
        found.append(_total(level) - done)
    return found


def _first(levels: Sequence[Sequence[Group]], hopeless: Sequence[int], count: int) -> list[int]:
    """Pick `count` tasks, the most important that leave to the others the time they need."""
    waiting, picked = [0] * len(levels), [0] * len(levels)
    ready: list[int] = []  # a heap of levels with tasks waiting; 0 is the most important
    arrived = served = 0

    def serve(needed: int) -> None:
        nonlocal served
        while served < needed:
            level = ready[0]
            some = min(needed - served, waiting[level])
            picked[level] += some
            waiting[level] -= some
            served += some
            if not waiting[level]:
                heapq.heappop(ready)

    for slot, level, tasks in _arrivals(levels, hopeless):
        if not waiting[level]:
            heapq.heappush(ready, level)
        waiting[level] += tasks
        arrived += tasks
        # Asked before all that share a slot have arrived, this is too few; the last of them asks for the rest.
        if arrived - max(0, slot - count) > served:
            serve(arrived - max(0, slot - count))
    serve(count)
    return picked


def _arrivals(levels: Sequence[Sequence[Group]], hopeless: Sequence[int]) -> list[tuple[int, int, int]]:
    """List the tasks that can be on time, by slot and then by importance: (slot, level, tasks)."""
    found = []
    for level, groups in enumerate(levels):
        skip = hopeless[level]
        for slot, tasks in groups:
            able = max(0, tasks - skip)
            skip -= tasks - able
            if able:
                found.append((slot, level, able))
    return sorted(found)
