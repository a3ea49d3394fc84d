"""Why deliveries failed (errors), and what webhook_resend says: in made-up answers, and from the simulator."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.dataforseo.catalogue import ERROR_APIS
from daemon.dataforseo.client import Client
from daemon.dataforseo.errors import (
    AccountRefused,
    Garbled,
    RemoteError,
    RequestRefused,
    Throttled,
    Unreachable,
)
from daemon.dataforseo.failures import EXCERPT, FailuresAnswer, read_failures
from daemon.dataforseo.masking import host_of, masked
from daemon.dataforseo.resending import read_resend
from daemon.simulator.catalogue import ERROR_APIS as SIMULATED_APIS
from daemon.simulator.options import LOGIN, PASSWORD, Options, Turnaround
from daemon.simulator.records import Receipt
from daemon.simulator.transport import SimulatedTransport
from daemon.simulator.world import World
from ledger.failure_records import DeliveryFailure
from ledger.records import Webhook

T = TypeVar("T")
START = 1_793_577_600_000
HOUR = 3_600_000
SECRET = "q7Zt_Lr2-0aXvBn4mK8sWd1eRf5gTh6yUj3iOp9lPqA"
HOOK = f"https://hooks.example:8443/hook/{SECRET}/post?id=$id"
ORGANIC = "serp/google/organic"


def row(remote: Any, number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": remote.task_id(number),
        "datetime": "2026-11-23 09:15:00 +00:00",
        "function": "postback_url",
        "error_code": 50000,
        "error_message": HOOK,
        "http_url": HOOK,
        "http_method": "POST",
        "http_code": 500,
        "http_time": 0.3512,
        "http_response": "Internal Server Error",
    } | changes


def read(remote: Any, *rows: Any, **changes: Any) -> FailuresAnswer:
    return read_failures(remote.listing(list(rows), "/v3/serp/errors", **changes), "serp")


def only(remote: Any, **changes: Any) -> DeliveryFailure:
    (found,) = read(remote, row(remote, **changes)).rows
    return found


def test_a_row_tells_who_answered_what_and_when_and_holds_no_url(remote: Any) -> None:
    assert only(remote) == DeliveryFailure(
        task_id=remote.task_id(1),
        webhook=Webhook.POSTBACK,
        at=remote.posted_at,
        host="hooks.example:8443",
        http_code=500,
        took_ms=351,
        answer="Internal Server Error",
        code=50000,
        message=None,  # nothing but the URL
    )


@pytest.mark.parametrize("written", ["2026-11-23 09-15-00 +00:00", "2026-11-23 11:15:00 +02:00"])
def test_dates_come_in_both_spellings(remote: Any, written: str) -> None:
    assert only(remote, datetime=written).at == remote.posted_at


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"function": "serp/google/organic/pingback_url"}, "webhook", Webhook.PINGBACK),
        ({"http_code": 0}, "http_code", None),
        ({"http_code": "503"}, "http_code", 503),
        ({"http_code": None}, "http_code", None),
        ({"http_time": "10.002"}, "took_ms", 10_002),
        ({"http_time": -1}, "took_ms", None),
        ({"http_time": None}, "took_ms", None),
        ({"http_url": None}, "host", "hooks.example:8443"),
        ({"http_url": 7, "error_message": "no route"}, "host", None),
        ({"error_message": "connection refused"}, "message", "connection refused"),
        ({"http_response": None}, "answer", None),
        ({"http_response": ["x"]}, "answer", None),
        (
            {"http_response": "<title>502 Bad&nbsp;Gateway</title>\n<hr>nginx"},
            "answer",
            "502 Bad Gateway nginx",
        ),
        ({"http_response": "<style>b{}</style>a\x00\x1b[31m\tb"}, "answer", "a [31m b"),
    ],
)
def test_fields_are_read_by_themselves(
    remote: Any, changes: dict[str, Any], field: str, value: object
) -> None:
    assert getattr(only(remote, **changes), field) == value


def test_rows_of_other_calls_and_odd_rows_are_passed_over_and_counted(remote: Any) -> None:
    others = [{**row(remote), "function": "serp/task_get/advanced"}, None, 7, row(remote, 2, id="x y")]
    answer = read(remote, *others, row(remote, 3, datetime="yesterday"), row(remote, 4))
    assert [one.task_id for one in answer.rows] == [remote.task_id(4)]
    assert answer.row_count == 5
    assert len(answer.problems) == 3
    assert SECRET not in str(answer)


def test_no_failures_and_no_page(remote: Any) -> None:
    for nothing in (None, []):
        assert read_failures(remote.listing(nothing, "/v3/serp/errors"), "serp").rows == ()
    for body in (
        b"<html>",
        remote.text(remote.envelope(None)),
        remote.listing([row(remote)], "/v3/serp/id_list"),
        remote.listing({"a": 1}, "/v3/serp/errors"),
    ):
        with pytest.raises(Garbled):
            read_failures(body, "serp")


# secrets ------------------------------------------------------------------------------------------------

ECHOES: tuple[Callable[[str, str], str], ...] = (
    lambda url, secret: f"Cannot POST {url}",
    lambda url, secret: f"<a href='{url}'>{secret}</a>",
    lambda url, secret: f"no route for /{secret}/post; known are: ".replace("/", "\\/"),
    lambda url, secret: "".join(f"&#{ord(letter)};" for letter in secret),
    lambda url, secret: f"bad key {secret.upper()} or {secret.lower()}",
    lambda url, secret: "-" * (2_000 - len(secret) // 2) + secret,
    lambda url, secret: "<b>" * 663 + secret + "</b>",
    lambda url, secret: f'{{"path": "/hook/{secret}", "token": "{secret}"}}',
)


@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize(
    "place",
    [
        "https://hooks.example/hook/{}/post?id=$id",
        "https://hooks.example/in?token={}&id=$id",
        "https://hooks.example/in?{}",
        "https://me:{}@hooks.example/in",
        "http://hooks.example/in#{}",
    ],
)
@pytest.mark.parametrize("secret", [SECRET, "p4ssw0rd", "correct horse", "a%2Fb%21c"])
def test_nothing_of_a_url_comes_out_whatever_the_receiver_repeats(
    remote: Any, echo: Callable[[str, str], str], place: str, secret: str
) -> None:
    url = place.format(secret)
    found = only(remote, http_url=url, error_message=echo(url, secret), http_response=echo(url, secret))
    told = f"{found.answer} {found.message} {found.host}".lower()
    pieces = [secret.lower()[at : at + 6] for at in range(len(secret) - 5)]
    assert not any(piece in told for piece in pieces), told
    assert len(found.answer or "") <= EXCERPT


@settings(max_examples=200, deadline=None, derandomize=True)
@given(url=st.text(max_size=80), text=st.text(max_size=80), seed=st.integers(0, 99))
def test_any_url_and_any_text_can_be_masked(url: str, text: str, seed: int) -> None:
    host_of(url)
    masked(text, url)
    tail = "".join(random.Random(seed).choices("abcdefghkmnp0123456789", k=24))
    assert tail not in masked(f"{text} {tail}", f"https://x.example/{tail}")


def test_a_host_that_looks_drawn_is_a_secret_too() -> None:
    assert host_of("https://eo1a2b3c4d5e6f.m.tunnel.example/x") == "***.m.tunnel.example"
    assert host_of("http://[2001:db8::7]:99/") == "[2001:db8::7]:99"
    assert [host_of(one) for one in ("", "nonsense", "http://[", "http://x:y/")] == [None] * 4


# webhook_resend -----------------------------------------------------------------------------------------


def entry(remote: Any, code: int = 20000, **changes: Any) -> dict[str, Any]:
    path = ["v3", "appendix", "webhook_resend"]
    words = {"status_code": code, "status_message": f"Message of {code}.", "path": path}
    return remote.element(None, **words) | changes


def words_of(remote: Any, entries: list[Any], count: int) -> dict[int, int | None]:
    ids = [remote.task_id(number) for number in range(count)]
    answer = read_resend(remote.text(remote.envelope(entries)), ids)
    return {ids.index(one): word.code for one, word in answer.words.items()}


def test_each_task_is_told_by_its_id_or_its_place(remote: Any) -> None:
    echoed = [entry(remote, 40401, data={"id": remote.task_id(1)}), entry(remote, id=remote.task_id(0))]
    assert words_of(remote, echoed, 2) == {1: 40401, 0: 20000}
    assert words_of(remote, [entry(remote), entry(remote, 40602)], 2) == {0: 20000, 1: 40602}
    assert words_of(remote, [entry(remote)], 3) == {0: 20000, 1: 20000, 2: 20000}, "one stands for all"
    assert words_of(remote, [entry(remote), entry(remote)], 3) == {}, "places prove nothing"
    assert words_of(remote, [entry(remote, 40001), entry(remote)], 2) == {0: 40001, 1: 20000}
    assert words_of(remote, [entry(remote, 40202)], 1) == {}, "that is about the call"
    for body in (b"[]", remote.text(remote.envelope(None)), remote.listing([], "/v3/serp/errors")):
        with pytest.raises(Garbled):
            read_resend(body, ["x"])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    result=st.recursive(
        st.none() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["id", "datetime", "function", "http_url", "http_code", "http_time", "http_response"]
                ),
                inner
                | st.sampled_from(
                    ["postback_url", "2026-11-23 09:15:00", "11230915-9999-0066-0000-000000000001"]
                ),
            )
        ),
        max_leaves=25,
    ),
    code=st.sampled_from([20000, 40401, 40202, None, "x"]),
)
def test_any_result_is_an_answer_or_a_refusal(remote: Any, result: Any, code: Any) -> None:
    for wrapped in (result, [result]):
        body = remote.text(remote.envelope([{"status_code": code, "data": result, "result": wrapped}]))
        for reader in (lambda body: read_failures(body, "serp"), lambda body: read_resend(body, ["a", "b"])):
            with contextlib.suppress(RemoteError):
                reader(body)


# the client against the simulator -----------------------------------------------------------------------


class Time:
    at = START


def simulated(story: Callable[[Client, World, Time], Coroutine[Any, Any, T]]) -> T:
    time = Time()
    world = World(lambda: time.at, options=Options(turnaround=Turnaround.around(60)))
    world.attend(lambda: None)

    async def main() -> T:
        client = Client(
            "https://simulator.invalid", LOGIN, PASSWORD, transport=lambda: SimulatedTransport(world)
        )
        try:
            return await story(client, world, time)
        finally:
            await client.aclose()

    return asyncio.run(main())


def failed(world: World, time: Time, count: int, receipt: Receipt, **hooks: str) -> list[str]:
    """Post tasks whose deliveries fail."""
    hooks = hooks or {"postback_url": HOOK, "postback_data": "advanced"}
    batches = [min(100, count - first) for first in range(0, count, 100)]
    answers = [world.post(ORGANIC, [{"keyword": "k", **hooks}] * size) for size in batches]
    time.at += HOUR
    for delivery in world.due_webhooks():
        world.settle_webhook(delivery, receipt)
    return [task["id"] for answer in answers for task in answer["tasks"]]


def test_pages_of_failures_of_one_kind_come_from_the_simulator() -> None:
    async def story(client: Client, world: World, time: Time) -> None:
        ids = failed(world, time, 130, Receipt(502, "<h1>Bad Gateway</h1>", 1.5))
        pinged = failed(world, time, 1, Receipt(None), pingback_url="https://other.example/x")
        pages = [await client.errors("serp", Webhook.POSTBACK, offset=at, limit=100) for at in (0, 100, 200)]
        assert [page.row_count for page in pages] == [100, 30, 0]
        rows = [one for page in pages for one in page.rows]
        assert {one.task_id for one in rows} == set(ids)
        assert {(one.host, one.http_code, one.took_ms, one.answer) for one in rows} == {
            ("hooks.example:8443", 502, 1500, "Bad Gateway")
        }
        assert {one.at for one in rows} == {START + HOUR}
        (ping,) = (await client.errors("serp", Webhook.PINGBACK)).rows
        assert (ping.task_id, ping.host, ping.http_code, ping.took_ms) == (
            *pinged,
            "other.example",
            None,
            10_000,
        )
        later = await client.errors("serp", Webhook.POSTBACK, START + HOUR + 1000)
        assert later.rows == ()
        assert (await client.errors("merchant", Webhook.POSTBACK)).rows == ()
        with pytest.raises(RequestRefused):
            await client.errors("nonsense", Webhook.POSTBACK)

    simulated(story)


def test_too_many_calls_of_errors_are_throttled() -> None:
    async def story(client: Client, world: World, time: Time) -> None:
        for _ in range(10):
            await client.errors("serp", Webhook.POSTBACK)
        with pytest.raises(Throttled):
            await client.errors("serp", Webhook.POSTBACK)

    simulated(story)


def test_what_is_resent_goes_out_again_and_each_task_has_its_word() -> None:
    async def story(client: Client, world: World, time: Time) -> None:
        (one,) = failed(world, time, 1, Receipt(500))
        (mute, *_) = (task["id"] for task in world.post(ORGANIC, [{"keyword": "k"}])["tasks"])
        time.at += HOUR
        answer = await client.resend([one, mute, "11230915-9999-0066-0000-000000000001"])
        assert [word.code for word in answer.words.values()] == [20000, 40501, 40401]
        assert [word.accepted for word in answer.words.values()] == [True, False, False]
        (again,) = world.due_webhooks()
        assert again.task.id == one
        world.settle_webhook(again, 200)
        assert world.truth(one).delivered_at == time.at

    simulated(story)


def test_a_refusal_of_the_call_is_no_word_of_a_task() -> None:
    refused = b'{"status_code": 40100, "status_message": "No.", "tasks": null}'
    garbled = b'{"status_code": 20000, "tasks": [{"status_code": 50303, "result": null}]}'

    async def ask(status: int, body: bytes) -> None:
        answer = httpx.MockTransport(lambda _: httpx.Response(status, stream=httpx.ByteStream(body)))
        client = Client("https://remote.example", LOGIN, PASSWORD, transport=lambda: answer)
        await client.resend(["a", "b"])

    with pytest.raises(AccountRefused):
        asyncio.run(ask(401, refused))
    with pytest.raises(Unreachable):
        asyncio.run(ask(500, b"<html>"))
    asyncio.run(ask(200, garbled))  # a word of the remote about both


def test_the_apis_that_have_errors_are_those_of_the_specification() -> None:
    assert set(ERROR_APIS) <= set(SIMULATED_APIS)
