"""How work ends when somebody asks for a stop: it may finish what it is doing, and is given up when that takes long.

Knows no pass. `daemon.threads` is for calls that cannot be given up.
"""

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence

STOP_S = 8
"""How long a stop waits for answers under way; systemd and people expect an end within ten seconds."""


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait, but no longer than until `stop`."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


async def end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Let tasks that know of a stop end by themselves, and cancel those that do not in time."""
    _, late = await asyncio.wait(tasks, timeout=STOP_S)
    for task in late:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def until(stop: asyncio.Event, work: Coroutine[None, None, None]) -> None:
    """Do `work` to its end or, after `stop`, for as long as a stop may take; what it raises is raised."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        await end([working])
    if not working.cancelled():
        working.result()
