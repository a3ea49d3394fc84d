"""Faults on our side: disk, clock, targets, webhooks, posting, bugs; each with the alert lines that it must bring."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from daemon import virtual
from daemon.handover.target import TargetKind, TargetRule
from daemon.settings import Secret
from daemon.simulator.courier import Courier
from daemon.simulator.faults import Faults
from tests.passes.alerts.lines import DAY, HOUR, MINUTE, SECOND, Fault, Watch
from tests.passes.alerts.remote_faults import home_and_quiet, mended, refusal
from tests.passes.test_disk_and_crash import Refusing
from tests.passes.test_receiving import POSTBACKS, receiving

ORGANIC = "serp/google/organic"
LLM = "ai_optimization/claude/llm_responses"
SOMEBODYS = "https://hooks.example/take?id=$id"


def full_disk(*, only_results: bool) -> Any:
    """A disk that refuses every write for an hour, or only those of results."""

    async def story(life: Any, watch: Watch) -> None:
        Refusing.refused, Refusing.only_results = 0, only_results
        life.post(count=20)
        await life.sleep(HOUR)
        began = life.now() + 1
        Refusing.full = staticmethod(lambda: began <= life.now() < began + HOUR)
        try:
            life.start()
            watch.kind = "ledger"
            await life.until(lambda: Refusing.refused > 0, within=HOUR, every=SECOND)
            if only_results:
                watch.true_at, watch.about = life.now(), SECOND
            await life.sleep(began + HOUR - life.now())
            await life.until_settled(within=HOUR)
            watch.over_at = began + HOUR + REMEMBERED
            await life.sleep(20 * MINUTE)
        finally:
            Refusing.full = staticmethod(lambda: False)

    return story


REMEMBERED = 2 * MINUTE
"""A refused write is believed for so long: there may be none again meanwhile."""


async def target_down(life: Any, watch: Watch) -> None:
    """A directory that is not there for two hours."""
    gone = life.path.parent / "gone"
    life.settings["targets"] = (TargetRule("shop", TargetKind.DIRECTORY, Secret(str(gone))),)
    life.start()
    life.post(count=20)
    await life.until(lambda: failing_since(life) is not None, within=HOUR, every=SECOND)
    watch.kind, watch.true_at = "handover", failing_since(life) + 10 * MINUTE
    await life.until_settled(within=2 * HOUR)
    await life.sleep(2 * HOUR)
    gone.mkdir()
    await life.until(lambda: len(list(gone.iterdir())) == 20, within=11 * MINUTE, every=SECOND)
    watch.over_at = life.now() - SECOND
    await life.sleep(10 * MINUTE)


def failing_since(life: Any) -> Any:
    target = life.ledger.handovers.target("shop")
    return None if target is None else target.failing_since


def clock_set(by: int) -> Any:
    """A clock that is set while all is well is no alert."""

    async def story(life: Any, watch: Watch) -> None:
        life.start()
        life.post(count=10)
        await life.sleep(8 * MINUTE)
        virtual.step_wall_clock(by)
        life.post(count=10)
        await home_and_quiet(life)

    return story


def clock_set_while_refused(by: int) -> Any:
    """A clock that is set while an alert is open neither repeats it at every review nor keeps it open."""

    async def story(life: Any, watch: Watch) -> None:
        life.start()
        life.post(count=10)
        life.line.instead = lambda path: refusal(40100, "You are not authorized.", 401)
        await life.sleep(30 * MINUTE)
        virtual.step_wall_clock(by)
        await life.sleep(30 * MINUTE)
        mended(life)
        watch.kind = "account"
        mended_at = life.world.now()
        await life.until(lambda: bool(life.line.since(mended_at)), within=HOUR, every=SECOND)
        watch.over_at = life.now() - SECOND
        await home_and_quiet(life)

    return story


async def lost_answers(life: Any, watch: Watch) -> None:
    """Posts whose answer is lost are looked up and found: no alert."""
    plan(life, 150, ORGANIC)
    life.world._state.faults = Faults.only(lost_answer=1.0)
    life.start()
    await life.until(lambda: life.states().get("posting", 0) == 100, within=MINUTE, every=SECOND)
    life.world._state.faults = Faults.none()
    await home_and_quiet(life)
    assert len(life.world.task_ids()) == 150


async def nobody_can_tell(life: Any, watch: Watch) -> None:
    """The same with an API that has no id_list: only the tasks' own completion tells."""
    plan(life, 3, LLM, user_prompt="p")
    life.world._state.faults = Faults.only(lost_answer=1.0)
    life.start()
    await life.until(lambda: life.states() == {"posting": 3}, within=MINUTE, every=SECOND)
    watch.kind, watch.true_at = "unanswered", life.now()
    life.world._state.faults = Faults.none()
    await life.until(lambda: "posting" not in life.states(), within=100 * HOUR, every=10 * SECOND)
    watch.over_at = life.now() - 10 * SECOND
    await life.sleep(20 * MINUTE)


async def id_list_is_silent(life: Any, watch: Watch) -> None:
    """Lost answers, and an id_list that is refused: after an hour of doubt that is said."""
    plan(life, 40, ORGANIC)
    life.world._state.faults = Faults.only(lost_answer=1.0)
    life.start()
    await life.until(lambda: life.states() == {"posting": 40}, within=MINUTE, every=SECOND)
    life.world._state.faults = Faults.none()
    life.line.instead = lambda path: (
        refusal(40400, "Not Found.", 404) if path.endswith(("id_list", "tasks_ready")) else None
    )
    watch.kind, watch.true_at, watch.about = "unanswered", life.now() + HOUR, MINUTE
    await life.sleep(3 * HOUR)
    mended(life)
    await life.until(lambda: "posting" not in life.states(), within=2 * HOUR, every=SECOND)
    watch.over_at = life.now() - SECOND
    await life.sleep(20 * MINUTE)


async def no_money(life: Any, watch: Watch) -> None:
    """Money for 130 tasks of 300: the others wait, what is posted comes home."""
    plan(life, 300, ORGANIC)
    life.world.set_balance(0.0006 * 130 + 0.0001)
    life.start()
    await life.until(lambda: len(life.world.task_ids()) == 130, within=HOUR, every=SECOND)
    watch.kind, watch.true_at, watch.about = "posting", life.now(), MINUTE
    await life.sleep(3 * HOUR)
    life.world.set_balance(1000.0)
    await life.until(lambda: len(life.world.task_ids()) == 300, within=2 * HOUR, every=SECOND)
    watch.over_at = life.now() - SECOND
    await home_and_quiet(life)


async def webhooks_lost(life: Any, watch: Watch) -> None:
    """Every webhook of a day is lost: the lists and GETs bring all of it, and there is nothing to say."""
    async with receiving(life) as way:
        way.open = False
        for _ in range(3):
            life.post(count=6, pingback_url=way.url("ping"))
            await life.sleep(3 * HOUR)
        await home_and_quiet(life)


async def webhooks_abused(life: Any, watch: Watch) -> None:
    """Ten thousand requests by strangers, some with the secret and ids that nobody knows: counted, once an hour."""
    dice = random.Random(1)
    async with receiving(life) as way:
        life.post(count=5)
        for number in range(10_000):
            secret = way.secret if number % 10 == 0 else f"{dice.getrandbits(256):064x}"
            await way.send("GET", f"https://hooks.invalid/hook/{secret}/ping?id=no-{number}", b"", {})
            if number % 500 == 0:
                await life.sleep(2 * MINUTE)
        await home_and_quiet(life)
    assert life.states() == {"collected": 5}
    assert sum('"webhook' in line for line in life.log.getvalue().splitlines()) <= 2, "no line for each"


async def deliveries_fail(life: Any, watch: Watch) -> None:
    """Somebody's postback server takes nothing: the lists show the results."""
    async with nobody_home(life):
        life.start()
        life.post(count=30, postback_url=SOMEBODYS, **POSTBACKS)
        watch.kind = "failed delivery"
        await life.until(lambda: bool(failed_deliveries(life)), within=2 * HOUR, every=SECOND)
        watch.true_at, watch.about = life.now(), SECOND
        await life.until_settled(within=12 * HOUR, every=MINUTE)
        watch.over_at = max(failed_deliveries(life)) + HOUR
        await life.sleep(2 * HOUR)


def failed_deliveries(life: Any) -> list[int]:
    moves = [life.history(one) for one in life.tasks()]
    return [move.at for history in moves for move in history if move.reason == "failed delivery"]


@contextlib.asynccontextmanager
async def nobody_home(life: Any) -> AsyncIterator[None]:
    """A courier that finds every door shut."""

    async def shut(method: str, url: str, body: bytes, headers: Any) -> int:
        return 503

    courier = asyncio.create_task(Courier(life.world, shut).run())
    try:
        yield
    finally:
        courier.cancel()
        await asyncio.gather(courier, return_exceptions=True)


async def bug(life: Any, watch: Watch) -> None:
    """A pass that raises at every wake."""
    life.start()
    life.post(count=5)
    await life.sleep(8 * MINUTE)

    async def broken() -> None:
        raise ZeroDivisionError("made up")

    loop = life.service._loops["audit"]
    loop.run, sound = broken, loop.run
    watch.kind = "bug"
    await life.until(lambda: bool(life.service.tools.bugs.standing()), within=HOUR, every=SECOND)
    watch.true_at, watch.about = life.now(), SECOND
    await life.sleep(3 * HOUR)
    loop.run = sound
    await life.until(lambda: not life.service.tools.bugs.standing(), within=HOUR, every=SECOND)
    watch.over_at = life.now() - SECOND
    await home_and_quiet(life)
    assert len(life.events("pass.failed")) <= 12, "2,000 failures, each with a traceback, would bury the rest"


async def old_engine(life: Any, watch: Watch) -> None:
    """An SQLite that can corrupt a ledger in its quick mode: said once, and as often as alerts are repeated."""
    life.ledger.engine = replace(life.ledger.engine, warning="SQLite 3.40.1 is old")
    life.start()
    watch.kind, watch.true_at = "engine", life.now()
    await life.sleep(6 * HOUR)


def plan(life: Any, count: int, function: str, **fields: Any) -> None:
    tasks = [{"function": function, "keyword": f"k{n}", "tag": "mine", **fields} for n in range(count)]
    assert life.ledger.plan(tasks, "b", now=life.now()).planned == count


FAULTS = (
    Fault("the disk is full", full_disk(only_results=False), world={"driver": Refusing}),
    Fault("the results' disk is full", full_disk(only_results=True), world={"driver": Refusing}),
    Fault("a target is down", target_down),
    Fault("the clock is set two hours back", clock_set(-2 * HOUR), world={"true_time": True}),
    Fault("the clock is set three days back", clock_set(-3 * DAY), world={"true_time": True}),
    Fault("the clock is set two hours forth", clock_set(2 * HOUR), world={"true_time": True}),
    Fault("the clock is set three days forth", clock_set(3 * DAY), world={"true_time": True}),
    Fault("refused, and the clock set back", clock_set_while_refused(-2 * HOUR), world={"true_time": True}),
    Fault("refused, and the clock set forth", clock_set_while_refused(3 * DAY), world={"true_time": True}),
    Fault("answers of posts are lost", lost_answers),
    Fault("answers of posts are lost, and nobody can tell", nobody_can_tell),
    Fault("answers of posts are lost, and id_list is refused", id_list_is_silent),
    Fault("no money to post", no_money),
    Fault("all webhooks are lost", webhooks_lost),
    Fault("webhooks are abused", webhooks_abused),
    Fault("a postback server takes nothing", deliveries_fail),
    Fault("a bug in a pass", bug, world={"bugs": True}),
    Fault("an old SQLite", old_engine),
)
