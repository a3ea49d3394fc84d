"""A poster that dies at any write or step of a call: the next one finishes, nothing twice, nothing forgotten."""

import gc
import io
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

from daemon import logs, virtual
from daemon.policy.rules import Rules
from daemon.simulator.world import World
from daemon.virtual import VirtualClock
from ledger import Ledger
from ledger.database import LedgerDatabase
from ledger.keys import split_tag
from ledger.records import State
from ledger.trouble import sqlite

MINUTE = 60_000
READS = ("select", "pragma", "begin", "with", "\n    with", "\n    select")
TASKS = 3
START = 1_793_577_600_000
HOUR = 60 * MINUTE
ORGANIC = "serp/google/organic"


@pytest.fixture(autouse=True)
def no_remains() -> Iterator[None]:
    """Bury the coroutines of the dead here: found later, they would be an error in the log of another test."""
    yield
    gc.collect()


class Crash(SystemExit):
    """The process ends here. asyncio lets nothing but SystemExit and KeyboardInterrupt end a loop."""


class Fate:
    """Counts down to the death of a process; what is dead does nothing more."""

    left: ClassVar[int] = 0
    dead: ClassVar[bool] = False

    @classmethod
    def step(cls) -> None:
        if cls.dead:
            raise sqlite.OperationalError("this process is dead")
        cls.left -= 1
        if cls.left == 0:
            cls.dead = True
            raise Crash


class Mortal(LedgerDatabase):
    """May die before each write, and around each commit."""

    def begin(self, lock_type: Any = None) -> None:
        Fate.step()
        super().begin(lock_type)

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        if not sql.lstrip().lower().startswith(READS):
            Fate.step()
        return super().execute_sql(sql, params)

    def executemany(self, sql: str, rows: Any) -> int:
        Fate.step()
        return super().executemany(sql, rows)

    def commit(self) -> None:
        Fate.step()
        super().commit()  # type: ignore[no-untyped-call]
        Fate.step()


def mortal_line(line: Any) -> Any:
    """May die before a POST is sent, and after the remote has worked on it."""
    carry = line.handle_async_request

    async def handle(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("task_post"):
            return await carry(request)
        Fate.step()
        response: httpx.Response = await carry(request)
        Fate.step()
        return response

    line.handle_async_request = handle
    return line


def posted_by_key(world: World) -> Counter[str | None]:
    return Counter(split_tag(task.tag)[1] for task in world._state.tasks.values())


def post_and_die(directory: Path, build: Callable[..., Any]) -> tuple[bool, bool]:
    """Let a mortal process post, and if it dies another one; say whether it died, and whether id_list was asked."""
    directory.mkdir()
    path, clock, time, worlds = directory / "ledger.db", VirtualClock(), [START], list[World]()
    with Ledger.open(path) as ledger:
        tasks = [{"function": ORGANIC, "keyword": f"k{n}", "tag": "mine"} for n in range(TASKS)]
        assert ledger.plan(tasks, "b", now=START).planned == TASKS
    asked: list[int] = []

    async def life_of(driver: type[LedgerDatabase]) -> None:
        logs.configure(stream=io.StringIO(), environ={}, level="info", format="json")
        worlds or worlds.append(World(clock.now, seed=3))
        life = build(path, clock, worlds[0], driver)
        if driver is Mortal:
            mortal_line(life.line)
        try:
            life.start()
            await life.until(lambda: life.states().get(State.POSTED, 0) == TASKS, within=HOUR, every=1_000)
            await life.stop()
            asked.extend(life.line.since(0, "id_list"))
        finally:
            await life.stop()
            life.close()

    def live_as(driver: type[LedgerDatabase]) -> None:
        virtual.run(lambda: life_of(driver), start=time[0], pace=lambda now: time.__setitem__(0, now))

    died = False
    try:
        live_as(Mortal)
    except SystemExit:
        died = True
        Fate.dead = False
        live_as(LedgerDatabase)
    there = posted_by_key(worlds[0])
    assert (len(there), set(there.values())) == (TASKS, {1}), "none twice, none forgotten"
    return died, bool(asked)


def test_a_poster_that_dies_anywhere_is_finished_by_the_next_one(
    tmp_path: Path, live: Callable[..., Any]
) -> None:
    parts = (
        live.__globals__
    )  # the life and the line that `live` uses; this story needs them across two processes

    def build_life(path: Path, clock: VirtualClock, world: World, driver: type[LedgerDatabase]) -> Any:
        line = parts["Line"](world, latency_s=(0.05, 0.3))
        return parts["Life"](path, clock, world, line, Rules(), io.StringIO(), driver)

    points, in_doubt = 0, 0
    for point in count(1):
        Fate.left, Fate.dead = point, False
        died, looked_up = post_and_die(tmp_path / str(point), build_life)
        in_doubt += looked_up
        if not died:
            break
        points = point
    assert points > 30, "a call writes a lot"
    assert in_doubt > 3, "some deaths leave the answer in doubt"


def test_the_count_of_keys_would_show_a_second_post() -> None:
    world = World(lambda: START)
    for _ in range(2):
        world.post(ORGANIC, [{"keyword": "k", "tag": "mine|readyd:aaaaaaaaaaaaaaaa"}])
    assert posted_by_key(world) == {"aaaaaaaaaaaaaaaa": 2}
