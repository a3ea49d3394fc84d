"""The official client posts, readyd collects, and the official client sees the list shrink."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
OFFICIAL = Path(os.environ.get("READYD_OFFICIAL_PYTHON", ROOT / ".venv-official" / "bin" / "python"))
POSTER = Path(__file__).with_name("official_poster.py")
TASKS = 1_100
LOOKS = 400
"""More looks than any honest run needs; each takes a second or so of the official client's import."""

pytestmark = pytest.mark.skipif(
    not OFFICIAL.exists(), reason="the official client is not installed: run `make official-client`"
)


def official(remote: Any, *words: str) -> str:
    done = subprocess.run(
        [OFFICIAL, POSTER, remote.url, remote.login, remote.password, *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_readyd_collects_what_the_official_client_posted(
    simulate: Callable[..., Any], readyd: Callable[..., Any], stop: Callable[..., int], tmp_path: Path
) -> None:
    remote = simulate("--seed", "11", "--turnaround", "1", "--speed", "60", "--faults", "none")
    program = readyd(remote, READYD_GENERAL_LIMIT="10000")
    answers = tmp_path / "answers.jsonl"
    answers.write_text(official(remote, "post", str(TASKS)))

    recorded = json.loads(program("record", "--json", str(answers)).stdout)
    assert len(recorded["accepted"]) == TASKS
    while int(seen := official(remote, "list")) < 1000:
        pass  # the simulated lists are shown with their usual lag; each look takes the official client a second
    assert int(seen) == 1000, "the window shows at most 1000 of the 1,100"

    daemon = program.start("run")
    windows = [
        int(official(remote, "list")) for _ in until(lambda: program.states().get("collected") == TASKS)
    ]
    assert stop(daemon) == 0

    assert int(official(remote, "list")) == 0
    assert windows == sorted(windows, reverse=True), "the list only ever shrinks"
    assert program.states() == {"collected": TASKS}


def until(done: Callable[[], bool]) -> Any:
    """Yield until `done`, a bounded number of times."""
    for look in range(LOOKS):
        if done():
            return
        yield look
    pytest.fail(f"not done after {LOOKS} looks")
