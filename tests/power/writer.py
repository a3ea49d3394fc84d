"""Run by the power tests: writes a ledger as readyd does, and tells after each verb what is durable now. Not a test.

Usage: writer.py LEDGER MODE ROUNDS [FIRST]
MODE is `wal`; `delete`, as with an engine that must not use WAL; or `normal`, which syncs too little: the control.
What is durable is a line of JSON on standard output: what it is, and which tasks. It syncs its log often, so that
checkpoints and a log that begins anew are among what is cut.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ledger import Ledger, database, engine, schema
from ledger.intent_records import Fate
from ledger.records import Reason, Sighting, State
from tests.ledger.conftest import T0, Kit
from tests.power.facts import content

PAGES = 40
"""A checkpoint after so many pages, in place of a thousand."""

LISTING = "/v3/serp/tasks_ready"
VULNERABLE = (3, 40, 1)
kit = Kit()


def tell(what: str, ids: Sequence[str]) -> None:
    os.write(1, (json.dumps([what, list(ids)]) + "\n").encode())


def live(book: Ledger, number: int) -> None:
    """Post some tasks, see and fetch them, and record some that somebody else has posted."""
    at = T0 + number * 1000
    mine = post(book, number, at)
    theirs = [f"recorded-{number}-{n}" for n in range(2)]
    kit.post(book, *theirs, at=at)
    tell("posted", theirs)
    ids = [*mine, *theirs]
    poll = book.polls.begin(LISTING, "due", at)
    rows = [Sighting(one, "serp/google/organic", None, None, None) for one in ids]
    book.record_look(
        poll, LISTING, rows, [], saturated=False, rows=len(rows), foreign=0, clear=True, lag_ms=1, at=at
    )  # fmt: skip
    tell("ready", ids)
    book.save_bodies([kit.body(one, content(one)) for one in ids])
    tell("body", ids)
    book.settle([kit.settlement(one, State.READY, done_at=at) for one in ids])
    tell("collected", ids)
    if number % 7 == 3:
        book.maintain()
    if number % 10 == 6:
        book.backup(book.path.parent / "copies" / book.path.name)
        tell("copied", ids)


def post(book: Ledger, number: int, at: int) -> list[str]:
    tasks = [{"function": "serp/google/organic", "keyword": f"k{number}-{n}"} for n in range(2)]
    book.plan(tasks, f"batch {number}", now=at)
    intents = book.intents.next("serp/google/organic", at, at, 100)
    assert len(intents) == 2
    tell("planned", [one.key for one in intents])
    call = book.intents.begin("serp/google/organic", intents, at)
    tell("posting", [one.key for one in intents])
    ids = {one.key: f"posted-{number}-{n}" for n, one in enumerate(intents)}
    fates = [Fate(key, State.POSTED, Reason.ACCEPTED, task_id, 0.0006, 20100) for key, task_id in ids.items()]
    book.intents.end(call, fates, outcome="answered", code=20000, why=None, at=at)
    tell("posted", list(ids.values()))
    return list(ids.values())


def main(path: Path, mode: str, rounds: int, first: int) -> None:
    database._WRITER["wal_autocheckpoint"] = PAGES
    version = VULNERABLE if mode == "delete" else database.DRIVER_VERSION
    if mode == "normal":
        database._SYNCHRONOUS["normal"] = 1
        schema.choose = lambda _: engine.Engine("any", "wal", "normal", None)  # type: ignore[attr-defined]
    with Ledger.open(path, version=version) as book:
        for number in range(first, first + rounds):
            live(book, number)
    tell("closed", [])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int((sys.argv[4:] or ["0"])[0]))
