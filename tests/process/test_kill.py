"""SIGKILL of the real process in the middle of collecting: nothing lost, nothing twice."""

import gzip
import json
import random
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

TASKS = 900
KILLS = 10
LOOKS = 2_000


def test_ten_kills_lose_nothing_and_double_nothing(
    simulate: Callable[..., Any],
    readyd: Callable[..., Any],
    begin: Callable[..., Any],
    until: Callable[..., None],
    stop: Callable[..., int],
) -> None:
    remote = simulate("--seed", "7", "--turnaround", "1", "--speed", "60", "--faults", "none")
    program = readyd(remote, READYD_GENERAL_LIMIT="5000")
    answers = remote.post("serp/google/organic", TASKS, tag="kill")
    accepted = json.loads(program("record", "--json", "-", stdin="\n".join(answers)).stdout)["accepted"]
    assert len(accepted) == TASKS
    # A task that comes too late for the first look would wait for the next one, five minutes later.
    until(lambda: len(remote.listed()) == TASKS, "all tasks are listed")

    source, killed_at = random.Random(7), []
    for _ in range(KILLS):
        before = collected(program.ledger)
        daemon = begin(program, "run")
        goal = min(TASKS - 1, before + source.randint(10, 60))
        wait_for(lambda goal=goal: collected(program.ledger) >= goal)
        assert stop(daemon, signal.SIGKILL) == -signal.SIGKILL
        killed_at.append(collected(program.ledger))
    assert killed_at[-1] < TASKS, "the last kill came in the middle of the work"

    daemon = begin(program, "run")
    wait_for(lambda: collected(program.ledger) == TASKS)
    assert stop(daemon) == 0

    copies = bodies(program.ledger)
    assert set(copies) == set(accepted), "every result is there"
    assert set(copies.values()) == {1}, "none twice"
    assert program.states() == {"collected": TASKS}


def wait_for(done: Callable[[], bool]) -> None:
    """Look until `done`, for at most the tasks' worth of looks that a slow machine needs."""
    for _ in range(LOOKS * 50):
        if done():
            return
    raise AssertionError("nothing was collected in time")


def collected(ledger: Path) -> int:
    with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, timeout=10) as database:
        count: int = database.execute("select count(*) from task where state = 'collected'").fetchone()[0]
    database.close()
    return count


def bodies(ledger: Path) -> Counter[str]:
    """Count the copies of each result over all months, and check that each is whole and its own."""
    found: Counter[str] = Counter()
    for month in sorted((ledger.parent / "results").glob("*.db")):
        database = sqlite3.connect(f"file:{month}?mode=ro", uri=True)
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
        for task_id, body in database.execute("select task_id, gzip from body"):
            assert task_id in {task["id"] for task in json.loads(gzip.decompress(body))["tasks"]}
            found[task_id] += 1
        database.close()
    return found
