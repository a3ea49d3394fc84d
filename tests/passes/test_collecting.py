"""Every posted task comes home, whichever way it must take: listed, hidden, delivered, failed, late."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from daemon.policy.rules import AdoptRule, PriorityRule, Rules
from daemon.settings import VariantRule
from daemon.simulator.courier import Courier
from daemon.simulator.faults import Faults
from daemon.simulator.options import Options, Turnaround
from ledger.records import State

SECOND = 1_000
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
ORGANIC = "serp/google/organic"
HOOK = "https://hooks.example/take?id=$id"

Live = Callable[..., Any]


def bodies(life: Any) -> list[tuple[str, str, bytes]]:
    """Every stored result, read in the process that holds the ledger, so through its own door."""
    found = [(one, life.ledger.bodies.load(one, life.task(one).recorded_at, None)) for one in life.tasks()]
    return [(one, body.variant, body.gzip) for one, body in found if body is not None]


def test_every_posted_task_is_collected_with_the_remotes_own_result(live: Live) -> None:
    functions = (
        ORGANIC,
        "serp/bing/organic",
        "merchant/google/products",
        "business_data/google/reviews",
        "app_data/apple/app_info",
        "keywords_data/google_ads/search_volume",
        "on_page/lighthouse",
        "on_page",
    )

    async def story(life: Any) -> None:
        life.start()
        for function in functions:
            life.post(function, 4)
        await life.until_settled(within=8 * HOUR)
        assert life.states() == {State.COLLECTED: 4 * len(functions)}
        listed = [life.why(task_id) for task_id in life.tasks()]
        assert all(why[:1] == ["recorded"] and why[-1] == "fetched" for why in listed)
        assert {task.function for task in life.tasks().values()} == set(functions)

    live(story)


def test_a_task_that_a_list_shows_is_not_asked_for_before(live: Live) -> None:
    async def story(life: Any) -> None:
        life.start()
        life.post(count=30)
        await life.until_settled()
        assert life.world.counts()["gets"] == 30, "one GET for each task"
        assert life.world.counts()["gets_too_early"] == 0
        assert {tuple(life.why(one)) for one in life.tasks()} == {
            ("recorded", "listed", "fetched"),
            ("recorded", "audited", "fetched"),  # slower than ten minutes, and id_list told first
        }

    live(story)


def test_important_tasks_come_first(live: Live) -> None:
    rules = Rules(priority_rules=(PriorityRule(None, "urgent:*", 5),))

    async def story(life: Any) -> None:
        plain = life.post(count=250, tag="batch")
        urgent = life.post(count=40, tag="urgent:now")
        await life.sleep(2 * HOUR)  # all are done and listed before anybody looks
        life.start()
        await life.until_settled()
        settled = {task.id: task.settled_at for task in life.tasks().values()}
        assert max(settled[one] for one in urgent) <= min(settled[one] for one in plain) + SECOND

    live(story, rules=rules, general_limit=600)


def test_nothing_is_asked_when_nothing_is_outstanding(live: Live) -> None:
    async def story(life: Any) -> None:
        life.start()
        await life.sleep(6 * HOUR)
        assert not life.line.since(0, "tasks_ready")
        assert not life.line.since(0, "task_get")

    live(story)


def test_a_saturated_window_is_drilled_down_and_hidden_tasks_are_fetched_by_id(live: Live) -> None:
    async def story(life: Any) -> None:
        foreign = life.post(count=1_100, owner="foreign")  # nobody collects them: the window stays full
        await life.sleep(2 * HOUR)
        hidden = life.post(count=30)
        beside = life.post("serp/bing/organic", 5)
        life.start()
        await life.until_settled(within=2 * HOUR)
        opened = life.alerts("blocked")
        assert [alert.subject for alert in opened] == [ORGANIC]
        assert opened[0].count <= 30
        known = [life.why(one)[1] for one in hidden]
        assert set(known) <= {"answered", "audited"}, "no list could show them"
        assert not {"answered"} & {life.why(one)[1] for one in beside}, "its own type list is not full"
        asked = {path for _, path in life.line.calls if "tasks_ready" in path}
        assert "/v3/serp/google/organic/tasks_ready" in asked
        assert "/v3/serp/bing/organic/tasks_ready" in asked
        assert "/v3/serp/google/maps/tasks_ready" not in asked, "nothing of ours is there"
        await life.sleep(12 * MINUTE)
        assert life.alerts("blocked")[0].closed_at is not None
        assert all(life.world.truth(one).collected_at is None for one in foreign)

    live(story)


def test_more_tasks_than_the_window_shows_all_come_home(live: Live) -> None:
    async def story(life: Any) -> None:
        life.post(count=1_300)
        await life.sleep(2 * HOUR)
        life.start()
        await life.until_settled(within=HOUR)
        assert life.states() == {State.COLLECTED: 1_300}
        assert life.world.counts()["window_saturated_times"] >= 1
        assert life.world.counts()["gets"] == 1_300, "no task was fetched twice"

    live(story)


def test_foreign_tasks_are_counted_and_never_fetched(live: Live) -> None:
    async def story(life: Any) -> None:
        foreign = life.post(count=20, owner="foreign", tag="theirs")
        await life.sleep(HOUR)
        own = life.post(count=3)
        life.start()
        await life.until_settled()
        await life.sleep(HOUR)
        assert set(life.tasks()) == set(own)
        assert not any(one in path for one in foreign for _, path in life.line.calls)
        assert life.ledger.polls.looks()["/v3/serp/tasks_ready"].foreign == 20

    live(story)


@pytest.mark.parametrize(
    ("rule", "taken"),
    [
        (AdoptRule(None, "nightly:*"), {"nightly:1"}),
        (AdoptRule("serp/bing/*", None), {"else"}),
        (AdoptRule("serp/bing/*", "nightly:*"), set()),
    ],
)
def test_foreign_tasks_are_adopted_only_by_rule(live: Live, rule: AdoptRule, taken: set[str]) -> None:
    async def story(life: Any) -> None:
        theirs = {
            "nightly:1": life.post(count=4, owner="foreign", tag="nightly:1"),
            "else": life.post("serp/bing/organic", 4, owner="foreign", tag="else"),
            "": life.post(count=4, owner="foreign"),
        }
        own = life.post(count=2)
        await life.sleep(HOUR)
        life.start()
        await life.until_settled()
        adopted = {one for tag in taken for one in theirs[tag]}
        assert set(life.tasks()) == set(own) | adopted
        assert {tuple(life.why(one)) for one in adopted} <= {("adopted", "listed", "fetched")}
        assert life.world.counts()["foreign_collected"] == len(adopted)

    live(story, rules=Rules(adopt_rules=(rule,)), foreign=True)


def test_delivered_postbacks_end_delivered_and_failed_deliveries_are_collected(live: Live) -> None:
    refused: set[str] = set()

    async def send(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        task_id = url.partition("id=")[2]
        return 503 if task_id in refused else 200

    async def story(life: Any) -> None:
        courier = asyncio.create_task(Courier(life.world, send).run())
        life.start()
        good = life.post(count=6, postback_url=HOOK, postback_data="advanced")
        bad = life.post(count=16, postback_url=HOOK, postback_data="advanced")
        refused.update(bad)
        try:
            await life.until_settled(within=6 * HOUR)
        finally:
            courier.cancel()
            await asyncio.gather(courier, return_exceptions=True)
        assert {life.task(one).state for one in good} == {State.DELIVERED}
        # A failed delivery is known by its row. Fetched by id in the moment before the row appears, a task cannot be
        # told from a delivered one; its result is kept all the same.
        shown = {one for one in bad if life.world.truth(one).shown_at is not None}
        assert len(shown) >= 10
        assert {tuple(life.why(one)) for one in shown} == {("recorded", "failed delivery", "fetched")}
        assert {life.task(one).state for one in set(bad) - shown} <= {State.DELIVERED}
        assert all(life.world.truth(one).fetched for one in [*good, *bad])
        assert not life.alerts("expiring")
        await life.sleep(2 * MINUTE)
        (alert,) = life.alerts("failed delivery")
        lately = [one for one in shown if life.history(one)[1].at > life.now() - HOUR]
        assert (alert.step, alert.subject, alert.count) == ("warning", "postbacks", len(lately)), "all in one"
        assert set(alert.task_ids) <= shown
        await life.sleep(2 * HOUR)
        (alert,) = life.alerts("failed delivery")
        assert alert.closed_at is not None, "no delivery failed for an hour"

    live(story)


def test_a_pingback_task_is_collected_whether_or_not_the_ping_arrived(live: Live) -> None:
    async def send(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        return 200 if url.endswith(("0", "2", "4", "6", "8", "a", "c", "e")) else 500

    async def story(life: Any) -> None:
        courier = asyncio.create_task(Courier(life.world, send).run())
        life.start()
        life.post(count=12, pingback_url=HOOK)
        try:
            await life.until_settled()
        finally:
            courier.cancel()
            await asyncio.gather(courier, return_exceptions=True)
        assert life.states() == {State.COLLECTED: 12}
        assert {life.why(one)[1] for one in life.tasks()} <= {"listed", "audited"}

    live(story)


@pytest.mark.parametrize("listed", [True, False])
def test_a_task_that_the_remote_failed_ends_failed_with_its_code(live: Live, listed: bool) -> None:
    faults = Faults.only(fails=1.0, failed_unlisted=0.0 if listed else 1.0)

    async def story(life: Any) -> None:
        life.start()
        ids = life.post(count=20)
        await life.until_settled(within=6 * HOUR)
        assert life.states() == {State.FAILED: 20}
        assert {life.task(one).code for one in ids} == {40101, 40103}
        assert len(life.events("task.failed")) == 20

    live(story, faults=faults)


def test_done_without_results_is_a_success(live: Live) -> None:
    async def story(life: Any) -> None:
        life.start()
        ids = life.post(count=10)
        await life.until_settled()
        assert {(life.task(one).state, life.task(one).code) for one in ids} == {(State.COLLECTED, 40102)}
        assert {life.why(one)[-1] for one in ids} == {"no results"}

    live(story, faults=Faults.only(no_results=1.0))


def test_a_partial_result_is_data(live: Live) -> None:
    async def story(life: Any) -> None:
        life.start()
        ids = life.post(count=5)
        await life.until_settled()
        assert {life.why(one)[-1] for one in ids} == {"partial"}

    live(story, faults=Faults.only(partial=1.0))


def test_not_found_shortly_after_posting_is_no_loss(live: Live) -> None:
    # The remote does not know the task for a minute, and every list that could show it is full of others' rows.
    async def story(life: Any) -> None:
        life.post(count=1_050, owner="foreign")
        await life.sleep(2 * HOUR)
        life.start()
        life.post("serp/bing/organic")  # keeps the full lists looked at
        for _ in range(10):
            life.post(count=3)
            await life.sleep(MINUTE)
        await life.until_settled(within=6 * HOUR)
        assert life.states() == {State.COLLECTED: 31}

    quick = Turnaround(normal_mean_ms=20 * SECOND, normal_cap_ms=30 * SECOND)
    rules = replace(Rules(), turnarounds=(replace(Rules().turnarounds[0], usual_ms=10 * SECOND),))
    live(
        story,
        faults=Faults.only(fresh_not_found=1.0),
        options=Options(turnaround=quick),
        rules=rules,
        latency_s=(0.01, 0.02),
    )


def test_an_id_that_the_remote_never_heard_of_is_lost_only_after_the_grace(live: Live) -> None:
    # A remote that has lost its memory for an afternoon proves nothing.
    async def story(life: Any) -> None:
        life.start()
        task_id = "11020000-1535-0066-0000-00000badc0de"
        answer = {
            "status_code": 20000,
            "tasks": [
                {
                    "id": task_id,
                    "status_code": 20100,
                    "path": ["v3", "serp", "google", "organic", "task_post"],
                    "data": {"keyword": "k"},
                }
            ],
        }
        life.ledger.record_posted(answer)
        posted = life.now()
        await life.until(lambda: life.task(task_id).state is State.LOST, within=40 * HOUR, every=MINUTE)
        assert life.task(task_id).settled_at - posted >= 20 * HOUR
        assert len(life.line.since(0, task_id)) == 10
        await life.sleep(2 * MINUTE)
        assert life.alerts("lost")

    live(story)


def test_a_deleted_result_is_lost_with_an_alert_and_never_before_proof(live: Live) -> None:
    async def story(life: Any) -> None:
        ids = life.post(count=5)
        await life.sleep(30 * DAY - 2 * HOUR)
        life.line.outage(0, life.now() + HOUR + 50 * MINUTE)
        life.start()
        await life.sleep(HOUR)
        assert life.states() == {State.POSTED: 5}, "silence proves nothing"
        assert life.alerts("retention"), "the results are about to be deleted"
        await life.sleep(2 * HOUR)
        assert {life.task(one).state for one in ids} == {State.COLLECTED}, "there were ten minutes left"

    live(story)


def test_the_form_that_is_wished_for_is_fetched_also_after_a_broken_answer(live: Live) -> None:
    async def story(life: Any) -> None:
        (task_id,) = life.post()
        await life.sleep(HOUR)
        life.line.instead = lambda path: (200, b"{") if "task_get" in path else None
        life.start()
        await life.until(lambda: life.task(task_id).attempts > 0, within=10 * MINUTE)
        assert life.task(task_id).endpoint is not None, "the row names the path of another form"
        life.line.instead = lambda path: None
        await life.until_settled()
        assert life.world.truth(task_id).fetched == {"html"}

    live(story, variants=(VariantRule(ORGANIC, None, "html"),))


def test_html_that_was_deleted_is_no_loss_while_another_form_is_there(live: Live) -> None:
    async def story(life: Any) -> None:
        ids = life.post(count=3)
        await life.sleep(8 * DAY)  # docs: HTML is kept for 7 days, the rest for 30
        life.start()
        await life.until_settled(within=HOUR)
        assert {life.task(one).state for one in ids} == {State.COLLECTED}
        assert {variant for _, variant, _ in bodies(life)} == {"advanced"}

    live(story, variants=(VariantRule(ORGANIC, None, "html"),))


def test_after_thirty_days_only_the_remotes_word_makes_a_task_lost(live: Live) -> None:
    async def story(life: Any) -> None:
        ids = life.post(count=5)
        await life.sleep(30 * DAY - HOUR)
        life.line.outage(0, life.now() + 3 * HOUR)
        life.start()
        await life.sleep(3 * HOUR - MINUTE)
        assert life.states() == {State.POSTED: 5}, "the deadline has passed, but nobody has said so"
        assert not life.alerts("lost")
        await life.until_settled(within=2 * HOUR)
        assert {(life.task(one).state, life.task(one).code) for one in ids} == {(State.LOST, 40403)}
        await life.sleep(2 * MINUTE)
        assert [alert.count for alert in life.alerts("lost")] == [5]
        assert len(life.events("task.lost")) == 5

    live(story)
