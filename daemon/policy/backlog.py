"""Tasks waiting to be collected, kept so that the next few are chosen without looking at all. Knows no ledger.

The rule is that of `priority.order`; the next tasks are those that it would put first. Of every level of priority the
tasks are kept by deadline, in stretches that count as due when their first task is; then the choice is arithmetic over
counts of stretches (`shares`), and only the chosen tasks are put in order one by one.

A task is never taken for later than it is, and for earlier only while there are more than `FINE` tasks: then by at most
a sixteenth of its time left, and by at most a thousandth of the time that serving all tasks takes (for each level of
priority). So an order may spare the unimportant sooner than it must by that much, and in a backlog that is too large to
be on time, or only just small enough, so much more of it may come late. Smaller backlogs are ordered exactly.
"""

import heapq
import itertools
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from itertools import islice

from daemon.policy import priority, shares
from daemon.policy.priority import Ranked
from daemon.policy.shares import Group, Share
from daemon.policy.stretches import Stretches

FINE = 1_000
"""Up to so many tasks, nothing is rounded; beyond, the time that serving all takes is cut into so many parts."""

AT_ONCE = 500
"""So many tasks of a level are moved in one pass when their deadlines pass together: more would stall the loop."""

SURVEYED = 4_000
"""So many tasks without a slot are compared in one pass; nothing is at stake between them but a retention far away."""


@dataclass(slots=True)
class _Level:
    """The tasks of one priority: those that still have time by deadline, the others by retention."""

    timely: Stretches = field(default_factory=Stretches)
    past: Stretches = field(default_factory=Stretches)


class Backlog:
    """Tasks waiting to be collected, kept so that the next few can be chosen without looking at all of them."""

    def __init__(self, fine: int = FINE) -> None:
        """Start empty. A smaller `fine` plans faster and rounds more."""
        self._fine = fine
        # Priority, deadline, retention. Python's collector need not look into tuples of numbers; with half a million
        # records it would stop the loop for a quarter of a second now and then.
        self._tasks: dict[str, tuple[int, int, int]] = {}
        self._past: set[str] = set()  # ids kept by retention
        self._sorted_at = 0  # no deadline of `_past` is later
        self._levels: dict[int, _Level] = {}
        self._kept = Stretches()  # all of them, by retention

    def __len__(self) -> int:
        """Count the tasks."""
        return len(self._tasks)

    def __contains__(self, task_id: object) -> bool:
        """Say whether a task waits."""
        return task_id in self._tasks

    def get(self, task_id: str) -> Ranked | None:
        """Return what is known of a task that waits."""
        facts = self._tasks.get(task_id)
        return None if facts is None else Ranked(task_id, *facts)

    def put(self, one: Ranked) -> bool:
        """Insert a task, or replace the one with the same id; say whether that changed anything."""
        before = self._tasks.get(one.id)
        facts = (one.priority, one.deadline_at, one.retention_at)
        if before == facts:
            return False
        if before is not None:
            self.drop(one.id)
        self._tasks[one.id] = facts
        self._kept.add((one.retention_at, one.id))
        level = self._levels.get(one.priority)
        if level is None:
            level = self._levels[one.priority] = _Level()
        if one.deadline_at <= self._sorted_at:
            self._past.add(one.id)
            level.past.add((one.retention_at, one.id))
        else:
            level.timely.add((one.deadline_at, one.id))
        return True

    def drop(self, task_id: str) -> None:
        """Forget a task, if it waits."""
        facts = self._tasks.pop(task_id, None)
        if facts is None:
            return
        importance, deadline_at, retention_at = facts
        self._kept.remove((retention_at, task_id))
        level = self._levels[importance]
        if task_id in self._past:
            self._past.discard(task_id)
            level.past.remove((retention_at, task_id))
        else:
            level.timely.remove((deadline_at, task_id))
        if not level.timely and not level.past:
            del self._levels[importance]

    def take(self, count: int, now: int, rate_per_ms: float) -> list[Ranked]:
        """Choose the next `count` tasks in the order they should be served at that rate, and remove them."""
        line = self.choose(count, now, rate_per_ms)
        for one in line:
            self.drop(one.id)
        return line

    def choose(self, count: int, now: int, rate_per_ms: float) -> list[Ranked]:
        """Choose the next `count` tasks in the order they should be served at that rate; they go on waiting."""
        if count <= 0:
            return []
        line = self._endangered(count, now, rate_per_ms)
        if len(line) == count:
            return line
        for one in line:  # no other is in danger, so the rest is chosen as if these were gone
            self.drop(one.id)
        others = self._by_visibility(count - len(line), now, rate_per_ms)
        for one in line:
            self.put(one)
        return line + others

    def _endangered(self, count: int, now: int, rate_per_ms: float) -> list[Ranked]:
        """Return the tasks whose results would be deleted before all are home, the soonest first."""
        safe_from = priority.through_at(len(self._tasks), now, rate_per_ms)
        coming = self._kept.after(self._kept.place_of(now + 1))
        soon = itertools.takewhile(lambda key: key[0] <= safe_from, coming)
        return [self._ranked(task_id) for _, task_id in islice(soon, count)]

    def _by_visibility(self, count: int, now: int, rate_per_ms: float) -> list[Ranked]:
        self._sort_out_past(now)
        levels = [level for _, level in sorted(self._levels.items(), reverse=True)]
        shared = self._shares(levels, count, now, rate_per_ms)
        pairs = list(zip(levels, shared, strict=True))
        chosen = [one for level, share in pairs for one in self._of_share(level.timely, share)]
        line = priority.arrange(chosen, now, rate_per_ms)
        if len(line) < count:  # then all that can be on time are in it, and what is left cannot
            line += self._hopeless(levels, count - len(line), skip={one.id for one in line})
        if len(line) < count:
            past = (self._ranked(task_id) for level in levels for _, task_id in level.past.after(0))
            line += islice(past, count - len(line))
        return line

    def _shares(self, levels: list[_Level], count: int, now: int, rate_per_ms: float) -> list[Share]:
        """Share the next places; narrow the stretches only as far as, and only when, somebody's time is short."""
        lines = [level.timely for level in levels]
        timely = len(self._tasks) - len(self._past)
        groups = [_groups(line, timely, now, rate_per_ms) for line in lines]
        if not shares.all_make_it(groups) and rate_per_ms > 0:
            widest = len(lines) * timely / self._fine / rate_per_ms if timely > self._fine else 0.0
            until = now + int(timely / rate_per_ms)
            narrowed = [line.narrow(now, widest, until, 4 * self._fine) for line in lines]
            if any(narrowed):
                groups = [_groups(line, timely, now, rate_per_ms) for line in lines]
        return shares.of(groups, count)

    def _of_share(self, line: Stretches, share: Share) -> Iterator[Ranked]:
        """Go through the tasks of a share in order of their deadlines.

        Of equal deadlines the smaller ids are on time: where that is some of them, the others lie behind these.
        """
        if not share.first:
            return
        keys = line.after(share.hopeless)
        if share.hopeless:
            edge = next(line.after(share.hopeless))[0]
            start, end = line.place_of(edge), line.place_of(edge + 1)
            able = end - share.hopeless
            keys = itertools.chain(islice(line.after(start), able), line.after(end))
        for _, task_id in islice(keys, share.first):
            yield self._ranked(task_id)

    def _hopeless(self, levels: list[_Level], count: int, skip: Container[str]) -> list[Ranked]:
        """Return tasks that have time, but no slot in it: by importance, and the soonest deleted first.

        Of very many, only those are compared that come first by importance and deadline.
        """
        found = (task_id for level in levels for _, task_id in level.timely.after(0))
        others = (self._ranked(task_id) for task_id in found if task_id not in skip)
        return heapq.nsmallest(count, islice(others, count + SURVEYED), key=priority.leisure)

    def _sort_out_past(self, now: int) -> None:
        """Move tasks whose deadline has passed, not too many at once; and back, when somebody has set the clock back.

        What is left for the next time counts as hopeless until then.
        """
        if now < self._sorted_at:
            self._take_back(now)
        self._sorted_at = now
        for level in self._levels.values():
            for _, task_id in level.timely.pop_until(now, AT_ONCE):
                level.past.add((self._tasks[task_id][2], task_id))
                self._past.add(task_id)

    def _ranked(self, task_id: str) -> Ranked:
        return Ranked(task_id, *self._tasks[task_id])

    def _take_back(self, now: int) -> None:
        again = [one for task_id in self._past if (one := self._ranked(task_id)).deadline_at > now]
        self._sorted_at = now
        for one in again:
            self.drop(one.id)
            self.put(one)


def _groups(line: Stretches, tasks: int, now: int, rate_per_ms: float) -> list[Group]:
    """Count tasks by the last slot in which they are on time; no slot is later than there are tasks."""
    groups = []
    left = len(line)
    for stretch in line.stretches:
        first = stretch[0][0]
        slot = int((first - now) * rate_per_ms) if first > now else 0
        if slot >= tasks:
            break
        groups.append((slot, len(stretch)))
        left -= len(stretch)
    if left:
        groups.append((tasks, left))
    return groups
