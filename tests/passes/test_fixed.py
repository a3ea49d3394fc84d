"""Results that the remote parsed anew come home again, beside the earlier ones, and cost Tasks Ready nothing."""

import gzip
import json
import shutil
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from daemon.dataforseo.catalogue import FIXED
from daemon.policy.rules import Rules
from daemon.service import Service
from daemon.simulator.options import Options, Turnaround
from ledger.records import State

SECOND = 1_000
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
ORGANIC = "serp/google/organic"
LIST = f"/v3/{ORGANIC}/tasks_fixed"
HOOK = "https://hooks.example/take?id=$id"
FUNCTIONS = tuple(sorted(name for one in FIXED.values() for name in one.functions))

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


def densest_minute(calls: list[int]) -> int:
    """The most calls within any 60 s."""
    return max((sum(at <= other < at + MINUTE for other in calls) for at in calls), default=0)


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


# Tasks Ready comes first ---------------------------------------------------------------------------------


def test_tasks_ready_is_asked_at_the_same_instants_as_if_there_were_no_other_lists(live: Live) -> None:
    """Twice the same busy hour: once the other lists are not due, once all of them are due all the time."""
    told: dict[bool, list[tuple[int, str]]] = {}
    for due in (False, True):

        async def story(life: Any, due: bool = due) -> None:
            began, others = await a_busy_hour(life)
            told[due] = [
                (at - began, path) for at, path in life.line.calls if at >= began and "ready" in path
            ]
            assert len(others) > 50 if due else not others
            both = sorted(others + life.line.since(began, "tasks_ready"))
            assert 14 <= densest_minute(both) <= 20, "busy, and within the limit"

        rules = Rules(pace_fixed_ms=MINUTE if due else 9 * DAY, window_cap=20)
        options = Options(turnaround=CLOCKWORK, window=20)
        life = live(story, latency_s=(0.1, 0.1), rules=rules, options=options)
        shutil.move(life.path.parent, life.path.parent.with_name(f"due {due}"))
        life.path.parent.mkdir()
    assert len(told[True]) > 200
    assert told[True] == told[False]


CLOCKWORK = Turnaround(9 * DAY, 50 * SECOND, 9 * DAY, 50 * SECOND, {})
"""Every task takes as long as any other: more calls of lists shift nobody's luck."""


async def a_busy_hour(life: Any) -> tuple[int, list[int]]:
    """Many lists at many paces, after results of every function came home; tells when it began, and other calls."""
    for function in FUNCTIONS:
        life.post(function)
    await life.sleep(HOUR)
    life.start()
    await life.until_settled()
    await life.until(lambda: len(life.line.since(0, "tasks_fixed")) >= len(FUNCTIONS), within=HOUR)
    await life.stop()
    await life.sleep(10 * MINUTE)
    life.post(count=30, owner="foreign")  # nobody fetches them: full windows are asked again and again
    await life.sleep(HOUR)
    began = life.now()
    life.start()
    for _ in range(28):
        for function in ("merchant/google/products", "on_page/lighthouse", *FUNCTIONS[:2]):
            life.post(function, priority=2)
        await life.sleep(2 * MINUTE + 7 * SECOND)
    return began, life.line.since(began, "tasks_fixed")


@pytest.mark.parametrize(
    "answer",
    [
        refusal(40204, "Access denied, activate the subscription."),
        refusal(40100, "You are not authorized.", 401),
        refusal(40202, "Rate limit."),
        refusal(40400, "Not Found.", 404),
        refusal(50000, "Internal Error."),
        (500, b""),
        (200, b"<html>surprise</html>"),
    ],
    ids=["subscription", "login", "throttled", "no such list", "in trouble", "500", "garbled"],
)
def test_a_list_that_refuses_costs_nobody_else_anything(live: Live, answer: tuple[int, bytes]) -> None:
    async def story(life: Any) -> None:
        life.line.instead = lambda path: answer if path.endswith("tasks_fixed") else None
        await bring_home(life)
        for _ in range(40):
            life.post()
            life.post("merchant/google/products")
            await life.sleep(15 * MINUTE)
        assert 8 <= len(life.line.since(0, "tasks_fixed")) <= 12, "more and more rarely, and never given up"
        await life.until_settled()
        for task in life.tasks().values():
            assert task.ready_at - life.world.truth(task.id).done_at <= 6 * MINUTE, (
                "its list was asked as ever"
            )
            assert task.settled_at - task.ready_at <= MINUTE
        kinds = ("account", "throttled", "poll stale", "empty list", "stuck")
        assert not [alert for kind in kinds for alert in life.alerts(kind)]
        assert len(life.events("fixed.unanswered")) == 1, "said once"

    live(story)


def wait_of(calls: list[int]) -> list[int]:
    """How long it took from each call to the next."""
    return [later - earlier for earlier, later in pairwise(calls)]


def test_a_list_that_is_slow_to_answer_holds_nobody_up(live: Live) -> None:
    async def story(life: Any) -> None:
        await bring_home(life)
        real = life.line.handle_async_request

        async def slow(request: Any) -> Any:
            if "tasks_fixed" in request.url.path:
                await life.sleep(55 * SECOND)
            return await real(request)

        life.line.handle_async_request = slow
        began = life.now()
        for _ in range(8):
            life.post(priority=2)
            await life.sleep(MINUTE)
        await life.until_settled()
        assert life.line.since(began, "tasks_fixed")
        assert max(wait_of(life.line.since(began, "tasks_ready"))) <= 70 * SECOND

    live(story, rules=Rules(pace_fixed_ms=MINUTE))


def test_many_tasks_that_come_back_at_once_make_no_list_look_suddenly_empty(live: Live) -> None:
    async def story(life: Any) -> None:
        life.post(count=120)
        await life.sleep(HOUR)  # all of them are on one window
        await bring_home(life, count=1)
        ids = list(life.tasks())
        await life.sleep(3 * HOUR)
        reparse(life, *ids)
        await life.until(lambda: is_home(life, ids), within=2 * HOUR)
        await life.sleep(10 * MINUTE)
        assert not life.alerts("empty list")

    live(story, general_limit=20)


def test_a_look_at_them_is_no_look_at_tasks_ready(live: Live) -> None:
    async def story(life: Any) -> None:
        await bring_home(life)
        last = max(life.line.since(0, "tasks_ready"))
        await life.sleep(3 * HOUR)
        assert life.ledger.polls.last_answered_at() - last < MINUTE
        assert set(life.ledger.polls.looks()) == {"/v3/serp/tasks_ready"}
        gone = refusal(40400, "Not Found.", 404)
        life.line.instead = lambda path: gone if path.endswith(("tasks_ready", "id_list")) else None
        began = life.now()
        life.post()
        await life.sleep(40 * MINUTE)
        assert len(life.line.since(began, "tasks_fixed")) >= 30
        (alert,) = life.alerts("poll stale")
        assert alert.opened_at - began <= 15 * MINUTE

    live(story, rules=Rules(pace_fixed_ms=MINUTE))


def test_one_round_for_cron_brings_them_home(live: Live) -> None:
    async def story(life: Any) -> None:
        ids = await bring_home(life, count=2)
        await life.stop()
        reparse(life, *ids)
        await life.sleep(2 * HOUR)
        assert await Service(life.tools(), lanes=30).run_once() == 0
        assert is_home(life, ids)
        asked = len(life.line.calls)
        assert await Service(life.tools(), lanes=30).run_once() == 0
        assert len(life.line.calls) - asked <= 1, "user_data at most"

    live(story)
