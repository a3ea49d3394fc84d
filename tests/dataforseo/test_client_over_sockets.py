"""The client over real sockets on loopback: connections kept, cut, reset and never too many."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from daemon.dataforseo.catalogue import LISTINGS
from daemon.dataforseo.client import Caps, Client
from daemon.dataforseo.errors import Garbled, RemoteError, Unreachable

SERP = LISTINGS["/v3/serp/tasks_ready"]
Answer = Callable[[int, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Answers each request of each connection with `answer(number of the request, writer)`."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.connections = 0
        self.requests = 0
        self.under_way = 0
        self.most_under_way = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.requests += 1
                self.under_way += 1
                self.most_under_way = max(self.most_under_way, self.under_way)
                await self.answer(self.requests, writer)
                await writer.drain()
                self.under_way -= 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def http(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Length: {len(body) if length is None else length}",
        *headers,
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + body


def run(
    answer: Answer, work: Callable[[Client, Server], Coroutine[Any, Any, None]], **options: Any
) -> Server:
    async def main() -> Server:
        server = Server(answer)
        listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        client = Client(f"http://127.0.0.1:{port}", "login", "password", **options)
        try:
            await work(client, server)
        finally:
            await client.aclose()
            listener.close()
        return server

    return asyncio.run(main())


async def expect(client: Client, kind: type[RemoteError]) -> RemoteError:
    with pytest.raises(kind) as caught:
        await client.list_ready(SERP)
    return caught.value


def test_a_connection_is_kept_for_the_next_call(remote: Any) -> None:
    async def answer(_: int, writer: asyncio.StreamWriter) -> None:
        writer.write(http(gzip.compress(remote.listing(None)), "Content-Encoding: gzip"))

    async def work(client: Client, _: Server) -> None:
        for _ in range(5):
            assert (await client.list_ready(SERP)).row_count == 0

    server = run(answer, work, lanes=4)
    assert (server.connections, server.requests) == (1, 5)


def test_never_more_calls_are_under_way_than_there_are_lanes(remote: Any) -> None:
    async def answer(_: int, writer: asyncio.StreamWriter) -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        writer.write(http(remote.listing(None)))

    async def work(client: Client, _: Server) -> None:
        await asyncio.gather(*(client.list_ready(SERP) for _ in range(30)))

    server = run(answer, work, lanes=3)
    assert server.most_under_way == 3
    assert (server.connections, server.requests) == (3, 30)


@pytest.mark.parametrize("mood", ["reset", "close", "cut short", "cut chunk", "no http"])
def test_a_line_that_breaks_is_no_answer_and_the_next_call_gets_a_new_one(remote: Any, mood: str) -> None:
    body = remote.listing([remote.row("A", "serp/google/organic", 1)])
    broken = {
        "reset": b"",
        "close": b"",
        "cut short": http(body[:50], length=len(body)),
        "cut chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n" + body[:20],
        "no http": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    }[mood]

    async def answer(number: int, writer: asyncio.StreamWriter) -> None:
        if number != 2:
            writer.write(http(body))
            return
        writer.write(broken)
        await writer.drain()
        if mood == "reset":
            writer.transport.abort()
        writer.close()

    async def work(client: Client, server: Server) -> None:
        assert (await client.list_ready(SERP)).row_count == 1
        await expect(client, Unreachable)
        assert (await client.list_ready(SERP)).row_count == 1
        assert server.connections == 2

    run(answer, work, lanes=1)


def test_silence_ends_the_call(remote: Any) -> None:
    async def answer(_: int, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{")

    async def work(client: Client, _: Server) -> None:
        assert "ReadTimeout" in str(await expect(client, Unreachable))

    run(answer, work, caps=Caps(read_s=0.05))


def test_a_body_without_a_length_that_is_cut_is_found_out_by_its_gzip(remote: Any) -> None:
    packed = gzip.compress(remote.listing(None))

    async def answer(_: int, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n" + packed[:-9])
        await writer.drain()
        writer.close()

    async def work(client: Client, _: Server) -> None:
        assert "whole" in str(await expect(client, Unreachable))

    run(answer, work)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_nobody_listening_is_unreachable(scheme: str) -> None:
    async def main() -> None:
        listener = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        listener.close()
        await listener.wait_closed()
        client = Client(f"{scheme}://127.0.0.1:{port}", "login", "password")
        assert "ConnectError" in str(await expect(client, Unreachable))
        await client.aclose()

    asyncio.run(main())


def test_a_web_page_in_the_way_keeps_the_line(remote: Any) -> None:
    async def answer(_: int, writer: asyncio.StreamWriter) -> None:
        writer.write(http(b"<html>Welcome to the hotel</html>"))

    async def work(client: Client, server: Server) -> None:
        for _ in range(3):
            await expect(client, Garbled)
        assert server.connections == 1

    run(answer, work, lanes=1)


def test_a_line_that_cannot_be_encrypted_is_unreachable_and_gets_no_credentials() -> None:
    async def main() -> None:
        heard = bytearray()

        async def speak_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.extend(await reader.read(4096))
            writer.write(http(b"{}"))
            writer.close()

        listener = await asyncio.start_server(speak_plainly, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        client = Client(f"https://127.0.0.1:{port}", "login", "password")
        assert "ConnectError" in str(await expect(client, Unreachable))
        assert heard
        assert b"uthorization" not in heard
        await client.aclose()
        listener.close()

    asyncio.run(main())
