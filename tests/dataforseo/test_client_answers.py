"""The client against a remote in memory: which answer becomes which record or error."""

import asyncio
import base64
import gzip
import traceback
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import httpx
import pytest

from daemon.dataforseo.catalogue import LISTINGS
from daemon.dataforseo.client import Caps, Client, Fetched
from daemon.dataforseo.codes import Kind
from daemon.dataforseo.errors import (
    AccountRefused,
    Garbled,
    RemoteError,
    RequestRefused,
    Throttled,
    TooLarge,
    Unreachable,
)

T = TypeVar("T")
SERP = LISTINGS["/v3/serp/tasks_ready"]
LOGIN = "shop@example.org"
PASSWORD = "pa:ss wörd ✓"
TOKEN = base64.b64encode(f"{LOGIN}:{PASSWORD}".encode()).decode()
GZIP = {"content-encoding": "gzip"}


def ask(
    handler: Callable[[httpx.Request], httpx.Response],
    call: Callable[[Client], Coroutine[Any, Any, T]],
    **options: Any,
) -> T:
    """Make one call against a remote that is `handler`."""

    async def main() -> T:
        client = Client(
            "https://remote.example/",
            LOGIN,
            PASSWORD,
            transport=lambda: httpx.MockTransport(handler),
            **options,
        )
        try:
            return await call(client)
        finally:
            await client.aclose()

    return asyncio.run(main())


def list_serp(answer: httpx.Response | Callable[[httpx.Request], httpx.Response], **options: Any) -> Any:
    handler = answer if callable(answer) else lambda _: answer
    return ask(handler, lambda client: client.list_ready(SERP), **options)


def fetch(remote: Any, answer: httpx.Response, **options: Any) -> Fetched:
    path = f"/v3/serp/google/organic/task_get/advanced/{remote.task_id(1)}"
    return ask(lambda _: answer, lambda client: client.fetch(path, remote.task_id(1)), **options)


class Raw(httpx.AsyncByteStream):
    """A body in the given chunks, whatever the headers say."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks

    async def __aiter__(self) -> Any:
        for chunk in self.chunks:
            yield chunk


def raw(*chunks: bytes, status: int = 200, headers: dict[str, str] | None = None) -> httpx.Response:
    return httpx.Response(status, headers=headers, stream=Raw(*chunks))


def test_a_list_is_asked_for_with_the_account_and_for_gzip(remote: Any) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return raw(remote.listing([remote.row("A", "serp/google/organic", 1)]))

    assert list_serp(answer).rows[0].task_id == remote.task_id(1)
    assert (seen[0].method, str(seen[0].url)) == ("GET", "https://remote.example/v3/serp/tasks_ready")
    assert seen[0].headers["authorization"] == f"Basic {TOKEN}"
    assert seen[0].headers["accept-encoding"] == "gzip"


def test_a_gzip_body_is_kept_as_it_came(remote: Any) -> None:
    body = remote.result(1, remote.serp())
    packed = gzip.compress(body, 3, mtime=77)
    fetched = fetch(remote, raw(packed[:100], packed[100:], headers=GZIP))
    assert fetched.gzip == packed
    assert fetched.size == len(body)
    assert fetched.answer.kind is Kind.OK


def test_a_plain_body_is_packed_by_us(remote: Any) -> None:
    body = remote.result(1, remote.serp())
    fetched = fetch(remote, raw(body))
    assert gzip.decompress(fetched.gzip) == body
    assert fetched.size == len(body)


@pytest.mark.parametrize("code", [40602, 40401, 40403, 40101, 40102, 47777, 50000, 40200, 40004])
def test_what_the_remote_says_of_the_task_is_an_answer(remote: Any, code: int) -> None:
    assert fetch(remote, raw(remote.error(1, code))).answer.code == code


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (40202, Throttled),
        (40209, Throttled),
        (40100, AccountRefused),
        (40201, AccountRefused),
        (40400, RequestRefused),
    ],
)
def test_a_refusal_of_the_call_is_an_error(remote: Any, code: int, kind: type[RemoteError]) -> None:
    with pytest.raises(kind) as caught:
        fetch(remote, raw(remote.refusal(code)))
    assert caught.value.code == code
    with pytest.raises(kind):
        list_serp(raw(remote.refusal(code)))


def test_throttling_in_the_task_is_throttling(remote: Any) -> None:
    with pytest.raises(Throttled):
        fetch(remote, raw(remote.error(1, 40202)))
    with pytest.raises(Throttled):
        list_serp(raw(remote.listing(None, status_code=40202)))


@pytest.mark.parametrize("code", [50000, 50303, 47777, 20100])
def test_a_list_that_did_not_come_is_unreachable_and_never_empty(remote: Any, code: int) -> None:
    with pytest.raises(Unreachable) as caught:
        list_serp(raw(remote.listing(None, status_code=code)))
    assert caught.value.code == code


def test_no_search_results_on_a_list_is_an_empty_list(remote: Any) -> None:
    assert list_serp(raw(remote.listing(None, status_code=40102))).rows == ()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, Unreachable),
        (401, AccountRefused),
        (402, AccountRefused),
        (404, RequestRefused),
        (429, Throttled),
        (500, Unreachable),
        (502, Unreachable),
    ],
)
@pytest.mark.parametrize(
    "body", [b"", b"<html>no</html>", b"{}", b'{"status_code": 20000, "tasks": null}', b"\x1f\x8bcut"]
)
def test_a_status_without_an_envelope_speaks_for_itself(
    remote: Any, status: int, kind: type[RemoteError], body: bytes
) -> None:
    headers = {"location": "https://elsewhere.example/", **(GZIP if body.startswith(b"\x1f") else {})}
    for call in (
        lambda: fetch(remote, raw(body, status=status, headers=headers)),
        lambda: list_serp(raw(body, status=status, headers=headers)),
    ):
        with pytest.raises(kind) as caught:
            call()
        assert str(status) in str(caught.value)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, 40207, AccountRefused),
        (402, 40200, AccountRefused),
        (404, 40400, RequestRefused),
        (500, 40202, Throttled),
        (500, 50000, Unreachable),
    ],
)
def test_an_envelope_says_more_than_its_status(
    remote: Any, status: int, code: int, kind: type[RemoteError]
) -> None:
    with pytest.raises(kind) as caught:
        list_serp(raw(remote.refusal(code), status=status))
    assert caught.value.code == code


def test_a_whole_result_under_a_bad_status_is_not_believed(remote: Any) -> None:
    with pytest.raises(Unreachable):
        fetch(remote, raw(remote.result(1, remote.serp()), status=503))


def test_too_many_requests_is_throttling_with_the_pause_it_names(remote: Any) -> None:
    with pytest.raises(Throttled) as caught:
        fetch(remote, raw(remote.refusal(40202), status=429, headers={"retry-after": "17"}))
    assert (caught.value.retry_after_ms, caught.value.code) == (17_000, 40202)


def test_too_many_requests_is_throttling_whatever_the_body_says(remote: Any) -> None:
    with pytest.raises(Throttled):
        fetch(remote, raw(remote.error(1, 40602), status=429))


def test_a_redirect_is_not_followed(remote: Any) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return raw(status=302, headers={"location": "https://evil.example/v3/serp/tasks_ready"})

    with pytest.raises(Unreachable, match="redirect"):
        list_serp(answer)
    assert asked == ["remote.example"]


def test_html_where_json_belongs_is_garbled(remote: Any) -> None:
    for call in (lambda: list_serp(raw(b"<html>")), lambda: fetch(remote, raw(b"<html>"))):
        with pytest.raises(Garbled, match="HTML"):
            call()


def test_an_encoding_that_nobody_asked_for_is_garbled(remote: Any) -> None:
    with pytest.raises(Garbled, match="br"):
        fetch(remote, raw(b"x", headers={"content-encoding": "br"}))


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b[:-1],
        lambda b: b[: len(b) // 2],
        lambda b: b + b"x",
        lambda b: b[:-6] + b"\0\0" + b[-4:],
        lambda _: b"",
    ],
)
def test_a_gzip_body_that_is_not_whole_is_no_answer(remote: Any, damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(Unreachable, match="whole"):
        fetch(remote, raw(damage(gzip.compress(remote.result(1, remote.serp()))), headers=GZIP))


def test_a_body_beyond_the_caps_is_refused_before_it_is_all_there(remote: Any) -> None:
    served = 0

    class Endless(Raw):
        async def __aiter__(self) -> Any:
            nonlocal served
            while True:
                served += 1
                yield bytes(1000)

    caps = Caps(packed_bytes=5_000, inflated_bytes=9_000)
    with pytest.raises(TooLarge, match="5,000"):
        fetch(remote, httpx.Response(200, headers=GZIP, stream=Endless()), caps=caps)
    assert served == 6
    served = 0
    with pytest.raises(TooLarge, match="9,000"):
        fetch(remote, httpx.Response(200, stream=Endless()), caps=caps)
    assert served == 10


def test_a_bomb_is_refused(remote: Any) -> None:
    packed = gzip.compress(remote.result(1, [{"html": "0" * 2_000_000}]))
    assert len(packed) * 100 < 2_000_000
    with pytest.raises(TooLarge, match="inflated"):
        fetch(remote, raw(packed, headers=GZIP), caps=Caps(inflated_bytes=1_000_000))


def test_a_slow_drip_ends_at_the_total_deadline(remote: Any) -> None:
    ticks = iter(range(0, 10_000, 7))
    served = 0

    class Drip(Raw):
        async def __aiter__(self) -> Any:
            nonlocal served
            while True:
                served += 1
                yield b" "

    with pytest.raises(Unreachable, match="longer than 60 s"):
        fetch(remote, httpx.Response(200, stream=Drip()), monotonic=lambda: float(next(ticks)))
    assert served == 9  # seven seconds a chunk


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout(""),
        httpx.RemoteProtocolError("half"),
        ConnectionResetError("gone"),
        httpx.DecodingError("odd"),
    ],
)
def test_a_dead_line_is_unreachable(remote: Any, error: Exception) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(Unreachable, match=type(error).__name__):
        list_serp(answer)


def test_a_line_that_failed_gets_a_new_lane(remote: Any) -> None:
    built: list[httpx.AsyncBaseTransport] = []
    calls = 0

    def answer(_: httpx.Request) -> httpx.Response:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise httpx.ReadError("cut")
        return raw(remote.listing(None))

    def build() -> httpx.AsyncBaseTransport:
        built.append(httpx.MockTransport(answer))
        return built[-1]

    async def main() -> None:
        client = Client("https://remote.example", LOGIN, PASSWORD, lanes=1, transport=build)
        await client.list_ready(SERP)
        with pytest.raises(Unreachable):
            await client.list_ready(SERP)
        await client.list_ready(SERP)
        await client.list_ready(SERP)
        await client.aclose()

    asyncio.run(main())
    assert len(built) == 2


def test_a_bad_answer_that_came_whole_keeps_its_lane(remote: Any) -> None:
    built = 0

    def build() -> httpx.AsyncBaseTransport:
        nonlocal built
        built += 1
        return httpx.MockTransport(lambda _: raw(b"<html>", status=502))

    async def main() -> None:
        client = Client("https://remote.example", LOGIN, PASSWORD, lanes=1, transport=build)
        for _ in range(3):
            with pytest.raises(Unreachable):
                await client.list_ready(SERP)
        await client.aclose()

    asyncio.run(main())
    assert built == 1


def test_user_data_gives_facts_or_an_error(remote: Any) -> None:
    body = remote.listing([remote.account()], "/v3/appendix/user_data")
    facts = ask(lambda _: raw(body), lambda client: client.user_data())
    assert (facts.general_limit, facts.tasks_ready_limit, facts.balance) == (10_000, 20, 61.25)
    with pytest.raises(AccountRefused):
        ask(lambda _: raw(remote.refusal(40100), status=401), lambda client: client.user_data())


def test_on_page_in_progress_is_not_yet(remote: Any) -> None:
    path = f"/v3/on_page/summary/{remote.task_id(1)}"
    body = remote.result(1, [{"crawl_progress": "in_progress"}], path=path.strip("/").split("/"))
    assert (
        ask(lambda _: raw(body), lambda client: client.fetch(path, remote.task_id(1))).answer.kind
        is Kind.PENDING
    )


def test_the_password_is_in_no_repr_and_no_traceback(remote: Any) -> None:
    client = Client("https://remote.example", LOGIN, PASSWORD)
    shown = [repr(client), str(client), repr(vars(client))]

    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    for answer in (broken, lambda _: raw(remote.refusal(40100), status=401), lambda _: raw(b"<html>")):
        try:
            list_serp(answer)
        except RemoteError as error:
            shown += [
                repr(error),
                *traceback.TracebackException.from_exception(error, capture_locals=True).format(),
            ]
    text = "\n".join(shown)
    ours = [line for line in text.splitlines() if "PASSWORD" not in line and "TOKEN" not in line]
    assert "remote.example" in text
    assert not [line for line in ours if PASSWORD in line or TOKEN in line]
