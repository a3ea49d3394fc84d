"""Records for the pure core; no fixture touches the world."""

import pytest

from daemon.policy.rules import HOUR_MS, Rules


@pytest.fixture
def rules() -> Rules:
    return Rules()


@pytest.fixture
def noon() -> int:
    """An instant to count from."""
    return 1_000_000 * HOUR_MS
