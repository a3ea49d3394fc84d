"""Lanes: workers with one connection each, lent out one call at a time. Knows no path and no code.

httpx's shared pool is quadratic in the calls under way and leaks slots on cancellation (httpcore 1.0.9), so
each lane has a client of its own with one connection, and a lane that misbehaves is thrown away whole.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import httpx


class Lanes:
    """At most `count` clients, built when first needed; the last used goes first, so that few stay open."""

    def __init__(self, count: int, build: Callable[[], httpx.AsyncClient]) -> None:
        """Prepare `count` lanes; nothing is connected yet."""
        self._build = build
        self._free: asyncio.LifoQueue[httpx.AsyncClient | None] = asyncio.LifoQueue()
        for _ in range(count):
            self._free.put_nowait(None)
        self._closed = False

    @contextlib.asynccontextmanager
    async def borrow(self) -> AsyncIterator[httpx.AsyncClient]:
        """Lend a lane, waiting for one if all are out; an exception inside the block throws the lane away."""
        client = await self._free.get()
        sound = False
        try:
            client = client or self._build()
            yield client
            sound = not self._closed
        finally:
            # The slot is free before a broken client is closed: closing may take its time, the next call not.
            self._free.put_nowait(client if sound else None)
            if client is not None and not sound:
                await _close(client)

    async def aclose(self) -> None:
        """Close the lanes that are free; one that is still out is closed when it comes back."""
        self._closed = True
        idle = [self._free.get_nowait() for _ in range(self._free.qsize())]
        for client in idle:
            self._free.put_nowait(None)
            if client is not None:
                await _close(client)


async def _close(client: httpx.AsyncClient) -> None:
    # A connection that is broken may also fail to close; there is nothing left to save.
    with contextlib.suppress(Exception):
        await client.aclose()
