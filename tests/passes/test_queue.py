"""The queue hears of everything, from whomever, forgets no task, and never reads all of them at once."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from daemon.passes.keeper import SLICE, WALK_AGAIN_MS
from daemon.passes.queue import Queue
from daemon.passes.remote import Refusal
from daemon.policy.rules import Rules
from daemon.service import Service
from daemon.settings import VariantRule
from daemon.simulator.courier import Courier
from daemon.simulator.faults import Faults
from daemon.simulator.options import Options, Turnaround
from ledger import Ledger
from ledger.records import PrioritySource, State

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
ORGANIC = "serp/google/organic"
MAPS = "serp/google/maps"
SLOW = "keywords_data/google_ads/search_volume"  # one to three hours are usual (pricing page)
HOOK = "https://hooks.example/take?id=$id"
RATE = 1 / 30  # GETs a millisecond: 2,000 a minute

Live = Callable[..., Any]


def fetched(life: Any, since: int = 0) -> list[str]:
    """Which tasks were asked for, in this order; each once."""
    ids = [path.rpartition("/")[2] for at, path in life.line.calls if at >= since and "task_get" in path]
    return list(dict.fromkeys(ids))


def by_hand(life: Any, sql: str, *values: object) -> None:
    """Change the ledger as no verb does."""
    with life.ledger._connection.writing() as database:
        database.change(sql, values)


async def all_popped(life: Any, queue: Queue, held: Iterable[str] = ()) -> list[str]:
    """Take all that the queue hands out while it reads in the rests between; none of it is ever answered."""
    under_way, order, first = set(held), [], True
    while first or queue.filling or queue.has_news(under_way):
        first = False
        if (task := queue.pop(under_way, RATE)) is not None:
            under_way.add(task.id)
            order.append(task.id)
        await life.sleep(queue.tidy(under_way))
    return order


# the order: what would be deleted first ------------------------------------------------------------------


def test_after_an_outage_of_nearly_seven_days_pages_come_home_before_they_are_deleted(live: Live) -> None:
    """HTML is kept for 7 days (docs): ten minutes are left for it, and work for a quarter of an hour is important."""

    async def story(life: Any) -> None:
        pages = life.post(ORGANIC, 40, tag="page")
        began = life.now()
        await life.sleep(5 * DAY)
        others = life.post(ORGANIC, 600, tag="other") + life.post(MAPS, 300, tag="other", priority=2)
        back = began + 7 * DAY - 10 * MINUTE
        life.line.outage(0, back)
        await life.sleep(back - HOUR - life.now())
        life.start()
        await life.sleep(back - life.now())
        await life.until(
            lambda: all(life.task(one).state is State.COLLECTED for one in pages), within=5 * MINUTE
        )
        # One other may find out that the network is back: what has failed steps aside until then.
        assert set(fetched(life, back)[:41]) >= set(pages), "before everything else"
        assert {one: life.ledger.bodies.variants(one, life.task(one).recorded_at) for one in pages} == {
            one: ["html"] for one in pages
        }
        await life.until_settled(within=2 * HOUR)
        assert {life.task(one).state for one in others} == {State.COLLECTED}

    live(story, variants=(VariantRule(None, "page", "html"),), general_limit=60)


# news ----------------------------------------------------------------------------------------------------


def test_a_task_that_somebody_hurries_beside_the_daemon_is_the_next(live: Live) -> None:
    async def story(life: Any) -> None:
        ids = life.post(count=400)
        await life.sleep(2 * HOUR)
        life.start()
        await life.until(lambda: len(fetched(life)) > 20, within=10 * MINUTE, every=SECOND)
        waiting = [one for one in ids if one not in fetched(life)]
        chosen, late = waiting[-1], waiting[0]
        hurried = life.now()
        with Ledger.open(life.path) as other:
            other.tasks.set_priorities([(chosen, 9), (late, 0)], PrioritySource.USER)
        await life.until(lambda: chosen in fetched(life), within=30 * SECOND, every=SECOND)
        assert fetched(life, hurried).index(chosen) <= 15, "within ten seconds at one a second"
        await life.until_settled()
        assert fetched(life)[-1] == late

    live(story, general_limit=60)


def test_a_task_that_is_settled_beside_the_daemon_is_not_asked_for(live: Live) -> None:
    async def story(life: Any) -> None:
        gone = life.post(count=270)
        life.post(count=30, priority=2)
        await life.sleep(2 * HOUR)
        life.start()
        await life.until(lambda: len(fetched(life)) > 10, within=10 * MINUTE, every=SECOND)
        by_hand(life, f"update task set state = 'lost' where id in {tuple(gone)}")
        await life.sleep(10 * MINUTE)
        assert not set(gone) & set(fetched(life))
        assert life.states() == {State.LOST: 270, State.COLLECTED: 30}
        by_hand(life, "update task set state = 'ready' where state = 'lost'")
        await life.until_settled()

    live(story, general_limit=60)


def test_what_nobody_told_is_found_by_the_next_look_at_everything(live: Live) -> None:
    async def story(life: Any) -> None:
        (task_id,) = life.post()
        await life.sleep(HOUR)
        # Somebody's slip: the task is put off for hours, and then back, without a word.
        by_hand(life, "update task set next_try_at = ?", life.now() + 2 * HOUR)
        life.line.instead = lambda path: (500, b"") if "tasks_ready" in path or "id_list" in path else None
        life.start()
        await life.sleep(30 * MINUTE)
        assert not fetched(life)
        by_hand(life, "update task set next_try_at = null")
        await life.until(lambda: fetched(life) == [task_id], within=WALK_AGAIN_MS + 2 * MINUTE)

    live(story)


# slices --------------------------------------------------------------------------------------------------


def test_the_most_urgent_are_handed_out_before_everything_is_read_and_nobody_is_left_out(live: Live) -> None:
    async def story(life: Any) -> None:
        posted = life.post(count=4 * SLICE)
        ready = life.post(count=SLICE)
        by_hand(life, f"update task set state = 'ready', ready_at = 1 where id in {tuple(ready)}")
        await life.sleep(2 * HOUR)
        queue = Queue(life.tools())
        first = queue.pop(set(), RATE)
        assert first is not None
        assert first.id in ready
        assert queue.filling
        order = [first.id, *await all_popped(life, queue, {first.id})]
        assert sorted(order) == sorted(posted + ready), "each once"

    live(story)


@pytest.mark.parametrize("count", [1, SLICE - 1, SLICE, 3 * SLICE + 1])
def test_one_round_brings_all_home_that_is_worth_a_get(live: Live, count: int) -> None:
    async def story(life: Any) -> None:
        life.post(count=count)
        await life.sleep(2 * HOUR)
        service = Service(life.tools(), lanes=30)
        assert await service.run_once() == 0
        assert life.states() == {State.COLLECTED: count}

    live(story, general_limit=10_000)


def test_tasks_of_an_api_that_refuses_us_step_aside_and_come_back(live: Live) -> None:
    async def story(life: Any) -> None:
        theirs = life.post("merchant/google/products", 3 * SLICE, priority=2)
        good = life.post(count=20)
        await life.sleep(2 * HOUR)
        tools = life.tools()
        queue, remote = Queue(tools), tools.remote
        remote.refused["merchant"] = Refusal("no", tools.ticks() + HOUR)
        assert sorted(await all_popped(life, queue)) == sorted(good)
        await life.sleep(HOUR)
        queue.refresh()
        tried = queue.pop(good, RATE)
        assert tried is not None
        assert tried.id in theirs, "one finds out whether it is let in"
        remote.probed("merchant", tools.ticks())
        assert await all_popped(life, queue, [*good, tried.id]) == []
        remote.well("merchant", life.now())
        queue.refresh()
        others = await all_popped(life, queue, [*good, tried.id])
        assert sorted([tried.id, *others]) == sorted(theirs)

    live(story)


def test_what_an_audit_tells_of_a_postback_task_is_heard_at_once(live: Live) -> None:
    """No list shows it and it does not move: only the audit can say that it is done, long before its usual time."""

    async def send(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        return 200

    async def story(life: Any) -> None:
        courier = asyncio.create_task(Courier(life.world, send).run())
        life.start()
        (task_id,) = life.post(SLOW, postback_url=HOOK, postback_data="advanced")
        try:
            await life.until_settled(within=HOUR)
        finally:
            courier.cancel()
            await asyncio.gather(courier, return_exceptions=True)
        done_at = life.world.truth(task_id).done_at
        told_at = next(at for at in life.line.since(done_at, "id_list"))
        due = max(told_at, done_at + Rules().postback_grace_ms)
        assert due - SECOND <= life.line.since(0, task_id)[0] <= due + 5 * SECOND, "lists write whole seconds"

    quick = Options(turnaround=Turnaround(special={SLOW: (8 * MINUTE, 9 * MINUTE)}))
    live(story, faults=Faults.only(), options=quick)
