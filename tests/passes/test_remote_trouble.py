"""The remote is gone, refuses us, is slow with us or says odd things: nothing is lost, and it is said early."""

import json
from collections.abc import Callable
from typing import Any

from daemon.dataforseo.errors import Throttled
from daemon.passes.remote import Remote
from daemon.policy.rules import Rules
from daemon.simulator.faults import Faults
from ledger.records import Band, State

SECOND = 1_000
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
ORGANIC = "serp/google/organic"

Live = Callable[..., Any]


def refusal(code: int, message: str, status: int = 200) -> tuple[int, bytes]:
    """An answer that refuses the whole call."""
    document = {"status_code": code, "status_message": message, "tasks_count": 0, "tasks": None}
    return status, json.dumps(document).encode()


def answered(path: str) -> None:
    """Let the remote itself answer."""


def test_an_outage_of_thirty_hours_loses_nothing_and_is_said_early(live: Live) -> None:
    async def story(life: Any) -> None:
        life.start()
        life.post(count=20)
        await life.sleep(MINUTE)
        began = life.now()
        life.line.outage(began, began + 30 * HOUR)
        life.post(count=60)
        await life.sleep(29 * HOUR)
        (stale,) = life.alerts("poll stale")
        assert stale.opened_at - began <= 16 * MINUTE, "ten minutes after the look that was due"
        assert stale.closed_at is None
        (expiring,) = life.alerts("expiring")
        deadlines = [life.world.truth(one).done_at + 72 * HOUR for one in life.tasks()]
        assert expiring.opened_at < min(deadlines)
        assert expiring.nearest_deadline_at <= min(deadlines)
        assert "lost" not in life.states()
        await life.sleep(HOUR + 10 * MINUTE)
        assert life.states() == {State.COLLECTED: 80}, "home within ten minutes of the network's return"
        assert all(alert.closed_at for kind in ("poll stale", "expiring") for alert in life.alerts(kind))
        assert len(life.events("alert.repeated")) <= 2 * 30 / 4

    live(story)


def test_a_stale_poll_is_said_eleven_minutes_after_the_first_look_that_failed(live: Live) -> None:
    async def story(life: Any) -> None:
        life.line.outage(0, life.now() + 6 * HOUR)
        life.post(count=5)
        await life.sleep(HOUR)
        life.start()
        began = life.now()
        await life.sleep(HOUR)
        (stale,) = life.alerts("poll stale")
        assert 10 * MINUTE <= stale.opened_at - began <= 11 * MINUTE
        assert len(life.line.since(began)) < 150, "a dead network is not hammered"

    live(story)


def test_a_refused_login_is_said_and_calls_nearly_stop_until_it_works_again(live: Live) -> None:
    async def story(life: Any) -> None:
        life.start()
        life.post(count=30)
        await life.sleep(MINUTE)

        def refused(path: str) -> tuple[int, bytes]:
            return refusal(40100, "You are not authorized to access this resource.", 401)

        life.line.instead = refused
        began = life.now()
        await life.sleep(6 * HOUR)
        (account,) = life.alerts("account")
        assert account.opened_at - began <= 6 * MINUTE
        assert len(life.line.since(began)) <= 4 * 6 + 4, "one try in a quarter of an hour"
        assert life.states() == {State.POSTED: 30}
        assert not life.alerts("poll stale"), "one cause, one alert"
        assert all(task.attempts == 0 for task in life.tasks().values())
        life.line.instead = answered
        await life.until_settled(within=HOUR)
        assert life.states() == {State.COLLECTED: 30}
        await life.sleep(10 * MINUTE)
        assert life.alerts("account")[0].closed_at is not None

    live(story)


def test_a_refused_login_is_an_alert_at_once_and_a_restart_with_the_right_one_asks_at_once(
    live: Live,
) -> None:
    async def story(life: Any) -> None:
        life.start()
        await life.sleep(20 * SECOND)  # the first look will fall between two reviews
        life.post(count=30)
        life.line.instead = lambda path: refusal(
            40100, "You are not authorized to access this resource.", 401
        )
        wrong = life.now()
        await life.until(lambda: bool(life.line.since(wrong)), within=HOUR, every=SECOND)
        await life.sleep(SECOND)
        assert len(life.alerts("account")) == 1
        life.line.instead = answered
        await life.sleep(15 * SECOND)
        mended = life.now()
        await life.restart()
        await life.sleep(10 * SECOND)
        assert life.line.since(mended, "tasks_ready")
        assert life.line.since(mended, "user_data")
        await life.until_settled(within=HOUR)
        await life.sleep(10 * MINUTE)
        assert [alert.closed_at is None for alert in life.alerts("account")] == [False]

    live(story)


def test_an_empty_balance_pauses_and_costs_no_task_anything(live: Live) -> None:
    async def story(life: Any) -> None:
        life.start()
        life.post(count=10)
        await life.sleep(2 * HOUR)
        life.post(count=10)
        life.line.instead = lambda path: refusal(40200, "Payment Required.", 402)
        await life.sleep(2 * HOUR)
        assert life.alerts("account")
        life.line.instead = answered
        await life.until_settled(within=HOUR)
        assert life.states() == {State.COLLECTED: 20}

    live(story)


def test_an_account_shared_with_a_greedy_program_slows_us_down_and_loses_nothing(live: Live) -> None:
    taken = [0]

    def greedy(path: str) -> tuple[int, bytes] | None:
        """Someone else uses up nine minutes of ten."""
        taken[0] += 1
        return refusal(40202, "Rate limit exceeded.") if taken[0] % 10 else None

    async def story(life: Any) -> None:
        life.post(count=40)
        await life.sleep(HOUR)
        life.line.instead = greedy
        life.start()
        began = life.now()
        await life.sleep(30 * MINUTE)
        assert len(life.line.since(began)) <= 60, (
            "one call a minute while the remote says that we are too fast"
        )
        assert life.alerts("throttled")
        assert all(task.attempts == 0 for task in life.tasks().values())
        life.line.instead = answered
        await life.until_settled(within=HOUR)
        assert life.states() == {State.COLLECTED: 40}
        await life.sleep(15 * MINUTE)
        assert life.alerts("throttled")[0].closed_at is not None

    live(story, throttled=True)


def test_real_buckets_eaten_by_another_program_lose_nothing(live: Live) -> None:
    async def story(life: Any) -> None:
        bucket = life.world._state.accounts[0].limits.bucket("tasks_ready", 20)

        def eat(path: str) -> None:
            for _ in range(19):  # the other program is there first, each time
                bucket.take(life.world.now())

        life.line.instead = eat
        life.start()
        life.post(count=50)
        life.post("serp/google/maps", 20, priority=2)
        life.post("merchant/google/products", 20, priority=2)
        await life.until_settled(within=12 * HOUR)
        assert life.states() == {State.COLLECTED: 90}

    live(story, throttled=True)


def test_one_retired_list_does_not_stop_the_others(live: Live) -> None:
    retired = "/v3/keywords_data/google_ads/search_volume/tasks_ready"

    def gone(path: str) -> tuple[int, bytes] | None:
        gone = (retired, "/v3/keywords_data/id_list")
        return refusal(40400, "Not Found.", 404) if path in gone else None

    async def story(life: Any) -> None:
        life.line.instead = gone
        life.start()
        kept = life.post("keywords_data/google_ads/search_volume", 5)
        quick = life.post(count=20)
        await life.until(lambda: all(life.task(one).state is State.COLLECTED for one in quick), within=HOUR)
        assert len(life.line.since(0, retired)) <= 30
        await life.until_settled(within=8 * HOUR)
        assert all(life.why(one)[-2:] == ["answered", "fetched"] for one in kept), "fetched by id in the end"
        assert not life.alerts("account")

    live(story)


def test_one_garbled_list_does_not_stop_the_others(live: Live) -> None:
    def garbled(path: str) -> tuple[int, bytes] | None:
        if path == "/v3/merchant/tasks_ready":
            return 200, b"<html>surprise</html>"
        return None

    async def story(life: Any) -> None:
        life.line.instead = garbled
        life.start()
        life.post("merchant/google/products", 5)
        life.post(count=20)
        await life.until_settled(within=3 * HOUR)
        assert life.states() == {State.COLLECTED: 25}

    live(story)


def test_a_list_that_is_suddenly_empty_is_an_alarm_and_no_conclusion(live: Live) -> None:
    def emptied(path: str) -> tuple[int, bytes] | None:
        if path.endswith("tasks_ready"):
            entry = {
                "id": "x",
                "status_code": 20000,
                "status_message": "Ok.",
                "result_count": 0,
                "result": None,
            }
            return 200, json.dumps({"status_code": 20000, "tasks": [entry]}).encode()
        if "task_get" in path:
            return refusal(50000, "Internal Error.", 500)
        return None

    async def story(life: Any) -> None:
        life.post(count=120)
        await life.sleep(2 * HOUR)
        life.line.instead = lambda path: (
            refusal(50000, "Internal Error.", 500) if "task_get" in path else None
        )
        life.start()
        await life.until(lambda: life.states().get(State.READY) == 120, within=10 * MINUTE)
        clear_before = life.ledger.polls.looks()["/v3/serp/tasks_ready"].clear_at
        life.line.instead = emptied
        await life.sleep(12 * MINUTE)
        (alarm,) = life.alerts("empty list")
        assert alarm.subject == "/v3/serp/tasks_ready"
        assert life.states() == {State.READY: 120}, "nothing is concluded"
        assert life.ledger.polls.looks()["/v3/serp/tasks_ready"].clear_at == clear_before
        life.line.instead = answered
        await life.until_settled(within=HOUR)
        assert life.states() == {State.COLLECTED: 120}
        await life.sleep(10 * MINUTE)
        assert life.alerts("empty list")[0].closed_at is not None

    live(story)


def test_an_hour_of_errors_costs_an_hour(live: Live) -> None:
    async def story(life: Any) -> None:
        life.start()
        life.post(count=60)
        life.line.error_hour(life.now(), life.now() + HOUR)
        await life.sleep(HOUR)
        assert State.LOST not in life.states()
        await life.until_settled(within=30 * MINUTE)
        assert life.states() == {State.COLLECTED: 60}

    live(story)


def test_a_result_whose_answer_never_arrives_whole_is_fetched_again(live: Live) -> None:
    # The remote takes the row off its list although we never held the answer.
    faults = Faults.only(lost_answer=0.15, reset_body=0.15, truncated_body=0.1, truncated_json=0.1)

    async def story(life: Any) -> None:
        life.start()
        life.post(count=40)
        await life.until_settled(within=24 * HOUR)
        assert life.states() == {State.COLLECTED: 40}

    live(story, faults=faults)


def test_a_full_window_postpones_no_deadline_of_what_it_hides(live: Live) -> None:
    async def story(life: Any) -> None:
        life.post(count=1_100, owner="foreign")  # nobody collects them: the window stays full
        await life.sleep(2 * HOUR)
        (hidden,) = life.post()
        posted = life.now()
        silent = (hidden, "id_list")
        life.line.instead = lambda path: (
            refusal(50000, "Internal Error.") if any(part in path for part in silent) else None
        )
        life.start()
        await life.until(lambda: bool(life.alerts("expiring")), within=2 * HOUR, every=MINUTE)
        # Two hours on the list less the 90 minutes that are warned of, from posting on: nothing has proved more.
        assert 30 * MINUTE <= life.now() - posted <= 32 * MINUTE
        assert life.task(hidden).band is Band.EXPIRING
        assert life.ledger.polls.looks()["/v3/serp/tasks_ready"].clear_at is None
        life.line.instead = answered
        await life.until_settled(within=HOUR)
        assert life.task(hidden).state is State.COLLECTED

    short = Rules(visibility_ms=2 * HOUR, expiring_ms=90 * MINUTE, urgent_ms=HOUR, critical_ms=HOUR // 2)
    live(story, rules=short)


def refuse_for_haste(remote: Remote, at: int) -> None:
    error = Throttled("too fast", code=40202)
    remote.troubled(error, "serp", now=at, ticks=at, rules=Rules())


def stands(remote: Remote, at: int) -> list[bool]:
    """Whether the remote's last word that we ask too fast stands 4, 6, 14 and 16 minutes after an instant."""
    return [remote.throttled(at + minutes * MINUTE, Rules()) for minutes in (4, 6, 14, 16)]


def test_haste_that_recurs_is_believed_for_longer() -> None:
    remote = Remote()
    refuse_for_haste(remote, DAY)
    assert stands(remote, DAY) == [True, False, False, False]
    assert not remote.throttled(DAY - MINUTE, Rules()), "the clock was set back"
    for minutes in (1, 10, 20):  # a siege: nothing is answered in between
        refuse_for_haste(remote, DAY + minutes * MINUTE)
    assert stands(remote, DAY + 20 * MINUTE) == [True, False, False, False]
    remote.well("serp", DAY + 25 * MINUTE)
    refuse_for_haste(remote, DAY + 29 * MINUTE)
    assert stands(remote, DAY + 29 * MINUTE) == [True, True, True, False]
    remote.well("serp", DAY + 40 * MINUTE)
    refuse_for_haste(remote, DAY + 2 * HOUR)
    assert stands(remote, DAY + 2 * HOUR) == [True, False, False, False]
