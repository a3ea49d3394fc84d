"""What a machine does to a process: limits, files that vanish, racing daemons, clocks that are set, hanging loops."""

import contextlib
import json
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger import Ledger
from tests.process.cycles import Cycle
from tests.process.test_service_seen import Manager

Until = Callable[[Callable[[], object], str], None]
HOUR_S = 3600
DAY_S = 24 * HOUR_S
HEARD = 100
"""More than a process that hangs says after it was asked to post."""

YEARS_S = 40 * 365 * DAY_S
"""A machine without a clock of its own, before it has asked somebody for the time: the other way round, and as far."""


@pytest.fixture
def place(counting: Callable[..., Any]) -> Any:
    one = counting(Cycle, turnaround_s=0.5, lag_ms=100)
    one.begin()
    return one


@contextlib.contextmanager
def running(place: Cycle, manner: str = "careful", **more: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Begin a cycle; it ends by itself, or with the block."""
    with place.log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, *map(str, place.words(manner))],
            env={**place.environ, "READYD_LEDGER": str(place.ledger), **more}, stdout=file, stderr=file,
        )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def begun(place: Cycle) -> bool:
    return '"service.started"' in place.said()


def troubled(place: Cycle) -> bool:
    return '"ledger.trouble"' in place.said()


def lift(process: "subprocess.Popen[bytes]", kind: int) -> None:
    """Allow a process as much as it may be allowed."""
    _, hard = resource.prlimit(process.pid, kind)
    resource.prlimit(process.pid, kind, (hard, hard))


# limits


def test_files_that_may_not_grow_stop_the_work_and_not_the_process(place: Cycle, until: Until) -> None:
    with running(place, "short") as process:
        until(lambda: troubled(place), "it says so")
        assert max(place.counts()) <= 1
        lift(process, resource.RLIMIT_FSIZE)
        until(lambda: process.poll() is not None, "all is home")
        assert process.returncode == 0
    place.check("files might not grow")


def test_a_process_without_descriptors_goes_on_when_it_has_some(place: Cycle, until: Until) -> None:
    with running(place, "poor") as process:
        until(lambda: "Too many open files" in place.said() or troubled(place), "it says so")
        lift(process, resource.RLIMIT_NOFILE)
        until(lambda: process.poll() is not None, "all is home")
        assert process.returncode == 0
    place.check("there were no descriptors")


# the file


@pytest.mark.parametrize("way", ["removed", "replaced"])
def test_a_ledger_that_is_taken_away_stops_the_work_until_it_is_back(
    place: Cycle, until: Until, tmp_path: Path, way: str
) -> None:
    aside, other = place.ledger.with_name("aside.db"), tmp_path / "other" / "ledger.db"
    with Ledger.open(other):
        pass
    with running(place) as process:
        until(lambda: begun(place), "it has begun")
        place.ledger.rename(aside)
        if way == "replaced":
            other.rename(place.ledger)
        until(lambda: "removed or replaced" in place.said(), "it says so")
        assert place.ledger.exists() == (way == "replaced"), "it makes no new one"
        assert process.poll() is None
        place.ledger.unlink(missing_ok=True)
        aside.rename(place.ledger)
        until(lambda: process.poll() is not None, "all is home")
        assert process.returncode == 0
    place.check(f"it was {way}")


def test_of_daemons_that_start_together_one_works_and_after_its_death_another(
    place: Cycle, until: Until
) -> None:
    with contextlib.ExitStack() as stack:
        racing = [stack.enter_context(running(place)) for _ in range(3)]
        until(lambda: sum(one.poll() is None for one in racing) == 1, "one is left")
        (winner,) = [one for one in racing if one.poll() is None]
        assert sorted(one.returncode for one in racing if one is not winner) == [75, 75]
        assert f"process {winner.pid}," in place.said()
        winner.send_signal(signal.SIGKILL)
        winner.wait()
        assert place.live()
    place.check("three started together")


# the clock


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler here: no clock was SET")
    made = tmp_path_factory.mktemp("shim") / "wallclock.so"
    source = Path(__file__).with_name("wallclock.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", made, source], check=True, timeout=60)
    return made


@pytest.mark.parametrize("seconds", [-2 * HOUR_S, 2 * HOUR_S, -3 * DAY_S, 3 * DAY_S, YEARS_S])
def test_a_wall_clock_that_is_set_stops_nothing_and_loses_nothing(
    place: Cycle, until: Until, tmp_path: Path, shim: Path, seconds: int
) -> None:
    off = tmp_path / "off"
    off.write_text("0")
    with running(place, LD_PRELOAD=str(shim), WALL_CLOCK_OFF=str(off)) as process:
        until(lambda: begun(place), "it has begun")
        new = off.with_name("new")
        new.write_text(str(seconds))
        new.replace(off)
        until(lambda: process.poll() is not None, "all is home")
        assert process.returncode == 0
    place.check(f"the clock was set by {seconds} s")
    assert [event["seconds"] for event in events(place) if event["event"] == "clock.stepped"] == [seconds]


def events(place: Cycle) -> list[dict[str, Any]]:
    return [json.loads(line) for line in place.said().splitlines() if line.startswith("{")]


# the watchdog


def falls_silent(manager: Manager) -> bool:
    """Say whether nothing is heard for some seconds, after what was said before."""
    manager._socket.settimeout(3)
    try:
        for _ in range(HEARD):
            manager.hear("WATCHDOG=1")
    except TimeoutError:
        return True
    finally:
        manager._socket.settimeout(20)
    return False


def test_a_loop_that_hangs_feeds_no_watchdog_and_the_next_start_finishes(
    place: Cycle, tmp_path: Path, until: Until
) -> None:
    systemd = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000000"}
    with contextlib.closing(Manager(tmp_path / "notify")) as manager:
        with running(place, "hanging", **systemd) as process:
            manager.hear("WATCHDOG=1")
            until(lambda: '"post.answered"' in place.said(), "something is posted")
            assert falls_silent(manager)
            assert process.poll() is None
            process.send_signal(signal.SIGABRT)  # as systemd does then
            assert process.wait() == -signal.SIGABRT
        with running(place, **systemd):
            for _ in range(3):
                manager.hear("WATCHDOG=1")
            manager.hear("STOPPING=1")
    place.check("it hung")
