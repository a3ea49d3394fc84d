"""How well the demo's outage was recovered: what was done meanwhile, and when the ledger knew exactly when.

Compares the ledger with what really happened; knows neither the story nor the screen, and how the ledger learned it.
"""

import asyncio
from dataclasses import dataclass, field

from daemon.simulator.records import OWN
from daemon.simulator.world import World
from ledger.reader import Reader, TaskFilter

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
SOON_MS = 30 * MINUTE_MS
"""So long after the outage it is looked closely; afterwards it is no more a question of minutes."""


@dataclass(slots=True)
class Recovery:
    """Of one outage, from `start_at` to `end_at` (ms UTC); `done` is complete when it is over."""

    world: World
    reader: Reader
    start_at: int
    end_at: int
    done: int = 0  # tasks of ours that were completed during the outage
    known_at: int | None = None  # when the exact completion time of the last of them was found known
    _unknown: dict[str, int] = field(default_factory=dict)  # id -> completion, as it really was

    @property
    def exact(self) -> int:
        """Count those whose exact completion time the ledger knew at the last look."""
        return self.done - len(self._unknown)

    @property
    def minutes(self) -> float | None:
        """Return how long after the outage all were known, in simulated minutes; None: some are not."""
        return None if self.known_at is None else round((self.known_at - self.end_at) / MINUTE_MS, 1)

    async def watch(self) -> None:
        """Wait for the end of the outage, then look at the ledger until it knows all."""
        await asyncio.sleep(max(0, self.end_at - self.world.now()) / SECOND_MS)
        truths = (self.world.truth(task_id) for task_id in self.world.task_ids())
        self._unknown = {
            one.id: one.done_at
            for one in truths
            if one.owner == OWN and self.start_at <= one.done_at < self.end_at
        }
        self.done = len(self._unknown)
        while self.known_at is None:
            self.look()
            soon = self.world.now() < self.end_at + SOON_MS
            await asyncio.sleep((5 * SECOND_MS if soon else 10 * MINUTE_MS) / SECOND_MS)

    def look(self) -> None:
        """See which completion times the ledger knows by now: one instant, and the right one (it has whole seconds)."""
        if not self._unknown:
            return
        for task in self.reader.tasks(TaskFilter(ids=tuple(self._unknown))):
            at = task.latest_done_at
            exact = at is not None and task.earliest_done_at == at
            if exact and at is not None and abs(at - self._unknown[task.id]) < SECOND_MS:
                del self._unknown[task.id]
        if not self._unknown:
            self.known_at = self.world.now()
