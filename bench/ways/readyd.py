"""The real service as a player, with the ways taken away that a run is to do without. Knows no trouble.

No setting takes lists or id_list away, because nobody should want that; here the service gets no list to ask, or no
call of id_list to spend.
"""

import asyncio
import io
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from bench.ways.stage import HOOKS, Stage
from daemon import logs
from daemon.composition import build_tools
from daemon.passes.audit_budget import AuditBudget
from daemon.passes.tools import Tools
from daemon.service import Service
from daemon.settings import Secret, Settings
from daemon.settings_webhook import Webhook
from daemon.simulator.options import LOGIN, PASSWORD
from daemon.web import secrets
from daemon.web.limits import Limits
from daemon.web.server import Front
from ledger.reader import Reader, TaskFilter
from ledger.records import State
from ledger.store import Ledger

BROKEN = ("pass.failed", "collect.bug", "webhook.bug", "Traceback")
DAY_MS = 86_400_000


class BrokenError(RuntimeError):
    """The service had a bug during the run, so its figures mean nothing."""


class NoAudits(AuditBudget):
    """A budget of id_list without a call in it."""

    def wait_ms(self) -> int:
        """Put everybody off."""
        return DAY_MS


class Readyd:
    """The service, its ledger and its receiver."""

    def __init__(self, stage: Stage, directory: Path) -> None:
        """Prepare a new ledger in a directory."""
        self._stage = stage
        self._directory = directory
        self._log = io.StringIO()
        logs.configure(stream=self._log, environ={}, level="warning", format="json")
        self._ledger = Ledger.open(directory / "ledger.db")
        self._reader = Reader.open(directory / "ledger.db")
        self._homes: list[int] = []
        self._tools = self._made()
        self._service = Service(self._tools, lanes=30)
        self._front, self._hooks, self.secret = self._receiver()

    async def start(self) -> None:
        """Begin."""
        self._playing = asyncio.create_task(self._service.run())

    def posted(self, answer: dict[str, Any]) -> None:
        """Record the task, as a poster does."""
        self._ledger.record_posted(answer)

    async def hook(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Hand a webhook to the receiver."""
        answer = await self._hooks.request(method, url, content=body, headers=dict(headers))
        return answer.status_code

    async def stop(self) -> None:
        """End the service, and look at what it logged."""
        self._service.ask_to_stop()
        await self._playing
        self._front.receiver.close()
        await self._hooks.aclose()
        log = self._log.getvalue()
        if any(word in log for word in BROKEN):
            raise BrokenError(log[-2_000:])

    def close(self) -> None:
        """Close the ledger."""
        self._reader.close()
        self._ledger.close()

    def home(self) -> dict[str, int]:
        """Tell when the commit of each result was through: the first one after its answer was in hand."""
        settled = {
            task.id: task.settled_at or 0
            for task in self._reader.tasks(TaskFilter(frozenset({State.COLLECTED, State.DELIVERED})))
        }
        return {one: self._homes[bisect_left(self._homes, at)] for one, at in settled.items()}

    def warnings(self) -> list[tuple[int, str]]:
        """Tell every alert that was opened."""
        return sorted(
            (alert.opened_at, str(alert.kind)) for alert in self._reader.alerts(closed=True, limit=10_000)
        )

    def _made(self) -> Tools:
        stage, way = self._stage, self._stage.cell.way
        settings = Settings(
            ledger=self._directory / "ledger.db",
            base_url="https://simulator.invalid",
            login=LOGIN,
            password=Secret(PASSWORD),
        )
        tools = build_tools(settings, self._ledger, stage.clock, transport=lambda: stage.line)
        if not way.lists:
            tools = replace(tools, scopes=())
        if not way.audits:
            tools = replace(tools, audits=NoAudits(self._ledger.audits, stage.clock, tools.audits.limiter))
        tools.on_home.append(lambda: self._homes.append(stage.clock.now()))
        return tools

    def _receiver(self) -> tuple[Front, httpx.AsyncClient, str]:
        """Make the receiver, without its socket: virtual time has none."""
        file = self._directory / "secret"
        (secret, *_) = secrets.replace(file)
        webhook = Webhook(listen="127.0.0.1:0", secret_file=file)
        front = Front(self._tools, webhook, self._service.collector.refresh, limits=Limits())
        transport = httpx.ASGITransport(app=front.app, client=("192.0.2.7", 1))
        return front, httpx.AsyncClient(transport=transport, base_url=HOOKS), secret
