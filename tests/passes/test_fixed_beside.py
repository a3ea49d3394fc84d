"""The lists of re-parsed tasks beside Tasks Ready: it comes first, and what goes wrong with them it never hears."""

import shutil
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from daemon.dataforseo.catalogue import FIXED
from daemon.policy.rules import Rules
from daemon.service import Service
from daemon.simulator.options import Options, Turnaround

SECOND = 1_000
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
FUNCTIONS = tuple(sorted(name for one in FIXED.values() for name in one.functions))

Live = Callable[..., Any]


def refusal(code: int, message: str, status: int = 200) -> tuple[int, bytes]:
    """An answer that refuses the whole call."""
    return status, f'{{"status_code": {code}, "status_message": "{message}", "tasks": null}}'.encode()


def reparse(life: Any, *ids: str) -> None:
    """Let the remote parse these results anew."""
    for task_id in ids:
        life.world.reparse(task_id)


def is_home(life: Any, ids: list[str]) -> bool:
    """Whether these tasks have come home twice."""
    return not life.ledger.tasks.outstanding() and set(life.ledger.tasks.editions_of(ids).values()) == {2}


async def bring_home(life: Any, count: int = 1) -> list[str]:
    """Post tasks and wait until they are collected, and a little longer than a list may lag."""
    ids: list[str] = life.post(count=count)
    if life.service is None:
        life.start()
    await life.until_settled()
    await life.sleep(5 * MINUTE)
    return ids


def densest_minute(calls: list[int]) -> int:
    """The most calls within any 60 s."""
    return max((sum(at <= other < at + MINUTE for other in calls) for at in calls), default=0)


def wait_of(calls: list[int]) -> list[int]:
    """How long it took from each call to the next."""
    return [later - earlier for earlier, later in pairwise(calls)]


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
            assert densest_minute(others) <= 2
            both = sorted(others + life.line.since(began, "tasks_ready"))
            assert 14 <= densest_minute(both) <= 20, "busy, and within the limit"

        rules = Rules(pace_fixed_ms=MINUTE if due else 9 * DAY, window_cap=20)
        options = Options(turnaround=CLOCKWORK, window=20)
        life = live(story, latency_s=(0.1, 0.1), rules=rules, options=options)
        shutil.rmtree(life.path.parent)  # the other life begins where this one did
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
        assert life.line.since(began, "tasks_fixed")
        assert max(wait_of(life.line.since(began, "tasks_ready"))) <= 30 * SECOND
        await life.until_settled()

    long = Turnaround(9 * DAY, 10 * MINUTE, 9 * DAY, 10 * MINUTE, {})
    rules = Rules(pace_fixed_ms=MINUTE, pace_hurried_ms=20 * SECOND)
    live(story, rules=rules, options=Options(turnaround=long))


def test_many_tasks_that_come_back_at_once_make_no_list_look_suddenly_empty(live: Live) -> None:
    """The last look at Tasks Ready showed many rows, and was a while ago: all of them are home since."""

    async def story(life: Any) -> None:
        ids = life.post(count=120)
        await life.sleep(HOUR)
        life.start()
        await life.until_settled()
        assert life.ledger.polls.looks()["/v3/serp/tasks_ready"].rows == 120
        await life.sleep(3 * HOUR)
        life.settings["general_limit"] = 20  # now they wait
        await life.restart()
        reparse(life, *ids)
        began = life.now()
        await life.until(lambda: is_home(life, ids), within=2 * HOUR)
        assert life.line.since(began, "tasks_ready"), "it was empty"
        await life.sleep(10 * MINUTE)
        assert not life.alerts("empty list")

    live(story)


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


def test_too_fast_for_one_list_is_too_fast_for_all_of_them(live: Live) -> None:
    async def story(life: Any) -> None:
        for function in FUNCTIONS[:4]:
            life.post(function)
        life.start()
        await life.until_settled()
        await life.stop()
        await life.sleep(2 * HOUR)  # now all of them are due
        began = life.now()
        life.line.instead = lambda path: refusal(40202, "Rate limit.") if "tasks_fixed" in path else None
        assert await Service(life.tools(), lanes=30).run_once() == 0
        assert len(life.line.since(began, "tasks_fixed")) == 1
        life.line.instead = lambda path: None
        await life.sleep(2 * MINUTE)
        assert await Service(life.tools(), lanes=30).run_once() == 0
        assert len(life.line.since(began, "tasks_fixed")) == 5, "one round asks all that are due"

    live(story)
