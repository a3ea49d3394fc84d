"""The Python door from another process, while a first one holds the ledger open and writes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ledger import Ledger
from ledger.database import DRIVER_VERSION
from ledger.engine import choose
from ledger.reader import Reader, TaskFilter
from ledger.records import State

T0 = 1_795_000_000_000

POSTER = """
import json, sys
import ledger

for line in sys.stdin:
    with ledger.Ledger.open(sys.argv[1]) as book:
        intake = book.record_posted(json.loads(line))
    print(len(intake.accepted), len(intake.known), flush=True)
"""

CREATOR = """
import sys
import ledger

sys.stdin.readline()
with ledger.Ledger.open(sys.argv[1]) as book:
    book.facts.put(sys.argv[2], "here", 1)
print(book.engine.journal_mode)
"""

CALLER = """
import sys
import ledger

with ledger.Ledger.open(sys.argv[1]) as book:
    print("ready", flush=True)
    sys.stdin.readline()
    made = 0
    while True:
        calls, newest = book.audits.calls_since(0)
        if len(calls) >= 40:
            break
        page = {"from_at": 1, "to_at": 2, "offset": 0}
        made += book.audits.begin("serp", sys.argv[2], 1, **page, newest=newest, sweep=False) is not None
print(made)
"""


def start(script: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_two_posters_record_while_the_first_process_writes(book: Ledger, kit: Any) -> None:
    posters = [start(POSTER, str(book.path)) for _ in range(2)]
    for number, poster in enumerate(posters):
        assert poster.stdin is not None
        for batch in range(15):
            ids = [f"p{number}-{batch}-{task}" for task in range(20)]
            poster.stdin.write(json.dumps(kit.answer("shared", *ids)) + "\n")
        poster.stdin.close()
    seen = 0
    rounds = 0
    while any(poster.poll() is None for poster in posters):
        # The daemon's part: look, collect, read, all in short transactions.
        kit.look(book, at=T0 + rounds)
        with Reader.open(book.path) as reader:
            now = reader.count(TaskFilter())
        assert now >= seen
        seen = now
        rounds += 1
    said = [line.split() for poster in posters if poster.stdout for line in poster.stdout]
    for poster in posters:
        assert poster.wait(10) == 0
        if poster.stdout:
            poster.stdout.close()
    accepted, known = (sum(int(words[place]) for words in said) for place in (0, 1))
    assert (accepted, known) == (2 * 15 * 20 + 1, 2 * 15 - 1)
    assert kit.rows(book.path, "select count(*) from task") == [(601,)]
    assert len(book.polls.asked_since(0)) == rounds
    kit.collect(book, "p0-3-7", at=T0)
    assert book.tasks.states_of(["p0-3-7"]) == {"p0-3-7": State.COLLECTED}
    kit.check(book.path)


def test_four_processes_create_one_ledger_at_the_same_time(path: Path, kit: Any) -> None:
    creators = [start(CREATOR, str(path), f"process-{number}") for number in range(4)]
    for creator in creators:
        assert creator.stdin is not None
        creator.stdin.write("go\n")
        creator.stdin.flush()
    for creator in creators:
        out, _ = creator.communicate(timeout=30)
        assert (creator.returncode, out) == (0, f"{choose(DRIVER_VERSION).journal_mode}\n")
    assert kit.rows(path, "select count(*) from fact where value = 'here'") == [(4,)]
    assert kit.rows(path, "pragma integrity_check") == [("ok",)]


def test_processes_that_share_a_budget_of_calls_never_make_one_too_many(path: Path, kit: Any) -> None:
    with Ledger.open(path):
        callers = [start(CALLER, str(path), f"process-{number}") for number in range(3)]
        for caller in callers:
            assert caller.stdout is not None
            assert caller.stdout.readline() == "ready\n"
        for caller in callers:
            assert caller.stdin is not None
            caller.stdin.write("go\n")
            caller.stdin.flush()
        made = [int(caller.communicate(timeout=30)[0]) for caller in callers]
    assert sum(made) == 40
    assert kit.rows(path, "select count(*) from audit_call") == [(40,)]
