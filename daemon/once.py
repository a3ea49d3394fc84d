"""One round of every pass, one after the other, and an end: what cron gets. Knows no schedule."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from daemon.passes import account, deliveries, fixed, lookup, post, reconcile, review
from daemon.passes.collect import Collector
from daemon.passes.handover import HandOver
from daemon.passes.tools import Tools
from daemon.policy.rules import Rules
from daemon.stopping import pause

EARLY_MS = 60_000
"""A cron job's minute jitters: what falls due within the next one is asked now."""

READ_ON_MS = 10 * 60_000
"""A look-up of many pages waits for the budget of id_list in between. No longer than this: other rounds are kept out
meanwhile, and a read that needs more (some ninety thousand rows) is for the daemon."""


@dataclass(frozen=True, slots=True)
class Round:
    """The passes of one round; `stop` ends it early."""

    tools: Tools
    stop: asyncio.Event
    collector: Collector
    reconciler: reconcile.Reconciler
    finder: lookup.Finder
    poster: post.Poster
    inquirer: deliveries.Inquirer
    handing: Sequence[HandOver]
    make_fixer: Callable[[Rules], fixed.Fixer]

    async def run(self) -> None:
        """Ask what is due, post, fetch what can be fetched, hand it over, and review."""
        await account.ask(self.tools)
        await self.finder.run()
        await self.poster.run()
        while await self.reconciler.run(early_ms=EARLY_MS) and not self.stop.is_set():
            await self.collector.drain(self.stop)
        await self.collector.drain(self.stop)
        await self._fix()
        self.collector.flush()
        if not self.stop.is_set():
            await self.inquirer.run()
        await asyncio.gather(*(one.run(self.stop) for one in self.handing))
        await self._read_on()
        review.run(self.tools)

    async def _fix(self) -> None:
        """Ask the lists of re-parsed tasks that are due, each when there is a slot for it, and fetch what they show."""
        fixer = self.make_fixer(replace(self.tools.rules, fixed_apart_ms=0))  # nobody is left to need a slot
        for _ in fixed.SCOPES:
            wait_ms = fixer.wait_ms()
            if wait_ms is None:
                return
            await pause(self.stop, wait_ms / 1000)
            if self.stop.is_set() or not await fixer.run():
                return
            await self.collector.drain(self.stop)

    async def _read_on(self) -> None:
        """Notice which calls of this round brought no answer, and finish the look-ups that it began."""
        if self.stop.is_set():
            return
        until = self.tools.ticks() + READ_ON_MS
        await self.finder.run()
        while (wait_ms := self.finder.wait_ms()) is not None and self.tools.ticks() + wait_ms < until:
            await pause(self.stop, wait_ms / 1000)
            if self.stop.is_set():
                return
            await self.finder.run()
