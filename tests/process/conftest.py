"""Real processes for tests: the simulator on loopback, readyd as a daemon, each ended by its own id."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count as counted
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.process.places import Place

ROOT = Path(__file__).resolve().parents[2]
ENDS_WITHIN_S = 15
STOPS_WITHIN_S = 10
FUNCTION = "serp/google/organic"
OFFICIAL = Path(os.environ.get("READYD_OFFICIAL_PYTHON", ROOT / ".venv-official" / "bin" / "python"))
LOOK_EVERY_S = 0.05
LOOKS = 800
"""More looks than any honest wait needs: some 40 s."""


@dataclass(frozen=True)
class Remote:
    """A simulator that listens on loopback."""

    url: str
    login: str
    password: str
    process: subprocess.Popen[str]

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

    def listed(self, function: str = FUNCTION) -> set[str]:
        """Ask Tasks Ready of one function for its ids."""
        with self.client() as client:
            answer = client.get(f"/v3/{function}/tasks_ready").json()["tasks"][0]
        assert answer["status_code"] in (20000, 40401), answer
        return {row["id"] for row in answer.get("result") or []}


def clean_environ(remote: Remote) -> dict[str, str]:
    """The environment of a readyd that knows this remote, and nothing else of readyd's."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("READYD_", "DATAFORSEO_"))
    }
    return kept | {
        "READYD_BASE_URL": remote.url,
        "DATAFORSEO_LOGIN": remote.login,
        "DATAFORSEO_PASSWORD": remote.password,
    }


READ_ALL = """
import sqlite3, sys
database = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, timeout=10)
for row in database.execute(sys.argv[2]):
    print(*row, sep="|")
database.close()
"""
"""Another program that reads the ledger: Python's own sqlite3, in a process of its own."""


def read_by(words: list[str], database: Path, sql: str) -> list[str]:
    """Let another program ask a database; return the lines it prints."""
    asked = [*words, str(database), sql]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


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

    def events(self) -> list[dict[str, object]]:
        """Read what was logged as JSON Lines; every line must be one."""
        return [json.loads(line) for line in self.log().splitlines()]

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """Ask the ledger, read-only, as a person with sqlite3 would."""
        database = sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True, timeout=10)
        try:
            return database.execute(sql).fetchall()
        finally:
            database.close()

    def collected(self) -> int:
        """Count collected tasks; 0 while there is no ledger."""
        try:
            return int(str(self.rows("select count(*) from task where state = 'collected'")[0][0]))
        except sqlite3.OperationalError:
            return 0

    def record(self, remote: Remote, count: int, **fields: object) -> list[str]:
        """Post tasks and record them, each as a poster does; return their ids."""
        answers = "\n".join(remote.post(FUNCTION, count, **fields))
        accepted: list[str] = json.loads(self("record", "--json", "-", stdin=answers).stdout)["accepted"]
        assert len(accepted) == count
        return accepted

    def stored(self) -> list[str]:
        """List the task of every stored result, one entry a copy."""
        months = sorted((self.ledger.parent / "results").glob("*.db"))
        return [task for month in months for task in self.read_by_python(month, "select task_id from body")]

    def read_by_python(self, database: Path, sql: str) -> list[str]:
        """Ask a database with Python's own sqlite3, in a process of its own."""
        return read_by([sys.executable, "-c", READ_ALL], database, sql)

    def read_by_sqlite3(self, database: Path, sql: str) -> list[str]:
        """Ask a database with the command line of SQLite."""
        return read_by(["sqlite3", "-readonly"], database, sql)

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
def begin() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start readyd with the given words; what still runs after the test is killed, by its own id."""
    running: list[subprocess.Popen[str]] = []

    def start(program: Readyd, *words: str) -> subprocess.Popen[str]:
        running.append(program.start(*words))
        return running[-1]

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.wait(ENDS_WITHIN_S)


@pytest.fixture
def until() -> Callable[..., None]:
    """Look again and again until something is true, a bounded number of times."""

    def look(true: Callable[[], object], what: str) -> None:
        for _ in range(LOOKS):
            if true():
                return
            time.sleep(LOOK_EVERY_S)  # another process tells nobody when it is done
        pytest.fail(f"waited in vain until {what}")

    return look


@pytest.fixture
def simulate() -> Iterator[Callable[..., Remote]]:
    """Start `readyd simulate` with the given options, or other `code` that serves in its way.

    What it says on standard error goes into the file `said`.
    """
    running: list[subprocess.Popen[str]] = []

    def start(*options: str, code: str = "", said: Path = Path(os.devnull)) -> Remote:
        server = ["-c", code] if code else ["-m", "daemon", "simulate", "--port", "0"]
        with said.open("w") as errors:
            process = subprocess.Popen(
                [sys.executable, *server, *options],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        running.append(process)
        assert process.stdout is not None
        url, *facts = process.stdout.readline().split()
        words = dict(fact.split("=", 1) for fact in facts)
        return Remote(url, words["login"], words["password"], process)

    yield start
    for process in running:
        end(process)
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def official() -> Callable[..., list[str]]:
    """Give the command that lets the official client, in its own environment, do something at a remote."""
    if not OFFICIAL.exists():
        pytest.skip("the official client is not installed: run `make official-client`")
    poster = Path(__file__).with_name("official_poster.py")

    def words(remote: Remote, *verb: str) -> list[str]:
        return [str(OFFICIAL), str(poster), remote.url, remote.login, remote.password, *verb]

    return words


@pytest.fixture
def readyd(tmp_path: Path) -> Callable[[Remote], Readyd]:
    """Bind the program to a remote and to a new ledger."""

    def bind(remote: Remote, **more: str) -> Readyd:
        ledger = tmp_path / "ledger.db"
        return Readyd(ledger, {**clean_environ(remote), "READYD_LEDGER": str(ledger), **more})

    return bind


@pytest.fixture
def remote(simulate: Callable[..., Any]) -> Any:
    """A remote on which a task is done, and listed, within a second."""
    return simulate("--seed", "5", "--turnaround", "1", "--speed", "60", "--faults", "none")


@pytest.fixture
def posted(remote: Any, readyd: Callable[..., Any], until: Callable[..., None]) -> Callable[..., Any]:
    """Post tasks, record them in a new ledger, and wait until all of them are listed."""

    def prepare(count: int, **environ: str) -> Any:
        program = readyd(remote, **environ)
        program.record(remote, count)
        until(lambda: len(remote.listed()) == count, "all tasks are listed")
        return program

    return prepare


@pytest.fixture
def stopped() -> Callable[..., int]:
    """Ask a process to stop; it must be gone within the time that systemd and people expect."""

    def ask(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> int:
        process.send_signal(number)
        return process.wait(STOPS_WITHIN_S)

    return ask


@pytest.fixture
def counting(tmp_path: Path, simulate: Callable[..., Remote]) -> Callable[..., Place]:
    """Start a remote that counts what it takes, and make a place (of a kind) beside it."""

    def make(kind: type[Place], turnaround_s: float, lag_ms: int = 40_000) -> Place:
        took = tmp_path / "took"
        took.touch()
        code = Path(__file__).with_name("kill_remote.py").read_text()
        remote = simulate(str(took), str(turnaround_s), str(lag_ms), code=code)
        return kind(tmp_path, clean_environ(remote), took, counted(1))

    return make
