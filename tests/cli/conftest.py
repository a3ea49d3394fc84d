"""A ledger built through its real door, and the command line run in process or as a process of its own."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from daemon.cli.main import run
from ledger import Ledger
from ledger.records import Alert, Body, Reason, Settlement, Sighting, State
from ledger.times import HOUR_MS, wall_clock_ms

ORGANIC = "serp/google/organic"
LISTING = "/v3/serp/tasks_ready"
NOT_OURS = {"CREDENTIALS_DIRECTORY", "NO_COLOR", "PYTHONUNBUFFERED", "COLUMNS", "FORCE_COLOR"}


def task_id(number: int) -> str:
    """Write an id as the remote does: 36 characters."""
    return f"11231402-1535-0066-0000-{number:012x}"


def answer(ids: Sequence[str], function: str = ORGANIC, **data: object) -> dict[str, Any]:
    """Write the answer of task_post for these ids."""
    path = ["v3", *function.split("/"), "task_post"]
    tasks = [
        {"id": one, "status_code": 20100, "cost": 0.0006, "path": path, "data": {"tag": f"t:{place}", **data}}
        for place, one in enumerate(ids)
    ]
    return {"status_code": 20000, "tasks_count": len(tasks), "tasks": tasks}


def result(one: str, edition: int = 1) -> bytes:
    """Write a result as the remote might, line breaks and all."""
    found = {"id": one, "result": [{"n": edition}]}
    return json.dumps({"status_code": 20000, "tasks": [found]}, indent=1).encode()


@dataclass
class Book:
    """A ledger in the making; each verb opens and closes it, as posters and daemons do."""

    path: Path
    now: int = field(default_factory=wall_clock_ms)
    posted: int = 0

    def post(self, count: int, function: str = ORGANIC, hours_ago: float = 1, **data: object) -> list[str]:
        ids = [task_id(self.posted + number) for number in range(count)]
        self.posted += count
        with Ledger.open(self.path) as ledger:
            intake = ledger.record_posted(answer(ids, function, **data), self.ago(hours_ago))
        assert not intake.rejected
        return ids

    def ago(self, hours: float) -> int:
        return self.now - round(hours * HOUR_MS)

    def look(
        self,
        ids: Sequence[str] = (),
        hours_ago: float = 0.5,
        listing: str = LISTING,
        *,
        saturated: bool = False,
        foreign: int = 0,
    ) -> None:
        at = self.ago(hours_ago)
        seen = [Sighting(one, ORGANIC, None, None, None) for one in ids]
        with Ledger.open(self.path) as ledger:
            poll = ledger.polls.begin(listing, "usual pace", at)
            ledger.record_look(
                poll,
                listing,
                seen,
                [],
                saturated=saturated,
                rows=1000 if saturated else len(ids),
                foreign=foreign,
                clear=not saturated,
                lag_ms=120_000,
                at=at,
            )

    def collect(
        self, ids: Sequence[str], hours_ago: float = 0.25, variant: str = "advanced", edition: int = 1
    ) -> None:
        at = self.ago(hours_ago)
        found = {one: result(one, edition) for one in ids}
        bodies = [
            Body(one, variant, gzip.compress(answer), len(answer), 20000, at, edition)
            for one, answer in found.items()
        ]
        with Ledger.open(self.path) as ledger:
            ledger.save_bodies(bodies)
            states = ledger.tasks.states_of(ids)
            moves = [
                Settlement(one, states[one], State.COLLECTED, Reason.FETCHED, 20000, "Ok.", at) for one in ids
            ]
            assert len(ledger.settle(moves)) == len(ids)

    def reparse(self, ids: Sequence[str], hours_ago: float = 0.2) -> None:
        with Ledger.open(self.path) as ledger:
            assert ledger.record_fixed(ids, self.ago(hours_ago)) == tuple(ids)

    def result(self, one: str, edition: int = 1) -> bytes:
        return result(one, edition)

    def answer(self, ids: Sequence[str], function: str = ORGANIC, **data: object) -> dict[str, Any]:
        return answer(ids, function, **data)

    def fail(self, ids: Sequence[str]) -> None:
        at = self.ago(0.1)
        with Ledger.open(self.path) as ledger:
            ledger.settle(
                [
                    Settlement(one, State.POSTED, State.FAILED, Reason.FAILED_REMOTELY, 40101, "SE error", at)
                    for one in ids
                ]
            )

    def alert(self, step: str = "warning", kind: str = "expiring", **more: Any) -> None:
        fields: dict[str, Any] = {
            "subject": ORGANIC,
            "count": 1150,
            "nearest_deadline_at": self.now + 3 * HOUR_MS,
            "task_ids": tuple(task_id(number) for number in range(5)),
            "detail": f"Tasks Ready will forget 1150 tasks of {ORGANIC}",
            "command": f"readyd tasks --function {ORGANIC} --band {step}",
            "opened_at": self.ago(2),
            "escalated_at": None,
            "said_at": self.ago(2),
            "quiet_since": None,
            "closed_at": None,
            **more,
        }
        with Ledger.open(self.path) as ledger:
            ledger.alerts.write([Alert(id=None, kind=kind, step=step, **fields)])


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """An empty place for a ledger."""
    return Book(tmp_path / "book" / "ledger.db")


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def environ(book: Book, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """Keep this machine's own settings out, and name the ledger."""
    for name in list(os.environ):
        if name.startswith(("READYD_", "DATAFORSEO_")) or name in NOT_OURS:
            monkeypatch.delenv(name)
    monkeypatch.setenv("READYD_LEDGER", str(book.path))
    monkeypatch.setenv("HOME", str(tmp_path))
    return dict(os.environ)


@pytest.fixture
def readyd(environ: dict[str, str]) -> Callable[..., Said]:
    """Run the command line in this process, behind its own wall of errors."""

    def call(*words: str, stdin: bytes | str | None = None) -> Said:
        with CliRunner().isolation(input=stdin) as (out, err, _):
            code = run(words)
            sys.stdout.flush()
            sys.stderr.flush()
            return Said(code, out.getvalue().decode(), err.getvalue().decode())

    return call


@pytest.fixture
def process(environ: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Run readyd as a process of its own."""

    def call(*words: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "daemon", *words],
            env=environ,
            capture_output=True,
            timeout=60,
            check=False,
            **options,
        )

    return call
