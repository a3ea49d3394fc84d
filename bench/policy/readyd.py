"""readyd as a policy of the harness: the daemon's own decisions, with the ledger's part played by arrays.

The order (`Backlog`), the pace (`Limiter`), when a GET is worth it (`probing`), what "not yet" leads to (`answers`),
when lists are asked (`listing`) and deadlines (`expiry`) are the daemon's code. Written anew here: what the ledger
keeps of a task, and the sweeps of id_list.
"""

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from bench.policy.harness import LANES, Pace
from bench.policy.workload import SECOND_MS, START, Workload
from daemon.policy import answers, expiry, listing, probing, window
from daemon.policy.answers import Answer, AnswerKind
from daemon.policy.backlog import Backlog
from daemon.policy.budget import Limit, Limiter
from daemon.policy.listing import Scope
from daemon.policy.priority import Ranked
from daemon.policy.rules import Rules
from ledger.records import Candidate, Look, Outstanding, Postponement, State, Webhook

FUNCTION = "serp/google/organic"
SCOPE = Scope("/v3/serp/tasks_ready", frozenset({FUNCTION}), umbrella=True, family="serp")
PENDING = Answer(AnswerKind.PENDING, 40602, "Task In Queue.")
PASS_MS = 10 * SECOND_MS
"""So often the queue is planned anew."""

PAGE = 1000
AUDIT_PER_MINUTE = 10


class Readyd:
    """The daemon after an outage: every id is in its ledger, none of the completion times."""

    lanes = LANES
    by_id = True

    def __init__(self, work: Workload, per_minute: int, *, audit: bool = True) -> None:
        """Read the ledger; without `audit` it looks at lists only."""
        self.rules = Rules()
        self._limiter = Limiter(Limit(per_minute, 60_000))
        self.pace: Pace = self._limiter
        self.work = work
        self._tasks: list[Candidate | None] = [_recorded(work, task) for task in range(len(work))]
        self._backlog = Backlog()
        self._line: deque[int] = deque()
        self._stale_at = START
        self._young: set[int] = set()  # not worth a GET yet
        self._later: list[tuple[int, int]] = []
        self._look = Look(SCOPE.listing, None, None, None, saturated=False, rows=0, foreign=0, failures=0)
        self._audit = _Sweeps(work, self._tasks, self.rules) if audit else None
        self._important = sum(work.important)
        self._open = len(work)
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
            self._tasks[task] = None
            self._open -= 1
            self._important -= self.work.important[task]
            return
        verdict = answers.decide(candidate, PENDING, now, self.rules)
        assert isinstance(verdict, Postponement)  # noqa: S101  # "not yet" ends no task
        self._tasks[task] = replace(
            candidate,
            attempts=verdict.attempts,
            next_try_at=verdict.next_try_at,
            code=verdict.code,
            pending_at=verdict.pending_at or candidate.pending_at,
        )
        self._consider(task, now)

    def wants_list(self, now: int) -> bool:
        """Ask when the daemon's plan says so."""
        if not self._open:
            return False
        oldest = START - self.rules.visibility_ms
        counts = Outstanding(FUNCTION, self._open, 0, 0, self._important, oldest, self._open)
        asks = listing.plan([counts], {SCOPE.listing: self._look}, [SCOPE], now, self.rules)
        if not asks or asks[0].due_at > now:
            return False
        self._look = replace(self._look, asked_at=now)
        return True

    def listed(self, rows: list[int], now: int) -> None:
        """Mark what is listed as ready, and what a full window hides as blocked."""
        saturated = len(rows) >= self.rules.window_cap
        self._look = replace(self._look, answered_at=now, saturated=saturated, rows=len(rows))
        for task in self._young.intersection(rows):
            self._learn_ready(task, now, exact=None)
        for task in [*self._young]:
            candidate = self._tasks[task]
            if candidate is None or saturated is (candidate.blocked_at is not None):
                continue
            if not saturated:
                self._tasks[task] = replace(candidate, blocked_at=None)
            elif candidate.posted_at <= window.done_if_posted_by(candidate.function, now, self.rules):
                self._tasks[task] = replace(candidate, blocked_at=now)
                self._consider(task, now)

    def wants_page(self, now: int) -> list[int]:
        """Name the next page of the sweep under way."""
        return self._audit.next_page(now, hurried=self._look.saturated) if self._audit else []

    def audited(self, page: Sequence[tuple[int, int | None]], now: int) -> None:
        """Take exact completion times in; what is pending was not done when asked."""
        for task, done_at in page:
            candidate = self._tasks[task]
            if candidate is None:
                continue
            if done_at is not None:
                self._learn_ready(task, now, exact=done_at)
            elif candidate.state is State.POSTED:
                self._tasks[task] = replace(candidate, pending_at=now)

    def _learn_ready(self, task: int, now: int, exact: int | None) -> None:
        candidate = self._tasks[task]
        if candidate is None:
            return
        next_try_at = None if candidate.state is State.POSTED else candidate.next_try_at
        earliest = exact if exact is not None else expiry.interval_of(candidate, None, self.rules)[0]
        self._tasks[task] = replace(
            candidate, state=State.READY, earliest_done_at=earliest, next_try_at=next_try_at, blocked_at=None
        )
        if task in self._young or str(task) in self._backlog:
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
        rate = self._limiter.rate_per_ms(now)
        taken = self._backlog.take(int(rate * PASS_MS) + 1, now, rate)
        self._line = deque(int(one.id) for one in taken)
        self._stale_at = now + PASS_MS

    def _ranked(self, task: Candidate) -> Ranked:
        earliest, _ = expiry.interval_of(task, None, self.rules)
        return Ranked(
            task.id,
            task.priority,
            expiry.visibility_deadline(earliest, self.rules),
            expiry.retention_deadline(task.posted_at, task.variant, self.rules),
        )


class _Sweeps:
    """The audit: page by page through id_list, the oldest posted first; then again over what was still pending."""

    def __init__(self, work: Workload, tasks: Sequence[Candidate | None], rules: Rules) -> None:
        self._tasks = tasks
        self._rules = rules
        self._order = sorted(range(len(work)), key=work.posted_at.__getitem__)
        self._sweep: list[int] = []
        self._offset = 0
        self._next_call_at = START
        self._next_sweep_at = START

    def next_page(self, now: int, *, hurried: bool) -> list[int]:
        if now < self._next_call_at:
            return []
        if self._offset >= len(self._sweep):
            self._begin(now, hurried=hurried)
        page = self._sweep[self._offset : self._offset + PAGE]
        self._offset += PAGE
        if page:
            self._next_call_at = now + 60 * SECOND_MS // AUDIT_PER_MINUTE
        return page

    def _begin(self, now: int, *, hurried: bool) -> None:
        if now < self._next_sweep_at:
            return
        before = now - self._rules.audit_age_ms
        self._order = [one for one in self._order if self._unknown(one)]
        self._sweep = [one for one in self._order if self._old_enough(one, before)]
        self._offset = 0
        self._next_sweep_at = now + (self._rules.audit_hurried_ms if hurried else self._rules.audit_ms)

    def _unknown(self, task: int) -> bool:
        candidate = self._tasks[task]
        return candidate is not None and candidate.state is State.POSTED

    def _old_enough(self, task: int, before: int) -> bool:
        candidate = self._tasks[task]
        return candidate is not None and candidate.posted_at < before


def _recorded(work: Workload, task: int) -> Candidate:
    """Return what the ledger knew of a task before the outage ended: that it was posted, and when."""
    return Candidate(
        id=str(task),
        function=FUNCTION,
        state=State.POSTED,
        tag=None,
        priority=2 if work.important[task] else 1,
        webhook=Webhook.NONE,
        variant=None,
        endpoint=None,
        posted_at=work.posted_at[task],
        earliest_done_at=None,
        pending_at=None,
        blocked_at=None,
        attempts=0,
        next_try_at=None,
    )
