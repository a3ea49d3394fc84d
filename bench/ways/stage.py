"""Where a run is played: the simulated remote, the network to it, webhooks from it, and who posts. Knows no way.

The real parts of the project beside it: `daemon.virtual` moves the clock, `daemon.simulator` is the remote.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

import httpx

from bench.ways.cells import DOWN, DROPPED, FOREIGN, HOUR_MS, LISTS, Cell
from daemon.simulator.courier import Courier
from daemon.simulator.transport import SimulatedTransport
from daemon.simulator.world import World
from daemon.virtual import VirtualClock

START = 1_793_577_600_000
"""2026-11-02 00:00 UTC."""

FUNCTION = "serp/google/organic"
HOOKS = "https://hooks.invalid"
LATENCY_S = (0.15, 0.9)
FOREIGN_TASKS = 5_000
PER_CALL = 100
TAIL_H = 80
"""So long after the trouble a way may still bring results home: the lists have forgotten everything by then."""

LOOK_MS = 300_000

KINDS = ("task_get", "tasks_ready", "id_list", "tasks_fixed", "user_data")


class Player(Protocol):
    """Who brings results home."""

    secret: str

    async def start(self) -> None:
        """Begin."""

    def posted(self, answer: dict[str, Any]) -> None:
        """Hear what the remote answered to a task_post."""

    async def hook(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Answer a webhook with an HTTP status."""

    async def stop(self) -> None:
        """End."""

    def home(self) -> dict[str, int]:
        """Tell which results are durable, and since when (ms UTC)."""

    def warnings(self) -> list[tuple[int, str]]:
        """Tell who was warned of what, and when, the earliest first."""


class Line(SimulatedTransport):
    """The network to the remote: counts the calls by kind, and breaks the lists for a while."""

    def __init__(self, world: World, broken: tuple[int, int], seed: int) -> None:
        """Lead to `world`; lists answer 500 between two instants (ms UTC)."""
        super().__init__(world, latency_s=LATENCY_S, seed=seed)
        self.calls: Counter[str] = Counter()
        self._broken = broken

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request."""
        kind = next((one for one in KINDS if f"/{one}" in request.url.path), "else")
        self.calls[kind] += 1
        start, end = self._broken
        if kind == "tasks_ready" and start <= self._world.now() < end:
            await asyncio.sleep(LATENCY_S[0])
            return httpx.Response(500, headers={"content-length": "0"}, stream=_Nothing(), request=request)
        return await super().handle_async_request(request)


class _Nothing(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Give no bytes."""
        return
        yield b""


class Stage:
    """Everything around the player of one run."""

    def __init__(self, cell: Cell, clock: VirtualClock) -> None:
        """Prepare; nothing is posted yet."""
        self.cell = cell
        self.clock = clock
        self.world = World(clock.now, seed=cell.seed)
        self.begins_at = START + (HOUR_MS if cell.trouble.name == FOREIGN else 0)
        self.ends_at = self.begins_at + cell.trouble.hours * HOUR_MS
        self.span = (self.begins_at, self.ends_at)
        never = (0, 0)
        self.line = Line(self.world, self.span if cell.trouble.name == LISTS else never, cell.seed)
        self.own: list[str] = []
        self._dice = random.Random(f"{cell.trouble.name} {cell.tasks} {cell.seed}")  # noqa: S311

    async def play(self, player: Player) -> None:
        """Post all tasks while the player works; end when everything is home, or when nothing more can come."""
        courier = asyncio.create_task(Courier(self.world, lambda *call: self._deliver(player, *call)).run())
        try:
            await player.start()
            if self.cell.trouble.name == FOREIGN:
                self._post_foreign()
            for at in self._times():
                await self._sleep_until(at)
                self._post(player)
            for at in range(self.ends_at, self.ends_at + TAIL_H * HOUR_MS, LOOK_MS):
                await self._sleep_until(at)
                if len(player.home()) == len(self.own):
                    break
        finally:
            await player.stop()
            courier.cancel()
            await asyncio.gather(courier, return_exceptions=True)

    def _times(self) -> list[int]:
        """Draw when tasks are posted: the same instants for every way."""
        return sorted(self._dice.randrange(*self.span) for _ in range(self.cell.tasks))

    async def _sleep_until(self, at: int) -> None:
        await asyncio.sleep(max(0, at - self.clock.now()) / 1000)

    def _post(self, player: Player) -> None:
        task: dict[str, Any] = {"keyword": f"k{len(self.own)}", "location_code": 2840, "language_code": "en"}
        if hook := self.cell.way.hook:
            task[f"{hook}back_url"] = f"{HOOKS}/hook/{player.secret}/{hook}?id=$id&tag=$tag"
        if hook == "post":
            task["postback_data"] = "advanced"
        answer = self.world.post(FUNCTION, [task])
        self.own.append(answer["tasks"][0]["id"])
        player.posted(answer)

    def _post_foreign(self) -> None:
        for first in range(0, FOREIGN_TASKS, PER_CALL):
            tasks = [
                {"keyword": f"f{number}", "location_code": 2840, "language_code": "en"}
                for number in range(first, first + PER_CALL)
            ]
            self.world.post(FUNCTION, tasks, owner="foreign")

    async def _deliver(
        self, player: Player, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> int:
        start, end = self.span
        if start <= self.clock.now() < end:
            if self.cell.trouble.name == DROPPED:
                raise OSError("the webhook is lost on its way")
            if self.cell.trouble.name == DOWN:
                return 503
        return await player.hook(method, url, body, headers)
