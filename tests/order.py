"""In which order tests are run, so that no core idles at the end. Knows no test, and how xdist shares them out.

`--dist worksteal` gives each worker an equal run of the list, and whoever is through takes half of what another has
left, from its end. So every share begins with slow files and ends with quick ones: what is left for last is small.
"""

from collections.abc import Sequence
from itertools import groupby

import pytest

SLOW = ("tests/passes/", "tests/power/", "tests/process/", "tests/simulation/")
"""Stories of hours and days, and those that start processes; half a minute each is not rare."""


def workers(config: pytest.Config) -> int:
    """Return among how many processes the tests are shared out."""
    return int(getattr(config, "workerinput", {}).get("workercount", 1))


def dealt(items: Sequence[pytest.Item], hands: int) -> list[pytest.Item]:
    """Return the same tests as equal shares, one after the other: slow files, dealt out in turn, and then quick tests.

    A file stays whole, for the sake of what its tests share.
    """
    files = [list(file) for _, file in groupby(items, key=lambda item: item.nodeid.partition("::")[0])]
    slow = [file for file in files if file[0].nodeid.startswith(SLOW)]
    quick = [item for file in files if not file[0].nodeid.startswith(SLOW) for item in file]
    order: list[pytest.Item] = []
    for hand in range(hands):
        share = [item for file in slow[hand::hands] for item in file]
        room = max(0, len(items) * (hand + 1) // hands - len(order) - len(share))
        order += share + quick[:room]
        quick = quick[room:]
    return order + quick
