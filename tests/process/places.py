"""A remote that counts, a new ledger for each death, and strace: what the fault tests share. Knows no test."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.driver import sqlite3

KEY = re.compile(r"readyd:([a-z2-7]{16})")
WITHIN_S = 100


def strace_works() -> bool:
    if shutil.which("strace") is None:
        return False
    done = subprocess.run(
        ["strace", "-o", "/dev/null", "-e", "inject=write:signal=KILL:when=1", "echo"],
        capture_output=True, timeout=20, check=False,
    )  # fmt: skip
    return done.returncode == -signal.SIGKILL


needs_strace = pytest.mark.skipif(
    not strace_works(), reason="strace is not here, or may not trace: nothing was KILLED or FAILED here"
)


def tracing(calls: str, to: str | Path = "/dev/null", *more: str, inject: str = "") -> list[str]:
    """The words that let strace watch a program's calls, and tamper with some."""
    how = ["-e", f"inject={inject}"] if inject else []
    return ["strace", "-s", "200", "-o", str(to), "-e", f"trace={calls}", *more, *how]


Point = tuple[str, int]
"""The n-th call of a name. strace counts each name by itself, also where several are named together."""


def points_of(lines: Sequence[str]) -> list[Point]:
    """Name each line of a trace."""
    counts: Counter[str] = Counter()
    found = []
    for line in lines:
        name = line.partition("(")[0]
        counts[name] += 1
        found.append((name, counts[name]))
    return found


def killing(point: Point) -> list[str]:
    """The words that let strace kill a program as it begins this call."""
    name, number = point
    return tracing(name, inject=f"{name}:signal=KILL:when={number}")


def lines_of(trace: Path) -> list[str]:
    return [line for line in trace.read_text().splitlines() if not line.startswith(("+++", "---"))]


@dataclass
class Place:
    """One remote, and a new ledger for each death."""

    directory: Path
    environ: dict[str, str]
    took: Path
    numbers: Iterator[int]
    ledger: Path = Path()

    def new(self) -> str:
        """Begin a new ledger; return its name."""
        number = str(next(self.numbers))
        self.ledger = self.directory / number / "ledger.db"
        self.ledger.parent.mkdir()
        return number

    def run(self, script: Sequence[str | Path], *before: str) -> int:
        """Run a script to its end, or to its death; `before` stand before its own words."""
        with self.log.open("a") as file:
            running = subprocess.Popen(
                [*before, sys.executable, *map(str, script)],
                env={**self.environ, "READYD_LEDGER": str(self.ledger)}, stdout=file, stderr=file,
                start_new_session=True,
            )  # fmt: skip
        try:
            code = running.wait(WITHIN_S)
        except subprocess.TimeoutExpired:
            # A tracer that dies lets go of its program: the whole group ends, or it would live on.
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
            raise AssertionError(f"it did not end: {self.said()[-3000:]}") from None
        assert "Traceback" not in self.said()
        return code

    @property
    def log(self) -> Path:
        return self.ledger.with_name("log")

    def said(self) -> str:
        return self.log.read_text()

    def rows(self, sql: str, ledger: Path | None = None) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(ledger or self.ledger)) as database:
            return list(database.execute(sql))

    def states(self) -> Counter[str]:
        return Counter(str(state) for (state,) in self.rows("select state from task"))

    def counts(self) -> list[int]:
        """How often the remote took each of this ledger's tasks."""
        there = Counter(KEY.findall(self.took.read_text()))
        return [there[str(key)] for (key,) in self.rows("select key from intent")]
