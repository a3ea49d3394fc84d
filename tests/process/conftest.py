"""Real processes for tests: the simulator on loopback, readyd as a daemon, each ended by its own id."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
ENDS_WITHIN_S = 15


@dataclass(frozen=True)
class Remote:
    """A simulator that listens on loopback."""

    url: str
    login: str
    password: str

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, auth=(self.login, self.password), timeout=20)

    def post(self, function: str, count: int, **fields: object) -> list[str]:
        """Post `count` tasks and return the answers as JSON text, one per call."""
        answers = []
        with self.client() as client:
            for first in range(0, count, 100):
                tasks = [
                    {"keyword": f"k{number}", "location_code": 2840, "language_code": "en", **fields}
                    for number in range(first, min(count, first + 100))
                ]
                answer = client.post(f"/v3/{function}/task_post", json=tasks)
                answer.raise_for_status()
                answers.append(answer.text)
        return answers


@dataclass(frozen=True)
class Readyd:
    """The installed program, with a ledger and a remote of its own."""

    ledger: Path
    environ: dict[str, str]

    def __call__(
        self, *words: str, stdin: str | None = None, ok: bool = True
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "daemon", *words],
            env=self.environ,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert not ok or done.returncode in (0, 1), done.stderr
        assert "Traceback" not in done.stderr
        return done

    def start(self, *words: str) -> subprocess.Popen[str]:
        log = (self.ledger.parent / "daemon.log").open("a")
        with log:
            return subprocess.Popen(
                [sys.executable, "-m", "daemon", *words],
                env=self.environ,
                stdout=log,
                stderr=log,
                text=True,
            )

    def log(self) -> str:
        return (self.ledger.parent / "daemon.log").read_text()

    def states(self) -> dict[str, int]:
        """Count tasks by state, as `readyd status --json` tells it."""
        totals: dict[str, int] = {}
        for states in json.loads(self("status", "--json").stdout)["functions"].values():
            for state, count in states.items():
                totals[state] = totals.get(state, 0) + count
        return totals


def end(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> int:
    """End a process by its own id and return its exit code."""
    if process.poll() is None:
        os.kill(process.pid, number)
    try:
        return process.wait(ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(ENDS_WITHIN_S)
        raise


@pytest.fixture
def stop() -> Callable[..., int]:
    """End a process by its own id and return its exit code."""
    return end


@pytest.fixture
def simulate() -> Iterator[Callable[..., Remote]]:
    """Start `readyd simulate` with the given options."""
    running: list[subprocess.Popen[str]] = []

    def start(*options: str) -> Remote:
        process = subprocess.Popen(
            [sys.executable, "-m", "daemon", "simulate", "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        running.append(process)
        assert process.stdout is not None
        url, *facts = process.stdout.readline().split()
        words = dict(fact.split("=", 1) for fact in facts)
        return Remote(url, words["login"], words["password"])

    yield start
    for process in running:
        end(process)
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def readyd(tmp_path: Path) -> Callable[[Remote], Readyd]:
    """Bind the program to a remote and to a new ledger."""

    def bind(remote: Remote, **more: str) -> Readyd:
        ledger = tmp_path / "ledger.db"
        environ = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("READYD_", "DATAFORSEO_"))
        }
        environ |= {
            "READYD_LEDGER": str(ledger),
            "READYD_BASE_URL": remote.url,
            "DATAFORSEO_LOGIN": remote.login,
            "DATAFORSEO_PASSWORD": remote.password,
            **more,
        }
        return Readyd(ledger, environ)

    return bind
