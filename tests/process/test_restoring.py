"""Restoring a copy as the README says it, after a daemon was killed and its ledger damaged."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ledger.times import HOUR_MS, as_text, wall_clock_ms
from tests.process.conftest import FUNCTION

ROOT = Path(__file__).resolve().parents[2]
FEW = 5

AS_IN_A_SERVICE = """set -e
systemctl() { echo "$1" >> "$SERVICE"; }
chown() { test "$*" = "-R readyd: ledger.db results"; }
"""
"""Neither systemd nor a user called readyd is here; what they are told is looked at."""


def readme_says(ledger: Path, copies: Path) -> str:
    """Take the commands that restore a copy out of the README, and put these places into them."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    (script,) = [block for block in blocks if "systemctl stop readyd" in block]
    assert {"/var/lib/readyd", "/mnt/backup/readyd"} <= set(re.findall(r"(/\w+/\w+/readyd)", script))
    return str(script).replace("/var/lib/readyd", str(ledger)).replace("/mnt/backup/readyd", str(copies))


def restore(ledger: Path, copies: Path) -> None:
    service = copies.with_name("service")
    script = AS_IN_A_SERVICE + readme_says(ledger.parent, copies)
    environ = {**os.environ, "SERVICE": str(service)}
    done = subprocess.run(["bash", "-c", script], env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert service.read_text() == "stop\nstart\n"


def recorded(program: Any, answers: str) -> list[str]:
    """Record tasks as posted an hour ago: lists are not asked for those that can hardly be done yet."""
    hour_ago = as_text(wall_clock_ms() - HOUR_MS)
    accepted: list[str] = json.loads(
        program("record", "--json", "--posted-at", hour_ago, "-", stdin=answers).stdout
    )["accepted"]
    return accepted


def test_a_copy_is_restored_as_the_readme_says(
    remote: Any,
    posted: Callable[..., Any],
    begin: Callable[..., Any],
    until: Callable[..., None],
    stop: Callable[..., int],
    tmp_path: Path,
) -> None:
    program = posted(FEW, READYD_PACE_NORMAL_S="2")
    ledger, copies = program.ledger, tmp_path / "copies"
    daemon = begin(program, "run")
    until(lambda: program.collected() == FEW, "all is home")
    first = program.stored()
    assert program("backup", str(copies)).returncode == 0
    program.record(remote, FEW)  # which the copy does not know
    assert stop(daemon, signal.SIGKILL) == -signal.SIGKILL
    log = ledger.with_name("ledger.db-wal")
    assert log.stat().st_size > 0, "the killed daemon left its log"
    with ledger.open("r+b") as file:
        file.write(b"no SQLite file any more")
    assert program("status", ok=False).returncode == 78

    restore(ledger, copies)
    assert (ledger.parent / "aside" / log.name).stat().st_size > 0
    assert program.states() == {"collected": FEW}
    second = recorded(program, "\n".join(remote.post(FUNCTION, FEW)))
    until(lambda: set(second) <= remote.listed(), "the new tasks are listed")
    daemon = begin(program, "run")
    until(lambda: program.collected() == 2 * FEW, "the restored ledger goes on")
    assert program("backup", str(copies)).returncode == 0, "while it runs, over the copy that it came from"
    assert stop(daemon) == 0
    assert sorted(program.stored()) == sorted([*first, *second])
    assert program.read_by_python(copies / "ledger.db", "select count(*) from task") == [str(2 * FEW)]
