"""Seeded worlds with everything that goes wrong: nothing lost, nothing doubled, everything home an hour after peace.

A failure prints the one command that tells its world in full. Many more: `make simulate`.
"""

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.campaign import Report, command, play_seed

ROOT = Path(__file__).resolve().parents[2]
WORLDS = 1_000
CASE = 50
"""Worlds of one test case; pytest-xdist spreads the cases."""


@pytest.fixture(autouse=True)
def tidy(restored_logs: None) -> Iterator[None]:
    """Put logging back, and bury the coroutines of dead processes here: later they would be another test's error."""
    yield
    gc.collect()


def require_sound(seeds: list[int], size: int = 1) -> Report:
    report, failed = Report(), []
    for seed in seeds:
        story = play_seed(seed, size)
        report.add(story)
        if story.violation is not None:
            failed.append(f"{story.violation}\n    {command(seed, size=size)}")
    assert not failed, "\n".join(failed)
    return report


@pytest.mark.parametrize("first", range(1, WORLDS, CASE))
def test_what_must_hold_holds_in_every_world(first: int) -> None:
    report = require_sound(list(range(first, first + CASE)))
    assert report.deaths, "processes died"
    assert report.tasks >= CASE, "and there was something to lose"


@pytest.mark.parametrize("seed", [8, 14])
def test_a_large_world_is_sound(seed: int) -> None:
    report = require_sound([seed], size=100)
    assert report.tasks >= 1_000


def test_the_same_seed_is_the_same_run_in_every_process() -> None:
    def digests(hash_seed: str) -> str:
        code = "from tests.simulation.campaign import play_seed\nfor s in range(1, 9): print(s, play_seed(s).digest)"
        return subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    first = digests("1")
    assert len(set(first.split())) == 16, "different worlds differ"
    assert digests("2") == first
