"""Carries webhooks to their receivers when they are due. Knows no task; how to send is given to it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

import httpx

from daemon.simulator.records import Delivery, Receipt
from daemon.simulator.world import World

Send = Callable[[str, str, bytes, Mapping[str, str]], Awaitable[int | Receipt]]
"""An async callable (method, url, body, headers) -> HTTP status, or a receipt that has the answer's text too.

It raises OSError or httpx.HTTPError when there is no answer.
"""

ANSWER_WITHIN_S = 10.0
LONGEST_SLEEP_S = 3600.0
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Courier:
    """Sends due webhooks, each within ten seconds or not at all; nothing is repeated by itself (docs)."""

    def __init__(self, world: World, send: Send, *, speed: float = 1.0) -> None:
        """Carry for `world`; `speed` is simulated seconds per second of the loop's time."""
        self._world = world
        self._send = send
        self._speed = speed
        self._news = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Work until cancelled."""
        self._world.attend(self._news.set)
        try:
            while True:
                self._news.clear()
                for delivery in self._world.due_webhooks():
                    under_way = asyncio.create_task(self._carry(delivery))
                    self._under_way.add(under_way)
                    under_way.add_done_callback(self._under_way.discard)
                await self._sleep()
        finally:
            self._world.attend(None)
            for under_way in self._under_way:
                under_way.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _sleep(self) -> None:
        at = self._world.next_webhook_at()
        wait = LONGEST_SLEEP_S if at is None else max(0.0, (at - self._world.now()) / 1000 / self._speed)
        try:
            async with asyncio.timeout(min(wait, LONGEST_SLEEP_S)):
                await self._news.wait()
        except TimeoutError:
            pass

    async def _carry(self, delivery: Delivery) -> None:
        loop = asyncio.get_running_loop()
        answer: int | Receipt | None = None
        begun = loop.time()
        if not delivery.lost:
            try:
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    answer = await self._send(delivery.method, delivery.url, delivery.body, delivery.headers)
            except (OSError, httpx.HTTPError, httpx.InvalidURL):
                answer = None
        receipt = answer if isinstance(answer, Receipt) else Receipt(answer)
        took_s = None if delivery.lost else loop.time() - begun  # of the receiver's time, whatever `speed` is
        self._world.settle_webhook(delivery, replace(receipt, took_s=took_s))


async def send_to_loopback(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Receipt:
    """Send over real HTTP, but to this machine only: a simulator must not knock at other people's doors.

    Raises:
        OSError: the receiver is not on loopback, which counts as a failed delivery.
    """
    if (urlsplit(url).hostname or "") not in LOOPBACK:
        raise OSError(f"{url} is not on this machine; the simulator only delivers to loopback")
    async with httpx.AsyncClient(timeout=ANSWER_WITHIN_S, trust_env=False, follow_redirects=False) as client:
        answer = await client.request(method, url, content=body, headers=dict(headers))
        return Receipt(answer.status_code, answer.text)
