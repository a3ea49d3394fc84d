"""Makes backlogs: which tasks completed when, and which are important. Knows no remote and no policy.

The network is back at `START`, after a long outage. Instants are ms; the same arguments make the same backlog.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS

START = 40 * 24 * HOUR_MS
"""When the network is back; everything else is told from here."""

VISIBLE_MS = 72 * HOUR_MS
"""So long after its completion a list shows a task."""

IMPORTANT_SHARE = 0.1
EARLY_SHARE = 0.05
"""With `early`, so many tasks are still being worked on when the network is back."""

EARLY_MS = 10 * MINUTE_MS
"""They complete within this time."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A backlog; a task is its position in these lists."""

    kind: str
    early: bool
    posted_at: list[int]
    done_at: list[int]
    important: list[bool]

    def __len__(self) -> int:
        """Count the tasks."""
        return len(self.done_at)

    def deadline_of(self, task: int) -> int:
        """Return when the list forgets a task."""
        return self.done_at[task] + VISIBLE_MS

    def ready_at(self, task: int) -> int:
        """Return from when on a task could be had."""
        return max(START, self.done_at[task])


Draw = tuple[int, bool]
"""How long before `START` a task completed (ms), and whether it is important."""


def make(kind: str, size: int, *, early: bool = False, seed: int = 1) -> Workload:
    """Make a backlog of `size` tasks."""
    chance = random.Random(f"{kind} {size} {seed}")  # noqa: S311  # a benchmark wants the same backlog each time
    work = Workload(kind, early, [], [], [])
    draw = KINDS[kind]
    slow = frozenset(chance.sample(range(size), int(size * EARLY_SHARE))) if early else frozenset()
    for task in range(size):
        age, important = draw(chance, task)
        if task in slow:
            done_at = START + chance.randrange(1, EARLY_MS)
            posted_at = START - chance.randrange(5 * MINUTE_MS, 15 * MINUTE_MS)
        else:
            done_at = START - age
            posted_at = done_at - chance.randrange(MINUTE_MS, 9 * MINUTE_MS)
        work.posted_at.append(posted_at)
        work.done_at.append(done_at)
        work.important.append(important)
    return work


def _steady(chance: random.Random, _task: int) -> Draw:
    return chance.randrange(60 * HOUR_MS), chance.random() < IMPORTANT_SHARE


def _tight(chance: random.Random, _task: int) -> Draw:
    age = 69 * HOUR_MS + HOUR_MS // 2 + chance.randrange(2 * HOUR_MS)
    return age, chance.random() < IMPORTANT_SHARE


def _conflict(chance: random.Random, task: int) -> Draw:
    if task % 3:
        return chance.randrange(10 * HOUR_MS), True
    return VISIBLE_MS - HOUR_MS // 2 - chance.randrange(HOUR_MS), False


KINDS: dict[str, Callable[[random.Random, int], Draw]] = {
    "steady": _steady,
    "tight": _tight,
    "conflict": _conflict,
}
"""steady: completions spread over an outage of 60 h. tight: one batch, 69.5 to 71.5 h old. conflict: a third plain
tasks due in 0.5 to 1.5 h, two thirds important with 62 h left or more."""
