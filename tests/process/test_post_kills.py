"""SIGKILL at the system calls of posting, one after the other: nothing is posted twice, nothing is forgotten.

A sample of them by default; `make test-kills` goes through all (READYD_ALL_KILLS). strace delivers the signal as the
n-th call begins; where there is none, the process counts its own steps of network and disk work and kills itself.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from peewee import sqlite3

from ledger import Ledger

HERE = Path(__file__).parent
POSTER, REMOTE = HERE / "kill_poster.py", HERE / "kill_remote.py"
CALLS = "connect,sendto,recvfrom,write,pwrite64,fsync,fdatasync,ftruncate,unlink"
"""What posting does with network and disk. Reading a file changes nothing: a death there is like the one before."""

TASKS = 3
SAMPLE = 8
ALL = bool(os.environ.get("READYD_ALL_KILLS"))
KEY = re.compile(r"readyd:([a-z2-7]{16})")


def strace_works() -> bool:
    if shutil.which("strace") is None:
        return False
    done = subprocess.run(
        ["strace", "-o", "/dev/null", "-e", "inject=write:signal=KILL:when=1", "echo"],
        capture_output=True, timeout=20, check=False,
    )  # fmt: skip
    return done.returncode == -signal.SIGKILL


needs_strace = pytest.mark.skipif(
    not strace_works(), reason="strace is not here, or may not trace: see the other test"
)


@dataclass
class Place:
    """One remote, and a new ledger for each death."""

    directory: Path
    environ: dict[str, str]
    took: Path
    numbers: Iterator[int]
    ledger: Path = Path()

    def plan(self) -> None:
        number = next(self.numbers)
        self.ledger = self.directory / str(number) / "ledger.db"
        tasks = [{"function": "serp/google/organic", "keyword": f"k{n}", "tag": "t"} for n in range(TASKS)]
        with Ledger.open(self.ledger) as book:
            assert book.plan(tasks, f"batch {number}").planned == TASKS

    def post(self, *words: str, manner: str = "careful", point: int = 0) -> int:
        """Run the poster to its end, or to its death; `words` stand before its own."""
        asked = [*words, sys.executable, str(POSTER), manner, *([str(point)] if point else [])]
        log = self.ledger.with_name("log")
        with log.open("a") as file:
            done = subprocess.run(
                asked, env={**self.environ, "READYD_LEDGER": str(self.ledger)}, stdout=file, stderr=file,
                timeout=90, check=False,
            )  # fmt: skip
        assert done.returncode in (0, -signal.SIGKILL), log.read_text()[-3000:]
        assert "Traceback" not in log.read_text()
        return done.returncode

    def keys(self) -> list[str]:
        with closing(sqlite3.connect(self.ledger)) as database:
            return [key for (key,) in database.execute("select key from intent")]

    def states(self) -> Counter[str]:
        with closing(sqlite3.connect(self.ledger)) as database:
            return Counter(state for (state,) in database.execute("select state from task"))

    def counts(self) -> list[int]:
        """How often the remote took each of this ledger's tasks."""
        there = Counter(KEY.findall(self.took.read_text()))
        return [there[key] for key in self.keys()]

    def check(self, point: object) -> None:
        assert self.counts() == [1] * TASKS, f"killed at {point}"
        assert self.states() == {"posted": TASKS}, f"killed at {point}"


@pytest.fixture
def place(tmp_path: Path, simulate: Callable[..., Any]) -> Place:
    took = tmp_path / "took"
    took.touch()
    remote = simulate(str(took), code=REMOTE.read_text())
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("READYD_", "DATAFORSEO_"))
    }
    named = {
        "READYD_BASE_URL": remote.url,
        "DATAFORSEO_LOGIN": remote.login,
        "DATAFORSEO_PASSWORD": remote.password,
    }
    return Place(tmp_path, kept | named, took, count(1))


def traced(place: Place) -> list[str]:
    """Post once, undisturbed; return its calls in order."""
    place.plan()
    trace = place.ledger.with_name("trace")
    assert place.post("strace", "-s", "120", "-o", str(trace), "-e", f"trace={CALLS}") == 0
    place.check("no call")
    return [line for line in trace.read_text().splitlines() if not line.startswith(("+++", "---"))]


def killing(number: int) -> list[str]:
    return [
        "strace",
        "-o",
        "/dev/null",
        "-e",
        f"trace={CALLS}",
        "-e",
        f"inject={CALLS}:signal=KILL:when={number}",
    ]


def sample(points: int, core: tuple[int, int]) -> list[int]:
    """All points, or some: half of them where the call itself is made."""
    if ALL:
        return list(range(1, points + 1))
    near = [core[0] + (core[1] - core[0]) * n // (SAMPLE // 2) for n in range(SAMPLE // 2)]
    far = [1 + (points - 1) * n // (SAMPLE // 2 - 1) for n in range(SAMPLE // 2)]
    return sorted(set(near) | set(far))


@needs_strace
def test_a_kill_at_any_system_call_posts_nothing_twice_and_forgets_nothing(place: Place) -> None:
    calls = traced(place)
    sent = next(n for n, line in enumerate(calls, 1) if "sendto" in line and "task_post" in line)
    assert len(calls) > 40, "posting does a lot"
    died = 0
    for point in sample(len(calls), (max(1, sent - 8), sent + 20)):
        place.plan()
        died += place.post(*killing(point)) != 0
        if place.states() != {"posted": TASKS}:
            assert place.post() == 0
        place.check(point)
    assert died >= (len(calls) if ALL else SAMPLE) // 2, "the kills were kills"


@needs_strace
def test_without_the_look_up_a_kill_in_the_middle_posts_twice(place: Place) -> None:
    """The control: it shows that the test above can fail."""
    calls = traced(place)
    sent = next(n for n, line in enumerate(calls, 1) if "sendto" in line and "task_post" in line)
    for point in range(sent + 1, sent + 25):
        place.plan()
        place.post(*killing(point))
        place.post(manner="impatient")
        if max(place.counts()) > 1:
            return
    pytest.fail("no kill after the call was sent made the impatient poster send it again")


def test_a_process_that_kills_itself_at_any_step_posts_nothing_twice_and_forgets_nothing(
    place: Place,
) -> None:
    """The same without strace, in coarser steps."""
    steps = count(1) if ALL else iter([*range(25, 120, 30), 100_000])
    for point in steps:
        place.plan()
        died = place.post(point=point) != 0
        if not died:
            break
        assert place.post() == 0
        place.check(point)
    place.check("no step")
