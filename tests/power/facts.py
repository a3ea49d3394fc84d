"""What a writer was told to be durable, and whether a ledger still has it. Knows no disk."""

import json
import random
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from ledger import Ledger
from ledger.database import DRIVER_VERSION
from ledger.engine import Version
from tests.driver import sqlite3
from tests.ledger.conftest import Kit

RANKS = {name: rank for rank, name in enumerate(("planned", "posting", "posted", "ready", "collected"))}


def content(task_id: str) -> bytes:
    """The body of a task: always the same, and nothing that another one might be taken for."""
    dice = random.Random(task_id)
    return dice.randbytes(dice.randint(200, 9_000))


@dataclass
class Facts:
    """What must be there."""

    ranks: dict[str, int] = field(default_factory=dict)  # task or key -> how far it had come
    bodies: set[str] = field(default_factory=set)
    copied: set[str] = field(default_factory=set)

    def hear(self, line: str) -> None:
        """Take in a line of the writer's."""
        what, ids = json.loads(line)
        if what == "body":
            self.bodies.update(ids)
        elif what == "copied":
            self.copied.update(ids)
        elif what != "closed":
            self.ranks.update(dict.fromkeys(ids, RANKS[what]))


def hear(lines: Iterable[str]) -> Facts:
    facts = Facts()
    for line in lines:
        facts.hear(line)
    return facts


def missing(path: Path, facts: Facts, version: Version = DRIVER_VERSION) -> int:
    """Open a ledger as readyd does, and count what is gone; that it is whole is asserted."""
    if not path.exists():
        return len(facts.ranks)
    with Ledger.open(path, version=version):
        pass
    kit = Kit()
    kit.check(path)
    there = {str(name): RANKS[str(state)] for name, state in kit.rows(path, _STATES)}
    lost = sum(there.get(name, -1) < rank for name, rank in facts.ranks.items())
    kept = bodies(path)
    assert all(body == content(name) for name, body in kept.items()), "a body is another one's"
    return lost + len(facts.bodies - kept.keys())


def missing_copies(path: Path, facts: Facts) -> int:
    """Count what is gone of a copy that was finished; one that was not does not bear its name."""
    copy = path.parent / "copies" / path.name
    if not copy.exists():
        return len(facts.copied)
    return missing(copy, Facts(dict.fromkeys(facts.copied, RANKS["collected"]), facts.copied))


def bodies(path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for month in (path.parent / "results").glob("*.db"):
        if month.stat().st_size:
            with closing(sqlite3.connect(month)) as database:
                if database.execute("select 1 from sqlite_master where name = 'body'").fetchone():
                    found.update(database.execute("select task_id, gzip from body"))
    return found


_STATES = """select id, state from task
             union all select key, state from intent join task on task.id = intent.task_id"""
