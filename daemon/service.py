"""The long-running process: who wakes which pass, how it starts and how it ends.

APScheduler only wakes passes: each pass runs in a loop of its own, so that a late tick, an overrun or a stop
never cancels work half done (APScheduler 3.11 drops runs later than its grace time and cancels running
coroutines on shutdown). Knows no SQL, no URL and no rule.
"""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from daemon import hiding, logs, stopping
from daemon.clock import SystemClock
from daemon.composition import build_front, build_tools
from daemon.notify import Notifier
from daemon.once import Round
from daemon.passes import (
    account,
    audit,
    clock_step,
    deliveries,
    fixed,
    lookup,
    maintain,
    post,
    reconcile,
    review,
)
from daemon.passes.collect import Collector
from daemon.passes.handover import HandOver
from daemon.passes.remote import exit_code
from daemon.passes.tools import Tools
from daemon.policy.answers import AnswerKind
from daemon.policy.rules import Rules
from daemon.settings import Settings
from daemon.settings_webhook import Webhook
from daemon.threads import EventLoop
from daemon.ticks import Every
from ledger.errors import LedgerError
from ledger.lock import DaemonLock
from ledger.store import Ledger

TICK_S = 5
REVIEW_S = 60
ACCOUNT_S = 60
MAINTAIN_S = 3600
TICKS = {
    "reconcile": TICK_S,
    "audit": TICK_S,
    "post": TICK_S,
    "lookup": TICK_S,
    "review": REVIEW_S,
    "account": ACCOUNT_S,
    "maintain": MAINTAIN_S,
    "handover": TICK_S,
}
"""How often each pass is woken, in seconds."""

AFTER_FAILURE_S = 30
"""How long the collector rests after a failure that is not the remote's."""

PATIENCE = (10_000, 10, 1_000)
"""Thresholds of Python's collector of cycles. By default it looks at everything again and again while many records are
read, and with half a million tasks in memory each time stops the loop for some tens of milliseconds."""


@dataclass(slots=True)
class Loop:
    """One pass in a loop of its own: it runs when woken, and a failure ends the run, never the loop."""

    name: str
    run: Callable[[], Awaitable[object]]
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Ask for one run; several wishes during a run become one."""
        self.woken.set()

    async def forever(self, stop: asyncio.Event, tools: Tools) -> None:
        """Run once at start, then each time it is woken, until `stop`."""
        self.woken.set()
        while True:
            await self.woken.wait()
            self.woken.clear()
            if stop.is_set():
                return
            await self._once(tools)

    async def _once(self, tools: Tools) -> None:
        try:
            await self.run()
            tools.bugs.worked(self.name)
        except LedgerError as error:
            tools.ledger_failed(error, self.name)
        except Exception as error:
            tools.pass_failed(error, self.name)


class Service:
    """Wires passes to ticks, signals and systemd, and ends them cleanly."""

    def __init__(
        self, tools: Tools, *, lanes: int, notifier: Notifier | None = None, webhook: Webhook | None = None
    ) -> None:
        """Prepare the loops, and the receiver when `webhook` wants one; nothing runs yet.

        Raises:
            SettingsError: the receiver has no secret that it can use.
        """
        self.tools = tools
        self.stop = asyncio.Event()
        self.collector = Collector(tools, lanes=lanes)
        self.front = build_front(tools, webhook, self.collector.refresh)
        self._notifier = notifier or Notifier({})
        self._reconciler = reconcile.Reconciler(tools, self.collector.refresh)
        self._auditor = audit.Auditor(tools, self.collector.refresh)
        self._fixer = self._make_fixer(tools.rules)
        self._inquirer = deliveries.Inquirer(tools)
        self._poster = post.Poster(tools, self.stop)
        self._finder = lookup.Finder(tools)
        self._loops = {
            "reconcile": Loop("reconcile", self._reconcile),
            "audit": Loop("audit", self._auditor.run),
            "fixed": Loop("fixed", self._fixer.run),  # woken by reconcile
            "deliveries": Loop("deliveries", self._inquirer.run),  # woken by reconcile
            "post": Loop("post", self._poster.run),
            "lookup": Loop("lookup", self._finder.run),
            "review": Loop("review", self._review),
            "account": Loop("account", self._account),
            "maintain": Loop("maintain", self._maintain),
        }
        tools.on_well += [self.collector.refresh, self._look_again]
        self._handing = [HandOver(tools, rule, door) for rule, door in tools.targets]
        for one in self._handing:
            self._add_target(one)
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._refused = False  # the account, by the last call
        self._offset_s: float | None = None  # wall clock less monotonic clock
        self._review_again_at = 0  # monotonic ms
        self._ticked_at = 0  # monotonic ms

    async def run(self) -> None:
        """Work until `stop` is set (a signal, or the caller), then end within ten seconds."""
        clock_step.at_start(self.tools)
        self._start_ticks()
        self._begin_targets()
        loops = [asyncio.create_task(loop.forever(self.stop, self.tools)) for loop in self._loops.values()]
        loops.append(asyncio.create_task(self._collect()))
        if self.front is not None:
            loops.append(asyncio.create_task(self.front.run(self.stop)))
        self._record_start()
        self._notifier.ready()
        try:
            await self.stop.wait()
        finally:
            await self._end(loops)

    async def run_once(self) -> int:
        """Ask what is due, fetch what can be fetched, review, and return the exit code (for cron)."""
        try:
            clock_step.at_start(self.tools)
            self._begin_targets()
            await stopping.until(self.stop, self._round().run())
        finally:
            abandoned = await self.collector.abandon()
            self.collector.flush()
            await self._close()
        if self.stop.is_set():
            self.tools.log.info("service.stopped", abandoned=abandoned)
        return exit_code(self.tools.remote)

    def _round(self) -> Round:
        return Round(
            tools=self.tools,
            stop=self.stop,
            collector=self.collector,
            reconciler=self._reconciler,
            finder=self._finder,
            poster=self._poster,
            inquirer=self._inquirer,
            handing=self._handing,
            make_fixer=self._make_fixer,
        )

    def ask_to_stop(self) -> None:
        """Let every loop end after what it is doing; safe to call from a signal handler of the loop."""
        self.stop.set()
        for loop in self._loops.values():
            loop.wake()
        self.collector.wake()

    def _make_fixer(self, rules: Rules) -> fixed.Fixer:
        return fixed.Fixer(self.tools, self.collector.refresh, self._reconciler.waits, rules)

    def _start_ticks(self) -> None:
        for name, seconds in TICKS.items():
            self._scheduler.add_job(self._tick, Every(seconds), args=[name], id=name)
        self._scheduler.start()
        self._ticked_at = self.tools.ticks()
        self._watch_clock()

    async def _tick(self, name: str) -> None:
        """Wake a pass. A coroutine: APScheduler runs plain functions in threads, and events know no threads."""
        self._ticked_at = self.tools.ticks()
        if name == "handover":
            self._wake_targets()
        else:
            self._loops[name].wake()

    def _record_start(self) -> None:
        now = self.tools.now()
        self.tools.ledger.facts.put("daemon_started", str(now), now)
        self.tools.ledger.facts.put("pid", str(os.getpid()), now)
        self.tools.log.info(
            "service.started", ledger=str(self.tools.ledger.path), sqlite=self.tools.ledger.engine.version
        )
        if self.tools.ledger.engine.warning:
            self.tools.log.warning("engine.warning", problem=self.tools.ledger.engine.warning)

    def _add_target(self, one: HandOver) -> None:
        async def run() -> None:
            await one.run(self.stop)

        loop = self._loops[f"handover {one.name}"] = Loop(f"handover {one.name}", run)
        one.wake = loop.wake
        self.tools.on_home.append(loop.wake)

    def _begin_targets(self) -> None:
        for one in self._handing:
            one.begin()

    def _wake_targets(self) -> None:
        for one in self._handing:
            one.wake()

    async def _reconcile(self) -> None:
        await self._reconciler.run()
        # Fed by what it is there to watch: a pass that looked at the lists, or found that none is due.
        self._notifier.watchdog()
        self._tell_of_refusal()
        # After Tasks Ready had its turn, and in a loop of its own: a slow answer there must not hold this one up.
        self._loops["fixed"].wake()
        self._loops["deliveries"].wake()

    def _look_again(self) -> None:
        """Let lists say what was missed while the remote was in trouble."""
        self._reconciler.forget_plan()
        self._loops["reconcile"].wake()

    async def _account(self) -> None:
        await account.ask(self.tools)
        self._tell_of_refusal()

    def _tell_of_refusal(self) -> None:
        """Let a refused login be an alert at once: nothing gets better by waiting for the next review."""
        remote = self.tools.remote
        refused = remote.kind is AnswerKind.ACCOUNT or bool(remote.refused)
        if refused and not self._refused:
            self._loops["review"].wake()
        self._refused = refused

    async def _review(self) -> None:
        self._notice_step()
        if self.tools.ticks() < self._review_again_at:
            return  # the clock was set, or the machine slept: let the lists say first what is still true
        summary = review.run(self.tools)
        self._notifier.status(summary)

    async def _maintain(self) -> None:
        maintain.run(self.tools)

    async def _collect(self) -> None:
        """Keep the collector going: what it cannot do now it may be able to do in a moment."""
        while not self.stop.is_set():
            try:
                await self.collector.run(self.stop)
            except LedgerError as error:
                self.tools.ledger_failed(error, "collect")
                await stopping.pause(self.stop, AFTER_FAILURE_S)
            except Exception as error:
                self.tools.pass_failed(error, "collect")
                await stopping.pause(self.stop, AFTER_FAILURE_S)

    def _watch_clock(self) -> None:
        self._notice_step()
        self._notice_silence()
        clock_step.write(self.tools)
        self._clock_timer = asyncio.get_running_loop().call_later(TICK_S, self._watch_clock)

    def _notice_step(self) -> None:
        """Notice that somebody set the wall clock, by the clock that nobody can set."""
        offset_s = self.tools.now() / 1000 - self.tools.clock.monotonic()
        moved_s = 0.0 if self._offset_s is None else offset_s - self._offset_s
        self._offset_s = offset_s
        if abs(moved_s) > clock_step.STEP_S:
            self._stepped(moved_s)

    def _notice_silence(self) -> None:
        """Notice that no tick has come: the clock was behind just when APScheduler looked, and is right again."""
        if self.tools.ticks() - self._ticked_at > 2 * TICK_S * 1000:
            self._scheduler.wakeup()  # what is due by the clock of now

    def _stepped(self, moved_s: float) -> None:
        """Re-anchor what hangs on the wall clock; APScheduler's next run is a wall instant."""
        self._review_again_at = self.tools.ticks() + REVIEW_S * 1000
        self._ticked_at = self.tools.ticks()
        for name, seconds in TICKS.items():
            # A new trigger: the old one would not fire before the instant at which it was made.
            self._scheduler.reschedule_job(name, trigger=Every(seconds))
        self._reconciler.forget_plan()
        self._auditor.forget_plan()
        self._fixer.forget_plan()
        self._finder.forget()
        clock_step.run(self.tools, round(moved_s * 1000))
        self.collector.recheck()

    async def _end(self, loops: list[asyncio.Task[None]]) -> None:
        self._notifier.stopping()
        self._clock_timer.cancel()
        self._scheduler.pause()
        self.ask_to_stop()
        await stopping.end(loops)
        # Not before: it cancels a tick under way, and calls that an error.
        self._scheduler.shutdown(wait=False)
        abandoned = await self.collector.abandon()
        self.collector.flush()
        await self._close()
        self.tools.log.info("service.stopped", abandoned=abandoned)

    async def _close(self) -> None:
        for one in self._handing:
            await one.aclose()
        await self.tools.client.aclose()


def run(settings: Settings, *, once: bool = False) -> int:
    """Run readyd on the real clock until SIGTERM or SIGINT (`once`: one round) and return its exit code.

    Raises:
        LedgerError: the ledger cannot be opened, or another daemon has it.
        SettingsError: credentials are missing.
    """
    logs.configure(
        stream=sys.stderr, environ=os.environ, level=settings.log_level, format=settings.log_format
    )
    settings.credentials()  # without them there is nothing to run
    hiding.hide(settings, os.environ)
    for warning in settings.warnings:
        logs.get_logger().warning("settings.warning", problem=warning)
    gc.set_threshold(*PATIENCE)
    settings.ledger.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (
        DaemonLock(settings.ledger),
        Ledger.open(settings.ledger) as ledger,
        asyncio.Runner(loop_factory=EventLoop) as runner,
    ):
        return runner.run(_run(settings, ledger, once=once))


async def _run(settings: Settings, ledger: Ledger, *, once: bool) -> int:
    service = Service(
        build_tools(settings, ledger, SystemClock()),
        lanes=settings.lanes,
        notifier=Notifier(os.environ),
        webhook=None if once else settings.webhook,
    )
    stop_on_signals(service)
    if once:
        return await service.run_once()
    await service.run()
    return 0


def stop_on_signals(service: Service) -> None:
    """Let SIGTERM and SIGINT end the service; handlers only set flags."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, service.ask_to_stop)
