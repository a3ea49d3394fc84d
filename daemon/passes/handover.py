"""The hand-over pass: lets results out to one target, the important ones first. Chooses nothing and opens no door.

A result is noted as handed over after its target took it: a crash in between hands it over once more, and none is
forgotten. Each target has a pass of its own, so one that is down, or hangs, delays only itself.
"""

import asyncio
from collections.abc import Callable

from daemon.handover.door import Door, HandoverError
from daemon.handover.parcel import Parcel
from daemon.handover.target import TargetRule
from daemon.passes.tools import Tools
from daemon.policy import handover
from daemon.policy.handover import Blame, Failure
from ledger.errors import LedgerError
from ledger.handover_records import Handover, Target
from ledger.records import Body

AT_ONCE = 500
"""Transitions that are looked at in one go: a backfill of a large ledger must not keep the loop."""

SOONEST_S = 0.05
"""A due time that rounding puts into the past must not make the loop spin."""


class HandOver:
    """Works for one target. `wake` is called when there may be something to do again."""

    def __init__(self, tools: Tools, rule: TargetRule, door: Door) -> None:
        """Prepare; nothing is handed over before `run`."""
        self.name = rule.name
        self.wake: Callable[[], None] = lambda: None
        self._tools = tools
        self._rule = rule
        self._door = door
        self._begun = False
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Make the target known, before anything comes home: what it gets begins here. A second time does nothing."""
        if not self._begun:
            table, rule = self._tools.ledger.handovers, self._rule
            table.begin(rule.name, str(rule.kind), self._tools.now(), backfill=rule.backfill)
            self._begun = True

    async def run(self, stop: asyncio.Event) -> int:
        """Hand over whatever is due, until nothing is; return how many results the target took.

        Raises:
            LedgerError: the ledger cannot be used; what was handed over since its last note is handed over again.
        """
        taken = 0
        self.begin()
        while not stop.is_set():
            await self._enrol(stop)
            now, target = self._tools.now(), self._target()
            if handover.pause_ms(target, now, self._tools.rules):
                break
            one = self._next(now)
            if one is None:
                break
            taken += await self._hand(one, target)
            await asyncio.sleep(0)
        self._set_timer()
        if taken:
            self._tools.log.info("results.handed_over", target=self.name, count=taken)
        return taken

    async def aclose(self) -> None:
        """Let go of the target."""
        if self._timer is not None:
            self._timer.cancel()
        await self._door.aclose()

    def _target(self) -> Target:
        target = self._tools.ledger.handovers.target(self.name)
        if target is None:
            self._begun = False
            raise LedgerError(f"target {self.name} is gone from the ledger; it is made known to it again")
        return target

    def _next(self, now: int) -> Handover | None:
        return self._tools.ledger.handovers.next(self.name, now, handover.latest(now, self._tools.rules))

    async def _enrol(self, stop: asyncio.Event) -> None:
        """Let what came home since the last time wait for this target, if it is to have it."""
        table = self._tools.ledger.handovers
        while not stop.is_set():
            home, seen = table.fresh(self.name, AT_ONCE)
            if not seen:
                return
            table.enrol(self.name, handover.wanted(self._rule, home), seen)
            await asyncio.sleep(0)

    async def _hand(self, one: Handover, target: Target) -> bool:
        failure = await self._put(one)
        now = self._tools.now()
        if failure is None:
            self._tools.ledger.handovers.taken(one, now)
            return True
        trouble = handover.after(failure, one, target, now, self._tools.rules)
        self._tools.ledger.handovers.failed(one, trouble)
        self._tools.log.debug(
            "handover.failed",
            target=self.name,
            task=one.task_id,
            blame=failure.blame,
            problem=failure.problem,
        )
        return False

    async def _put(self, one: Handover) -> Failure | None:
        try:
            body = self._load(one)
        except LedgerError as error:
            self._tools.ledger_failed(error, f"handover {self.name}")
            return Failure(Blame.LEDGER, str(error))
        if body is None:
            return Failure(Blame.LEDGER, f"the result of task {one.task_id} is not where results are kept")
        try:
            await self._door.put(Parcel(body, one.function, one.tag, self._rule.form))
        except HandoverError as error:
            blame = Blame.RESULT if error.about_result else Blame.TARGET
            return Failure(blame, str(error), error.retry_after_ms)
        return None

    def _load(self, one: Handover) -> Body | None:
        return self._tools.ledger.bodies.load(one.task_id, one.recorded_at, edition=one.edition)

    def _set_timer(self) -> None:
        """Be woken when the next try is due; what comes home earlier wakes this pass by itself."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._tools.now()
        wait_ms = handover.pause_ms(self._target(), now, self._tools.rules)
        if not wait_ms:
            due = self._tools.ledger.handovers.next_due(self.name)
            if due is None:
                return
            wait_ms = due - now
        wait_s = min(max(wait_ms / 1000, SOONEST_S), 3600)
        self._timer = asyncio.get_running_loop().call_later(wait_s, self.wake)
