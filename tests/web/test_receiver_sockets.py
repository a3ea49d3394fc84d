"""The receiver over real sockets: bombs, slow heads and bodies, too many connections, garbage, and a quick end."""

import asyncio
import contextlib
import gzip
import random
import signal
import socket
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from ledger.records import State

Build = Callable[..., Any]
MIB = 1024 * 1024
SHORT = {"head_s": 0.3, "body_s": 0.3, "answer_s": 0.6}
PATIENCE_S = 20


def bomb(size: int) -> bytes:
    """Pack zeros without ever holding them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    pieces = [packer.compress(bytes(MIB)) for _ in range(size // MIB)]
    return b"".join([*pieces, packer.flush()])


async def ask(port: int, raw: bytes, *, then: bytes = b"", pause_s: float = 0) -> bytes:
    """Send bytes, perhaps more of them later, and read what comes until the connection ends."""
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionError):
            writer.write(raw)
            await writer.drain()
            if then:
                await asyncio.sleep(pause_s)
                writer.write(then)
                await writer.drain()
        answer = b""
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(4096):
                answer += piece
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    return answer


def head(url: str, length: int, *more: str) -> bytes:
    lines = [f"POST {url} HTTP/1.1", "host: x", f"content-length: {length}", *more]
    return "\r\n".join([*lines, "", ""]).encode()


def test_a_postback_over_a_socket_is_answered_and_the_connection_ends(stage: Build, wire: Any) -> None:
    here = stage()
    (one,) = here.post(1, postback_url="x")

    async def main() -> bytes:
        async with here.listening() as port:
            body = wire.packed(wire.envelope(one))
            return await ask(port, head(here.url("post", one), len(body)) + body)

    answer = asyncio.run(main())
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"server:" not in answer.lower()
    assert here.tasks()[one].state is State.COLLECTED
    assert "webhook.listening" in here.log.getvalue()
    assert here.secret not in here.log.getvalue()


@pytest.mark.parametrize("announced", [True, False])
def test_a_gigabyte_of_zeros_is_refused_early(stage: Build, announced: bool) -> None:
    here = stage()
    (one,) = here.post(1)
    before, packed = here.changes(), bomb(1024 * MIB)
    assert len(packed) < 1.1 * MIB

    async def pieces() -> AsyncIterator[bytes]:
        yield packed

    async def main() -> int:
        async with here.listening() as port, httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as client:
            url = f"http://127.0.0.1:{port}{here.url('post', one)}"
            return (await client.post(url, content=packed if announced else pieces())).status_code

    assert asyncio.run(main()) == 413
    assert here.counts() == {"too large": 1}
    assert here.stored() == 0
    assert here.tasks()[one].state is State.POSTED
    assert here.changes() - before <= 2, "how the receiver is, at its start and its end"


def test_a_body_that_announces_too_much_is_refused_before_it_comes(stage: Build) -> None:
    here = stage()

    async def main() -> bytes:
        async with here.listening() as port:
            return await ask(port, head(here.url("post", "x"), 65 * MIB))

    assert asyncio.run(main()).startswith(b"HTTP/1.1 413 ")


def test_large_bodies_at_once_are_held_within_one_limit(stage: Build, wire: Any) -> None:
    here = stage({"held_bytes": 300_000})
    ids = here.post(4)
    noise = random.Random(1).randbytes(100_000).hex()
    bodies = [gzip.compress(wire.packed(wire.envelope(one, result=[noise])), 0) for one in ids]
    assert len(bodies[0]) > 100_000

    async def main() -> list[bytes]:
        async with here.listening() as port:
            calls = [
                ask(port, head(here.url("post", one), len(body)) + body[:-5], then=body[-5:], pause_s=0.5)
                for one, body in zip(ids, bodies, strict=True)
            ]
            return await asyncio.gather(*calls)

    answers = sorted(one.split(b" ")[1] for one in asyncio.run(main()))
    assert b"503" in answers
    assert here.front.door.tally.totals()["too many"] == answers.count(b"503")


def test_a_slow_body_is_cut(stage: Build, wire: Any) -> None:
    here = stage(SHORT)
    (one,) = here.post(1)
    body = wire.packed(wire.envelope(one))

    async def main() -> bytes:
        async with here.listening() as port:
            return await ask(port, head(here.url("post", one), len(body)) + body[:9], then=b"x", pause_s=1)

    answer = asyncio.run(main())
    assert answer.startswith(b"HTTP/1.1 408 ") or not answer
    assert here.counts() == {"too slow": 1}
    assert here.tasks()[one].state is State.POSTED


def test_a_slow_head_is_cut_and_so_is_one_that_drips(stage: Build) -> None:
    here = stage(SHORT)

    async def main() -> list[bytes]:
        async with here.listening() as port:
            silent, begun = await asyncio.gather(
                ask(port, b""), ask(port, b"GET /hook/a", then=b"b", pause_s=0.2)
            )
            return [silent, begun]

    assert asyncio.run(main()) == [b"", b""]
    assert here.counts() == {"too slow": 2}


def test_a_wrong_secret_is_answered_before_the_body_comes(stage: Build) -> None:
    here = stage()

    async def main() -> bytes:
        async with here.listening() as port:
            return await ask(port, head("/hook/wrong/post?id=x", 50 * MIB))

    assert asyncio.run(main()).startswith(b"HTTP/1.1 404 ")


def test_more_connections_than_allowed_are_cut_and_the_others_live(stage: Build) -> None:
    here = stage({"connections": 4, "head_s": 5.0})
    (one,) = here.post(1)

    async def main() -> tuple[int, bytes]:
        async with here.listening() as port, asyncio.timeout(PATIENCE_S):
            held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
            over = [await ask(port, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n") for _ in range(3)]
            reader, writer = held[0]
            writer.write(f"GET {here.url('ping', one)} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            answer = await reader.read()
            for _, each in held:
                each.close()
            return over.count(b""), answer

    cut, answer = asyncio.run(main())
    assert cut == 3
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert here.counts() == {"too many": 3, "accepted": 1}


def test_garbage_on_the_line_is_survived_in_silence(stage: Build) -> None:
    here, dice = stage(SHORT), random.Random(4)
    (one,) = here.post(1)
    good = head(here.url("post", one), 3) + b"abc"
    tries = [dice.randbytes(dice.randrange(1, 300)) + b"\r\n\r\n" for _ in range(100)]
    tries += [good[: dice.randrange(len(good))] + dice.randbytes(3) + good[40:] for _ in range(150)]
    tries += [
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 5_000 + b"\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        head(here.url("post", one), 5, "transfer-encoding: chunked") + b"5\r\nabcde\r\n0\r\n\r\n",
        head("/", 3, "content-length: 4") + b"abcd",
        b"GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ]

    async def main() -> list[bytes]:
        answers = []
        async with here.listening() as port:
            for first in range(0, len(tries), 20):
                answers += await asyncio.gather(*(ask(port, raw) for raw in tries[first : first + 20]))
        return answers

    answers = asyncio.run(main())
    assert {one[9:12] for one in answers} <= {b"400", b"404", b""}
    assert here.tasks()[one].state is State.POSTED
    lines = [line for line in here.log.getvalue().splitlines() if '"level": "info"' not in line]
    assert not lines


def test_the_signal_handlers_stay_the_daemons(stage: Build) -> None:
    here = stage()

    async def main() -> None:
        before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
        async with here.listening():
            await asyncio.sleep(0.2)
            assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == before

    asyncio.run(main())


def test_a_port_that_is_taken_is_said_once_and_nothing_else_stops(stage: Build) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        here = stage(listen=f"127.0.0.1:{port}")

        async def main() -> None:
            stop = asyncio.Event()
            running = asyncio.create_task(here.front.run(stop))
            await asyncio.sleep(0.1)
            stop.set()
            await running

        asyncio.run(main())
    assert here.log.getvalue().count("webhook.trouble") == 1
    assert str(port) in here.log.getvalue()
    assert "in use" in here.ledger.facts.get("webhook")
