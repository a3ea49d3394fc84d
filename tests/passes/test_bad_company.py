"""A few bad tasks, or one bad API, beside many good ones: the good ones come home as if they were alone."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from ledger.records import Band, State

SECOND = 1_000
MINUTE = 60_000
HOUR = 60 * MINUTE
HOOK = "https://hooks.example/take?id=$id"

Live = Callable[..., Any]


def refusal(code: int, message: str, status: int = 200) -> tuple[int, bytes]:
    """An answer that refuses the whole call."""
    return status, f'{{"status_code": {code}, "status_message": "{message}", "tasks": null}}'.encode()


@pytest.mark.parametrize("number", [1, 6, 20])
def test_tasks_whose_result_breaks_the_remote_hold_up_nobody_else(live: Live, number: int) -> None:
    async def story(life: Any) -> None:
        poison = life.post("serp/google/maps", number, priority=2)
        good = life.post(count=600)
        await life.sleep(HOUR)
        life.line.instead = lambda path: (500, b"") if any(one in path for one in poison) else None
        life.start()
        await life.until(
            lambda: all(life.task(one).state is State.COLLECTED for one in good),
            within=20 * MINUTE,
            every=MINUTE,
        )
        await life.sleep(20 * HOUR)
        assert len(life.line.since(0, poison[0])) < 120, "slower and slower"
        assert [alert.count for alert in life.alerts("stuck")] == [number]
        assert not life.alerts("poll stale")
        life.line.instead = lambda path: None
        await life.until_settled(within=HOUR)

    live(story)


def test_an_api_that_refuses_the_account_keeps_only_its_own_tasks_waiting(live: Live) -> None:
    async def story(life: Any) -> None:
        life.post("ai_optimization/claude/llm_responses", 3)
        good = life.post(count=300)
        refused = refusal(40204, "Access denied, activate the subscription.")
        life.line.instead = lambda path: refused if path.startswith("/v3/ai_optimization/") else None
        began = life.now()
        life.start()
        await life.until(
            lambda: all(life.task(one).state is State.COLLECTED for one in good), within=HOUR, every=MINUTE
        )
        await life.sleep(5 * HOUR)
        assert [alert.subject for alert in life.alerts("account")] == ["ai_optimization"]
        assert not life.alerts("poll stale")
        assert len(life.line.since(began, "ai_optimization")) <= 4 * 6 + 4, "one try in a quarter of an hour"
        life.line.instead = lambda path: None
        await life.until_settled(within=80 * HOUR, every=MINUTE)  # docs: such a task may take 72 hours
        assert life.alerts("account")[0].closed_at is not None

    live(story)


def test_a_failed_delivery_that_cannot_be_fetched_is_warned_of_like_any_other(live: Live) -> None:
    async def story(life: Any) -> None:
        (task_id,) = life.post(postback_url=HOOK, postback_data="advanced")  # nobody receives it
        await life.sleep(HOUR)
        life.line.instead = lambda path: refusal(50000, "Internal Error.") if task_id in path else None
        life.start()
        await life.sleep(25 * HOUR)
        assert "failed delivery" in life.why(task_id)
        assert life.task(task_id).band is Band.EXPIRING
        assert len(life.alerts("expiring")) == 1
        life.line.instead = lambda path: None
        await life.until_settled(within=HOUR)

    live(story)


def test_the_pause_that_the_remote_asks_for_is_kept(live: Live) -> None:
    async def story(life: Any) -> None:
        life.post(count=40)
        await life.sleep(HOUR)
        life.start()
        await life.until(lambda: bool(life.line.since(0, "task_get")), within=HOUR, every=SECOND)
        life.line.instead = lambda path: refusal(40202, "Rate limit.", 429)
        life.line.headers = {"retry-after": "1800"}
        await life.sleep(10 * SECOND)
        told = life.now()
        await life.sleep(29 * MINUTE)
        assert not life.line.since(told)
        life.line.instead, life.line.headers = (lambda path: None), {}
        await life.until_settled(within=HOUR)

    live(story, throttled=True)


@pytest.mark.parametrize("answer", [(500, b""), refusal(50000, "Internal Error.")], ids=["HTTP 500", "50000"])
def test_an_id_list_that_is_broken_for_hours_keeps_no_list_from_being_read(
    live: Live, answer: tuple[int, bytes]
) -> None:
    async def story(life: Any) -> None:
        life.line.instead = lambda path: answer if path.endswith("id_list") else None
        life.start()
        quick, slow = life.post(count=5), life.post("keywords_data/google_ads/search_volume", 20)
        await life.until(
            lambda: all(life.task(one).state is State.COLLECTED for one in quick), within=HOUR, every=MINUTE
        )
        await life.sleep(2 * HOUR)
        assert not life.alerts("poll stale")
        read = life.line.since(0, "tasks_ready")
        longest = max(later - earlier for earlier, later in itertools.pairwise(read))
        assert longest <= 15 * MINUTE, "a look that is due waits for a pause, not for id_list to be mended"
        life.line.instead = lambda path: None
        await life.until(
            lambda: all(life.task(one).state is State.COLLECTED for one in slow), within=HOUR, every=MINUTE
        )

    live(story)
