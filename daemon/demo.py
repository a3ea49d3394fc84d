"""The demo: the real service against the embedded simulator, three days of virtual time in a minute or a few.

Composes; decides nothing. The story is in `daemon.scenario`, what is shown in `daemon.demo_records`.
"""

import asyncio
import io
import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from daemon import logs, scenario, virtual
from daemon.composition import build_tools
from daemon.demo_records import DemoFrame, DemoSummary
from daemon.demo_recovery import Recovery
from daemon.policy.rules import PriorityRule, Rules
from daemon.scenario import HOUR_MS, Order
from daemon.service import Service
from daemon.settings import Settings
from daemon.settings_secret import Secret
from daemon.simulator.courier import Courier
from daemon.simulator.faults import Faults
from daemon.simulator.options import LOGIN, PASSWORD
from daemon.simulator.transport import SimulatedTransport
from daemon.simulator.world import World
from daemon.virtual import VirtualClock
from ledger.reader import Reader, TaskFilter
from ledger.records import Band, State
from ledger.states import OUTSTANDING
from ledger.store import Ledger

START = 1_793_577_600_000
"""2026-11-02 00:00 UTC, a Monday: a fixed start, so that the same seed gives the same three days."""

MOST_HOURS = 84
"""When to give up waiting for the last tasks; an honest summary then says that some are missing."""

FRAME_MS = 10 * 60_000
LATENCY_S = (0.15, 0.9)
DELIVERY_FAILS = 0.25
"""Part of the postbacks that their receiver refuses: those come to the list, and readyd collects them."""


@dataclass(slots=True)
class Stage:
    """Everything that plays in one demo."""

    world: World
    transport: SimulatedTransport
    ledger: Ledger
    reader: Reader
    service: Service
    orders: list[Order]
    progress: Callable[[DemoFrame], None]
    tail: "_Tail"
    recovery: Recovery
    gets: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=2))


class _Tail(io.StringIO):
    """A log stream that keeps only its last lines, for the live table."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: deque[str] = deque(maxlen=6)

    def write(self, text: str) -> int:
        self.lines.extend(line for line in text.splitlines() if line)
        return len(text)


def run(seed: int, ledger: Path, progress: Callable[[DemoFrame], None]) -> DemoSummary:
    """Live through the story with this seed, leave the ledger at `ledger`, and sum up.

    Raises:
        LedgerError: there is a ledger at that path that cannot be used.
    """
    began = time.perf_counter()
    recovery, hours = virtual.run(lambda: _play(seed, ledger, progress), start=START)
    with Reader.open(ledger) as reader:
        return _summary(reader, recovery, hours, time.perf_counter() - began, ledger)


async def _play(seed: int, path: Path, progress: Callable[[DemoFrame], None]) -> tuple[Recovery, float]:
    clock = VirtualClock()
    world = World(clock.now, seed=seed, faults=Faults.default())
    transport = SimulatedTransport(world, latency_s=LATENCY_S, seed=seed)
    outage = _instants(scenario.OUTAGE_H)
    for start, end in (_instants(scenario.SHORT_CUT_H), outage):
        transport.outage(start, end)
    transport.error_hour(*(START + hour * HOUR_MS for hour in scenario.ERRORS_H))
    with Ledger.open(path) as ledger, Reader.open(path) as reader:
        tail = _Tail()
        logs.configure(stream=tail, environ={}, level="info", format="console")
        tools = build_tools(_settings(path), ledger, clock, transport=lambda: transport)
        service = Service(tools, lanes=30)
        recovery = Recovery(world, reader, *outage)
        story = scenario.story(seed, START)
        stage = Stage(world, transport, ledger, reader, service, story, progress, tail, recovery)
        await _perform(stage, seed)
        return recovery, (clock.now() - START) / HOUR_MS


def _instants(hours: tuple[float, float]) -> tuple[int, int]:
    start, end = (START + round(hour * HOUR_MS) for hour in hours)
    return start, end


def _settings(path: Path) -> Settings:
    urgent = PriorityRule(None, f"{scenario.URGENT_TAG}:*", 5)
    return Settings(
        ledger=path,
        base_url="https://simulator.invalid",
        login=LOGIN,
        password=Secret(PASSWORD),
        rules=Rules(priority_rules=(urgent,)),
    )


async def _perform(stage: Stage, seed: int) -> None:
    courier = Courier(stage.world, _receiver(seed))
    playing = asyncio.create_task(stage.service.run())
    others = [asyncio.create_task(one) for one in (courier.run(), _show(stage), stage.recovery.watch())]
    try:
        await _post(stage)
        await _until_home(stage)
    finally:
        stage.service.ask_to_stop()
        await playing
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)
    stage.recovery.look()
    stage.progress(_frame(stage))


def _receiver(seed: int) -> Callable[[str, str, bytes, Mapping[str, str]], asyncio.Future[int]]:
    """Play the poster's own web server: it takes every pingback, and refuses some postbacks."""
    dice = random.Random(seed)  # noqa: S311  the same seed, the same refusals

    async def send(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        return 503 if method == "POST" and dice.random() < DELIVERY_FAILS else 200

    return send  # type: ignore[return-value]


async def _post(stage: Stage) -> None:
    """Post each order at its time; hand the answers of our own to the ledger, as a poster would."""
    now = stage.world.now
    for order in stage.orders:
        await asyncio.sleep(max(0, order.at - now()) / 1000)
        owner = "foreign" if order.foreign else "own"
        answer = stage.world.post(order.function, order.tasks, owner=owner)
        if not order.foreign:
            stage.ledger.record_posted(answer, now())


async def _until_home(stage: Stage) -> None:
    """Wait for the end of the third day, and for the last task."""
    end = START + scenario.HOURS * HOUR_MS
    await asyncio.sleep(max(0, end - stage.world.now()) / 1000)
    while stage.ledger.tasks.outstanding() and stage.world.now() < START + MOST_HOURS * HOUR_MS:  # noqa: ASYNC110  virtual time
        await asyncio.sleep(60)


async def _show(stage: Stage) -> None:
    while True:
        stage.progress(_frame(stage))
        await asyncio.sleep(FRAME_MS / 1000)


def _frame(stage: Stage) -> DemoFrame:
    now = stage.world.now()
    stage.gets.append((now, stage.world.counts()["gets"]))
    (then, before), (_, after) = stage.gets[0], stage.gets[-1]
    minutes = max(1, (now - then) / 60_000)
    return DemoFrame(
        at=now,
        hour=(now - START) / HOUR_MS,
        counts=_counts(stage),
        bands={band: stage.reader.count(TaskFilter(OUTSTANDING, frozenset({band}))) for band in Band},
        alerts=tuple(f"{one.kind} ({one.step}): {one.detail}" for one in stage.ledger.alerts.open()),
        events=tuple(stage.tail.lines),
        gets_per_min=(after - before) / minutes,
    )


def _counts(stage: Stage) -> dict[str, dict[str, int]]:
    blocked = {one.function: one.blocked for one in stage.ledger.tasks.outstanding()}
    return {
        function: {
            "blocked": blocked.get(function, 0),
            **{str(state): count for state, count in states.items()},
        }
        for function, states in stage.reader.counts().items()
    }


def _summary(reader: Reader, recovery: Recovery, hours: float, wall_s: float, path: Path) -> DemoSummary:
    seen, states = recovery.world.counts(), _by_state(reader)
    alerts = reader.alerts(closed=True, limit=100_000)
    totals = reader.totals()
    return DemoSummary(
        simulated_hours=round(hours, 2),
        wall_seconds=round(wall_s, 1),
        posted=sum(states.values()),
        collected=states.get(State.COLLECTED, 0),
        failed=states.get(State.FAILED, 0),
        delivered=states.get(State.DELIVERED, 0),
        lost=states.get(State.LOST, 0),
        expired_unseen=seen["dropped_unseen"],
        foreign_collected=seen["foreign_collected"],
        polls=seen["polls"],
        gets=seen["gets"],
        throttled=seen["throttled"],
        window_saturated_times=seen["window_saturated_times"],
        done_in_outage=recovery.done,
        done_in_outage_exact=recovery.exact,
        exact_after_outage_min=recovery.minutes,
        alerts_opened=len(alerts),
        alerts_closed=sum(one.closed_at is not None for one in alerts),
        important_wait_mean_s=_seconds(totals.important_wait_mean_ms),
        other_wait_mean_s=_seconds(totals.other_wait_mean_ms),
        ledger=str(path),
    )


def _by_state(reader: Reader) -> dict[State, int]:
    totals: dict[State, int] = {}
    for states in reader.counts().values():
        for state, count in states.items():
            totals[state] = totals.get(state, 0) + count
    return totals


def _seconds(wait_ms: float | None) -> float | None:
    return None if wait_ms is None else round(wait_ms / 1000, 2)
