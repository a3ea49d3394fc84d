"""The remote's limits hold whatever we do to ourselves, and a clock that somebody sets stops nothing."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from daemon import service, virtual
from daemon.simulator.faults import Faults
from daemon.simulator.options import Options
from daemon.standing import as_candidate
from ledger.records import Postponement, State

SECOND = 1_000
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
ORGANIC = "serp/google/organic"

Live = Callable[..., Any]

FAMILIES = (
    ORGANIC,
    "serp/bing/organic",
    "merchant/google/products",
    "business_data/google/reviews",
    "app_data/apple/app_info",
    "keywords_data/google_ads/search_volume",
    "keywords_data/bing/search_volume",
    "keywords_data/google_trends/explore",
    "keywords_data/google_ads/keywords_for_site",
    "on_page/lighthouse",
)

MORE = (
    "serp/google/maps",
    "serp/google/news",
    "serp/google/images",
    "serp/youtube/organic",
    "keywords_data/google_ads/keywords_for_keywords",
    "keywords_data/bing/keywords_for_site",
    "keywords_data/bing/keyword_performance",
    "ai_optimization/claude/llm_responses",
    "ai_optimization/gemini/llm_responses",
    "ai_optimization/chat_gpt/llm_responses",
    "on_page",
)


def densest_minute(calls: list[int]) -> int:
    """The most calls within any 60 s."""
    most, first = 0, 0
    for place, at in enumerate(calls):
        while calls[first] <= at - MINUTE:
            first += 1
        most = max(most, place - first + 1)
    return most


def test_a_day_with_a_burst_and_restarts_is_never_throttled(live: Live) -> None:
    async def story(life: Any) -> None:
        life.start()
        for hour in range(12):
            for function in FAMILIES:
                life.post(function, 2, priority=2 if hour % 3 == 0 else 1)
            if hour == 4:
                life.post(count=1_150)
            await life.sleep(37 * MINUTE)
            await life.restart()
            await life.restart()
            await life.sleep(23 * MINUTE)
        await life.until_settled(within=12 * HOUR)
        assert life.states() == {State.COLLECTED: 12 * 2 * len(FAMILIES) + 1_150}
        assert densest_minute(life.line.since(0, "tasks_ready")) <= 20

    live(story, options=Options(general_limit=300), general_limit=300)


def test_the_budget_of_list_calls_survives_restarts(live: Live) -> None:
    async def story(life: Any) -> None:
        life.post(count=1_010, owner="foreign")  # a full window is asked again and again
        await life.sleep(2 * HOUR)
        for function in (*FAMILIES, *MORE):
            life.post(function, 1, priority=2)
        life.start()
        for _ in range(25):
            await life.sleep(2 * SECOND)
            await life.restart()
        await life.sleep(MINUTE)
        calls = life.line.since(0, "tasks_ready")
        assert len(life.line.since(0, "user_data")) <= 6
        assert len(calls) >= 20, "it is busy enough to matter"
        assert densest_minute(calls) <= 20

    live(story)


def test_the_general_budget_follows_the_account(live: Live) -> None:
    async def story(life: Any) -> None:
        life.post(count=200)
        await life.sleep(2 * HOUR)
        life.start()
        began = life.now()
        await life.until_settled()
        assert life.now() - began >= 1.5 * MINUTE, "200 calls at 120 a minute"
        assert densest_minute(life.line.since(began)) <= 120
        assert life.ledger.facts.get("general_limit") == "120"

    live(story, options=Options(general_limit=120))


def test_a_share_leaves_the_rest_to_others(live: Live) -> None:
    async def story(life: Any) -> None:
        life.post(count=150)
        await life.sleep(2 * HOUR)
        life.start()
        await life.until_settled()
        assert densest_minute([at for at, _ in life.line.calls]) <= 60

    live(story, options=Options(general_limit=240), general_limit=240, share=0.25)


@pytest.mark.parametrize("by", [-2 * HOUR, 3 * DAY], ids=["two hours back", "three days forth"])
def test_a_stepped_wall_clock_stops_nothing_and_loses_nothing(live: Live, by: int) -> None:
    async def story(life: Any) -> None:
        life.start()
        life.post(count=10)
        await life.sleep(8 * MINUTE)
        virtual.step_wall_clock(by)
        stepped = life.world.now()
        ids = life.post(count=30)
        await life.sleep(15 * MINUTE)
        assert life.line.since(stepped, "tasks_ready"), "the lists are asked within three usual intervals"
        await life.until_settled(within=HOUR)
        assert life.states() == {State.COLLECTED: 40}
        assert all(life.world.truth(one).collected_at - stepped < HOUR for one in ids)
        assert not life.alerts("lost")
        assert not life.alerts("expiring"), "nothing was near any deadline"
        assert not life.alerts("retention")
        assert life.events("clock.stepped")

    live(story, true_time=True)


@pytest.mark.parametrize("by", [-2 * HOUR, 3 * DAY], ids=["two hours back", "three days forth"])
def test_a_clock_that_was_wrong_for_a_moment_stops_nothing(
    live: Live, monkeypatch: pytest.MonkeyPatch, by: int
) -> None:
    """APScheduler looked at it just then and waits for hours; that it was set was over before it was noticed."""
    monkeypatch.setattr(service, "TICK_S", 60)  # so rarely the clock is looked at; passes are woken as ever

    async def story(life: Any) -> None:
        life.start()
        await life.sleep(MINUTE + 10 * SECOND)
        ids = life.post(count=3)
        virtual.step_wall_clock(by)
        await life.sleep(20 * SECOND)
        virtual.step_wall_clock(-by)
        right = life.world.now()
        await life.until_settled(within=HOUR)
        assert life.line.since(right, "tasks_ready")
        assert all(life.world.truth(one).collected_at - right < HOUR for one in ids)
        assert bool(life.events("clock.stepped")) == (by > 0), (
            "set ahead, the review is woken, and notices it"
        )

    live(story, true_time=True)


@pytest.mark.parametrize("by", [-2 * HOUR, 3 * DAY], ids=["two hours back", "three days forth"])
def test_a_restart_after_a_clock_step_goes_on(live: Live, by: int) -> None:
    async def story(life: Any) -> None:
        life.start()
        life.post(count=10)
        life.post("serp/google/maps", 10, priority=2)
        await life.sleep(3 * MINUTE)
        virtual.step_wall_clock(by)
        await life.restart()
        await life.until_settled(within=HOUR)
        assert life.states() == {State.COLLECTED: 20}
        assert densest_minute(life.line.since(0, "tasks_ready")) <= 20

    live(story, true_time=True)


def test_a_retry_that_a_stepped_clock_moved_away_is_made_all_the_same(live: Live) -> None:
    # Its time of the next try was written down before the clock went back.
    async def story(life: Any) -> None:
        life.post(count=20)
        await life.sleep(HOUR)
        life.line.instead = lambda path: (200, b"{") if "task_get" in path else None
        life.start()
        await life.sleep(5 * MINUTE)
        assert life.states() == {State.READY: 20}
        virtual.step_wall_clock(-6 * HOUR)
        life.line.instead = lambda path: None
        await life.until_settled(within=HOUR)
        assert life.states() == {State.COLLECTED: 20}

    live(story, true_time=True)


@pytest.mark.parametrize("restart", [False, True], ids=["seen", "unseen"])
def test_a_task_recorded_while_the_clock_was_ahead_is_not_waited_for_until_the_clock_is_there_again(
    live: Live, restart: bool
) -> None:
    async def story(life: Any) -> None:
        # No list shows it and no audit corrects it: what is left is a GET by id when it is overdue.
        life.line.instead = lambda path: (500, b"") if "id_list" in path else None
        virtual.step_wall_clock(3 * DAY)
        life.start()
        life.post(count=2)
        await life.sleep(2 * MINUTE)
        if restart:
            await life.stop()
            virtual.step_wall_clock(-3 * DAY)
            await life.restart()
        else:
            virtual.step_wall_clock(-3 * DAY)
        await life.until_settled(within=90 * MINUTE)
        await life.sleep(2 * HOUR)
        asked = life.line.since(life.world.now() - HOUR, "user_data")
        assert len(asked) <= 1, "nor is user_data asked until then"

    live(story, true_time=True, faults=Faults.only(unlisted=1.0))


def test_a_task_that_was_put_off_while_the_clock_was_ahead_is_posted_when_it_is_set_back(live: Live) -> None:
    async def story(life: Any) -> None:
        virtual.step_wall_clock(3 * DAY)
        word = {"id": "x", "status_code": 40205, "status_message": "no", "result": None}
        answer = json.dumps({"status_code": 20000, "tasks": [word]}).encode()
        life.line.instead = lambda path: (200, answer) if "task_post" in path else None
        life.ledger.plan([{"function": ORGANIC, "keyword": "k"}], "b")
        life.start()
        await life.sleep(MINUTE)
        (task,) = life.tasks(State.PLANNED).values()
        assert task.next_try_at is not None
        life.line.instead = lambda path: None
        await life.stop()
        virtual.step_wall_clock(-3 * DAY)
        await life.restart()
        await life.until(lambda: not life.tasks(State.PLANNED), within=2 * HOUR)

    live(story, true_time=True)


def test_a_slow_not_yet_says_nothing_of_the_time_it_was_under_way(live: Live) -> None:
    async def story(life: Any) -> None:
        (task_id,) = life.post("ai_optimization/claude/llm_responses")
        life.start()
        done_at = life.world.truth(task_id).done_at
        life.line._latency = (40.0, 40.0)  # asked for shortly before it is done, and answered afterwards
        asked: list[int] = []
        while life.world.now() < done_at + HOUR and life.task(task_id).state is not State.COLLECTED:
            if not asked and life.world.now() > done_at - 10 * SECOND:
                asked.append(life.world.now())
                await life.service.collector._timed(as_candidate(life.task(task_id)))
                life.line._latency = (0.05, 0.3)
            await life.sleep(SECOND)
        task = life.task(task_id)
        assert life.line.since(asked[0], task_id)[0] < done_at < task.latest_done_at
        assert task.earliest_done_at <= done_at

    live(story)


def test_a_restart_in_the_middle_goes_on_where_it_stopped(live: Live) -> None:
    async def story(life: Any) -> None:
        life.post(count=300)
        await life.sleep(2 * HOUR)
        life.start()
        await life.until(
            lambda: life.states().get(State.COLLECTED, 0) >= 60, within=10 * MINUTE, every=SECOND
        )
        await life.restart()
        assert 0 < life.states()[State.COLLECTED] < 300, "the stop came in the middle"
        await life.until_settled()
        assert life.states() == {State.COLLECTED: 300}
        assert life.world.counts()["gets"] == 300, "a clean stop repeats nothing"

    live(story, general_limit=600)


def test_a_stop_is_over_within_ten_seconds_even_when_the_remote_is_silent(live: Live) -> None:
    async def story(life: Any) -> None:
        life.post(count=60)
        await life.sleep(2 * HOUR)
        life.start()
        await life.sleep(1_500)  # answers take a minute here: they are all under way
        assert life.service is not None
        began = life.clock.monotonic()
        await life.stop()
        assert life.clock.monotonic() - began <= 10
        assert life.events("service.stopped")
        life.line._latency = (0.05, 0.3)
        life.start()
        await life.until_settled()
        assert life.states() == {State.COLLECTED: 60}

    live(story, latency_s=(50.0, 60.0))


def test_what_waits_is_not_kept_waiting_by_a_clock_that_was_set_back_while_readyd_was_down(
    live: Live,
) -> None:
    async def story(life: Any) -> None:
        life.post(count=20)
        await life.sleep(30 * MINUTE)
        virtual.step_wall_clock(2 * HOUR)
        life.start()
        life.line.instead = lambda path: (200, b"{") if "task_get" in path else None
        await life.sleep(5 * MINUTE)
        assert life.states() == {State.READY: 20}
        await life.stop()
        virtual.step_wall_clock(-2 * HOUR)
        life.line.instead = lambda path: None
        life.start()
        await life.until_settled(within=20 * MINUTE)
        assert life.states() == {State.COLLECTED: 20}

    live(story, true_time=True)


def test_a_try_noted_between_a_step_of_the_clock_and_its_notice_is_not_put_off_by_the_step(
    live: Live,
) -> None:
    """The step is noticed some seconds later; what was written meanwhile is in the new time already."""

    async def story(life: Any) -> None:
        life.post(count=20)
        await life.sleep(30 * MINUTE)
        life.line.instead = lambda path: (200, b"{") if "task_get" in path else None
        life.start()
        await life.sleep(10 * SECOND)
        assert life.states() == {State.READY: 20}
        virtual.step_wall_clock(3 * HOUR)
        life.ledger.postpone(
            [Postponement(one, 1, life.now() + MINUTE, 40602, None, None) for one in life.tasks()]
        )
        life.line.instead = lambda path: None
        await life.until_settled(within=20 * MINUTE)
        assert life.events("clock.stepped")

    live(story, true_time=True)
