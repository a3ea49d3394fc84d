"""readyd as a policy of the harness: the daemon's own decisions, with the ledger's part played by arrays.

The order (`Backlog`), the pace (`Limiter`), when a GET is worth it (`probing`), what "not yet" leads to (`answers`),
when lists are asked (`listing`), which page of id_list comes next (`audit`, in `sweeps`) and deadlines (`expiry`) are
the daemon's code.
"""

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from bench.policy.account import Page
from bench.policy.book import FUNCTION, Book
from bench.policy.harness import LANES, Pace
from bench.policy.sweeps import PER_MINUTE, Sweeps
from bench.policy.workload import SECOND_MS, START, Workload
from daemon.policy import answers, expiry, listing, probing, window
from daemon.policy.answers import Answer, AnswerKind
from daemon.policy.backlog import Backlog
from daemon.policy.budget import Limit, Limiter
from daemon.policy.listing import Scope
from daemon.policy.priority import Ranked
from daemon.policy.rules import Rules
from ledger.records import Candidate, Look, Postponement, State

SCOPE = Scope("/v3/serp/tasks_ready", frozenset({FUNCTION}), umbrella=True, family="serp")
PENDING = Answer(AnswerKind.PENDING, 40602, "Task In Queue.")
PASS_MS = 10 * SECOND_MS
"""So often the queue is planned anew."""


class Readyd:
    """The daemon after an outage: every id is in its ledger, none of the completion times."""

    lanes = LANES
    by_id = True

    def __init__(self, work: Workload, per_minute: int, *, audit: bool = True) -> None:
        """Read the ledger; without `audit` it looks at lists only."""
        self.rules = Rules()
        self._limiter = Limiter(Limit(per_minute, 60_000), set_aside=PER_MINUTE)
        self.pace: Pace = self._limiter
        self._book = Book(work)
        self._tasks = self._book.tasks
        self._backlog = Backlog()
        self._line: deque[int] = deque()
        self._stale_at = START
        self._young: set[int] = set()  # not worth a GET yet
        self._later: list[tuple[int, int]] = []
        self._look = Look(SCOPE.listing, None, None, None, saturated=False, rows=0, foreign=0, failures=0)
        self._sweeps = Sweeps(self._book, self.rules, len(work)) if audit else None
        for task in range(len(work)):
            self._consider(task, START)

    def pick(self, now: int) -> int | None:
        """Take the next of the line; plan anew every ten seconds, or when it is empty."""
        if now >= self._stale_at or (not self._line and self._has_news(now)):
            self._plan(now)
        while self._line:
            task = self._line.popleft()
            if self._tasks[task] is not None:
                return task
        return None

    def answered(self, task: int, now: int, *, done: bool) -> None:
        """Settle or postpone, as the daemon would."""
        candidate = self._tasks[task]
        assert candidate is not None  # noqa: S101  # it was under way
        if done:
            self._book.change(task, None)
            return
        verdict = answers.decide(candidate, PENDING, now, self.rules)
        assert isinstance(verdict, Postponement)  # noqa: S101  # "not yet" ends no task
        later = replace(
            candidate,
            attempts=verdict.attempts,
            next_try_at=verdict.next_try_at,
            code=verdict.code,
            pending_at=verdict.pending_at or candidate.pending_at,
        )
        self._book.change(task, later)
        self._consider(task, now)

    def wants_list(self, now: int) -> bool:
        """Ask when the daemon's plan says so."""
        asks = listing.plan(self._book.outstanding(), {SCOPE.listing: self._look}, [SCOPE], now, self.rules)
        if not asks or asks[0].due_at > now:
            return False
        self._look = replace(self._look, asked_at=now)
        return True

    def listed(self, rows: list[int], now: int) -> None:
        """Mark what is listed as ready, and what a full window hides as blocked."""
        saturated = len(rows) >= self.rules.window_cap
        self._look = replace(self._look, answered_at=now, saturated=saturated, rows=len(rows))
        for task in rows:
            candidate = self._tasks[task]
            if candidate is not None and candidate.state is State.POSTED:
                self._book.sighted(task, now)
                self._learn_ready(task, now, expiry.interval_of(candidate, None, self.rules)[0])
        for task in [*self._young]:
            self._hide(task, now, saturated=saturated)

    def wants_page(self, now: int) -> Page | None:
        """Name the next page of the sweep under way."""
        return self._sweeps.next_page(now, self._look) if self._sweeps else None

    def audited(self, page: Sequence[tuple[int, int | None]], now: int) -> None:
        """Take exact completion times in; what is pending was not done when asked."""
        assert self._sweeps is not None  # noqa: S101  # it asked for the page
        for task, done_at in page:
            candidate = self._tasks[task]
            if done_at is not None:
                self._sweeps.exact[task] = 1
            if candidate is None:
                continue
            if done_at is not None:
                self._book.dated(task, candidate)
                self._learn_ready(task, now, done_at)
            elif candidate.state is State.POSTED:
                self._book.change(task, replace(candidate, pending_at=now))
        self._sweeps.answered(len(page))

    def _learn_ready(self, task: int, now: int, earliest: int) -> None:
        candidate = self._tasks[task]
        assert candidate is not None  # noqa: S101  # only open tasks are learnt of
        next_try_at = None if candidate.state is State.POSTED else candidate.next_try_at
        ready = replace(
            candidate, state=State.READY, earliest_done_at=earliest, next_try_at=next_try_at, blocked_at=None
        )
        self._book.change(task, ready)
        if task in self._young or str(task) in self._backlog:
            self._consider(task, now)

    def _hide(self, task: int, now: int, *, saturated: bool) -> None:
        """Believe a task blocked while the window is full, and no longer when it is not."""
        candidate = self._tasks[task]
        if candidate is None or saturated is (candidate.blocked_at is not None):
            return
        if not saturated:
            self._book.change(task, replace(candidate, blocked_at=None))
        elif candidate.posted_at <= window.done_if_posted_by(candidate.function, now, self.rules):
            self._book.change(task, replace(candidate, blocked_at=now))
            self._consider(task, now)

    def _consider(self, task: int, now: int) -> None:
        """Put a task where it belongs: among those worth a GET, or among those that wait."""
        candidate = self._tasks[task]
        assert candidate is not None  # noqa: S101  # only open tasks are considered
        if probing.why_get(candidate, now, None, self.rules) is not None:
            self._young.discard(task)
            self._backlog.put(self._ranked(candidate))
            return
        self._young.add(task)
        if candidate.next_try_at is not None and candidate.next_try_at > now:
            due = candidate.next_try_at
        else:
            due = probing.by_id_at(candidate, None, self.rules)
        heapq.heappush(self._later, (max(due, now + 1), task))

    def _has_news(self, now: int) -> bool:
        return len(self._backlog) > 0 or bool(self._later and self._later[0][0] <= now)

    def _plan(self, now: int) -> None:
        while self._later and self._later[0][0] <= now:
            task = heapq.heappop(self._later)[1]
            if task in self._young:
                self._consider(task, now)
        for task in self._line:
            if (candidate := self._tasks[task]) is not None:
                self._backlog.put(self._ranked(candidate))
        rate = self._limiter.rate_per_ms(now, LANES)
        taken = self._backlog.take(int(rate * PASS_MS) + 1, now, rate)
        self._line = deque(int(one.id) for one in taken)
        self._stale_at = now + PASS_MS

    def _ranked(self, task: Candidate) -> Ranked:
        earliest, _ = expiry.interval_of(task, None, self.rules)
        return Ranked(
            task.id,
            task.priority,
            expiry.collect_by(expiry.visibility_deadline(earliest, self.rules), self.rules),
            expiry.retention_deadline(task.posted_at, task.variant, self.rules),
        )
