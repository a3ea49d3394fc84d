"""Single rounds, as cron gives them: what became of lost answers is found out over many, each task is posted once."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from daemon import virtual
from daemon.passes.post import Poster
from daemon.policy.rules import Rules
from daemon.service import Service
from daemon.simulator.faults import Faults
from daemon.virtual import VirtualClock
from ledger.records import State
from ledger.restored import PROOFS
from ledger.store import Ledger
from tests.passes.test_posting import MINUTE, SECOND, check_once, plan, posted_by_key, swallow

Live = Callable[..., Any]
GRACE = Rules().lookup_grace_ms
BETWEEN = Rules().lookup_between_ms


class Rebooted(VirtualClock):
    """The clock of a machine that was started anew."""

    def __init__(self, number: int) -> None:
        self._number = number

    def boot(self) -> str:
        return f"start {self._number}"


async def one_round(life: Any) -> int:
    """What a new process does that cron begins."""
    life.ledger.close()
    life.ledger = Ledger.open(life.path)
    return await Service(life.tools(), lanes=30).run_once()


async def rounds(life: Any, count: int, *, apart: int = 5 * MINUTE) -> None:
    for _ in range(count):
        await life.sleep(apart)
        await one_round(life)


async def until_posted(life: Any) -> None:
    """A round a minute, until the remote has tasks."""
    for _ in range(60):
        await rounds(life, 1, apart=MINUTE)
        if life.world.task_ids():
            return
    pytest.fail(f"not posted again within an hour: {life.states()}")


async def lost(life: Any, count: int = 3) -> None:
    """A round that posts, and hears nothing of it; the remote got nothing either."""
    plan(life, count)
    swallow(life, 1)
    await one_round(life)
    assert life.states() == {State.POSTING: count}


def test_what_never_arrived_is_proven_absent_over_many_rounds_and_posted_once(live: Live) -> None:
    async def story(life: Any) -> None:
        begun = life.now()
        await lost(life)
        await until_posted(life)
        assert life.now() - begun < 20 * MINUTE
        noticed, (first, second, *_) = begun, life.line.since(0, "id_list")
        assert first - noticed >= GRACE
        assert second - first >= BETWEEN
        assert life.line.since(0, "task_post")[0] >= second
        check_once(life, 3)
        await rounds(life, 30)
        assert life.states() == {State.COLLECTED: 3}
        check_once(life, 3)
        assert not life.alerts("unanswered")
        assert life.ledger.facts.get(PROOFS) == "{}", "nothing is left to be noted"

    live(story)


def test_what_arrived_is_found_by_a_round(live: Live) -> None:
    async def story(life: Any) -> None:
        plan(life, 3)
        life.world._state.faults = Faults.only(lost_answer=1.0)
        await one_round(life)
        life.world._state.faults = Faults.none()
        life.line.instead = lambda path: (
            (500, b"") if "tasks_ready" in path else None
        )  # id_list alone can tell
        await rounds(life, 2)
        assert State.POSTING not in life.states()
        check_once(life, 3)

    live(story)


@pytest.mark.parametrize("step", [60 * MINUTE, 3 * MINUTE, -3 * MINUTE])
@pytest.mark.parametrize("after", [1, 6])
def test_a_clock_that_is_set_between_rounds_does_not_shorten_the_proof(
    live: Live, step: int, after: int
) -> None:
    """The remote's clock does not give it away: it goes with ours, or the step is too small."""

    async def story(life: Any) -> None:
        monotonic = life.clock.monotonic
        asked: list[float] = []
        life.line.instead = lambda path: asked.append(monotonic()) if "id_list" in path else None
        await lost(life)
        noticed = monotonic()
        await rounds(life, after, apart=MINUTE)
        virtual.step_wall_clock(step)
        await until_posted(life)
        assert set(posted_by_key(life).values()) == {1}
        assert asked[0] - noticed >= GRACE / 1000 - 2
        assert asked[1] - asked[0] >= BETWEEN / 1000

    live(story, true_time=step < 5 * MINUTE)


def test_another_start_of_the_machine_begins_the_proof_anew_and_after_an_hour_that_is_an_alert(
    live: Live,
) -> None:
    async def story(life: Any) -> None:
        await lost(life)
        for number in range(11):
            life.clock = Rebooted(number)
            await rounds(life, 1)
        assert life.states() == {State.POSTING: 3}
        assert not life.alerts("unanswered")
        for number in range(11, 15):
            life.clock = Rebooted(number)
            await rounds(life, 1)
        assert not life.line.since(0, "id_list"), "no round was long enough"
        (alert,) = life.alerts("unanswered")
        assert (alert.count, alert.closed_at) == (3, None)
        assert "readyd repost" in alert.detail
        await rounds(life, 10)
        check_once(life, 3)
        assert life.alerts("unanswered")[0].closed_at is not None

    live(story)


def test_a_look_up_of_many_pages_ends_in_the_round_that_began_it(live: Live) -> None:
    async def story(life: Any) -> None:
        life.post(count=2_500, owner="other")
        await lost(life)
        await rounds(life, 1, apart=GRACE)
        assert len(life.line.since(0, "id_list")) == 3
        await rounds(life, 2)
        assert set(posted_by_key(life).values()) == {1}

    live(story)


def test_reads_that_prove_nothing_come_less_and_less_often_over_rounds_too(live: Live) -> None:
    async def story(life: Any) -> None:
        await lost(life)
        life.line.instead = lambda path: (404, b"") if "id_list" in path else None
        await rounds(life, 120, apart=MINUTE)
        assert 3 < len(life.line.since(0, "id_list")) < 12
        (alert,) = life.alerts("unanswered")
        assert "404" in alert.detail, "in each round, although few of them have asked"
        life.line.instead = lambda path: None
        await rounds(life, 50, apart=MINUTE)
        check_once(life, 3)

    live(story)


@pytest.mark.parametrize(
    "note",
    ["", "no JSON", "[]", "{}", '{"boot": "virtual", "noticed": 1, "first": []}',
     '{"boot": "virtual", "noticed": {"1": -9999999999}, "first": {"1": -9999999}}',
     '{"boot": "virtual", "noticed": {"1": 0}, "first": {"1": 1}, "not_before": {"serp": 1e300}}',
     '{"boot": "virtual", "noticed": {"1": Infinity}, "voids": {"serp": -5}}'],
)  # fmt: skip
def test_a_note_that_somebody_spoilt_begins_the_proof_anew(live: Live, note: str) -> None:
    async def story(life: Any) -> None:
        await lost(life)
        life.ledger.facts.put(PROOFS, note, life.now())
        await one_round(life)
        assert not life.world.task_ids()
        await until_posted(life)
        first, second, *_ = life.line.since(0, "id_list")
        assert second - first >= BETWEEN
        check_once(life, 3)

    live(story)


def test_tasks_of_no_function_are_given_up_in_batches_between_which_others_work_and_a_stop_is_heard(
    live: Live,
) -> None:
    async def story(life: Any) -> None:
        plan(life, 1_000, function="serp/google/organik")
        stop = asyncio.Event()
        giving_up = asyncio.create_task(Poster(life.tools(), stop).run())
        for _ in range(3):
            await asyncio.sleep(0)
        assert life.states()[State.REJECTED]
        stop.set()
        assert await giving_up == 0
        assert life.states()[State.REJECTED] < 500
        await Poster(life.tools(), asyncio.Event()).run()
        assert life.states() == {State.REJECTED: 1_000}

    live(story)


def test_a_stop_ends_a_round_at_which_nobody_answers(live: Live) -> None:
    async def story(life: Any) -> None:
        life.post(count=3)
        service, begun = Service(life.tools(), lanes=30), life.now()
        life.line._latency = (3600.0, 3600.0)
        asyncio.get_running_loop().call_later(5, service.ask_to_stop)
        assert await service.run_once() == 0
        assert life.now() - begun < 15 * SECOND
        assert life.states() == {State.POSTED: 3}

    live(story)
