"""The ledger's part, played by arrays: what is known of each task, and the counts that decisions ask for.

Decides nothing. Where the ledger runs a query, here a count is kept up to date.
"""

from collections import Counter, deque

from bench.policy.workload import MINUTE_MS, Workload
from ledger.records import Candidate, Outstanding, State, Webhook

FUNCTION = "serp/google/organic"


class Book:
    """All tasks of a backlog as the ledger knows them."""

    def __init__(self, work: Workload) -> None:
        """Record every task as posted: after the outage nothing else is known."""
        self.tasks: list[Candidate | None] = [_recorded(work, task) for task in range(len(work))]
        self._posted = Counter(one.posted_at // MINUTE_MS for one in self.tasks if one is not None)
        self._states = Counter({State.POSTED: len(work)})
        self._blocked = 0
        self._hurried = sum(work.important)
        self._sighted: deque[tuple[int, int]] = deque()  # when a task was first seen to be ready, in order
        self._vague: Counter[int] = (
            Counter()
        )  # minutes of posting of tasks sighted some time ago, and not dated
        self._is_vague = bytearray(len(work))

    def __len__(self) -> int:
        """Count the outstanding tasks."""
        return self._states[State.POSTED] + self._states[State.READY]

    def outstanding(self) -> list[Outstanding]:
        """Count as the ledger does; instants to the minute."""
        posted, ready = self._states[State.POSTED], self._states[State.READY]
        if not posted + ready:
            return []
        oldest = min(self._posted or self._vague, default=0) * MINUTE_MS
        return [Outstanding(FUNCTION, posted, ready, self._blocked, self._hurried, oldest, posted)]

    def change(self, task: int, now: Candidate | None) -> None:
        """Write what is known of a task from now on; None: it is collected."""
        before = self.tasks[task]
        assert before is not None  # noqa: S101  # a collected task never comes back here
        self.tasks[task] = now
        self._blocked += (now is not None and now.blocked_at is not None) - (before.blocked_at is not None)
        if now is None:
            self._hurried -= before.priority > 1
        if now is None or now.state is not before.state:
            self._moved(before, now)
        if now is None:
            self.dated(task, before)

    def sighted(self, task: int, at: int) -> None:
        """Note that a task was seen to be ready, but not since when: later an audit is to tell."""
        self._sighted.append((at, task))

    def dated(self, task: int, one: Candidate) -> None:
        """Note that the completion time of a task is known, or of no more interest."""
        if self._is_vague[task]:
            self._is_vague[task] = 0
            _lower(self._vague, one.posted_at // MINUTE_MS)

    def unknown_minutes(self, before: int, ready_before: int, exact: bytearray) -> list[int]:
        """Return the minutes (their starts) in which tasks were posted whose completion time is not exact."""
        while self._sighted and self._sighted[0][0] < ready_before:
            task = self._sighted.popleft()[1]
            one = self.tasks[task]
            if one is not None and not exact[task]:
                self._is_vague[task] = 1
                self._vague[one.posted_at // MINUTE_MS] += 1
        minutes = {minute for minute in self._posted if (minute + 1) * MINUTE_MS <= before}
        return [minute * MINUTE_MS for minute in sorted(minutes | self._vague.keys())]

    def _moved(self, before: Candidate, now: Candidate | None) -> None:
        self._states[before.state] -= 1
        if before.state is State.POSTED:
            _lower(self._posted, before.posted_at // MINUTE_MS)
        if now is not None:
            self._states[now.state] += 1


def _lower(counts: Counter[int], key: int) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]


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
