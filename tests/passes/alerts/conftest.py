"""These lives are lived in memory, where there is such a place: months of commits, and no power is cut."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    shared = Path("/dev/shm")
    directory = Path(tempfile.mkdtemp(dir=shared if shared.is_dir() else None))
    yield directory
    shutil.rmtree(directory)
