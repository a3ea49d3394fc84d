"""Real power cuts: a file system that stops at any moment, under the real writer (under readyd: tests/process)."""

import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.power.facts import hear, missing
from tests.power.loop import CUTS, SEED, Power, ended, needs_root

pytestmark = needs_root


def cut_under_the_writer(power: Power, directory: Path, mode: str, after_s: float) -> tuple[int, int]:
    """Let it write, cut the power, and count what it had told and what of that is gone."""
    power.format()
    ledger, heard = power.place / "ledger.db", directory / "told"
    words = [sys.executable, "-m", "tests.power.writer", str(ledger), mode, "100000"]
    with heard.open("wb") as out:
        process = subprocess.Popen(words, stdout=out, stderr=subprocess.DEVNULL, start_new_session=True)
    with ended(process):
        while b"collected" not in heard.read_bytes() and process.poll() is None:
            time.sleep(0.01)  # another process tells nobody that it has begun
        time.sleep(after_s)  # the moment of the cut is drawn
        told = heard.read_text().rpartition("\n")[0].splitlines()
        power.cut()
    power.off()
    power.on()
    return len(told), missing(ledger, hear(told))


def test_a_power_cut_at_any_moment_loses_nothing_that_was_acknowledged(
    power: Power, tmp_path: Path, record_property: Callable[..., None]
) -> None:
    dice = random.Random(SEED)
    found = [cut_under_the_writer(power, tmp_path, "wal", dice.random()) for _ in range(CUTS)]
    record_property("figures", f"{CUTS} cuts, {sum(told for told, _ in found)} acknowledged, none lost")
    assert min(told for told, _ in found) > 0
    assert [lost for _, lost in found] == [0] * CUTS


def test_with_too_few_syncs_a_power_cut_loses_what_was_acknowledged(
    power: Power, tmp_path: Path, record_property: Callable[..., None]
) -> None:
    """The control: it shows that the test above can fail."""
    dice, losing = random.Random(SEED), 0
    for _ in range(CUTS):
        try:
            losing += cut_under_the_writer(power, tmp_path, "normal", dice.random())[1] > 0
        except AssertionError:
            losing += 1  # a state without its body
    record_property("figures", f"{losing} of {CUTS} cuts lost something")
    assert losing
