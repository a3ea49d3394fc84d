"""The people and programs beside readyd: they post, record and plan, in a process of their own. Knows no fault."""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from daemon.simulator.posting import MOST_TASKS
from daemon.simulator.records import OWN
from ledger.errors import LedgerBusyError
from ledger.store import Ledger
from tests.simulation.fate import Fate
from tests.simulation.oracle import Oracle
from tests.simulation.remote import Remote
from tests.simulation.timeline import DAY, MINUTE, Timeline


class Clerk:
    """Holds a ledger of its own beside the daemon's, and waits for nobody's lock."""

    def __init__(self, path: Path, time: Timeline, remote: Remote, oracle: Oracle) -> None:
        self._path = path
        self._time = time
        self._remote = remote
        self._oracle = oracle
        self._ledger: Ledger | None = None
        self._late: list[tuple[int, dict[str, Any], int]] = []  # (due, answer, wall time of posting)
        self._numbers = 0

    def open(self) -> Ledger:
        if self._ledger is None:
            self._ledger = Ledger.open(self._path)
        self._ledger._connection.database.execute_sql("pragma busy_timeout = 0")
        return self._ledger

    def close(self) -> None:
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    def fresh(self, **more: Any) -> dict[str, Any]:
        """Make a task that nobody made before."""
        self._numbers += 1
        return {"keyword": f"word {self._numbers}", "location_code": 2840, "language_code": "en", **more}

    def record(
        self, batch: Sequence[dict[str, Any]], facts: dict[str, Any], fate: Fate, say: Callable[[str], None]
    ) -> None:
        """Post without readyd, and hand it the answer: at once, late, or between two statements of the daemon."""
        for first in range(0, len(batch), MOST_TASKS):
            self._record(batch[first : first + MOST_TASKS], facts, fate, say)

    def _record(
        self, batch: Sequence[dict[str, Any]], facts: dict[str, Any], fate: Fate, say: Callable[[str], None]
    ) -> None:
        answer = self._remote.post(facts["function"], batch, owner=OWN)
        say("ids " + " ".join(task["id"] for task in answer["tasks"]))
        posted_at = self._time.wall()
        if facts["between"]:
            fate.between.append(lambda: self._recorded(answer, posted_at))
        if facts["between"] or facts["late_ms"]:
            due = self._time.now() + max(facts["late_ms"], 2 * MINUTE)
            self._late.append((due, answer, posted_at))
        elif not self._recorded(answer, posted_at):
            self._late.append((self._time.now(), answer, posted_at))

    def plan(self, batch: Sequence[dict[str, Any]], function: str) -> None:
        """Let readyd post."""
        self._numbers += 1
        tasks = [{"function": function, **fields} for fields in batch]
        self.open().plan(tasks, f"batch {self._numbers}", now=self._time.wall())

    def _recorded(self, answer: dict[str, Any], posted_at: int) -> bool:
        with contextlib.suppress(LedgerBusyError):
            self.open().record_posted(answer, at=posted_at, now=self._time.wall())
            self._oracle.known.update(task["id"] for task in answer["tasks"])
            return True
        return False

    def next_ms(self) -> int:
        """Say in how many ms something is due that was put off."""
        return max(1, min([due - self._time.now() for due, _, _ in self._late], default=60 * MINUTE))

    def catch_up(self) -> None:
        """Record what is due by now."""
        now = self._time.now()
        self._late = [one for one in self._late if one[0] > now or not self._recorded(one[1], one[2])]

    def finish(self, fate: Fate) -> None:
        """Record everything now."""
        fate.between.clear()
        self._late = [(0, answer, at) for _, answer, at in self._late]
        self.catch_up()

    def waiting(self) -> dict[str, str]:
        """Give the tasks whose results are not home, or not where they are to be, with their states."""
        ledger = self.open()
        with ledger._connection.reading() as database:
            rows = database.rows(_WAITING, [self._time.wall() - TOLD_FOR])
        return dict(rows)


TOLD_FOR = 29 * DAY
"""id_list tells the tags of a month; what was sent before that, and never answered, only a person can decide about."""

_WAITING = """
    select id, state from task where state in ('planned', 'posted', 'ready')
    union all select id, state from task where state = 'posting' and posted_at > ?
    union all select task_id, 'not handed over' from handover where handed_at is null
"""
