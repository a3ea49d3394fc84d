"""Webhooks to the real receiver beside the real service, in virtual time: arriving, lost, doubled, early."""

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, ClassVar

import httpx
import pytest

from daemon.settings_webhook import Webhook
from daemon.simulator.courier import Courier
from daemon.simulator.faults import Faults
from daemon.web import secrets
from daemon.web.limits import Limits
from daemon.web.server import Front
from ledger.database import LedgerDatabase
from ledger.records import State
from ledger.trouble import sqlite
from tests.passes.ticks import coarse

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
POSTBACKS = {"postback_data": "advanced"}

Live = Callable[..., Any]


class Way:
    """The way from the remote to the receiver: what was sent, and what was answered."""

    def __init__(self, front: Front, secret: str) -> None:
        self.front = front
        self.secret = secret
        self.sent: list[tuple[str, str, bytes, Mapping[str, str]]] = []
        self.answers: list[int] = []
        self.open = True
        transport = httpx.ASGITransport(app=front.app, client=("192.0.2.7", 1))
        self.client = httpx.AsyncClient(transport=transport, base_url="https://hooks.invalid")

    def url(self, verb: str) -> str:
        return f"https://hooks.invalid/hook/{self.secret}/{verb}?id=$id&tag=$tag"

    async def send(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        self.sent.append((method, url, body, headers))
        if not self.open:
            raise OSError("nobody answers")
        answer = await self.client.request(method, url, content=body, headers=dict(headers))
        self.answers.append(answer.status_code)
        return answer.status_code


@contextlib.asynccontextmanager
async def receiving(life: Any, *, verify: bool = False) -> AsyncIterator[Way]:
    """Start the service, a receiver in its loop, and the remote's courier."""
    life.start()
    file = life.path.parent / "secret"
    (secret, *_) = secrets.read(file) if file.exists() else secrets.replace(file)
    webhook = Webhook(listen="127.0.0.1:0", secret_file=file, verify=verify)
    front = Front(life.service.tools, webhook, life.service.collector.refresh, limits=Limits())
    way = Way(front, secret)
    courier = asyncio.create_task(Courier(life.world, way.send).run())
    try:
        yield way
    finally:
        courier.cancel()
        await asyncio.gather(courier, return_exceptions=True)
        await way.client.aclose()
        assert secret not in life.log.getvalue()


def test_postbacks_bring_their_results_without_a_single_get(live: Live) -> None:
    async def story(life: Any) -> None:
        told: list[int] = []
        async with receiving(life) as way:
            life.service.tools.on_home.append(lambda: told.append(life.now()))
            ids = life.post(count=150, postback_url=way.url("post"), **POSTBACKS)
            await life.until_settled(within=HOUR)
        assert life.states() == {State.COLLECTED: 150}
        assert life.world.counts()["gets"] == 0
        assert sum(line["count"] for line in life.events("results.received")) == 150
        home_at = [life.task(one).settled_at for one in ids]
        assert all(any(0 <= at - home <= SECOND for at in told) for home in home_at), "targets hear at once"
        assert {tuple(life.why(one)) for one in ids} == {("recorded", "postback", "postback")}
        for one in ids:
            task, truth = life.task(one), life.world.truth(one)
            assert task.earliest_done_at <= truth.done_at < task.latest_done_at + SECOND, (
                "id_list counts seconds"
            )
            assert task.settled_at - truth.done_at < 5 * SECOND
        assert not life.alerts("expiring")

    live(story)


def test_a_pingback_wakes_the_collector_at_once(live: Live) -> None:
    async def story(life: Any) -> None:
        async with receiving(life) as way:
            ids = life.post(count=40, pingback_url=way.url("ping"), tag="a b#c")
            await life.until_settled(within=HOUR)
        pinged = [one for one in ids if life.why(one) == ["recorded", "pingback", "fetched"]]
        assert len(pinged) >= 30, "a look may come first"
        for one in pinged:
            task, truth = life.task(one), life.world.truth(one)
            assert task.earliest_done_at <= truth.done_at < task.latest_done_at + SECOND, (
                "id_list counts seconds"
            )
            assert task.latest_done_at - truth.done_at < 2 * SECOND, "exact at its late end"
            assert task.settled_at - truth.done_at < 10 * SECOND

    live(story)


def test_with_verify_a_get_brings_what_a_postback_announced(live: Live) -> None:
    async def story(life: Any) -> None:
        async with receiving(life, verify=True) as way:
            ids = life.post(count=10, postback_url=way.url("post"), **POSTBACKS)
            await life.until_settled(within=HOUR)
        assert {tuple(life.why(one)) for one in ids} == {("recorded", "postback", "fetched")}
        assert life.world.counts()["gets"] == 10
        assert life.states() == {State.COLLECTED: 10}

    live(story)


def test_every_webhook_of_a_week_dropped_loses_nothing_and_is_only_later(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    coarse(monkeypatch)

    async def story(life: Any) -> None:
        async with receiving(life) as way:
            way.open = False
            for _ in range(14):
                life.post(count=6, pingback_url=way.url("ping"))
                life.post(count=6, postback_url=way.url("post"), **POSTBACKS)
                await life.sleep(12 * HOUR)
            assert len(way.sent) == 14 * 12
            assert not way.answers
        assert set(life.states()) <= {State.COLLECTED, State.DELIVERED}
        assert sum(life.states().values()) == 168
        late = [life.task(one).settled_at - life.world.truth(one).done_at for one in life.tasks()]
        assert max(late) < HOUR

    live(story)


def test_webhooks_lost_and_doubled_at_random_bring_everything_home_once(live: Live) -> None:
    async def story(life: Any) -> None:
        async with receiving(life) as way:
            for _ in range(6):
                life.post(count=10, pingback_url=way.url("ping"))
                life.post(count=10, postback_url=way.url("post"), **POSTBACKS)
                life.post(count=5)
                await life.sleep(20 * MINUTE)
            await life.until_settled(within=6 * HOUR)
            await life.sleep(10 * MINUTE)
        assert set(life.states()) <= {State.COLLECTED, State.DELIVERED, State.FAILED}
        assert set(way.answers) <= {200}
        totals = way.front.door.tally.totals()
        assert totals["accepted"] > 40
        assert totals["replayed"] > 5

    live(
        story, faults=Faults.only(webhook_lost=0.3, webhook_twice=0.3, fails=0.1, no_results=0.1, partial=0.1)
    )


def test_a_replay_changes_nothing_whatever_it_holds(live: Live) -> None:
    async def story(life: Any) -> None:
        async with receiving(life) as way:
            (one,) = life.post(postback_url=way.url("post"), **POSTBACKS)
            await life.until_settled(within=HOUR)
            before, history = life.task(one), life.history(one)
            (method, url, body, headers) = way.sent[0]
            other = json.loads(gzip.decompress(body))
            other["tasks"][0]["result"] = [{"forged": True}]
            for again in (body, gzip.compress(json.dumps(other).encode())):
                assert await way.send(method, url, again, headers) == 200
            assert await way.send("GET", url.replace("/post?", "/ping?"), b"", {}) == 200
            await life.sleep(HOUR)
        assert (life.task(one), life.history(one)) == (before, history)
        assert way.front.door.tally.totals() == {"accepted": 1, "replayed": 3}

    live(story)  # which checks that the result is the remote's own


def test_a_slow_get_that_a_postback_overtakes_is_dropped_without_a_trace(live: Live) -> None:
    async def story(life: Any) -> None:
        async with receiving(life) as way:
            (one,) = life.post(postback_url=way.url("post"), **POSTBACKS)
            way.open = False
            await life.until(lambda: len(way.sent) == 1, within=HOUR, every=SECOND)
            way.open = True
            await life.until(lambda: life.line.since(0, one), within=HOUR, every=SECOND // 10)
            assert life.task(one).state is not State.COLLECTED, "its GET is under way"
            assert await way.send(*way.sent[0]) == 200
            await life.sleep(HOUR)
        assert life.why(one)[-1] == "postback"
        assert life.states() == {State.COLLECTED: 1}

    live(story, latency_s=(4.0, 5.0))


class Refusing(LedgerDatabase):
    """Refuses to write, as a full disk does, while `full`."""

    full: ClassVar[bool] = False

    def commit(self) -> None:
        if type(self).full:
            error = sqlite.OperationalError("database or disk is full")
            error.sqlite_errorname = "SQLITE_FULL"
            raise error
        super().commit()  # type: ignore[no-untyped-call]


@pytest.fixture
def refusing() -> Any:
    yield Refusing
    Refusing.full = False


def test_what_cannot_be_made_durable_is_answered_503_and_comes_home_by_the_list(
    live: Live, refusing: Any
) -> None:
    async def story(life: Any) -> None:
        async with receiving(life) as way:
            life.post(count=30, postback_url=way.url("post"), **POSTBACKS)
            await life.sleep(SECOND)
            refusing.full = True
            await life.until(lambda: len(way.answers) == 30, within=2 * HOUR)
            refusing.full = False
            assert set(way.answers) == {503}
            assert life.states() == {State.POSTED: 30}
            await life.until_settled(within=4 * HOUR)
        assert set(life.states()) <= {State.COLLECTED, State.DELIVERED}
        assert way.front.door.tally.totals() == {"trouble": 30}
        assert life.events("ledger.trouble")

    live(story, driver=refusing)


def test_a_postback_that_says_not_yet_or_gone_changes_nothing(live: Live) -> None:
    async def story(life: Any) -> None:
        async with receiving(life) as way:
            (one,) = life.post()
            for code in (40602, 40401, 40403, 50000, 20100, 47123):
                said = {"status_code": 20000, "tasks": [{"id": one, "status_code": code, "result": None}]}
                url = way.url("post").replace("$id", one)
                assert await way.send("POST", url, json.dumps(said).encode(), {}) == 400
            assert life.task(one).state is State.POSTED
            assert life.task(one).attempts == 0
            await life.until_settled()
        assert life.why(one) == ["recorded", "listed", "fetched"]

    live(story)


def test_a_postback_of_a_failed_task_ends_it_with_its_code(live: Live) -> None:
    async def story(life: Any) -> None:
        async with receiving(life) as way:
            life.post(count=5, postback_url=way.url("post"), **POSTBACKS)
            await life.until_settled(within=HOUR)
        assert life.states() == {State.FAILED: 5}
        assert {task.code for task in life.tasks().values()} <= {40101, 40103}
        assert life.world.counts()["gets"] == 0

    live(story, faults=Faults.only(fails=1.0))


@pytest.mark.parametrize("verb", ["ping", "post"])
def test_a_webhook_before_its_task_is_recorded_is_remembered(live: Live, verb: str) -> None:
    async def story(life: Any) -> None:
        async with receiving(life) as way:
            fields = {"keyword": "k", f"{verb}back_url": way.url(verb)}
            answer = life.world.post("serp/google/organic", [{**fields, "postback_data": "advanced"}])
            await life.until(lambda: bool(way.answers), within=HOUR)
            assert way.answers == [200]
            assert way.front.door.tally.totals() == {"unknown": 1}
            (one,) = life.ledger.record_posted(answer).accepted
            await life.sleep(8 * SECOND)
            assert life.why(one) == ["recorded", f"{verb}back", "fetched"]
            assert not way.front.receiver._early._hints

    live(story)


def test_hints_about_tasks_that_never_come_are_forgotten_after_an_hour(live: Live) -> None:
    async def story(life: Any) -> None:
        async with receiving(life) as way:
            for number in range(3):
                assert (
                    await way.send("GET", way.url("ping").replace("$id", f"theirs-{number}"), b"", {}) == 200
                )
            assert len(way.front.receiver._early._hints) == 3
            await life.sleep(HOUR + MINUTE)
            assert not way.front.receiver._early._hints
            assert way.front.receiver._early._timer is None

    live(story)
