"""A receiver with a real ledger behind it, called in process or over real sockets; the remote is never asked."""

import asyncio
import contextlib
import gzip
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from daemon import logs
from daemon.clock import SystemClock
from daemon.composition import build_tools
from daemon.settings import Secret, Settings
from daemon.settings_webhook import Webhook
from daemon.web import secrets
from daemon.web.limits import Limits
from daemon.web.server import Front
from ledger.reader import Reader, TaskFilter
from ledger.records import Task
from ledger.store import Ledger

ORGANIC = "serp/google/organic"


def task_id(number: int) -> str:
    return f"11231402-1535-0066-0000-{number:012x}"


def envelope(one: str, *, code: int = 20000, result: object = "some") -> dict[str, Any]:
    """Write a postback's JSON as task_get does."""
    rows = [{"keyword": "k", "items": [1, 2, 3]}] if result == "some" else result
    entry = {"id": one, "status_code": code, "status_message": "Ok.", "result": rows}
    return {"version": "0.1", "status_code": 20000, "status_message": "Ok.", "tasks": [entry]}


def packed(document: object) -> bytes:
    return gzip.compress(json.dumps(document).encode(), mtime=0)


@dataclass
class Stage:
    """One receiver, its ledger and its log."""

    ledger: Ledger
    front: Front
    file: Path
    log: io.StringIO

    @property
    def secret(self) -> str:
        return secrets.read(self.file)[0]

    def url(self, verb: str, one: str, secret: str | None = None) -> str:
        return f"/hook/{secret or self.secret}/{verb}?id={one}&tag=t"

    def post(self, count: int, first: int = 0, **data: object) -> list[str]:
        """Record tasks as posted."""
        ids = [task_id(first + number) for number in range(count)]
        path = ["v3", *ORGANIC.split("/"), "task_post"]
        tasks = [{"id": one, "status_code": 20100, "path": path, "data": data} for one in ids]
        intake = self.ledger.record_posted({"status_code": 20000, "tasks": tasks})
        assert len(intake.accepted) == count
        return ids

    def tasks(self) -> dict[str, Task]:
        with Reader.open(self.ledger.path) as reader:
            return {task.id: task for task in reader.tasks(TaskFilter())}

    def body(self, one: str) -> bytes:
        with Reader.open(self.ledger.path) as reader:
            task = reader.task(one)
            assert task is not None
            found = reader.body(task)
            assert found is not None
            return found.gzip

    def changes(self) -> int:
        """Count what this process ever changed in the ledger (SQLite's total_changes)."""
        with self.ledger._connection.reading() as database:
            return int(database.driver().total_changes)

    def stored(self) -> int:
        return self.ledger.bodies.count()

    def counts(self) -> dict[str, int]:
        return self.front.door.tally.totals()

    def client(self, peer: str = "192.0.2.7") -> httpx.AsyncClient:
        """Call the application in process."""
        transport = httpx.ASGITransport(app=self.front.app, client=(peer, 40_000))
        return httpx.AsyncClient(transport=transport, base_url="http://readyd.invalid")

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """Listen on loopback, as the service does; gives the port."""
        stop = asyncio.Event()
        running = asyncio.create_task(self.front.run(stop))
        try:
            for _ in range(1000):
                if self.front.port is not None:
                    break
                await asyncio.sleep(0)
            assert self.front.port is not None
            yield self.front.port
        finally:
            stop.set()
            await running


@pytest.fixture
def stage(tmp_path: Path, restored_logs: None) -> Iterator[Callable[..., Stage]]:
    """Build a receiver; settings of [webhook] and limits may be given."""
    opened = list[Ledger]()

    def build(limits: dict[str, Any] | None = None, **webhook: Any) -> Stage:
        log = io.StringIO()
        logs.configure(stream=log, environ={}, level="debug", format="json")
        path, file = tmp_path / "ledger.db", tmp_path / "secret"
        secrets.replace(file)
        ledger = Ledger.open(path)
        opened.append(ledger)
        settings = Settings(
            ledger=path, base_url="https://simulator.invalid", login="me", password=Secret("pass word")
        )
        tools = build_tools(settings, ledger, SystemClock())
        wanted = Webhook(**{"listen": "127.0.0.1:0", "secret_file": file, **webhook})
        front = Front(tools, wanted, lambda: None, limits=replace(Limits(), **(limits or {})))
        return Stage(ledger, front, file, log)

    yield build
    for ledger in opened:
        ledger.close()


@pytest.fixture
def wire() -> Any:
    """Builders of what the remote sends."""

    class Wire:
        envelope = staticmethod(envelope)
        packed = staticmethod(packed)
        task_id = staticmethod(task_id)

    return Wire
