"""The collecting queue: which task a free slot should fetch. Reads the ledger, orders by policy, fetches nothing."""

from collections import deque
from collections.abc import Container

from daemon.passes.remote import api_of
from daemon.passes.tools import Tools
from daemon.policy import priority, probing
from daemon.policy.priority import Ranked
from daemon.standing import Standings
from ledger.records import Candidate

FRESH_MS = 10_000
"""An order older than this is made anew while tasks wait in it: new sightings and deadlines change it."""

TROUBLED_MS = 5 * 60_000
"""While the remote is in trouble one call at a time is made; the order is made anew when it is back."""

IDLE_MS = 30_000
"""With nothing to fetch, the ledger is asked again this often: time alone makes some tasks worth a GET."""

DUTY = 10
"""Ordering may take a tenth of the time at most: a backlog of hundreds of thousands is ordered less often."""


class Queue:
    """Hands out the most urgent task that is worth a GET now; `refresh` makes it look again."""

    def __init__(self, tools: Tools) -> None:
        """Start empty; the first `pop` fills it."""
        self._tools = tools
        self._ordered: deque[Candidate] = deque()
        self._stale_at = 0  # monotonic ms
        self._rested_at = 0  # monotonic ms; not ordered anew before, whatever the news

    def refresh(self) -> None:
        """Order anew at the next `pop`."""
        self._stale_at = min(self._stale_at, self._rested_at)

    def pop(self, held: Container[str], rate_per_ms: float) -> Candidate | None:
        """Return the most urgent task worth a GET that is not in `held`, or None."""
        ticks = self._tools.ticks()
        if ticks >= self._stale_at:
            self._fill(held, rate_per_ms)
            done = self._tools.ticks()
            self._rested_at = done + DUTY * (done - ticks)
            fresh_ms = TROUBLED_MS if self._tools.remote.failures else FRESH_MS
            self._stale_at = max(self._rested_at, done + (fresh_ms if self._ordered else IDLE_MS))
        while self._ordered:
            task = self._ordered.popleft()
            if not self._tools.remote.refuses(api_of(task.function), ticks):
                return task
        return None

    def rest_ms(self) -> int:
        """How long an empty queue may be left alone: until the next retry is due, at most `IDLE_MS`."""
        now = self._tools.now()
        due = self._tools.ledger.tasks.next_due(now)
        look_again = max(0, self._stale_at - self._tools.ticks())
        if due is not None and due - now <= look_again:
            self.refresh()
            return max(1, due - now)
        return max(1, look_again)

    def _fill(self, held: Container[str], rate_per_ms: float) -> None:
        tools, now = self._tools, self._tools.now()
        standings = Standings(tools.ledger.polls.looks(), now, tools.rules)
        rows: dict[str, Candidate] = {}
        ranked: list[Ranked] = []
        for task in tools.ledger.tasks.candidates(now):
            if task.id in held or tools.remote.refuses(api_of(task.function), tools.ticks()):
                continue
            if probing.why_get(task, now, standings.clear_at(task.function), tools.rules) is None:
                continue
            rows[task.id] = task
            standing = standings.of(task)
            ranked.append(Ranked(task.id, task.priority, standing.deadline_at, standing.retention_at))
        ordered = priority.order(ranked, now, rate_per_ms)
        if tools.remote.failures:
            # Others first: a task whose own result breaks every connection must not be all that is tried.
            ordered.sort(key=lambda one: one.id in tools.remote.failing)
        self._ordered = deque(rows[one.id] for one in ordered)
