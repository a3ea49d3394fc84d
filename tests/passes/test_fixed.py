"""Results that the remote parsed anew come home again, beside the earlier ones, and cost Tasks Ready nothing."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from daemon.policy.rules import Rules
from daemon.simulator.options import Options
from ledger.records import State

SECOND = 1_000
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
ORGANIC = "serp/google/organic"
LIST = f"/v3/{ORGANIC}/tasks_fixed"
HOOK = "https://hooks.example/take?id=$id"

Live = Callable[..., Any]


def refusal(code: int, message: str, status: int = 200) -> tuple[int, bytes]:
    """An answer that refuses the whole call."""
    return status, f'{{"status_code": {code}, "status_message": "{message}", "tasks": null}}'.encode()


def reparse(life: Any, *ids: str) -> None:
    """Let the remote parse these results anew."""
    for task_id in ids:
        life.world.reparse(task_id)


def content(life: Any, task_id: str, edition: int | None = None) -> Any:
    """The stored result of an edition, as the remote meant it; None when there is none."""
    body = life.ledger.bodies.load(task_id, life.task(task_id).recorded_at, None, edition)
    return None if body is None else json.loads(gzip.decompress(body.gzip))["tasks"][0]["result"]


def editions(life: Any, task_id: str) -> list[int]:
    return [one.edition for one in life.ledger.bodies.editions(task_id, life.task(task_id).recorded_at)]


def is_home(life: Any, ids: list[str], edition: int = 2) -> bool:
    """Whether these tasks have come home so many times."""
    if life.ledger.tasks.outstanding():
        return False
    return all(number == edition for number in life.ledger.tasks.editions_of(ids).values())


async def bring_home(life: Any, function: str = ORGANIC, count: int = 1, **fields: Any) -> list[str]:
    """Post tasks and wait until they are collected, and a little longer than a list may lag."""
    ids: list[str] = life.post(function, count, **fields)
    if life.service is None:
        life.start()
    await life.until_settled()
    await life.sleep(5 * MINUTE)
    return ids


def test_a_re_parsed_task_comes_home_again_and_both_results_are_kept(live: Live) -> None:
    async def story(life: Any) -> None:
        one, other = await bring_home(life, count=2)
        first = content(life, one)
        await life.sleep(3 * HOUR)
        reparse(life, one)
        await life.until(lambda: is_home(life, [one]), within=HOUR + MINUTE)
        assert life.why(one) == ["recorded", "listed", "fetched", "fixed", "fetched"]
        assert editions(life, one) == [2, 1]
        assert content(life, one, 1) == first != content(life, one)
        (now, earlier) = (
            json.loads(json.dumps(result)) for _, result in life.possible_results(one, "advanced")[::-1]
        )
        assert (content(life, one), first) == (now, earlier)
        assert life.world.counts()["gets"] == 3
        (said,) = life.events("fixed.read")
        assert (said["back"], said["tasks"], said["listing"], said["level"]) == (1, [one], LIST, "info")
        await life.sleep(DAY)
        assert (editions(life, one), editions(life, other)) == ([2, 1], [1])
        assert life.world.counts()["gets"] == 3, "nothing is fetched a third time"
        life.world.reparse(one)
        await life.until(lambda: is_home(life, [one], 3), within=HOUR + MINUTE)
        assert editions(life, one) == [3, 2, 1]

    live(story)


def test_only_the_lists_of_results_that_are_here_are_asked_and_only_once_an_hour(live: Live) -> None:
    async def story(life: Any) -> None:
        await bring_home(life)
        await bring_home(life, "serp/google/finance_explore")  # has no such list
        await bring_home(life, "merchant/google/products")
        await life.sleep(DAY)
        asked = [path for _, path in life.line.calls if "tasks_fixed" in path]
        assert set(asked) == {LIST}
        assert 23 <= len(asked) <= 26
        await life.stop()
        await life.sleep(30 * DAY)
        before = life.now()
        life.start()
        await life.sleep(DAY)
        assert not life.line.since(before, "tasks_fixed"), "nothing could be fetched again after thirty days"

    live(story)


def test_nothing_is_asked_while_no_result_is_here(live: Live) -> None:
    async def story(life: Any) -> None:
        life.line.instead = lambda path: refusal(50000, "Internal Error.") if "task_get" in path else None
        life.start()
        life.post(count=3)
        await life.sleep(5 * HOUR)
        assert life.states() == {State.READY: 3}
        assert not life.line.since(0, "tasks_fixed")
        life.line.instead = lambda path: None
        await life.until_settled()
        await life.sleep(15 * MINUTE)
        assert life.line.since(0, "tasks_fixed"), "now there is"

    live(story)


def test_foreign_re_parsed_tasks_are_counted_and_never_touched(live: Live) -> None:
    async def story(life: Any) -> None:
        own = await bring_home(life, count=2)
        foreign = life.post(count=5, owner="foreign")
        await life.sleep(HOUR)
        reparse(life, own[0], *foreign)
        await life.until(lambda: is_home(life, own[:1]), within=HOUR + MINUTE)
        assert life.ledger.polls.fixed_looks()[LIST].foreign == 5
        assert set(life.tasks()) == set(own)
        assert not any(one in path for one in foreign for _, path in life.line.calls)

    live(story)


def test_a_full_list_is_asked_again_soon_while_it_brings_something(live: Live) -> None:
    async def story(life: Any) -> None:
        ids = await bring_home(life, count=70)
        await life.sleep(HOUR)
        reparse(life, *ids)
        began = life.now()
        await life.until(lambda: is_home(life, ids), within=HOUR + 5 * MINUTE)
        first, *later = life.line.since(began, "tasks_fixed")
        assert len(later) >= 3
        assert later[0] - first <= 30 * SECOND
        assert life.now() - first <= 3 * MINUTE
        await life.sleep(20 * MINUTE)
        quiet = life.now()
        await life.sleep(5 * HOUR)
        assert len(life.line.since(quiet, "tasks_fixed")) <= 5

    live(story, options=Options(window=20), rules=Rules(window_cap=20))


def test_a_list_that_others_keep_full_is_asked_as_slowly_as_any(live: Live) -> None:
    async def story(life: Any) -> None:
        await bring_home(life)
        foreign = life.post(count=25, owner="foreign")
        await life.sleep(HOUR)
        reparse(life, *foreign)
        await life.sleep(HOUR)
        assert life.ledger.polls.fixed_looks()[LIST].saturated
        began = life.now()
        await life.sleep(5 * HOUR)
        assert len(life.line.since(began, "tasks_fixed")) <= 5

    live(story, options=Options(window=20), rules=Rules(window_cap=20))


def test_a_restart_asks_no_list_before_its_time(live: Live) -> None:
    async def story(life: Any) -> None:
        await bring_home(life)
        await life.until(lambda: bool(life.line.since(0, "tasks_fixed")), within=HOUR)
        asked_at = life.now()
        for _ in range(10):
            await life.restart()
            await life.sleep(4 * MINUTE)
        assert not life.line.since(asked_at + SECOND, "tasks_fixed")
        await life.sleep(25 * MINUTE)
        assert len(life.line.since(asked_at + SECOND, "tasks_fixed")) == 1

    live(story)


# what a list may show wrongly --------------------------------------------------------------------------


def test_a_row_that_lags_behind_the_second_collection_makes_no_third_edition(live: Live) -> None:
    """Asked again within seconds, because it is full, the list still shows what was fetched meanwhile."""

    async def story(life: Any) -> None:
        (one, *_) = await bring_home(life, count=21)
        await life.sleep(HOUR)
        life.line.instead = lambda path: stale(life, one) if "tasks_fixed" in path else None
        reparse(life, one)
        await life.until(lambda: is_home(life, [one]), within=HOUR + MINUTE)
        await life.sleep(50 * MINUTE)
        assert len(life.line.since(0, "tasks_fixed")) >= 10
        assert editions(life, one) == [2, 1]

    live(story, rules=Rules(window_cap=1, recent_look_ms=20 * MINUTE))


def stale(life: Any, task_id: str) -> tuple[int, bytes]:
    """The answer of a list that shows a task whatever was fetched."""
    row = {"id": task_id, "se": "google", "se_type": "organic", "date_posted": None, "tag": None}
    task = {"id": "1", "status_code": 20000, "path": LIST.split("/")[1:], "result_count": 1, "result": [row]}
    return 200, json.dumps({"status_code": 20000, "tasks_count": 1, "tasks": [task]}).encode()


def test_a_row_that_never_leaves_is_fetched_ever_more_rarely(live: Live) -> None:
    async def story(life: Any) -> None:
        (one,) = await bring_home(life)
        for _ in range(40):
            reparse(life, one)  # whether it stays or is there anew, it is there each time
            await life.sleep(HOUR)
        await life.until_settled()
        assert 4 <= editions(life, one)[0] <= 7

    live(story)


# what a second GET may answer ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "message"), [(40403, "Results Expired."), (40101, "Internal SE Server Error.")]
)
def test_a_re_parsed_result_that_cannot_be_had_costs_nothing_that_is_here(
    live: Live, code: int, message: str
) -> None:
    async def story(life: Any) -> None:
        (one,) = await bring_home(life)
        first = content(life, one)
        reparse(life, one)
        task = {"id": one, "status_code": code, "status_message": message, "result": None}
        answer = json.dumps({"status_code": 20000, "tasks": [task]}).encode()
        life.line.instead = lambda path: (200, answer) if "task_get" in path else None
        await life.until(lambda: life.why(one)[-1] == "kept", within=2 * HOUR)
        assert (life.task(one).state, life.task(one).code) == (State.COLLECTED, code)
        assert content(life, one) == first
        assert len(life.events("task.kept")) == 1
        assert not life.events("task.lost") + life.events("task.failed")
        assert not life.alerts("lost")

    live(story)


def test_a_delivered_task_that_was_parsed_anew_is_collected(live: Live) -> None:
    async def story(life: Any) -> None:
        life.world.attend(lambda: None)  # somebody takes the deliveries
        (one,) = life.post(postback_url=HOOK, postback_data="advanced")
        life.start()
        await life.until(lambda: life.world.truth(one).done, within=HOUR)
        await life.sleep(2 * SECOND)
        for delivery in life.world.due_webhooks():
            life.world.settle_webhook(delivery, 200)
        await life.until_settled()
        assert life.why(one)[-1] == "delivered"
        await life.sleep(5 * MINUTE)
        reparse(life, one)
        await life.until(lambda: is_home(life, [one]), within=HOUR + 10 * MINUTE)
        assert life.why(one) == ["recorded", "delivered", "fixed", "fetched"]
        assert life.task(one).state is State.COLLECTED
        assert editions(life, one) == [2, 1]
        assert not life.alerts("failed delivery")

    live(story)
