"""The collecting queue: which task a free slot should fetch. Orders by policy (`Backlog`), fetches and writes nothing.

Kept in memory is only what ordering needs. The rows of the next few tasks are read just before these are handed out:
meanwhile somebody may have settled, postponed or hurried them.
"""

from collections import deque
from collections.abc import Container, Iterable
from itertools import islice

from daemon.passes.keeper import Keeper
from daemon.passes.remote import api_of
from daemon.passes.tools import Tools
from daemon.policy.agenda import Agenda
from daemon.policy.priority import Ranked
from ledger.records import Candidate

FRESH_MS = 10_000
"""An order older than this is made anew while tasks wait in it: new sightings and deadlines change it."""

TROUBLED_MS = 5 * 60_000
"""While the remote is in trouble one call at a time is made; the order is made anew when it is back."""

IDLE_MS = 30_000
"""With nothing to fetch, the ledger is asked again this often: other processes write into it too."""

DUTY = 10
"""Ordering may take a tenth of the time at most, whatever the news."""

MOST = 500
"""So many tasks are ordered at once; at a high rate they are the next three seconds' and not the next ten's."""

ROWS = 50
"""So many rows are read at once, and no more than the next two seconds need."""

TIDY_MS = 1_000
"""Small news is read together, so often."""

READING = 2
"""After a slice of much that is new, the loop belongs to others for twice as long."""

WALKING = 20
"""After a slice of what is probably known, for twenty times as long."""

FAILING = "failing"
"""Why a task steps aside while the remote is in trouble; other reasons are APIs that refuse us."""


class Queue:
    """Hands out the most urgent task that is worth a GET now; `refresh` makes it look again."""

    def __init__(self, tools: Tools) -> None:
        """Start empty; `pop` and `tidy` fill it."""
        self._tools = tools
        self._agenda = Agenda(tools.rules)
        self._keeper = Keeper(tools, self._agenda)
        self._line: deque[Ranked] = deque()  # the next ones; they are in the agenda until they are handed out
        self._rows: deque[tuple[Ranked, Candidate]] = deque()  # the first of them, as they were a moment ago
        self._handed: set[str] = set()  # handed out, and not seen again since
        self._aside: dict[str, dict[str, None]] = {}  # reason -> tasks that would only be in the way
        self._stale_at = 0  # monotonic ms
        self._rested_at = 0  # monotonic ms; not ordered anew before, whatever the news
        self._tidy_at = 0  # monotonic ms

    def refresh(self, ids: Iterable[str] = ()) -> None:
        """Order anew at the next `pop`; of these tasks the ledger knows something new that it does not tell."""
        self._keeper.hear(ids)
        self._stale_at = min(self._stale_at, self._rested_at)

    def recheck(self) -> None:
        """Read everything again, because what was known of time is wrong: somebody set the clock."""
        self._keeper.walk_again()
        self.refresh()

    def pop(self, held: Container[str], rate_per_ms: float) -> Candidate | None:
        """Return the most urgent task worth a GET, or None; those in `held` are not asked for again."""
        ticks = self._tools.ticks()
        if ticks >= self._stale_at or (not self._line and not self._rows and self.has_news(held)):
            self._plan(held, rate_per_ms)
        while (task := self._next(rate_per_ms)) is not None:
            api = api_of(task.function)
            if not self._tools.remote.refuses(api, ticks):
                self._agenda.forget(task.id)
                self._handed.add(task.id)
                return task
            self._step_aside(api, task.id)
        return None

    @property
    def filling(self) -> bool:
        """Say whether some outstanding tasks are not known yet, since the start."""
        return self._keeper.filling

    def has_news(self, held: Container[str]) -> bool:
        """Say whether `pop` may find more than it just did."""
        back = any(task_id not in held for task_id in self._handed)
        called = any(self._may_come_back(reason) for reason in self._aside)
        return back or called or len(self._agenda.backlog) > 0 or self._keeper.behind

    def rest_ms(self, held: Container[str]) -> int:
        """How long an empty queue may be left alone: until the next task is due, at most `IDLE_MS`."""
        if self.has_news(held):
            return 1
        waits = [self._stale_at - self._tools.ticks()]
        if (due := self._agenda.next_at()) is not None:
            waits.append(due - self._tools.now())
        if self._handed:  # what came of them may be a try again in a moment
            waits.append(1_000)
        return max(1, min(waits))

    def tidy(self, held: Container[str]) -> int:
        """Use a moment of rest: read one slice of what is new; return in how many ms the next one may follow."""
        began = self._tools.ticks()
        if began < self._tidy_at:
            return self._tidy_at - began
        self._see_off(held)
        keeper = self._keeper
        if not keeper.behind and not keeper.walking:
            return TIDY_MS if self._handed else IDLE_MS
        if keeper.step(self._handed, walk=True):
            self.refresh()
        took = self._tools.ticks() - began
        rest = TIDY_MS
        if keeper.far_behind or keeper.walking:
            rest = max(1, took * (READING if keeper.far_behind else WALKING))
        self._tidy_at = began + took + rest
        return rest

    def _plan(self, held: Container[str], rate_per_ms: float) -> None:
        tools, began = self._tools, self._tools.ticks()
        self._see_off(held)
        self._call_back()
        self._keeper.step(self._handed, walk=self.filling and not len(self._agenda.backlog))
        count = min(MOST, int(rate_per_ms * FRESH_MS) + 1)
        self._rows.clear()
        self._line = deque(self._agenda.backlog.choose(count, tools.now(), rate_per_ms))
        done = tools.ticks()
        self._rested_at = done + DUTY * (done - began)
        fresh_ms = TROUBLED_MS if tools.remote.failures else FRESH_MS
        self._stale_at = max(self._rested_at, done + (fresh_ms if self._line else IDLE_MS))

    def _see_off(self, held: Container[str]) -> None:
        """Read those again that are not under way any more: most are settled, some wait for another try."""
        back = [task_id for task_id in self._handed if task_id not in held]
        self._handed.difference_update(back)
        self._keeper.hear(back)

    def _may_come_back(self, reason: str) -> bool:
        remote = self._tools.remote
        return not remote.failures if reason == FAILING else not remote.refuses(reason, self._tools.ticks())

    def _call_back(self) -> None:
        """Let those come back that stepped aside; of an API that has refused us and may be tried again, one."""
        for reason in [one for one in self._aside if self._may_come_back(one)]:
            ids = list(self._aside.pop(reason))
            if reason in self._tools.remote.refused and ids[1:]:
                self._aside[reason] = dict.fromkeys(ids[1:])
            self._keeper.hear(ids[:1] if reason in self._tools.remote.refused else ids)

    def _next(self, rate_per_ms: float) -> Candidate | None:
        while True:
            while self._rows:
                ranked, task = self._rows.popleft()
                if self._agenda.backlog.get(task.id) == ranked:
                    return task
            if self._line:
                self._read_rows(min(ROWS, int(rate_per_ms * 2_000) + 1))
            elif not self._read_failing():
                return None

    def _read_rows(self, count: int) -> None:
        """Look at the first of the line; those that turn out to be less urgent stay for a later order."""
        remote = self._tools.remote
        first = list(islice(self._line, count))
        fresh = self._keeper.look([one.id for one in first])
        for one in first:
            self._line.popleft()
            ranked, task = fresh.get(one.id, (None, None))
            if ranked is None or task is None or ranked.priority < one.priority:
                continue
            if remote.failures and one.id in remote.failing:
                # Others first: a task whose own result breaks every connection must not be all that is tried.
                self._step_aside(FAILING, one.id)
            else:
                self._rows.append((ranked, task))

    def _read_failing(self) -> bool:
        """With nobody else left, let the one try again that stepped aside first; say whether there is one."""
        ids = self._aside.get(FAILING)
        if not ids or len(self._agenda.backlog) > 0:
            return False
        first = next(iter(ids))
        self._rows.extend(self._keeper.look([first]).values())
        del ids[first]
        return True

    def _step_aside(self, reason: str, task_id: str) -> None:
        self._agenda.forget(task_id)
        self._aside.setdefault(reason, {})[task_id] = None
