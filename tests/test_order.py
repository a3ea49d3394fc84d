"""The order of tests loses none, keeps files whole, and lets every worker begin with slow ones."""

from dataclasses import dataclass
from typing import Any, cast

import pytest

from tests.order import SLOW, dealt


@dataclass(frozen=True)
class Named:
    """As much of a test as its order needs."""

    nodeid: str


def listed(**files: int) -> list[Any]:
    places = {"slow": SLOW[0], "quick": "tests/policy/"}
    return [
        Named(f"{places[name.rstrip('0123456789')]}test_{name}.py::test_{number}")
        for name, count in files.items()
        for number in range(count)
    ]


@pytest.mark.parametrize("hands", [1, 2, 3, 8])
def test_every_test_is_run_once(hands: int) -> None:
    items = listed(quick1=7, slow1=5, slow2=9, quick2=40, slow3=1)
    assert sorted(one.nodeid for one in dealt(items, hands)) == sorted(one.nodeid for one in items)


def test_each_share_begins_with_slow_files_and_ends_with_quick_tests() -> None:
    items = listed(quick1=20, slow1=5, slow2=6, slow3=1, quick2=20)
    order = cast("list[Named]", dealt(items, 2))
    halves = order[: len(order) // 2], order[len(order) // 2 :]
    for half in halves:
        slow = [one.nodeid.startswith(SLOW) for one in half]
        assert slow == sorted(slow, reverse=True)
        assert any(slow)
        assert not all(slow)


def test_a_file_stays_whole() -> None:
    order = dealt(listed(slow1=5, slow2=6, slow3=4, quick1=30), 2)
    for name in ("slow1", "slow2", "slow3"):
        places = [at for at, one in enumerate(order) if name in one.nodeid]
        assert places == list(range(places[0], places[0] + len(places)))
