"""The demo in processes of its own, shortened: the same seed tells the same story, and every posted task comes home."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from daemon.demo_records import DemoSummary

SEED = 3
WITHIN_S = 120

SHORTENED = """
import json, pathlib, sys
from daemon import scenario
scenario.HOURS, scenario.POSTING_ENDS_H = 6, 5
scenario.BURST_H, scenario.SHORT_CUT_H = 1, (1.01, 1.35)  # a full window
scenario.EVE_H, scenario.OUTAGE_H = 1.994, (2, 3.5)  # and what completes while nobody can look
scenario.ERRORS_H = (4, 5)
from daemon import demo
frames = []
summary = demo.run(int(sys.argv[1]), pathlib.Path(sys.argv[2]), frames.append)
assert frames, "there is something to show while it runs"
print(json.dumps(summary.as_json()))
"""
"""The whole story in six hours instead of 72: all that happens in it still happens."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Tell the story twice, side by side, in processes whose sets and dictionaries hash differently."""
    ledgers = [tmp_path_factory.mktemp("demo") / "ledger.db" for _ in range(2)]
    playing = [
        subprocess.Popen(
            [sys.executable, "-c", SHORTENED, str(SEED), str(ledger)],
            env={**os.environ, "PYTHONHASHSEED": str(number)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number, ledger in enumerate(ledgers, 1)
    ]
    try:
        spoken = [play.communicate(timeout=WITHIN_S) for play in playing]
    finally:
        for play in playing:
            play.kill()
            play.communicate()
    assert [play.returncode for play in playing] == [0, 0], [errors for _, errors in spoken]
    assert [errors for _, errors in spoken] == ["", ""]
    told = [json.loads(output) for output, _ in spoken]
    assert [Path(one["ledger"]) for one in told] == ledgers
    assert all(ledger.is_file() for ledger in ledgers), "left behind for inspection"
    return told


def test_the_same_seed_tells_the_same_story_in_another_process(told: list[dict[str, Any]]) -> None:
    first, second = ({**one, "wall_seconds": None, "ledger": None} for one in told)
    assert first == second


def test_every_posted_task_comes_home(told: list[dict[str, Any]]) -> None:
    story = told[0]
    assert story["posted"] > 3_000
    assert story["collected"] + story["failed"] + story["delivered"] == story["posted"]
    assert min(story["collected"], story["failed"], story["delivered"]) > 0, "all three ends are in the story"
    nothing_of = ("lost", "expired_unseen", "foreign_collected", "throttled")
    assert {name: story[name] for name in nothing_of} == dict.fromkeys(nothing_of, 0)


def test_what_readyd_is_there_for_happens_in_the_story(told: list[dict[str, Any]]) -> None:
    story = told[0]
    assert list(story) == list(DemoSummary.__dataclass_fields__)
    assert story["window_saturated_times"] > 0
    assert story["alerts_opened"] == story["alerts_closed"] > 0
    assert 0 < story["important_wait_mean_s"] < story["other_wait_mean_s"] / 5
    assert story["simulated_hours"] >= 6


def test_what_was_done_in_the_outage_is_known_to_the_second_within_minutes(
    told: list[dict[str, Any]],
) -> None:
    story = told[0]
    assert story["done_in_outage"] > 1_000
    assert story["done_in_outage_exact"] == story["done_in_outage"]
    assert 0 < story["exact_after_outage_min"] <= 5
