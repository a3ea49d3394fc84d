"""What to fetch now and what to look at again later: tasks worth a GET, and the others by when they may be. Pure.

Time alone makes a task worth a GET: it is overdue, its back-off ends, lists have forgotten it. What else changes a task
(a list shows it, an audit dates it, somebody hurries it) must be told: considered again, it replaces what was known.
"""

from daemon.policy import probing
from daemon.policy.backlog import Backlog
from daemon.policy.priority import Ranked
from daemon.policy.rules import Rules
from daemon.policy.stretches import Stretches
from ledger.records import Candidate


class Agenda:
    """Outstanding tasks, each in one of two places: the backlog, or waiting for its time. `backlog` is for reading."""

    def __init__(self, rules: Rules) -> None:
        """Start empty."""
        self._rules = rules
        self.backlog = Backlog()
        self._waiting: dict[str, int] = {}  # id -> when to consider it again
        self._times = Stretches()  # the same by time; who leaves early leaves nothing behind, as in a heap

    def __len__(self) -> int:
        """Count the tasks, wherever they are."""
        return len(self.backlog) + len(self._waiting)

    def consider(self, task: Candidate, ranked: Ranked, clear_at: int | None, now: int) -> bool:
        """Put a task where it belongs now; say whether a GET of it is worth more than was known before.

        `clear_at` is the last unsaturated answer of a listing that covers its function.
        """
        if probing.why_get(task, now, clear_at, self._rules) is not None:
            self._wait_no_more(task.id)
            return self.backlog.put(ranked)
        self.backlog.drop(task.id)
        self._wait(task.id, max(now + 1, probing.consider_at(task, clear_at, now, self._rules)))
        return False

    def forget(self, task_id: str) -> None:
        """Drop a task that is settled, or under way."""
        self._wait_no_more(task_id)
        self.backlog.drop(task_id)

    def due(self, now: int, most: int) -> list[str]:
        """Name tasks whose time has come, `most` at most; each is to be considered again now, and waits no longer."""
        found = [task_id for _, task_id in self._times.pop_until(now, most)]
        for task_id in found:
            del self._waiting[task_id]
        return found

    def next_at(self) -> int | None:
        """Return when the next waiting task is due."""
        first = next(self._times.after(0), None)
        return None if first is None else first[0]

    def _wait(self, task_id: str, at: int) -> None:
        if self._waiting.get(task_id) != at:
            self._wait_no_more(task_id)
            self._waiting[task_id] = at
            self._times.add((at, task_id))

    def _wait_no_more(self, task_id: str) -> None:
        at = self._waiting.pop(task_id, None)
        if at is not None:
            self._times.remove((at, task_id))
