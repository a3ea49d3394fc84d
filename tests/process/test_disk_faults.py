"""A disk that fails once, at each call of a whole cycle: no task is sent before its intent is durable, somebody hears
of it, the work goes on by itself, nothing is lost and nothing is doubled.

A handful by default; `make test-disk` goes through all calls, with EIO and ENOSPC by turns (READYD_ALL_FAULTS).
"""

import os
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.process.cycles import TASKS, Cycle
from tests.process.places import lines_of, needs_strace, points_of, tracing

WRITES = "pwrite64,fsync,fdatasync,ftruncate,unlink"
CALLS = f"{WRITES},sendto"
ERRORS = ("EIO", "ENOSPC")
ALL = bool(os.environ.get("READYD_ALL_FAULTS"))
PARTS = 10 if ALL else 1
TOGETHER = 4 if ALL else 8
"""readyd rests for half a minute when its disk fails; others may fail meanwhile."""

TRY_AGAIN = 75
LOG = re.compile(r"<([^>]*/ledger\.db-wal)>")

pytestmark = needs_strace


@dataclass(frozen=True)
class Fault:
    """One kind of call fails, from its n-th on, so many times in a row."""

    call: str
    number: int
    error: str
    times: int = 1
    opening: bool = False

    def words(self, place: Cycle, trace: Path) -> list[str]:
        last = f"..{self.number + self.times - 1}" if self.times > 1 else ""
        inject = f"{self.call}:error={self.error}:when={self.number}{last}"
        if self.opening:
            return tracing("openat", trace, "-y", *of_the_ledger(place), inject=inject)
        return tracing(CALLS, trace, "-y", inject=inject)


def of_the_ledger(place: Cycle) -> list[str]:
    """The words that let strace see only these files: a program opens hundreds of others."""
    directory, month = place.ledger.parent, datetime.now(UTC).strftime("%Y-%m")  # noqa: TID251  the name of a file
    databases = [place.ledger, directory / "results" / f"{month}.db"]
    names = [f"{one}{suffix}" for one in databases for suffix in ("", "-journal", "-wal", "-shm")]
    places = [*names, directory, directory / "results", f"{place.ledger}.lock"]
    return [word for one in places for word in ("-P", str(one))]


@pytest.fixture
def place(counting: Callable[..., Any]) -> Any:
    return counting(Cycle, turnaround_s=0.5, lag_ms=100)


def traced(place: Cycle, *, opening: bool = False) -> list[str]:
    """Live through a cycle, undisturbed; return its calls in order."""
    place.begin()
    trace = place.ledger.with_name("trace")
    words = tracing("openat", trace, "-y", *of_the_ledger(place)) if opening else tracing(CALLS, trace, "-y")
    assert place.live(*words)
    place.check("no fault")
    return lines_of(trace)


def unsynced(lines: Iterable[str]) -> list[str]:
    """Name the logs of the ledger that were written and not synced when tasks were sent.

    The file itself is written from the log, which holds all of it until that is synced too.
    """
    dirty: set[str] = set()
    for line in lines:
        name, found = line.partition("(")[0], LOG.search(line)
        if found and name == "pwrite64":
            dirty.add(found[1])
        elif found and name.endswith("sync") and line.endswith(" = 0"):
            dirty.discard(found[1])
        elif name == "sendto" and "task_post" in line and dirty:
            return sorted(dirty)
    return []


@dataclass
class Tally:
    """What came of the faults."""

    met: int = 0
    told: int = 0
    again: int = 0

    def __str__(self) -> str:
        return f"{self.met} faults met, {self.told} told, {self.again} ended the start: nothing lost, nothing doubled"


def suffer(place: Cycle, fault: Fault, tally: Tally) -> None:
    """Live through a cycle with a fault, and as systemd would, start again if that ended readyd."""
    place = replace(place)
    place.begin()
    trace = place.ledger.with_name("trace")
    code = place.run(place.words(), *fault.words(place, trace))
    lines = lines_of(trace)
    met = [line for line in lines if line.endswith("(INJECTED)")]
    tally.met += bool(met)
    assert code in (0, TRY_AGAIN), (fault, code, place.said()[-2000:])
    assert unsynced(lines) == [], fault
    told = code == TRY_AGAIN or '"ledger.trouble"' in place.said()
    tally.told += told
    assert told or not any(must_be_told(line) for line in met), (fault, met, place.said()[-2000:])
    if code == TRY_AGAIN:
        tally.again += 1
        assert place.live(), fault
    elif told:
        assert place.rows("select 1 from alert where kind = 'ledger'"), fault
    place.check(fault)


def must_be_told(line: str) -> bool:
    """A commit that failed; what failed while tidying up is done again, and no promise hangs on it."""
    return "-wal>" in line and line.startswith("pwrite64")


def suffer_all(place: Cycle, faults: Iterable[Fault]) -> Tally:
    tally = Tally()
    with ThreadPoolExecutor(TOGETHER) as pool:
        list(pool.map(lambda fault: suffer(place, fault, tally), faults))
    return tally


def handful(calls: list[str]) -> list[Fault]:
    """Choose some calls at which something is at stake."""
    points = points_of(calls)
    sent = next(n for n, line in enumerate(calls) if "task_post" in line)
    kept = next(
        n for n, line in enumerate(calls) if "results/" in line and "-wal>" in line and "sync" in line
    )
    wal = [n for n, line in enumerate(calls) if "ledger.db-wal>" in line]
    # Before it is sent comes the commit of the intent, then the checkpoint of `maintain` at the start.
    before = [n for n in wal if n < sent and "sync" in calls[n]][-2]
    written = max(n for n in wal if n < before and calls[n].startswith("pwrite64"))
    after = min(n for n in wal if n > kept)
    chosen = [(before, "EIO", 1), (written, "ENOSPC", 3), (kept, "EIO", 1), (after, "ENOSPC", 1)]
    unlinked = next(n for n, line in enumerate(calls) if line.startswith("unlink"))
    return [Fault(*points[n], error, times) for n, error, times in [*chosen, (unlinked, "EIO", 1)]]


def every(calls: list[str], part: int, *, opening: bool = False) -> list[Fault]:
    """Take each call in turn, and of the writes also some that go on failing."""
    points = [point for point in points_of(calls) if point[0] != "sendto"]
    once = [Fault(*point, ERRORS[n % 2], opening=opening) for n, point in enumerate(points)]
    long = [Fault(*point, "ENOSPC", times=25) for point in points if point[0] == "pwrite64"][::10]
    return [*once, *([] if opening else long)][part::PARTS]


@pytest.mark.parametrize("part", range(PARTS))
def test_a_write_that_fails_at_any_point_loses_nothing_and_doubles_nothing(
    place: Cycle, part: int, record_property: Callable[..., None]
) -> None:
    calls = traced(place)
    assert len(calls) > 200, "so many points there are at least"
    faults = every(calls, part) if ALL else handful(calls)
    tally = suffer_all(place, faults)
    record_property("figures", f"{len(faults)} points, {tally}")
    assert tally.met >= len(faults) * 3 // 4, "the faults were faults"
    assert tally.told, "somebody heard of them"


@pytest.mark.parametrize("part", range(PARTS))
def test_a_file_that_cannot_be_opened_for_a_moment_loses_nothing_and_doubles_nothing(
    place: Cycle, part: int, record_property: Callable[..., None]
) -> None:
    calls = traced(place, opening=True)
    faults = every(calls, part, opening=True) if ALL else every(calls, 0, opening=True)[6:8]
    tally = suffer_all(place, faults)
    record_property("figures", f"{len(faults)} points, {tally}")
    assert tally.met >= len(faults) * 3 // 4, "the faults were faults"


def test_a_ledger_that_does_not_sync_would_be_found(place: Cycle) -> None:
    """The control: tasks are sent while their intent may still be lost."""
    place.begin()
    trace = place.ledger.with_name("trace")
    assert place.run(place.words("normal"), *tracing(CALLS, trace, "-y")) == 0
    assert place.states() == {"collected": TASKS}
    assert unsynced(lines_of(trace)) != []
