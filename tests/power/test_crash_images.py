"""Power cuts, rebuilt: whatever a cut may leave of unsynced writes, no acknowledged commit is lost, nothing is damaged.

The real writer's system calls are recorded, and disks drawn from them, some hundred by default (READYD_IMAGES).
"""

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.database import DRIVER_VERSION
from tests.power import disk
from tests.power.facts import Facts, hear, missing, missing_copies
from tests.power.writer import VULNERABLE
from tests.process.places import strace_works

IMAGES = int(os.environ.get("READYD_IMAGES", "300"))
ROUNDS = 24
PARTS = 4 if IMAGES > 1000 else 1
ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(
    not strace_works(), reason="strace is not here, or may not trace: no power was CUT here"
)


def recorded(memory: Path, mode: str) -> list[disk.Op]:
    root = memory / "run"
    root.mkdir()
    return disk.record("tests.power.writer", [root / "ledger.db", mode, str(ROUNDS)], root, memory / "trace")


def gone(ledger: Path, facts: Facts, mode: str) -> int:
    """Count what is gone; for the control damage is a loss too, and otherwise no number says how bad it is."""
    version = VULNERABLE if mode == "delete" else DRIVER_VERSION
    try:
        return missing(ledger, facts, version) + missing_copies(ledger, facts)
    except AssertionError:
        if mode == "normal":
            return 1
        raise


def look_at(memory: Path, ops: list[disk.Op], count: int, seed: int, mode: str) -> Counter[str]:
    """Open so many disks as readyd would, and count what is gone."""
    found: Counter[str] = Counter()
    for moment, image, told in disk.cuts(ops, count, random.Random(seed)):
        root = memory / "image"
        shutil.rmtree(root, ignore_errors=True)
        for name, content in image.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        try:
            lost = gone(root / "ledger.db", hear(told), mode)
        except Exception as error:
            error.add_note(f"mode {mode}, seed {seed}, cut at {moment} of {len(ops)}")
            raise
        found += Counter(images=1, losing=bool(lost), lost=lost)
        if lost and mode != "normal":
            pytest.fail(f"mode {mode}, seed {seed}, cut at {moment} of {len(ops)}: {lost} facts are gone")
    return found


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_no_disk_that_a_power_cut_may_leave_lacks_what_was_acknowledged(
    memory: Path, mode: str, part: int, record_property: Callable[..., None]
) -> None:
    ops = recorded(memory, mode)
    kinds = Counter(op.kind for op in ops)
    assert kinds.keys() >= {"name", "unname", "rename", "write", "sync", "tell"}, kinds
    found = look_at(memory, ops, IMAGES // PARTS // (1 if mode == "wal" else 4), part, mode)
    record_property(
        "figures", f"{found['images']} images of {len(ops)} operations, {found['lost']} facts lost"
    )
    assert found["losing"] == 0


def test_with_too_few_syncs_a_power_cut_loses_what_was_acknowledged(
    memory: Path, record_property: Callable[..., None]
) -> None:
    """The control: it shows that the test above can fail."""
    found = look_at(memory, recorded(memory, "normal"), max(80, IMAGES // 20), 0, "normal")
    record_property(
        "figures", f"{found['losing']} of {found['images']} images lost facts, {found['lost']} in all"
    )
    assert found["losing"] > 0


def test_a_disk_keeps_what_is_synced_and_any_part_of_the_rest() -> None:
    write = [disk.Op("name", 1, name="a"), disk.Op("write", 1, 0, b"old!" * 128)]
    ops = [*write, disk.Op("sync", 1), disk.Op("sync", 0), disk.Op("write", 1, 0, b"new!" * 256)]
    found = {
        image["a"]
        for _, image, _ in disk.cuts(ops, 4000, random.Random(1))
        if "a" in image and len(image["a"]) > 0
    }
    old, new = b"old!" * 128, b"new!" * 128
    assert found == {old, old + new, new, new + new}, "the second half alone, the first alone, both, none"
