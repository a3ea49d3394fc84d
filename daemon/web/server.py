"""The receiver as a server in the daemon's loop: listens, guards connections, says how it is. Knows no webhook.

Polling never depends on it: a port that is taken is said and tried again.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from daemon.passes.received import Receiver
from daemon.passes.tools import Tools
from daemon.settings_webhook import Webhook
from daemon.web.app import Door, build_app
from daemon.web.limits import Limits
from daemon.web.secrets import Keyring
from daemon.web.sources import Sources, networks
from daemon.web.tally import Count, Tally
from ledger.errors import LedgerError

FACT = "webhook"
"""The fact in which the ledger keeps how the receiver is, for `readyd status`."""

AGAIN_S = 30
SAY_S = 3600
END_WITHIN_S = 2


class Front:
    """One receiver of webhooks and its port."""

    def __init__(
        self,
        tools: Tools,
        webhook: Webhook,
        wake: Callable[[], None],
        *,
        limits: Limits,
    ) -> None:
        """Prepare; nothing listens yet.

        Raises:
            SettingsError: there is no secret, or none that can be used.
        """
        self._tools = tools
        self._webhook = webhook
        self.receiver = Receiver(tools, wake, verify=webhook.verify)
        self.door = Door(
            tools,
            self.receiver,
            Keyring(webhook.secret_path(), tools.log),
            Sources(networks(webhook.allow), networks(webhook.proxy)),
            limits,
        )
        self.app = build_app(self.door)
        self._problem: str | None = None
        self._since: int | None = None  # listening since, wall ms UTC
        self.port: int | None = None  # where it listens now

    async def run(self, stop: asyncio.Event) -> None:
        """Listen until `stop`; whatever goes wrong is said and tried again."""
        while not stop.is_set():
            try:
                await self._listen(stop)
            except OSError as error:
                self._failed(
                    f"webhook.listen {self._webhook.listen} cannot be used: {error.strerror or error}"
                )
            except Exception as error:
                self._tools.log.exception("webhook.bug")
                self._failed(f"a bug in readyd ({type(error).__name__}); the log has its traceback")
            self.receiver.close()
            if not stop.is_set():
                await _wait(stop, AGAIN_S)

    async def _listen(self, stop: asyncio.Event) -> None:
        with contextlib.closing(_listening(*self._webhook.address())) as listener:
            server = _Server(_config(self.app, self.door))
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            self._started(listener)
            stopping = asyncio.create_task(self._until(stop))
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            server.should_exit = True
            stopping.cancel()
            await serving
        self._since = self.port = None
        self.say()

    async def _until(self, stop: asyncio.Event) -> None:
        """Wait for the end, and say each hour what was counted."""
        while not await _wait(stop, SAY_S):
            self.say()

    def _started(self, listener: socket.socket) -> None:
        host, port = listener.getsockname()[:2]
        self.port = port
        self._problem, self._since = None, self._tools.now()
        self._tools.log.info(
            "webhook.listening",
            host=host,
            port=port,
            secrets=self.door.keys.count,
            verify=self._webhook.verify,
            sources=" ".join(self._webhook.allow) or "any",
        )
        self.say()

    def _failed(self, problem: str) -> None:
        if problem != self._problem:
            self._tools.log.error("webhook.trouble", problem=problem, again_s=AGAIN_S)
        self._problem, self._since = problem, None
        self.say()

    def say(self) -> None:
        """Write what was counted to the log, and how the receiver is into the ledger."""
        counted = self.door.tally.unsaid()
        if counted:
            self._tools.log.info(
                "webhook.counted", **{word.replace(" ", "_"): n for word, n in counted.items()}
            )
        about: dict[str, Any] = {
            "listen": self._webhook.listen,
            "since": self._since,
            "problem": self._problem,
            "counts": self.door.tally.totals(),
        }
        try:
            self._tools.ledger.facts.put(FACT, json.dumps(about), self._tools.now())
        except LedgerError as error:
            self._tools.ledger_failed(error, "receive")


def _listening(host: str, port: int) -> socket.socket:
    """Open the port; one that an earlier process left a moment ago may be taken over."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _config(app: Any, door: Door) -> uvicorn.Config:
    def guarded(*args: Any, **more: Any) -> H11Protocol:
        return _Guarded(*args, limits=door.limits, tally=door.tally, **more)

    return uvicorn.Config(
        app,
        http=guarded,  # type: ignore[arg-type]
        ws="none",
        lifespan="off",
        proxy_headers=False,  # X-Forwarded-For is read by `sources`, and only from our own proxy
        access_log=False,
        log_config=None,
        log_level="critical",
        server_header=False,
        date_header=False,
        timeout_keep_alive=1,
        timeout_graceful_shutdown=END_WITHIN_S,
        h11_max_incomplete_event_size=door.limits.head_bytes,
    )


class _Server(uvicorn.Server):
    """A uvicorn that leaves signals to the service."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no handlers."""
        yield


class _Guarded(H11Protocol):
    """A connection that is cut when there are too many, or when its request's head does not come in time."""

    def __init__(self, *args: Any, limits: Limits, tally: Tally, **more: Any) -> None:
        """Keep the limits."""
        super().__init__(*args, **more)
        self._limits = limits
        self._tally = tally
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let it in, or cut it."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections:
            self._cut(Count.TOO_MANY)
            return
        self._head_timer = self.loop.call_later(self._limits.head_s, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        if self._head_timer is not None:
            self._head_timer.cancel()
        super().connection_lost(exc)

    def _head_is_late(self) -> None:
        if self.cycle is None:
            self._cut(Count.TOO_SLOW)

    def _cut(self, why: Count) -> None:
        self._tally.add(why)
        self.transport.abort()


async def _wait(stop: asyncio.Event, seconds: float) -> bool:
    """Wait for the end, at most some seconds; say whether it came."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
    return stop.is_set()
