"""The real service in virtual time against the simulated remote, with the doors that tests need on both sides.

`live(story)` runs a story to its end and then checks what must hold after every story: no pass failed, every
collected task has exactly one result and it is the remote's, no limit was exceeded, nobody else's task was fetched.
"""

import asyncio
import gc
import gzip
import io
import json
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from daemon import logs, virtual
from daemon.composition import build_tools
from daemon.policy.rules import Rules
from daemon.service import Service
from daemon.settings import Secret, Settings
from daemon.simulator import fetching
from daemon.simulator.faults import Faults
from daemon.simulator.options import LOGIN, PASSWORD, Options
from daemon.simulator.transport import SimulatedTransport
from daemon.simulator.world import World
from daemon.virtual import VirtualClock
from ledger.database import LedgerDatabase
from ledger.reader import Reader, TaskFilter
from ledger.records import Alert, State, Task, Transition
from ledger.store import Ledger

START = 1_793_577_600_000
"""2026-11-02 00:00 UTC."""

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
ORGANIC = "serp/google/organic"
BROKEN = ("pass.failed", "collect.bug")


class Bytes(httpx.AsyncByteStream):
    """A body that comes over the wire in one piece."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body


class Line(SimulatedTransport):
    """The network path to the world: remembers every call, and may answer one in the remote's stead."""

    def __init__(self, world: World, **more: Any) -> None:
        super().__init__(world, **more)
        self.calls: list[tuple[int, str]] = []  # (remote's time, path)
        self.instead: Callable[[str], tuple[int, bytes] | None] = lambda path: None
        self.headers: dict[str, str] = {}  # more headers of answers given in the remote's stead

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.calls.append((self._world.now(), request.url.path))
        answer = self.instead(request.url.path)
        if answer is None:
            return await super().handle_async_request(request)
        status, body = answer
        headers = {"content-type": "application/json", "content-length": str(len(body))}
        headers |= self.headers
        return httpx.Response(status, headers=headers, stream=Bytes(body), request=request)

    def since(self, at: int, part: str = "") -> list[int]:
        """When calls were made from `at` on, of paths that contain `part`."""
        return [made for made, path in self.calls if made >= at and part in path]


@dataclass
class Life:
    """One remote, one ledger file, and the service that lives between them; it may be stopped and started."""

    path: Path
    clock: VirtualClock
    world: World
    line: Line
    rules: Rules
    log: io.StringIO
    driver: type[LedgerDatabase] = LedgerDatabase
    settings: dict[str, Any] = field(default_factory=dict)
    ledger: Ledger = field(init=False)
    service: Service | None = None
    _playing: asyncio.Task[None] | None = None
    _reader: Reader | None = None

    def __post_init__(self) -> None:
        self.ledger = Ledger.open(self.path, driver=self.driver)
        self._reader = Reader.open(self.path)

    def tools(self) -> Any:
        settings = Settings(
            ledger=self.path,
            base_url="https://simulator.invalid",
            login=LOGIN,
            password=Secret(PASSWORD),
            rules=self.rules,
            **self.settings,
        )
        return build_tools(settings, self.ledger, self.clock, transport=lambda: self.line)

    def start(self) -> None:
        self.service = Service(self.tools(), lanes=30)
        self._playing = asyncio.create_task(self.service.run())

    async def stop(self) -> None:
        if self.service is not None and self._playing is not None:
            self.service.ask_to_stop()
            await self._playing
            self.service = self._playing = None

    async def restart(self) -> None:
        """Stop, close the file, and begin anew with nothing but what the ledger holds."""
        await self.stop()
        self.ledger.close()
        self.ledger = Ledger.open(self.path, driver=self.driver)
        self.start()

    def close(self) -> None:
        self.ledger.close()
        if self._reader is not None:
            self._reader.close()

    def now(self) -> int:
        return self.clock.now()

    async def sleep(self, ms: float) -> None:
        await asyncio.sleep(ms / 1000)

    async def until(self, done: Callable[[], bool], *, within: int, every: int = 5 * SECOND) -> None:
        """Wait until `done`, for at most `within` ms of virtual time."""
        for _ in range(0, within, every):
            if done():
                return
            await self.sleep(every)
        assert done(), f"not within {within / HOUR:g} h; {self.states()}; {self.log.getvalue()[-2000:]}"

    async def until_settled(self, *, within: int = 3 * HOUR, every: int = 5 * SECOND) -> None:
        await self.until(lambda: not self.ledger.tasks.outstanding(), within=within, every=every)

    def post(
        self,
        function: str = ORGANIC,
        count: int = 1,
        *,
        owner: str = "own",
        record: bool = True,
        **fields: Any,
    ) -> list[str]:
        """Post tasks and, if they are ours, hand the answers to the ledger."""
        made = []
        for first in range(0, count, 100):
            batch = [
                {"keyword": f"k{first + number}", "location_code": 2840, "language_code": "en", **fields}
                for number in range(min(100, count - first))
            ]
            answer = self.world.post(function, batch, owner=owner)
            made += [task["id"] for task in answer["tasks"] if task["status_code"] == 20100]
            if owner == "own" and record:
                assert len(self.ledger.record_posted(answer).accepted) == len(batch)
        return made

    def tasks(self, *states: State) -> dict[str, Task]:
        """All tasks, or those in these states."""
        assert self._reader is not None
        return {task.id: task for task in self._reader.tasks(TaskFilter(frozenset(states)))}

    def task(self, task_id: str) -> Task:
        assert self._reader is not None
        task = self._reader.task(task_id)
        assert task is not None
        return task

    def history(self, task_id: str) -> list[Transition]:
        assert self._reader is not None
        return self._reader.history(task_id)

    def why(self, task_id: str) -> list[str]:
        """The reasons of a task's moves."""
        return [move.reason for move in self.history(task_id)]

    def states(self) -> dict[str, int]:
        assert self._reader is not None
        return dict(sum((Counter(counts) for counts in self._reader.counts().values()), Counter()))

    def alerts(self, kind: str) -> list[Alert]:
        """All alerts of a kind that ever were, the oldest first."""
        assert self._reader is not None
        found = self._reader.alerts(closed=True, limit=10_000)
        return sorted((one for one in found if one.kind == kind), key=lambda one: (one.opened_at, one.id))

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in map(json.loads, self.log.getvalue().splitlines()) if line["event"] == name]

    def possible_results(self, task_id: str, variant: str) -> list[Any]:
        """What the remote gives for this task, now and before each time it was parsed anew (tasks_fixed)."""
        state = self.world._state
        task = state.tasks[task_id]
        revisions = [replace(task, revision=number) for number in range(1, task.revision + 1)]
        entries = [fetching.content(state, one, variant) for one in revisions]
        return [(entry.code, json.loads(entry.result)) for entry in entries]


def bodies_of(ledger: Path) -> list[tuple[str, int, str, bytes]]:
    """Every stored result: id, edition, variant, gzip."""
    found: list[tuple[str, int, str, bytes]] = []
    for month in sorted((ledger.parent / "results").glob("*.db")):
        database = sqlite3.connect(month)
        found += database.execute("select task_id, edition, variant, gzip from bodies").fetchall()
        database.close()
    return found


def check_bodies(life: Life) -> None:
    """Every collected task has one result for each time it was parsed, whole and the remote's own, and none twice."""
    found = bodies_of(life.path)
    editions = [(task_id, edition) for task_id, edition, _, _ in found]
    home = set(life.tasks(State.COLLECTED, State.DELIVERED))
    assert len(editions) == len(set(editions)), "a task has two results of one edition"
    assert home <= {task_id for task_id, _ in editions}, "a collected task has no result"
    seen: set[tuple[str, str]] = set()
    for task_id, _, variant, packed in found:
        (entry,) = json.loads(gzip.decompress(packed))["tasks"]
        assert entry["id"] == task_id
        assert (entry["status_code"], entry["result"]) in life.possible_results(task_id, variant)
        content = (task_id, json.dumps(entry["result"]))
        assert content not in seen or entry["result"] in (None, [None]), "an edition without anything new"
        seen.add(content)


def check_states(life: Life) -> None:
    """Nothing is lost that the remote still has, and what failed there failed here."""
    there = set(life.world.task_ids())
    for task in life.tasks(State.COLLECTED, State.FAILED, State.LOST).values():
        if task.id not in there:
            continue
        truth = life.world.truth(task.id)
        if task.state is State.LOST:
            assert life.world.now() - truth.posted_at >= 7 * DAY, f"{task.id} is called lost and is not"
        if task.state is State.FAILED:
            assert truth.code == task.code
        if task.state is State.COLLECTED:
            assert truth.done


@pytest.fixture(autouse=True)
def quiet_logs(restored_logs: None) -> None:
    """Put logging back as it was, after every story."""


Story = Callable[[Life], Coroutine[Any, Any, None]]


@pytest.fixture
def tmp_path(memory: Path) -> Path:
    """Live in memory: months of commits, and no power is cut."""
    return memory


@pytest.fixture
def live(tmp_path: Path) -> Callable[..., Life]:
    """Run a story in virtual time, and check what must hold after every story."""

    def run(
        story: Story,
        *,
        seed: int = 1,
        faults: Faults | None = None,
        options: Options | None = None,
        rules: Rules | None = None,
        latency_s: tuple[float, float] = (0.05, 0.3),
        driver: type[LedgerDatabase] = LedgerDatabase,
        remote: type[World] = World,
        true_time: bool = False,
        throttled: bool = False,
        foreign: bool = False,
        bugs: bool = False,
        **settings: Any,
    ) -> Life:
        """`true_time`: the remote's clock is right whatever is done to ours. `throttled`, `foreign` and `bugs`: the
        story means to meet them."""
        log = io.StringIO()
        clock = VirtualClock()
        kept: list[Life] = []

        async def main() -> None:
            born = clock.monotonic()
            now = (lambda: START + round((clock.monotonic() - born) * 1000)) if true_time else clock.now
            logs.configure(stream=log, environ={}, level="info", format="json")
            world = remote(now, seed=seed, faults=faults, options=options)
            line = Line(world, latency_s=latency_s, seed=seed)
            life = Life(
                tmp_path / "ledger.db", clock, world, line, rules or Rules(), log, driver, dict(settings)
            )
            kept.append(life)
            try:
                await story(life)
                await life.stop()
                check_bodies(life)
                check_states(life)
                counts = world.counts()
                assert throttled or counts["throttled"] == 0
                assert foreign or counts["foreign_collected"] == 0
            finally:
                await life.stop()
                life.close()

        virtual.run(main, start=START)
        (life,) = kept
        for line in [] if bugs else life.log.getvalue().splitlines():
            assert not any(f'"{event}"' in line for event in BROKEN), line
            assert "Traceback" not in line, line
        return life

    return run


@pytest.fixture
def cycle() -> Callable[..., bool]:
    """Let a process with this driver bring tasks home, once for each time they were parsed; if it dies, let another
    one finish. Says whether the first one died. With `reparsed` they are home already, and were parsed anew.
    """

    def run(directory: Path, driver: type[LedgerDatabase], *, reparsed: bool = False) -> bool:
        directory.mkdir()
        path, clock, log, time = directory / "ledger.db", VirtualClock(), io.StringIO(), [START]
        worlds, tasks, editions = list[World](), 2 if reparsed else 5, [1]

        async def life_of(driver: type[LedgerDatabase]) -> None:
            logs.configure(stream=log, environ={}, level="info", format="json")
            worlds or worlds.append(World(clock.now, seed=3))
            line = Line(worlds[0], latency_s=(0.05, 0.3))
            if not path.exists():
                with Ledger.open(path) as ledger:
                    batch = [{"keyword": f"k{n}", "priority": 2} for n in range(tasks)]
                    ledger.record_posted(worlds[0].post(ORGANIC, batch))
            life = Life(path, clock, worlds[0], line, Rules(), log, driver)
            try:
                life.start()
                table, ids = life.ledger.tasks, worlds[0].task_ids()
                await life.until(
                    lambda: not table.outstanding() and {*table.editions_of(ids).values()} == {*editions},
                    within=3 * HOUR,
                )
                await life.stop()
                assert life.states() == {State.COLLECTED: tasks}
                check_bodies(life)
                assert len(bodies_of(path)) == tasks * editions[0], "one result each time"
                assert {len(life.history(one)) for one in ids} == {1 + 2 * editions[0]}, "a move too many"
            finally:
                await life.stop()
                life.close()

        def live_as(driver: type[LedgerDatabase]) -> None:
            virtual.run(lambda: life_of(driver), start=time[0], pace=lambda now: time.__setitem__(0, now))

        if reparsed:
            live_as(LedgerDatabase)
            for task_id in worlds[0].task_ids():
                worlds[0].reparse(task_id)
            editions[0], time[0] = 2, time[0] + 3 * MINUTE  # a row of a moment ago would be no news
        try:
            live_as(driver)
        except SystemExit:
            pass
        else:
            return False
        gc.collect()  # or the dead one's task would tell of its death in the log of a later test
        live_as(LedgerDatabase)
        return True

    return run
