"""The routes: who is let in, and what is answered. Knows neither what a webhook means nor where it is kept.

    GET  /hook/SECRET/ping?id=ID      a pingback
    POST /hook/SECRET/post?id=ID      a postback

Everything else, a wrong secret and a wrong source get one and the same answer, before anything is read or looked up.
One request a connection: nobody who was refused stays.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from daemon.dataforseo.errors import RemoteError
from daemon.passes.received import Receiver, is_id, read_postback
from daemon.passes.tools import Tools
from daemon.policy.arrivals import Fate
from daemon.web.limits import BodyRefusedError, BodyTooLargeError, Inlet, Limits, NoRoomError
from daemon.web.secrets import Keyring
from daemon.web.sources import Sources
from daemon.web.tally import Count, Tally
from ledger.errors import LedgerError

PATH = "/hook/{secret}"
PING, POST = "ping", "post"

_COUNTS = {
    Fate.READY: Count.ACCEPTED,
    Fate.SETTLED: Count.ACCEPTED,
    Fate.REPLAYED: Count.REPLAYED,
    Fate.UNKNOWN: Count.UNKNOWN,
}

_CLOSE = {"connection": "close"}


@dataclass(slots=True)
class Door:
    """What the routes work with."""

    tools: Tools
    receiver: Receiver
    keys: Keyring
    sources: Sources = field(default_factory=Sources)
    limits: Limits = field(default_factory=Limits)
    tally: Tally = field(default_factory=Tally)


class _AnswerError(Exception):
    """A request that is answered with something else than 200."""

    def __init__(self, status: int, count: Count, sentence: str) -> None:
        """Keep the answer; the remote shows the sentence in its `errors` endpoint."""
        super().__init__(sentence)
        self.status = status
        self.count = count


def build_app(door: Door) -> ASGIApp:
    """Wire the routes."""
    inlet = Inlet(door.limits)

    async def ping(request: Request) -> Response:
        return await _answered(door, request, "GET", lambda: _pinged(door, request))

    async def post(request: Request) -> Response:
        return await _answered(door, request, "POST", lambda: _posted(door, inlet, request))

    async def elsewhere(_: Request, __: Exception) -> Response:  # not async, it would cost a thread
        door.tally.add(Count.REFUSED)
        return _nothing_here()

    app = Starlette(
        routes=[Route(f"{PATH}/{PING}", ping), Route(f"{PATH}/{POST}", post, methods=["POST"])],
        exception_handlers={HTTPException: elsewhere},
    )
    app.router.redirect_slashes = False
    return app


def _nothing_here() -> Response:
    return PlainTextResponse("Not Found\n", 404, _CLOSE)


async def _answered(
    door: Door, request: Request, method: str, work: Callable[[], Awaitable[Fate]]
) -> Response:
    """Let the request in or not, give the work its time, and turn whatever happens into an answer."""
    if not _let_in(door, request) or request.method != method:
        door.tally.add(Count.REFUSED)
        return _nothing_here()
    try:
        async with asyncio.timeout(door.limits.answer_s):
            fate = await work()
    except _AnswerError as error:
        answer = error
    except Exception as error:
        answer = _trouble(door, error)
    else:
        door.tally.add(_COUNTS[fate])
        return PlainTextResponse("OK\n", 200, _CLOSE)
    door.tally.add(answer.count)
    return PlainTextResponse(f"{answer}\n", answer.status, _CLOSE)


def _let_in(door: Door, request: Request) -> bool:
    """Compare everything in any case, so that the time tells nothing."""
    peer = request.client.host if request.client else None
    known = door.keys.matches(request.path_params["secret"], door.tools.ticks())
    return door.sources.let_in(peer, request.headers.getlist("x-forwarded-for")) and known


def _trouble(door: Door, error: Exception) -> _AnswerError:
    """Answer so that the remote counts the delivery as failed and lists the task."""
    if isinstance(error, TimeoutError):
        return _AnswerError(503, Count.TROUBLE, "It was not durable in time")
    if isinstance(error, LedgerError):
        door.tools.ledger_failed(error, "receive")
        return _AnswerError(503, Count.TROUBLE, "It could not be made durable")
    door.tools.log.error("receive.bug", exc_info=error)
    return _AnswerError(503, Count.TROUBLE, "It could not be taken in")


async def _pinged(door: Door, request: Request) -> Fate:
    return await door.receiver.pingback(_id_of(request))


async def _posted(door: Door, inlet: Inlet, request: Request) -> Fate:
    task_id = _id_of(request)
    raw = await _body_of(inlet, request, door.limits)
    try:
        postback = read_postback(raw, task_id, door.limits.inflated_bytes)
    except RemoteError as error:
        raise _AnswerError(400, Count.UNUSABLE, str(error)) from None
    del raw
    fate = await door.receiver.postback(task_id, postback)
    if fate is Fate.UNUSABLE:
        said = f"{postback.answer.code} {postback.answer.message or ''}".strip()
        raise _AnswerError(400, Count.UNUSABLE, f"The body does not say that the task is done: {said}")
    return fate


def _id_of(request: Request) -> str:
    task_id = request.query_params.get("id", "")
    if not is_id(task_id):
        raise _AnswerError(
            400, Count.UNUSABLE, "The URL names no task id; readyd webhook-url shows how it must look"
        )
    return task_id


async def _body_of(inlet: Inlet, request: Request, limits: Limits) -> bytes:
    try:
        async with asyncio.timeout(limits.body_s):
            return await inlet.read(request.stream(), request.headers.get("content-length"))
    except BodyTooLargeError as error:
        raise _AnswerError(413, Count.TOO_LARGE, str(error)) from None
    except NoRoomError as error:
        raise _AnswerError(503, Count.TOO_MANY, str(error)) from None
    except BodyRefusedError as error:
        raise _AnswerError(400, Count.UNUSABLE, str(error)) from None
    except ClientDisconnect:
        raise _AnswerError(400, Count.UNUSABLE, "The body did not arrive whole") from None
    except TimeoutError:
        raise _AnswerError(408, Count.TOO_SLOW, "The body did not arrive in time") from None
