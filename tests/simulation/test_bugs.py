"""The simulation bites: every planted bug is found by the world that is written beside it.

Each runs in a process of its own, with the bug in its code. All of them from the first world on: `make simulate-bugs`.
"""

import sys

import pytest

from tests.simulation.bugs import Bug, LostPlaceError, change, plant
from tests.simulation.campaign import hunted
from tests.simulation.planted import BUGS


def test_there_are_enough_bugs_and_no_two_alike() -> None:
    assert len({one.name for one in BUGS}) == len(BUGS) >= 12
    assert len({one.changes for one in BUGS}) == len(BUGS)


@pytest.mark.parametrize("planted", BUGS, ids=lambda one: one.name)
def test_a_planted_bug_is_found_in_its_world(planted: Bug) -> None:
    found = hunted(planted.name, planted.seed, 1)
    assert found, f"world {planted.seed} finds nothing; look for another with `make simulate-bugs`"
    assert found.startswith(f"seed {planted.seed}: ")
    assert "bugs:" not in found, "the code still runs, and is wrong"


def test_a_bug_that_lost_its_place_is_said_and_not_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "daemon.demo_records", raising=False)  # other tests may have imported it
    lost = Bug("lost", 1, (change("daemon.demo_records", "-words that are not there\n+others\n"),))
    with pytest.raises(LostPlaceError, match="holds 0 times"):
        plant(lost)


def test_a_bug_is_not_planted_into_what_is_imported_already() -> None:
    late = Bug("late", 1, (change("ledger.records", "-class State(StrEnum):\n+class State(StrEnum):\n"),))
    with pytest.raises(LostPlaceError, match="imported already"):
        plant(late)
