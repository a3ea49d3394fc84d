"""readyd, which dies by SIGKILL at a named point of the first webhook: around a commit, before or within its answer.

Run by a test, with the point and the settings of `readyd run`.
"""

import asyncio
import os
import signal
import sys
from typing import Any

from daemon import logs
from daemon.clock import SystemClock
from daemon.composition import build_tools
from daemon.service import Service, stop_on_signals
from daemon.settings import load
from ledger.database import LedgerDatabase
from ledger.store import Ledger


class Mortal(LedgerDatabase):
    """Dies at the point it is told, once a webhook has come."""

    point = ""
    armed = False

    @classmethod
    def reach(cls, point: str) -> None:
        if cls.armed and cls.point == point:
            os.kill(os.getpid(), signal.SIGKILL)

    def commit(self) -> None:
        what = "body" if "results" in str(self.database) else "state"
        self.reach(f"before the {what}")
        super().commit()  # type: ignore[no-untyped-call]
        self.reach(f"after the {what}")


def mortal(app: Any) -> Any:
    """Arm with a request."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        async def sending(message: Any) -> None:
            Mortal.reach("before the answer" if message["type"].endswith("start") else "within the answer")
            await send(message)

        Mortal.armed = True
        await app(scope, receive, sending)

    return wrapped


async def main(settings: Any, ledger: Ledger) -> None:
    tools = build_tools(settings, ledger, SystemClock())
    service = Service(tools, lanes=settings.lanes, webhook=settings.webhook)
    assert service.front is not None
    service.front.app = mortal(service.front.app)
    stop_on_signals(service)
    await service.run()


if __name__ == "__main__":
    Mortal.point = sys.argv[1]
    logs.configure(stream=sys.stderr, environ=os.environ, level="info", format="json")
    found = load(None, os.environ, {})
    with Ledger.open(found.ledger, driver=Mortal) as opened:
        asyncio.run(main(found, opened))
