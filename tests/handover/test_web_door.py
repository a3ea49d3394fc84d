"""An address as a target: a real server on loopback that takes, refuses, breaks off, or is slow."""

import asyncio
import gzip
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from daemon.handover import web
from daemon.handover.door import HandoverError
from daemon.handover.parcel import Parcel
from daemon.handover.target import Form
from daemon.handover.web import WebDoor

CANARY = "cAn4ry"


@dataclass
class Server:
    """Reads requests whole and answers as told; `answer` None breaks the connection."""

    answer: bytes | None = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    hold: bool = False
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode().strip().split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in lines)
                body = await reader.readexactly(int(headers["content-length"]))
                self.got.append((first, headers, body))
                if self.hold:
                    await asyncio.Event().wait()
                if self.answer is None:
                    writer.transport.abort()
                    return
                writer.write(self.answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            writer.transport.abort()


def visit(server: Server, story: Callable[[WebDoor], Awaitable[None]], path: str = "/in") -> None:
    async def main() -> None:
        tasks: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tasks.add(asyncio.create_task(server.serve(reader, writer)))

        listening = await asyncio.start_server(accept, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        door = WebDoor(f"http://127.0.0.1:{port}{path}", loopback=True)
        try:
            async with asyncio.timeout(20):
                await story(door)
        finally:
            await door.aclose()
            listening.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())


def refusal(server: Server, parcel: Parcel, path: str = "/in") -> HandoverError:
    caught: list[HandoverError] = []

    async def story(door: WebDoor) -> None:
        with pytest.raises(HandoverError) as refused:
            await door.put(parcel)
        caught.append(refused.value)

    visit(server, story, path)
    return caught[0]


def status(code: int, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {code} Word", "content-length: 0", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@pytest.mark.parametrize("code", [200, 201, 202, 204])
@pytest.mark.parametrize("form", list(Form))
def test_a_result_is_posted_like_a_postback_and_2xx_means_taken(parcel: Any, form: Form, code: int) -> None:
    server = Server(answer=status(code))
    content = b'{"n": 1}' * 500_000
    one = parcel("a-1", content, form=form, edition=2)

    async def story(door: WebDoor) -> None:
        await door.put(one)
        await door.put(one)

    visit(server, story)
    assert server.connections == 1
    for first, headers, body in server.got:
        assert first == "POST /in HTTP/1.1"
        assert headers["content-type"] == "application/json"
        assert headers["idempotency-key"] == "a-1.advanced.2"
        assert (headers.get("content-encoding") == "gzip") == (form is Form.GZIP)
        assert (gzip.decompress(body) if form is Form.GZIP else body) == content


def test_id_and_tag_are_filled_in_and_cannot_change_the_address(parcel: Any) -> None:
    server = Server()
    parcels = [
        parcel("a-1", tag="t:1"),
        parcel("../x?y=1&z#$tag", tag="a b&c=$id/\u00fc"),
        parcel("b", tag=None),
    ]

    async def story(door: WebDoor) -> None:
        for one in parcels:
            await door.put(one)

    visit(server, story, "/in?key=k&id=$id&tag=$tag")
    assert [first.split()[1] for first, _, _ in server.got] == [
        "/in?key=k&id=a-1&tag=t%3A1",
        "/in?key=k&id=..%2Fx%3Fy%3D1%26z%23%24tag&tag=a%20b%26c%3D%24id%2F%C3%BC",
        "/in?key=k&id=b&tag=",
    ]


@pytest.mark.parametrize(
    ("code", "about_result"),
    [(400, True), (413, True), (422, True), (401, False), (403, False), (404, False), (405, False), (408, False),
     (429, False), (500, False), (502, False), (503, False), (302, False), (304, False)],
)  # fmt: skip
def test_every_other_answer_is_a_refusal_by_the_target_or_of_the_result(
    parcel: Any, code: int, about_result: bool
) -> None:
    error = refusal(Server(answer=status(code, "location: /elsewhere")), parcel())
    assert error.about_result is about_result
    assert f"answered {code}" in str(error)


@pytest.mark.parametrize(
    ("value", "wish"), [("7", 7_000), ("soon", None), ("999999999", None), ("\u0663", None)]
)
def test_a_wish_to_be_left_alone_is_heard(parcel: Any, value: str, wish: int | None) -> None:
    answer = status(503, f"retry-after: {value.encode().decode('latin-1')}")
    assert refusal(Server(answer=answer), parcel()).retry_after_ms == wish


def test_a_connection_that_breaks_is_trouble_of_the_target_and_the_next_one_works(parcel: Any) -> None:
    server = Server(answer=None)

    async def story(door: WebDoor) -> None:
        with pytest.raises(HandoverError, match="connection to it broke") as refused:
            await door.put(parcel())
        assert not refused.value.about_result
        server.answer = status(200)
        await door.put(parcel())

    visit(server, story)
    assert len(server.got) == 2


@pytest.mark.parametrize("answer", [b"garbage\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 99999 x\r\n\r\n"])
def test_an_answer_that_is_no_http_is_trouble_of_the_target(parcel: Any, answer: bytes) -> None:
    assert not refusal(Server(answer=answer), parcel()).about_result


def test_a_server_that_does_not_answer_holds_nobody_up_for_long(
    parcel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "ANSWER_S", 0.2)
    assert "did not answer in time" in str(refusal(Server(hold=True), parcel()))


def test_a_server_that_is_not_there_is_trouble_of_the_target(parcel: Any) -> None:
    async def main() -> None:
        listening = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        listening.close()
        await listening.wait_closed()
        door = WebDoor(f"http://127.0.0.1:{port}/in", loopback=True)
        with pytest.raises(HandoverError, match="no connection"):
            await door.put(parcel())
        await door.aclose()

    asyncio.run(main())


def test_a_damaged_result_is_its_own_fault(parcel: Any) -> None:
    error = refusal(Server(), parcel("a", b"x" * 100, gzip=b"no gzip"))
    assert error.about_result


def test_no_refusal_and_no_log_line_holds_the_token_of_the_url(
    parcel: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    path = f"/{CANARY}?key={CANARY}"
    servers = [
        Server(answer=None),
        Server(answer=status(500)),
        Server(answer=status(302, f"location: http://127.0.0.1/{CANARY}")),
        Server(answer=b"garbage\r\n\r\n"),
    ]
    said = [str(refusal(server, parcel(), path)) for server in servers]
    assert CANARY not in " ".join([*said, caplog.text])
