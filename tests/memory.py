"""A directory in memory, where there is such a place: for commits whose power nobody cuts. Knows no ledger."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SHARED = Path("/dev/shm")
ROOM = 2 << 30
"""A container may have 64 MB there, which is too little for a large ledger."""


@contextmanager
def directory() -> Iterator[Path]:
    """Make a directory in memory, or where temporary files go; it is gone afterwards."""
    roomy = SHARED.is_dir() and shutil.disk_usage(SHARED).free > ROOM
    place = Path(tempfile.mkdtemp(prefix="readyd-", dir=SHARED if roomy else None))
    try:
        yield place
    finally:
        shutil.rmtree(place)
