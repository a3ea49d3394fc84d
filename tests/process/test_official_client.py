"""The official client posts, readyd collects, and the official client sees the list shrink."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TASKS = 1_100
LOOKS = 400
"""More looks than any honest run needs; each takes a second or so of the official client's import."""

pytestmark = pytest.mark.official


@pytest.fixture
def ask(official: Callable[..., list[str]]) -> Callable[..., str]:
    def run(remote: Any, *words: str) -> str:
        done = subprocess.run(
            official(remote, *words), capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_readyd_collects_what_the_official_client_posted(
    simulate: Callable[..., Any],
    readyd: Callable[..., Any],
    stop: Callable[..., int],
    ask: Callable[..., str],
    tmp_path: Path,
) -> None:
    remote = simulate("--seed", "11", "--turnaround", "1", "--speed", "60", "--faults", "none")
    program = readyd(remote, READYD_GENERAL_LIMIT="10000")
    answers = tmp_path / "answers.jsonl"
    answers.write_text(ask(remote, "post", str(TASKS)))

    recorded = json.loads(program("record", "--json", str(answers)).stdout)
    assert len(recorded["accepted"]) == TASKS
    while int(seen := ask(remote, "list")) < 1000:
        pass  # the simulated lists are shown with their usual lag; each look takes the official client a second
    assert int(seen) == 1000, "the window shows at most 1000 of the 1,100"

    daemon = program.start("run")
    windows = [int(ask(remote, "list")) for _ in until(lambda: program.states().get("collected") == TASKS)]
    assert stop(daemon) == 0

    assert int(ask(remote, "list")) == 0
    assert windows == sorted(windows, reverse=True), "the list only ever shrinks"
    assert program.states() == {"collected": TASKS}


def until(done: Callable[[], bool]) -> Any:
    """Yield until `done`, a bounded number of times."""
    for look in range(LOOKS):
        if done():
            return
        yield look
    pytest.fail(f"not done after {LOOKS} looks")
