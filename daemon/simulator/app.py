"""The simulated remote as an ASGI application, for loopback and for anything that speaks ASGI.

Network accidents become what a server can do: silence, a short body, a closed connection. Knows no rules.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from daemon.simulator.courier import Courier
from daemon.simulator.records import Call, Reply
from daemon.simulator.world import World

SILENCE_S = 20.0
"""How long a connection stays silent before it closes, in the accident called read_timeout."""

SLOW_CHUNKS = 5
SLOW_PAUSE_S = 1.0
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]

_CLOSES_FIRST = frozenset({"connect_error", "read_timeout", "lost_answer"})


class _Wire(Response):
    """An answer with everything that happens to it on the way."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.body, reply.status or 200, reply.headers)
        self._reply = reply

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, or as much of it as the accident leaves."""
        try:
            await self._send(send)
        finally:
            self._reply.finish()

    async def _send(self, send: Send) -> None:
        accident, body = self._reply.accident, self._reply.body
        if accident == "read_timeout":
            await asyncio.sleep(SILENCE_S)
        headers = self.raw_headers
        if accident in _CLOSES_FIRST:
            headers = [(b"content-length", b"1")]
        if accident == "truncated_body":
            headers = [pair for pair in headers if pair[0] != b"content-length"]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        if accident in _CLOSES_FIRST:
            return  # the server closes a connection whose announced body never comes
        if accident in {"reset_body", "truncated_body"}:
            whole = accident == "reset_body"
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": whole})
            return
        size = max(1, -(-len(body) // SLOW_CHUNKS)) if accident == "slow_body" else max(1, len(body))
        for start in range(0, len(body), size):
            if accident == "slow_body":
                await asyncio.sleep(SLOW_PAUSE_S)
            await send({"type": "http.response.body", "body": body[start : start + size], "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def build_app(world: World, *, courier: Courier | None = None) -> ASGIApp:
    """Wrap a world; with a courier, webhooks are carried while the application lives."""

    async def answer(request: Request) -> Response:
        call = Call(request.method, request.url.path, dict(request.headers), await request.body())
        return _Wire(world.handle(call))

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        if courier is None:
            yield
            return
        carrying = asyncio.create_task(courier.run())
        try:
            yield
        finally:
            carrying.cancel()
            await asyncio.gather(carrying, return_exceptions=True)

    return Starlette(routes=[Route("/{path:path}", answer, methods=METHODS)], lifespan=lifespan)
