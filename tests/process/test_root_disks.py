"""Disks that only root can make, under the whole of readyd: power cuts, a full disk, one that is read-only."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.power.loop import CUTS, SEED, Power, ended, mount, needs_root, small
from tests.process.cycles import TASKS, Cycle

Until = Callable[[Callable[[], object], str], None]

pytestmark = needs_root


@pytest.fixture
def place(counting: Callable[..., Any]) -> Any:
    return counting(Cycle, turnaround_s=0.5, lag_ms=100)


@pytest.fixture
def power(tmp_path: Path) -> Iterator[Power]:
    one = Power(tmp_path)
    yield one
    one.off()


def begun(cycle: Cycle, log: Path) -> "subprocess.Popen[bytes]":
    """Begin a cycle whose log is on another disk."""
    with log.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, *map(str, cycle.words())],
            env={**cycle.environ, "READYD_LEDGER": str(cycle.ledger)}, stdout=file, stderr=file,
            start_new_session=True,
        )  # fmt: skip


def test_a_power_cut_under_readyd_loses_nothing_and_doubles_nothing(
    power: Power, place: Cycle, until: Until, record_property: Callable[..., None]
) -> None:
    dice, midway = random.Random(SEED), 0
    for number in range(CUTS):
        power.format()
        cycle = replace(place, directory=power.place)
        cycle.begin()
        os.sync()  # what is to be posted is no part of this
        log = place.directory / f"log {number}"
        process = begun(cycle, log)
        with ended(process):
            until(lambda log=log: "service.started" in log.read_text(), "it has begun")
            time.sleep(dice.random() * 2)  # the moment of the cut is drawn
            midway += process.poll() is None
            power.cut()
        power.off()
        power.on()
        assert cycle.live(), f"the start after cut {number}"
        cycle.check(f"cut {number}")
    record_property("figures", f"{CUTS} cuts, {midway} of them midway: nothing lost, nothing doubled")
    assert midway > CUTS // 2


def fill(directory: Path) -> Path:
    """Leave no room."""
    filler = directory / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65_536, 4_096, 512, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return filler


def test_a_disk_that_is_full_is_told_and_the_work_goes_on_when_there_is_room(
    place: Cycle, until: Until, tmp_path: Path
) -> None:
    with small(tmp_path / "disk", "1m") as disk:
        cycle = replace(place, directory=disk)
        cycle.begin()
        log = tmp_path / "log"
        process = begun(cycle, log)
        with ended(process):
            until(lambda: "service.started" in log.read_text(), "it has begun")
            filler = fill(disk)
            until(lambda: "ledger.trouble" in log.read_text(), "it says so")
            assert "is full" in log.read_text()
            assert max(cycle.counts()) <= 1
            filler.unlink()
            until(lambda: process.poll() is not None, "all is home")
            assert process.returncode == 0
        cycle.check("the disk was full")
        assert cycle.rows("select 1 from alert where kind = 'ledger'")


def test_results_that_find_no_room_are_fetched_again_when_there_is_some(
    place: Cycle, until: Until, tmp_path: Path
) -> None:
    place.begin()
    log = tmp_path / "log"
    with small(place.ledger.parent / "results", "1m") as disk:
        filler = fill(disk)
        process = begun(place, log)
        with ended(process):
            until(lambda: log.exists() and "results file" in log.read_text(), "it says so")
            assert place.states().keys() <= {"posted", "ready"}
            filler.unlink()
            until(lambda: process.poll() is not None, "all is home")
            assert process.returncode == 0
        place.check("there was no room")
        assert place.counts() == [1] * TASKS


def test_a_disk_that_is_read_only_is_one_sentence(place: Cycle, tmp_path: Path) -> None:
    with small(tmp_path / "disk", "1m") as disk:
        cycle = replace(place, directory=disk)
        cycle.begin()
        assert cycle.live()
        mount("-o", "remount,ro", disk)
        run = subprocess.run(
            [sys.executable, "-m", "daemon", "run", "--once"],
            env={**cycle.environ, "READYD_LEDGER": str(cycle.ledger)},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        mount("-o", "remount,rw", disk)
        (sentence,) = run.stderr.splitlines()
        assert str(cycle.ledger) in sentence
        assert run.returncode in (75, 78)
        cycle.check("it was read-only")
