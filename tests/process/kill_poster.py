"""Run by test_post_kills: readyd's own service, with a proof of absence that takes a moment. Not a test.

Usage: kill_poster.py careful|impatient [POINT]
It ends by itself when nothing is planned or in doubt. `impatient` takes silence for a refusal, as readyd never does.
With a POINT it kills itself at the n-th step of its network and disk work, where there is no strace to do it.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from httpcore._backends.anyio import AnyIOStream

from daemon import logs, service, settings
from daemon.clock import SystemClock
from daemon.composition import build_tools
from ledger.database import LedgerDatabase
from ledger.lock import DaemonLock
from ledger.store import Ledger

QUICK = {"lookup_grace_ms": 300, "lookup_between_ms": 300, "lookup_retry_ms": 100}
left = int(sys.argv[2]) if len(sys.argv) > 2 else 0


def step() -> None:
    global left  # noqa: PLW0603  a script
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def mortal(owner: type, name: str) -> None:
    """Let each call of a method be a step, before it and after it."""
    work: Callable[..., Any] = getattr(owner, name)

    def sync(*words: Any, **more: Any) -> Any:
        step()
        done = work(*words, **more)
        step()
        return done

    async def later(*words: Any, **more: Any) -> Any:
        step()
        done = await work(*words, **more)
        step()
        return done

    setattr(owner, name, later if asyncio.iscoroutinefunction(work) else sync)


async def post(ledger: Ledger, chosen: settings.Settings) -> None:
    if sys.argv[1] == "impatient":
        ledger.intents.absent([one.call_id for one in ledger.intents.unknown()], 0)
    life = service.Service(build_tools(chosen, ledger, SystemClock()), lanes=4)
    running = asyncio.create_task(life.run())
    while not running.done() and (ledger.intents.counts() or ledger.intents.unknown()):  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    life.ask_to_stop()
    await running


for name in ("post", "lookup"):
    service.TICKS[name] = 1
if left:
    for name in ("begin", "commit", "execute_sql", "executemany"):
        mortal(LedgerDatabase, name)
    for name in ("send", "receive"):
        mortal(AnyIOStream, {"send": "write", "receive": "read"}[name])
loaded = settings.load(None, os.environ, {})
loaded = replace(loaded, rules=replace(loaded.rules, **QUICK))
logs.configure(stream=sys.stderr, environ=os.environ, level="info", format="json")
with contextlib.ExitStack() as stack:
    stack.enter_context(DaemonLock(loaded.ledger))
    book = stack.enter_context(Ledger.open(loaded.ledger))
    asyncio.run(post(book, loaded))
