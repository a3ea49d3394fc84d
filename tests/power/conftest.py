"""A disk whose power can be cut, given back afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.power.loop import Power


@pytest.fixture
def power(tmp_path: Path) -> Iterator[Power]:
    one = Power(tmp_path)
    yield one
    one.off()
