"""`readyd adopt`'s own look through id_list: what it takes, what it leaves alone, and whose calls it counts."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from daemon.composition import build_tools
from daemon.dataforseo.errors import AccountRefused, Throttled, Unreachable
from daemon.passes.adopt import Adopter, Harvest, Step
from daemon.policy.budget import BY_HAND
from daemon.policy.rules import AdoptRule, PriorityRule, Rules
from daemon.settings import Secret, Settings
from daemon.simulator.options import LOGIN, PASSWORD, Options
from ledger.keys import sent_tag
from ledger.records import State
from ledger.store import Ledger

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
ORGANIC = "serp/google/organic"
TABLES = ("task", "transition", "audit", "poll", "look", "alert", "fact", "audit_call")

Live = Callable[..., Any]


def in_any_minute(made: list[int]) -> int:
    """The most calls that some minute held."""
    return max((sum(at <= other < at + MINUTE for other in made) for at in made), default=0)


@asynccontextmanager
async def by_hand(
    life: Any, rule: AdoptRule, *, dry: bool = False, on_step: Callable[[Step], None] = lambda step: None
) -> AsyncIterator[Adopter]:
    """The command as a second process: a ledger, a client and a budget of its own."""
    rules = replace(life.rules, adopt_rules=(rule,))
    settings = Settings(
        ledger=life.path,
        base_url="https://simulator.invalid",
        login=LOGIN,
        password=Secret(PASSWORD),
        rules=rules,
        **life.settings,
    )
    with Ledger.open(life.path) as ledger:
        tools = build_tools(settings, ledger, life.clock, transport=lambda: life.line, by_hand=BY_HAND)
        try:
            yield Adopter(tools, dry, on_step)
        finally:
            await tools.client.aclose()


async def adopt(
    life: Any,
    rule: AdoptRule,
    *,
    apis: tuple[str, ...] = ("serp",),
    since: int = 3 * DAY,
    dry: bool = False,
    **more: Any,
) -> Harvest:
    async with by_hand(life, rule, dry=dry, **more) as adopter:
        return await adopter.run(apis, life.now() - since)


def rows_of(life: Any, table: str) -> list[tuple[Any, ...]]:
    with life.ledger._connection.reading() as database:
        return list(database.rows(f"select * from {table} order by 1, 2"))


# what it takes -----------------------------------------------------------------------------------------


def test_it_takes_what_a_rule_names_with_what_id_list_says_and_twice_changes_nothing(live: Live) -> None:
    rules = Rules(priority_rules=(PriorityRule(None, "shop:1", 7),))

    async def story(life: Any) -> None:
        (old,) = life.post(tag="shop:1", owner="foreign")
        await life.sleep(2 * DAY)
        (own,) = life.post(tag="shop:1")
        (done,) = life.post(tag="shop:1", owner="foreign", priority=2)
        await life.until(lambda: all(life.world.truth(one).done for one in (own, done)), within=HOUR)
        (fresh,) = life.post(tag="shop:2", owner="foreign", pingback_url="https://example.com/hunter2")
        life.post(tag="theirs", owner="foreign", count=3)
        await life.sleep(2 * SECOND)
        found = await adopt(life, AdoptRule(None, "shop:*"), since=DAY)
        assert (found.taken, found.known, found.foreign, found.problems) == (2, 1, 3, [])
        assert found.ids == [done, fresh]
        assert set(life.tasks()) == {own, done, fresh}, f"{old} is too old"
        assert life.why(done) == ["adopted", "audited"]
        assert (life.task(done).state, life.task(done).priority) == (State.READY, 7)
        exact = life.task(done).latest_done_at
        assert exact == life.task(done).earliest_done_at == life.world.truth(done).done_at // SECOND * SECOND
        assert (life.task(fresh).state, str(life.task(fresh).webhook)) == (State.POSTED, "pingback")
        assert life.task(own).state is State.READY, "what a page says of others is not wasted"
        before = life.tasks(), rows_of(life, "transition")
        again = await adopt(life, AdoptRule(None, "shop:*"), since=DAY)
        assert (again.taken, again.known, again.foreign, again.ids) == (0, 3, 3, [])
        later = replace(
            life.task(fresh), pending_at=before[0][fresh].pending_at
        )  # that it was not done then, either
        assert ({**life.tasks(), fresh: later}, rows_of(life, "transition")) == before
        life.start()
        await life.until_settled()
        assert life.states() == {State.COLLECTED: 3}

    live(story, rules=rules, foreign=True)


def test_a_task_of_ours_whose_answer_was_lost_is_found_and_not_taken_in_beside_its_plan(live: Live) -> None:
    async def story(life: Any) -> None:
        keyword = {"keyword": "k", "location_code": 2840, "language_code": "en"}
        life.ledger.plan([{"function": ORGANIC, "tag": "shop", **keyword}], "b", now=life.now())
        (one,) = life.ledger.intents.next(ORGANIC, life.now(), life.now(), 1)
        life.ledger.intents.begin(ORGANIC, [one], life.now())
        (task_id,) = life.post(record=False, tag=sent_tag("shop", one.key))
        await life.sleep(MINUTE)
        found = await adopt(life, AdoptRule(None, "shop"), dry=True)
        assert life.states() == {State.POSTING: 1}
        found = await adopt(life, AdoptRule(None, "shop"))
        assert (found.taken, found.known, found.problems) == (0, 1, [])
        assert life.why(task_id)[:3] == ["planned", "sent", "found"]
        life.start()
        await life.until_settled()
        assert set(life.tasks()) == {task_id}

    live(story)


def test_a_dry_run_writes_its_calls_and_nothing_else(live: Live) -> None:
    async def story(life: Any) -> None:
        life.start()
        life.post(tag="own", count=5)
        await life.sleep(20 * MINUTE)
        await life.stop()
        life.post(tag="own", count=2)
        life.post(tag="shop", owner="foreign", count=1_200)
        life.post("serp/bing/organic", tag="theirs", owner="foreign", count=7)
        await life.sleep(20 * MINUTE)
        before = {table: rows_of(life, table) for table in TABLES}
        found = await adopt(life, AdoptRule(None, "shop"), dry=True)
        after = {table: rows_of(life, table) for table in TABLES}
        calls = after.pop("audit_call")[len(before.pop("audit_call")) :]
        assert after == before
        assert len(calls) == found.calls == 2
        assert (found.taken, found.known, found.foreign, len(found.ids)) == (1_200, 7, 7, 1_200)
        (shop,) = found.taken_groups.values()
        truth = [life.world.truth(one) for one in found.ids]
        assert (shop.function, shop.tag, shop.tasks) == (ORGANIC, "shop", 1_200)
        assert shop.pending == sum(not one.done for one in truth)
        assert shop.oldest_at == min(one.posted_at for one in truth) // SECOND * SECOND
        assert shop.cost == pytest.approx(1_200 * 0.0006)
        assert list(found.foreign_groups) == [("serp/bing/organic", "theirs")]

    live(story, foreign=True)


def test_pages_are_followed_to_the_end_of_the_period_and_rows_shown_twice_count_once(live: Live) -> None:
    async def story(life: Any) -> None:
        before = life.post(tag="shop", owner="foreign", count=2_600)
        await life.sleep(MINUTE)
        began = life.now()

        def meanwhile(step: Step) -> None:
            # A row that comes late, below what was shown already, moves the others one place on.
            state = life.world._state
            posted = state.accounts[0].posted
            if step.rows == 1_000 and len(posted) == 2_600:
                (late,) = life.post(tag="late", owner="foreign")
                task = state.tasks[late]
                posted.remove(task)
                task.posted_at = before_at
                posted.insert(0, task)

        before_at = life.world.truth(before[0]).posted_at
        found = await adopt(life, AdoptRule(None, "shop"), on_step=meanwhile)
        assert found.until == began
        assert (found.calls, found.rows, found.taken, found.known) == (3, 2_601, 2_600, 0)
        assert sorted(found.ids) == sorted(before)

    live(story, foreign=True)


def test_a_remote_that_repeats_a_page_is_not_asked_for_ever(live: Live) -> None:
    async def story(life: Any) -> None:
        life.post(tag="shop", owner="foreign", count=1_000)
        await life.sleep(MINUTE)
        bodies: list[bytes] = []
        page = {
            "id": "x", "status_code": 20000, "path": ["v3", "serp", "id_list"],
            "result": [
                {"id": one, "url": f"/v3/{ORGANIC}/task_post", "datetime_posted": "2026-11-02 00:00:00 +00:00"}
                for one in life.world.task_ids()
            ],
        }  # fmt: skip
        bodies.append(json.dumps({"status_code": 20000, "tasks": [page]}).encode())
        life.line.instead = lambda path: (200, bodies[0])
        found = await adopt(life, AdoptRule("serp/*", None))
        assert (found.calls, found.taken, found.known) == (2, 1_000, 0)
        assert "same page again" in found.problems[0]

    live(story, foreign=True)


# whose calls it counts ---------------------------------------------------------------------------------


def test_beside_a_busy_daemon_no_minute_holds_too_many_calls_and_both_get_on(live: Live) -> None:
    """The daemon sweeps through its tasks of one API while two commands page through others' tasks of another."""

    async def story(life: Any) -> None:
        life.post("merchant/google/products", count=4_500)
        life.post(tag="shop", owner="foreign", count=8_500)
        await life.sleep(2 * HOUR)
        life.start()
        began = life.now()
        both = [adopt(life, AdoptRule("serp/*", "shop")), adopt(life, AdoptRule("serp/*", "shop"), dry=True)]
        found, seen = await asyncio.gather(*both)
        took = life.now() - began
        assert in_any_minute(life.line.since(0, "id_list")) <= 10
        assert (found.taken, seen.calls, seen.taken + seen.known) == (8_500, 9, 8_500)
        assert took <= 3 * MINUTE, "eighteen pages, seven a minute: hardly a call was left unused"
        assert not [one for one in life.ledger.audits.all().values() if one.failures or one.api != "merchant"]
        with life.ledger._connection.reading() as database:
            rows = list(database.rows("select asked_at from audit_call where why <> 'adopted by hand'"))
        sweep = [at for (at,) in rows if at <= began + took]
        assert len(sweep) >= 2 * (took // MINUTE), "the daemon has its share"

    live(story, foreign=True, general_limit=30)  # asserts that nothing was throttled


def test_a_daemon_that_collects_as_fast_as_it_may_is_not_throttled_by_the_command(live: Live) -> None:
    async def story(life: Any) -> None:
        life.post(count=900)
        life.post(tag="shop", owner="foreign", count=300)
        await life.sleep(2 * HOUR)
        life.start()
        await life.sleep(90 * SECOND)
        for _ in range(3):
            await adopt(life, AdoptRule(None, "shop"), apis=("serp", "merchant", "on_page"))
        assert life.states()[State.COLLECTED] >= 400
        assert life.ledger.tasks.outstanding(), "it was in the middle of it"
        await life.until_settled(within=HOUR)
        assert life.states() == {State.COLLECTED: 1_200}

    live(story, foreign=True, options=Options(general_limit=300))  # asserts that nothing was throttled


def test_calls_held_up_on_their_way_count_from_their_end(live: Live) -> None:
    async def story(life: Any) -> None:
        life.post(tag="shop", owner="foreign", count=9_000)
        await life.sleep(2 * HOUR)
        both = [adopt(life, AdoptRule(None, "shop"), dry=True) for _ in range(2)]
        found = await asyncio.gather(*both)
        assert [one.taken for one in found] == [9_000, 9_000]
        assert in_any_minute(life.line.since(0, "id_list")) <= 10

    live(story, latency_s=(0.1, 15.0))


def test_the_daemons_own_sweep_goes_on_as_if_nothing_had_happened(live: Live) -> None:
    async def story(life: Any) -> None:
        life.post(count=2_500)
        await life.sleep(2 * HOUR)
        life.start()
        await life.until(lambda: len(life.line.since(0, "id_list")) >= 1, within=MINUTE, every=SECOND)
        before = life.ledger.audits.all()
        await life.stop()
        assert before["serp"].sweep_at is not None, "a sweep is under way"
        before = life.ledger.audits.all()
        await adopt(life, AdoptRule(None, "shop"), apis=("serp", "merchant"))
        assert life.ledger.audits.all() == before

    live(story, foreign=True)


# when it cannot ----------------------------------------------------------------------------------------


def refusal(code: int, status: int = 200) -> tuple[int, bytes]:
    return status, json.dumps({"status_code": code, "status_message": "No.", "tasks": None}).encode()


def test_an_api_that_refuses_does_not_keep_the_others_from_being_seen(live: Live) -> None:
    answers = {"serp": refusal(40501), "merchant": refusal(40204), "on_page": refusal(40400, 404)}

    async def story(life: Any) -> None:
        life.post("business_data/google/reviews", tag="shop", owner="foreign")
        await life.sleep(MINUTE)
        life.line.instead = lambda path: answers.get(path.split("/")[2])
        found = await adopt(life, AdoptRule(None, "shop"), apis=(*answers, "business_data"))
        assert (found.taken, found.answered, found.missing) == (1, ["business_data"], ["on_page"])
        assert [one.split()[0] for one in found.problems] == ["serp", "merchant"]
        assert found.stopped is None

    live(story, foreign=True)


@pytest.mark.parametrize(
    ("answer", "kind", "tries"),
    [
        (refusal(40202), Throttled, 3),
        ((500, b"<html>"), Unreachable, 3),
        (refusal(40100, 401), AccountRefused, 1),
    ],
)
def test_what_concerns_everything_ends_it_and_what_was_taken_stays(
    live: Live, answer: tuple[int, bytes], kind: type[Exception], tries: int
) -> None:
    async def story(life: Any) -> None:
        life.post(tag="shop", owner="foreign", count=3)
        await life.sleep(MINUTE)
        life.line.instead = lambda path: answer if "merchant" in path else None
        found = await adopt(life, AdoptRule(None, "shop"), apis=("serp", "merchant", "on_page"))
        assert isinstance(found.stopped, kind)
        assert (found.taken, found.answered, found.calls) == (3, ["serp"], 1 + tries)
        assert len(life.tasks()) == 3
        calls = life.line.since(0, "id_list")
        assert in_any_minute(calls[1:]) <= (1 if kind is Throttled else 3), "it pauses when it is told to"

    live(story, foreign=True)


def test_a_connection_that_breaks_once_is_tried_again(live: Live) -> None:
    async def story(life: Any) -> None:
        life.post(tag="shop", owner="foreign")
        await life.sleep(MINUTE)
        life.line.outage(life.now(), life.now() + 500)
        found = await adopt(life, AdoptRule(None, "shop"))
        assert (found.taken, found.calls, found.problems, found.stopped) == (1, 2, [], None)

    live(story, foreign=True)


def test_a_month_is_asked_for_in_such_a_way_that_it_is_not_refused_after_a_wait(live: Live) -> None:
    async def story(life: Any) -> None:
        found = await adopt(life, AdoptRule(None, "shop"), since=30 * DAY)
        assert (found.problems, found.since) == ([], found.until - 30 * DAY + HOUR)

    live(story, foreign=True)
