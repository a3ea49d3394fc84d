"""The simulated remote behind httpx, in process: its answers, and everything a network does to them.

Waits are `asyncio.sleep`, so they pass in real or in virtual time. Knows neither rules nor tasks.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import format_datetime

import httpx

from daemon.simulator.records import Call, Reply
from daemon.simulator.world import World

CHUNK = 4096
SLOW_CHUNKS = 5
NO_TIMEOUT_S = 60.0
"""How long a silent remote is waited for when the client set no read timeout."""


class SimulatedTransport(httpx.AsyncBaseTransport):
    """One network path to a world; any number of clients may share it, closing one closes nothing.

    `latency_s` bounds the round trip; a small part of it passes before the request arrives, so the remote
    counts a call slightly later than the client sends it, as real ones do. (0, 0) waits never.
    """

    def __init__(self, world: World, *, latency_s: tuple[float, float] = (0.0, 0.0), seed: int = 1) -> None:
        """Lead to `world`."""
        self._world = world
        self._latency = latency_s
        self._dice = random.Random(seed ^ 0x7EA)
        self._outages: list[tuple[int, int]] = []

    def outage(self, start: int, end: int) -> None:
        """Let no connection come about between two instants (ms UTC); answers under way break off."""
        self._outages.append((start, end))

    def error_hour(self, start: int, end: int) -> None:
        """Let the remote itself be in trouble between two instants (ms UTC)."""
        self._world.error_hour(start, end)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request there and its answer back."""
        body = await request.aread()
        back_s = await self._travel()
        self._check_line(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = Call(request.method, request.url.path, headers, body)
        reply = self._world.handle(call)
        try:
            await self._answer_or_fail(request, reply, back_s)
        except BaseException:
            reply.finish()
            raise
        date = format_datetime(datetime.fromtimestamp(self._world.now() // 1000, UTC), usegmt=True)
        names = {"date": date, **reply.headers, "content-length": str(len(reply.body))}
        if reply.accident == "truncated_body":
            del names["content-length"]  # chunked: only so can a body end early without the client noticing
            names["transfer-encoding"] = "chunked"
        stream = _Body(self, request, reply)
        return httpx.Response(
            reply.status, headers=names, stream=stream, extensions={"http_version": b"HTTP/1.1"}
        )

    async def _travel(self) -> float:
        """Take the way there; gives the seconds of the way back."""
        low, high = self._latency
        if high <= 0:
            return 0.0
        round_trip = self._dice.uniform(low, high)
        there = min(0.05, round_trip / 4)
        await asyncio.sleep(there)
        return round_trip - there

    def _check_line(self, request: httpx.Request) -> None:
        if self.is_out():
            raise httpx.ConnectError("Network is unreachable (simulated outage)", request=request)

    def is_out(self) -> bool:
        """Say whether the network is out now."""
        now = self._world.now()
        return any(start <= now < end for start, end in self._outages)

    async def _answer_or_fail(self, request: httpx.Request, reply: Reply, back_s: float) -> None:
        """Wait for the head of the answer, which some accidents never let arrive."""
        if reply.accident == "connect_error":
            raise httpx.ConnectError("Connection refused (simulated)", request=request)
        if reply.accident == "read_timeout":
            await asyncio.sleep(request.extensions.get("timeout", {}).get("read") or NO_TIMEOUT_S)
            raise httpx.ReadTimeout("No answer in time (simulated)", request=request)
        if back_s:
            await asyncio.sleep(back_s)
        if reply.accident == "lost_answer" or self.is_out():
            raise httpx.ReadError("Connection reset by peer (simulated)", request=request)

    def pause_s(self) -> float:
        """Draw the wait between two pieces of a slow body."""
        return self._dice.uniform(1.0, 4.0)


class _Body(httpx.AsyncByteStream):
    """The body of an answer as it comes over the wire."""

    def __init__(self, line: SimulatedTransport, request: httpx.Request, reply: Reply) -> None:
        self._line = line
        self._request = request
        self._reply = reply

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Give the bytes as far as they arrive."""
        body, accident = self._reply.body, self._reply.accident
        broken = accident in {"reset_body", "truncated_body"}
        size = max(1, -(-len(body) // SLOW_CHUNKS)) if accident == "slow_body" else CHUNK
        end = len(body) // 2 if broken else len(body)
        for start in range(0, end, size):
            if accident == "slow_body":
                await asyncio.sleep(self._line.pause_s())
                if self._line.is_out():
                    raise httpx.ReadError("Connection reset by peer (simulated)", request=self._request)
            yield body[start : min(start + size, end)]
        self._reply.finish()
        if accident == "reset_body":
            raise httpx.ReadError("Connection reset by peer (simulated)", request=self._request)

    async def aclose(self) -> None:
        """Free the call's slot, whether or not the body was read."""
        self._reply.finish()
