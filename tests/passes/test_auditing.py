"""The second pair of eyes: what id_list shows that lists hide, forget or never say."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from daemon.policy.rules import AdoptRule, PriorityRule, Rules
from daemon.simulator.courier import Courier
from daemon.simulator.faults import Faults
from daemon.simulator.options import Options
from ledger.records import State
from tests.passes.ticks import coarse

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
ORGANIC = "serp/google/organic"
FIVE = (
    ORGANIC,
    "merchant/google/products",
    "business_data/google/reviews",
    "app_data/apple/app_info",
    "keywords_data/google_ads/search_volume",
)
HOOK = "https://hooks.example.com/done?id=$id&secret=hunter2"

Live = Callable[..., Any]


def refusal(code: int, message: str, status: int = 200) -> tuple[int, bytes]:
    """An answer that refuses the whole call."""
    document = {"status_code": code, "status_message": message, "tasks_count": 0, "tasks": None}
    return status, json.dumps(document).encode()


def rows_of(life: Any, sql: str) -> list[tuple[Any, ...]]:
    """Ask the ledger's file, as somebody with sqlite3 does."""
    with life.ledger._connection.reading() as database:
        return list(database.rows(sql))


def in_any_minute(made: list[int]) -> int:
    """The most calls that some minute held."""
    return max((sum(at <= other < at + MINUTE for other in made) for at in made), default=0)


def is_exact(life: Any, task_id: str) -> bool:
    """Whether the ledger knows the completion time, and rightly (lists and id_list write whole seconds)."""
    task = life.task(task_id)
    if task.latest_done_at is None:
        return False
    truth = life.world.truth(task_id).done_at
    return bool(task.earliest_done_at == task.latest_done_at and abs(task.latest_done_at - truth) < SECOND)


def test_a_task_behind_two_full_windows_is_found_and_comes_before_anything_less_important(live: Live) -> None:
    """Umbrella and type list are full of others; its own completion is seen in id_list alone."""
    rules = Rules(priority_rules=(PriorityRule(None, "urgent:*", 9),))

    async def story(life: Any) -> None:
        plain = life.post(count=1_200, tag="batch")  # more than both windows show
        await life.sleep(40 * MINUTE)
        (urgent,) = life.post(tag="urgent:now", priority=2)
        await life.until(
            lambda: life.world.truth(urgent).done, within=4 * MINUTE
        )  # sooner than anybody believes it
        life.line.calls.clear()
        life.start()
        await life.until(lambda: life.task(urgent).state is State.COLLECTED, within=HOUR, every=SECOND)
        assert life.why(urgent) == ["recorded", "audited", "fetched"], "no list has shown it"
        for path in ("/v3/serp/tasks_ready", f"/v3/{ORGANIC}/tasks_ready"):
            assert life.line.since(0, path), path
            assert life.ledger.polls.looks()[path].saturated
        assert is_exact(life, urgent)
        found_at = life.history(urgent)[1].at
        fetched = [
            path.rpartition("/")[2] for at, path in life.line.calls if at >= found_at and "task_get" in path
        ]
        assert fetched[0] == urgent, "fetched by id before anything of lower priority"
        assert any(life.task(one).state is not State.COLLECTED for one in plain)
        await life.until_settled(within=3 * HOUR)

    live(story, rules=rules, general_limit=60)


def test_after_an_outage_of_days_everything_done_is_known_within_minutes(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    coarse(monkeypatch)

    async def story(life: Any) -> None:
        life.start()
        life.post(count=30)
        await life.sleep(30 * MINUTE)
        back = life.now() + 60 * HOUR
        life.line.outage(life.now(), back)
        ids = life.post(count=1_200)
        await life.sleep(back - life.now())
        assert life.states()[State.POSTED] >= 1_200
        await life.until(lambda: all(is_exact(life, one) for one in ids), within=10 * MINUTE, every=SECOND)
        assert life.now() - back <= 4 * MINUTE
        await life.until_settled(within=HOUR)
        assert life.states() == {State.COLLECTED: 1_230}

    live(story)


def test_results_that_come_home_at_once_after_an_outage_are_dated_all_the_same(live: Live) -> None:
    """Somebody posts through the outage; when it ends, GETs by id are faster than id_list for five APIs."""

    async def story(life: Any) -> None:
        life.start()
        await life.sleep(MINUTE)
        back = life.now() + 4 * HOUR
        life.line.outage(life.now(), back)
        ids: list[str] = []
        for _ in range(6):
            # Most of them where id_list is asked last: it has the first word, and GETs are quick after that.
            ids += [
                one
                for function in FIVE
                for one in life.post(function, count=100 if function == ORGANIC else 20)
            ]
            await life.sleep(30 * MINUTE)
        await life.sleep(back - life.now())
        done = [one for one in ids if life.world.truth(one).done]
        assert len(done) > 500
        await life.until(lambda: all(is_exact(life, one) for one in done), within=10 * MINUTE)
        calls = rows_of(
            life, f"select api, min(asked_at) from audit_call where asked_at >= {back} group by api"
        )
        assert len(life.line.since(back, "id_list")) <= len(calls) + 1 == len(FIVE) + 1, (
            "a call for each is enough"
        )
        home = [life.task(one) for one in done if life.task(one).settled_at]
        early = [task for task in home if task.settled_at < dict(calls)[task.function.partition("/")[0]]]
        assert len(early) > len(done) / 2, "most results are faster than id_list"
        await life.until_settled(within=4 * HOUR)
        await life.sleep(HOUR)
        asked = len(life.line.since(0, "id_list"))
        await life.sleep(HOUR)
        assert len(life.line.since(0, "id_list")) == asked, "and then nothing is asked any more"
        made = rows_of(
            life, f"select count(*) from audit_call where asked_at >= {back} and api <> 'keywords_data'"
        )
        assert made == [(len(FIVE) - 1,)], "nor was anything asked twice"

    live(story, general_limit=9_000, options=Options(general_limit=10_000))


def test_a_quiet_account_costs_hardly_a_call(live: Live) -> None:
    async def story(life: Any) -> None:
        life.start()
        life.post(count=20)
        await life.until_settled()
        asked = len(life.line.since(0, "id_list"))
        assert asked <= 12, "only for what takes longer than usual"
        await life.sleep(DAY)
        assert len(life.line.since(0, "id_list")) == asked, "nothing outstanding, nothing asked"

    live(story)


def test_a_sweep_goes_on_after_a_restart_where_it_was_and_within_its_budget(live: Live) -> None:
    async def story(life: Any) -> None:
        life.post(count=6_500)
        await life.sleep(2 * HOUR)
        life.start()
        await life.until(lambda: len(life.line.since(0, "id_list")) >= 3, within=10 * MINUTE, every=SECOND)
        await life.restart()
        await life.until(lambda: len(life.line.since(0, "id_list")) >= 7, within=10 * MINUTE, every=SECOND)
        made = life.line.since(0, "id_list")
        assert in_any_minute(made) <= 10
        offsets = [one for (one,) in rows_of(life, "select page_offset from audit_call order by id limit 7")]
        assert offsets == [0, 1000, 2000, 3000, 4000, 5000, 6000]
        await life.until_settled(within=2 * HOUR)
        assert all(is_exact(life, one) or life.task(one).ready_at for one in life.tasks())

    live(story)


@pytest.mark.parametrize("answer", [refusal(40400, "Not Found.", 404), (200, b"<html>surprise</html>")])
def test_an_api_without_id_list_is_asked_ever_more_rarely_and_alarms_nobody(
    live: Live, answer: tuple[int, bytes]
) -> None:
    async def story(life: Any) -> None:
        life.line.instead = lambda path: answer if path.endswith("id_list") else None
        life.start()
        for _ in range(30):
            life.post(count=3)
            await life.sleep(20 * MINUTE)
        assert len(life.line.since(0, "id_list")) <= 16
        assert life.line.since(life.now() - 2 * HOUR, "id_list"), "never given up"
        await life.until_settled()
        assert life.states() == {State.COLLECTED: 90}
        assert not [alert for kind in ("account", "throttled", "poll stale") for alert in life.alerts(kind)]
        said = {line["problem"] for line in life.events("audit.unanswered")}
        assert answer[0] == 200 or said == {
            "serp has no id_list at the remote (code 40400) and is asked for it ever more rarely"
        }

    live(story, faults=Faults.only(long_tail=0.5))


def test_a_throttled_id_list_slows_nothing_but_itself(live: Live) -> None:
    async def story(life: Any) -> None:
        life.post(count=900)
        await life.sleep(2 * HOUR)
        life.line.instead = lambda path: refusal(40202, "Rate limit.") if path.endswith("id_list") else None
        life.start()
        await life.until_settled(within=5 * MINUTE)
        assert in_any_minute(life.line.since(0, "id_list")) <= 1
        assert not life.alerts("throttled")

    live(story)


def test_a_failing_network_costs_an_audit_nothing_but_the_time_it_lasts(live: Live) -> None:
    async def story(life: Any) -> None:
        life.post(count=2_500)
        await life.sleep(2 * HOUR)
        life.line.outage(0, life.now() + 3 * HOUR)
        life.start()
        await life.sleep(3 * HOUR)
        assert all(one.failures == 0 for one in life.ledger.audits.all().values())
        await life.until(lambda: life.ledger.audits.all()["serp"].finished_at, within=5 * MINUTE)
        await life.until_settled()

    live(story)


@pytest.mark.parametrize(("hyphens", "offset_min"), [(False, 120), (True, 0), (True, 120), (True, -330)])
def test_the_times_of_id_list_are_understood_however_they_are_written(
    live: Live, hyphens: bool, offset_min: int
) -> None:
    """docs id_list: the text asks for hyphens, the examples have colons; UTC, and two hours ahead."""
    rules = Rules(adopt_rules=(AdoptRule(None, "shop"),))
    options = Options(id_list_hyphens=hyphens, id_list_offset_min=offset_min)

    async def story(life: Any) -> None:
        ids = life.post(count=20)
        theirs = life.post(count=3, tag="shop", owner="foreign")
        await life.sleep(2 * HOUR)
        # Nothing else tells anything.
        life.line.instead = lambda path: None if path.endswith("id_list") else (500, b"")
        life.start()
        await life.until(lambda: all(one in life.tasks() for one in theirs), within=30 * MINUTE)
        await life.until(lambda: all(is_exact(life, one) for one in [*ids, *theirs]), within=30 * MINUTE)
        for one in theirs:
            assert life.task(one).posted_at == life.world.truth(one).posted_at // SECOND * SECOND
        assert {life.why(one)[-1] for one in ids} == {"audited"}
        assert not life.events("audit.oddity")

    live(story, options=options, rules=rules, foreign=True)


# what others posted ------------------------------------------------------------------------------------


def test_tasks_of_other_software_are_taken_in_before_they_are_ready_with_what_they_say(live: Live) -> None:
    rules = Rules(
        adopt_rules=(AdoptRule("serp/*", "shop:*"),), priority_rules=(PriorityRule(None, "shop:1", 7),)
    )

    async def story(life: Any) -> None:
        life.start()
        await life.sleep(MINUTE)
        one = life.post(tag="shop:1", owner="foreign", priority=2)[0]
        two = life.post(tag="shop:2", owner="foreign", priority=2, pingback_url=HOOK)[0]
        other = life.post(tag="theirs", owner="foreign")[0]
        await life.until(lambda: {one, two} <= set(life.tasks()), within=10 * MINUTE)
        assert other not in life.tasks()
        assert life.why(two)[0] == "adopted"
        found = life.task(two)
        assert (found.tag, found.priority, str(found.webhook)) == ("shop:2", 2, "pingback")
        assert life.task(one).priority == 7
        assert found.posted_at == life.world.truth(two).posted_at // SECOND * SECOND
        assert "hunter2" not in life.log.getvalue()
        await life.until_settled()
        assert life.states() == {State.COLLECTED: 2}

    live(story, rules=rules, foreign=True, faults=Faults.only(long_tail=1.0))


def test_a_first_look_takes_in_what_was_posted_in_the_last_three_days_and_nothing_older(live: Live) -> None:
    rules = Rules(adopt_rules=(AdoptRule(None, "shop"),))

    async def story(life: Any) -> None:
        old = life.post(tag="shop", owner="foreign")[0]
        await life.sleep(2 * DAY)
        recent = life.post(tag="shop", owner="foreign", count=1_500)
        await life.sleep(2 * DAY)
        life.start()
        await life.until(lambda: set(recent) <= set(life.tasks()), within=10 * MINUTE)
        assert old not in life.tasks()
        await life.until_settled()
        sweeps = rows_of(life, "select api, seen_to is not null from audit order by api")
        assert ("serp", 1) in sweeps
        await life.sleep(HOUR)
        rows = [one for (one,) in rows_of(life, "select rows from audit_call where api = 'serp' order by id")]
        assert sum(rows) == 1_500, "each row was seen once"

    live(story, rules=rules, foreign=True)


# postback tasks -----------------------------------------------------------------------------------------


def test_a_postback_task_is_delivered_when_it_is_done_and_on_no_list_and_costs_one_get(live: Live) -> None:
    async def send(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        return 200

    async def story(life: Any) -> None:
        courier = asyncio.create_task(Courier(life.world, send).run())
        life.start()
        ids = life.post(count=5, postback_url=HOOK, postback_data="advanced")
        try:
            await life.until_settled(within=12 * HOUR)
        finally:
            courier.cancel()
            await asyncio.gather(courier, return_exceptions=True)
        assert {life.task(one).state for one in ids} == {State.DELIVERED}
        for one in ids:
            done_at = life.world.truth(one).done_at
            assert done_at is not None
            assert life.task(one).settled_at - done_at <= 20 * MINUTE
        assert life.world.counts()["gets_too_early"] == 0
        assert life.world.counts()["gets"] == 5
        assert not life.alerts("failed delivery")

    live(story, faults=Faults.only(long_tail=1.0))
