"""Why deliveries failed: asked sparingly, kept for each task, told in one alert and by `readyd explain`; no secrets."""

import asyncio
import contextlib
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest

from daemon.composition import build_tools
from daemon.dataforseo.errors import Unreachable
from daemon.passes import resend
from daemon.policy.budget import BY_HAND
from daemon.settings import Secret, Settings
from daemon.simulator.courier import Courier
from daemon.simulator.faults import Faults
from daemon.simulator.options import LOGIN, PASSWORD
from daemon.simulator.records import Receipt
from ledger.records import State
from ledger.store import Ledger

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
SECRET = "q7Zt_Lr2-0aXvBn4mK8sWd1eRf5gTh6yUj3iOp9lPqA"
HOOK = f"https://hooks.example/hook/{SECRET}/post?id=$id"
POSTBACK = {"postback_url": HOOK, "postback_data": "advanced"}

Live = Callable[..., Any]
Answer = Callable[[str], int | Receipt]


@contextlib.asynccontextmanager
async def receiver(life: Any, answer: Answer) -> AsyncIterator[None]:
    """Start the service, and a receiver of the user's that answers as told."""

    async def send(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> int | Receipt:
        return answer(url)

    courier = asyncio.create_task(Courier(life.world, send).run())
    life.start()
    try:
        yield
    finally:
        courier.cancel()
        await asyncio.gather(courier, return_exceptions=True)


def broken(url: str) -> Receipt:
    return Receipt(500, f"<h1>Internal Server Error</h1> at {url}")


def moved(life: Any, ids: list[str]) -> list[str]:
    """The tasks of which a list showed that their delivery failed."""
    return [one for one in ids if "failed delivery" in life.why(one)]


def test_the_ledger_learns_why_each_delivery_failed_and_the_alert_says_it(live: Live) -> None:
    async def story(life: Any) -> None:
        async with receiver(life, broken):
            ids = life.post(count=450, **POSTBACK)
            await life.until_settled()
            await life.sleep(12 * MINUTE)
            shown = moved(life, ids)
            assert len(shown) > 300
            why = life.ledger.failures.of(shown)
            assert set(why) == set(shown), "every page was read"
            assert {(one.host, one.http_code, one.answer) for one in why.values()} == {
                ("hooks.example", 500, "Internal Server Error at ***")
            }
            for one in shown:
                assert -SECOND < why[one].at - life.world.truth(one).done_at <= MINUTE, (
                    "errors counts seconds"
                )
            (alert,) = life.alerts("failed delivery")
            assert f"Why: hooks.example answered 500 ({len(life.ledger.failures.of(ids))})" in alert.detail
            assert 0 < sum(one["explained"] for one in life.events("errors.read")) <= len(shown)

    live(story)


def test_no_failure_is_asked_about_when_there_is_none(live: Live) -> None:
    async def story(life: Any) -> None:
        async with receiver(life, lambda url: 200):
            life.post(count=20, **POSTBACK)
            life.post(count=20)
            await life.until_settled()
            await life.sleep(HOUR)
        assert not life.line.since(0, "/errors")

    live(story)


def test_what_errors_does_not_tell_is_asked_for_ever_more_rarely(live: Live) -> None:
    async def story(life: Any) -> None:
        nothing = {"status_code": 20000, "path": ["v3", "serp", "errors"], "result": None}
        answer = json.dumps({"status_code": 20000, "tasks": [nothing]}).encode()
        life.line.instead = lambda path: (200, answer) if "/errors" in path else None
        async with receiver(life, broken):
            life.post(count=30, **POSTBACK)
            await life.until_settled()
            await life.sleep(5 * HOUR)
        asked = life.line.since(0, "/errors")
        assert 3 <= len(asked) <= 5, "an hour later it does not matter any more"
        gaps = [later - earlier for earlier, later in itertools.pairwise(asked)]
        assert gaps[0] >= 5 * MINUTE
        assert gaps[1] >= 2 * 5 * MINUTE
        (alert,) = life.alerts("failed delivery")
        assert "Why" not in alert.detail

    live(story)


def test_restarts_do_not_ask_before_the_time(live: Live) -> None:
    async def story(life: Any) -> None:
        life.line.instead = lambda path: (200, b'{"status_code": 50000}') if "/errors" in path else None
        async with receiver(life, broken):
            life.post(count=30, **POSTBACK)
            await life.until(lambda: bool(life.line.since(0, "/errors")), within=HOUR)
            asked_at = life.now()
            for _ in range(8):
                await life.restart()
                await life.sleep(30 * SECOND)
        assert not life.line.since(asked_at + SECOND, "/errors")

    live(story)


@pytest.mark.parametrize(
    "answer",
    [
        (200, b'{"status_code": 40202, "status_message": "too fast", "tasks": null}'),
        (401, b'{"status_code": 40100, "status_message": "no", "tasks": null}'),
        (200, b"<html>"),
        (500, b""),
    ],
    ids=["throttled", "account refused", "garbled", "broken"],
)
def test_whatever_errors_answers_pauses_nothing_else(live: Live, answer: tuple[int, bytes]) -> None:
    async def story(life: Any) -> None:
        life.line.instead = lambda path: answer if path.endswith("/errors") else None
        async with receiver(life, broken):
            ids = life.post(count=40, **POSTBACK)
            await life.until(lambda: bool(life.line.since(0, "/errors")), within=HOUR)
            assert life.service.tools.remote.failures == 0
            assert not life.service.tools.remote.refused
            more = life.post(count=5)
            await life.until(
                lambda: all(life.task(one).state is State.COLLECTED for one in more), within=HOUR
            )
            life.line.instead = lambda path: None
            await life.sleep(30 * MINUTE)
            unexplained = [
                one for one in moved(life, ids) if life.history(one)[1].at > life.now() - 30 * MINUTE
            ]
            assert set(unexplained) <= set(life.ledger.failures.of(ids))
        assert {one.kind for one in life.alerts("account") + life.alerts("throttled")} == set()

    live(story)


def test_it_never_costs_tasks_ready_a_call_nor_exceeds_the_limit_of_errors(live: Live) -> None:
    """Six APIs and both kinds of webhooks at once: one call after the other, ten seconds apart."""

    async def story(life: Any) -> None:
        async with receiver(life, broken):
            for function in ("serp/google/organic", "merchant/google/products", "app_data/google/app_info"):
                life.post(function, 60, pingback_url=HOOK)
                life.post(function, 60, **POSTBACK)
            await life.until_settled()
            await life.sleep(20 * MINUTE)
        asked = life.line.since(0, "/errors")
        gaps = [later - earlier for earlier, later in itertools.pairwise(asked)]
        assert len(asked) >= 6
        assert min(gaps) >= 9 * SECOND
        assert Counter(path for _, path in life.line.calls if "/errors" in path).keys() == {
            "/v3/serp/errors", "/v3/merchant/errors", "/v3/app_data/errors"
        }  # fmt: skip

    live(story)


def test_failed_pingbacks_are_explained_as_well(live: Live) -> None:
    async def story(life: Any) -> None:
        async with receiver(life, lambda url: Receipt(403, "Forbidden")):
            ids = life.post(count=12, pingback_url=HOOK)
            await life.until(lambda: len(life.ledger.failures.of(ids)) == 12, within=HOUR)
            await life.sleep(2 * MINUTE)
            (alert,) = life.alerts("failed delivery")
            assert (alert.subject, alert.count) == ("pingbacks", 12)
            assert "hooks.example answered 403 (12)" in alert.detail
            await life.sleep(2 * HOUR)
            (alert,) = life.alerts("failed delivery")
            assert alert.closed_at is not None

    live(story)


def test_no_secret_of_a_url_reaches_the_ledger_or_the_log(live: Live) -> None:
    async def story(life: Any) -> None:
        life.world.attend(lambda: None)
        async with receiver(life, broken):
            ids = life.post(count=30, **POSTBACK) + life.post(count=30, pingback_url=HOOK)
            await life.until_settled()
            await life.sleep(12 * MINUTE)
            assert life.ledger.failures.of(ids)
        await life.stop()
        life.ledger.close()
        for file in life.path.parent.glob("ledger.db*"):
            assert SECRET.encode() not in file.read_bytes()
        assert SECRET not in life.log.getvalue()
        assert life.events("errors.read")

    live(story)


@pytest.mark.parametrize("seed", [1, 2])
def test_reasons_come_through_a_remote_in_trouble(live: Live, seed: int) -> None:
    async def story(life: Any) -> None:
        async with receiver(life, broken):
            ids = life.post(count=60, **POSTBACK)
            await life.until_settled(within=9 * HOUR)
            await life.sleep(30 * MINUTE)
            late = [one for one in moved(life, ids) if life.history(one)[1].at > life.now() - HOUR]
            assert set(late) <= set(life.ledger.failures.of(ids))

    live(story, seed=seed, faults=Faults.default(), throttled=True, foreign=True)


# resending ----------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def by_hand(life: Any) -> AsyncIterator[Any]:
    """The command as a second process: a ledger, a client and a budget of its own."""
    settings = Settings(
        ledger=life.path, base_url="https://simulator.invalid", login=LOGIN, password=Secret(PASSWORD)
    )
    with Ledger.open(life.path) as ledger:
        tools = build_tools(settings, ledger, life.clock, transport=lambda: life.line, by_hand=BY_HAND)
        try:
            yield tools
        finally:
            await tools.client.aclose()


def test_resending_beside_a_daemon_at_full_speed_is_never_throttled(live: Live) -> None:
    async def story(life: Any) -> None:
        came = list[str]()

        def answer(url: str) -> Receipt:
            came.append(url)
            return broken(url)

        async with receiver(life, answer):
            ids = life.post(count=1_500, **POSTBACK)
            await life.until_settled()
            first, begun = len(came), life.now()
            life.post(count=12_000, record=True)
            await life.sleep(10 * MINUTE)
            async with by_hand(life) as tools:
                found = await resend.run(tools, ids, lambda done, wait: None)
            assert (found.stopped, found.calls) == (None, 15)
            assert all(found.words[one].accepted for one in ids)
            await life.sleep(MINUTE)
            assert len(came) - first == len(ids), "each is delivered once more"
            await life.until_settled()
        busiest = Counter(made // MINUTE for made in life.line.since(begun, "task_get")).most_common(1)
        assert busiest[0][1] > 1_000, "the daemon was at its full speed"

    live(story)


def test_a_remote_that_does_not_answer_ends_the_asking(live: Live) -> None:
    async def story(life: Any) -> None:
        async with receiver(life, broken):
            ids = life.post(count=250, **POSTBACK)
            await life.until_settled()
            answers = iter([None, (500, b"")])
            life.line.instead = lambda path: next(answers) if "webhook_resend" in path else None
            async with by_hand(life) as tools:
                found = await resend.run(tools, ids, lambda done, wait: None)
            assert isinstance(found.stopped, Unreachable)
            assert (found.calls, set(found.words)) == (2, set(ids[:100]))

    live(story)
