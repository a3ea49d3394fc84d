"""One total order for collecting. Knows deadlines and a rate of service; does not know why a task is a candidate.

The user's priority comes first, then the nearest visibility deadline, *unless* serving the important now would
push some task past its deadline that could still make it. Tasks already past are safe by id for days: they go last.
Before all of them go those that are safe no more: tasks whose results would be deleted before everything is home.

Tasks are unit jobs on one server, so the sets that can be on time form a matroid: taking tasks greedily by
importance, each into the latest free slot before its deadline, gives a set that is both largest and most important.
Filling the positions of that set from the last to the first with the least important task that may stand there
(Lawler's rule) then serves the important as early as the deadlines of the others allow.
"""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

from daemon.policy.rules import HOUR_MS

DELETION_MARGIN_MS = HOUR_MS
"""A result counts as in danger when it is deleted sooner than this after everything that waits now could be home: rates
fall, more tasks arrive, and a result that is deleted cannot be brought back."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """What ordering needs to know of a task. Instants are ms UTC."""

    id: str
    priority: int  # higher is more important
    deadline_at: int  # Tasks Ready may forget it then
    retention_at: int  # the result is deleted then


def order(candidates: Sequence[Ranked], now: int, rate_per_ms: float) -> list[Ranked]:
    """Order tasks for collecting at `rate_per_ms` GETs a millisecond; stable, total, the same for any input order."""
    safe_from = through_at(len(candidates), now, rate_per_ms)
    endangered = [one for one in candidates if now < one.retention_at <= safe_from]
    others = [one for one in candidates if not now < one.retention_at <= safe_from]
    endangered.sort(key=lambda one: (one.retention_at, one.id))
    return endangered + _by_visibility(others, now, rate_per_ms)


def through_at(tasks: int, now: int, rate_per_ms: float) -> float:
    """Return until when results must be kept for none of so many tasks to be in danger (ms UTC).

    A result whose time is over already is in no danger: it is gone, or the remote keeps it longer than it promised.
    """
    return now + tasks / rate_per_ms + DELETION_MARGIN_MS if rate_per_ms > 0 else math.inf


def _by_visibility(tasks: Sequence[Ranked], now: int, rate_per_ms: float) -> list[Ranked]:
    live = sorted((one for one in tasks if one.deadline_at > now), key=_importance)
    past = sorted((one for one in tasks if one.deadline_at <= now), key=leisure)
    if _all_make_it(live, now, rate_per_ms):
        return live + past
    chosen = _choose(live, _slots(live, now, rate_per_ms))
    dropped = sorted((one for one in live if one.id not in chosen), key=leisure)
    return arrange([one for one in live if one.id in chosen], now, rate_per_ms) + dropped + past


def _importance(one: Ranked) -> tuple[int, int, str]:
    return -one.priority, one.deadline_at, one.id


def leisure(one: Ranked) -> tuple[int, int, str]:
    """Rank tasks that cannot be on time: the important first, then the soonest deleted."""
    return -one.priority, one.retention_at, one.id


def _slots(tasks: Sequence[Ranked], now: int, rate_per_ms: float) -> dict[str, int]:
    """Say for each task in how many slots from now it must be served at the latest."""
    return {one.id: int((one.deadline_at - now) * rate_per_ms) for one in tasks}


def _all_make_it(ordered: Sequence[Ranked], now: int, rate_per_ms: float) -> bool:
    """Say whether plain priority order already serves everybody in time: the usual case."""
    return all(
        place <= int((one.deadline_at - now) * rate_per_ms) for place, one in enumerate(ordered, start=1)
    )


def _choose(ordered: Sequence[Ranked], slots: dict[str, int]) -> frozenset[str]:
    """Choose the tasks that will be on time: as many as can be, the important ones before others."""
    last = len(ordered)
    free = list(range(last + 1))  # free[s]: the latest free slot at or before s; 0 means none

    def latest_free(slot: int) -> int:
        root = slot
        while free[root] != root:
            root = free[root]
        while free[slot] != root:
            free[slot], slot = root, free[slot]
        return root

    chosen = []
    # Of equally important tasks the patient ones: they let the important start sooner.
    for one in sorted(ordered, key=lambda one: (-one.priority, -one.deadline_at, one.id)):
        slot = latest_free(min(slots[one.id], last))
        if slot:
            free[slot] = slot - 1
            chosen.append(one.id)
    return frozenset(chosen)


def arrange(chosen: Sequence[Ranked], now: int, rate_per_ms: float) -> list[Ranked]:
    """Order tasks that can all be on time: the important as early as the deadlines of the others allow.

    Positions are filled from the last to the first with the least important task that may stand there.
    """
    slots = _slots(chosen, now, rate_per_ms)
    by_slot = sorted(chosen, key=lambda one: slots[one.id])
    waiting: list[tuple[int, int, int, Ranked]] = []
    line: list[Ranked] = []
    importance = {one.id: rank for rank, one in enumerate(sorted(chosen, key=_importance))}
    for position in range(len(chosen), 0, -1):
        while by_slot and slots[by_slot[-1].id] >= position:
            one = by_slot.pop()
            heapq.heappush(waiting, (one.priority, -importance[one.id], 0, one))
        line.append(heapq.heappop(waiting)[-1])
    line.reverse()
    return line
