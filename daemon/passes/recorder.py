"""Makes results durable in small groups: bodies first, states second. Does not fetch and does not choose.

A crash between the two commits costs one repeated GET by id, never a result.
"""

from dataclasses import dataclass, replace

from daemon.passes.tools import Tools
from daemon.policy.answers import Answer, decide
from daemon.policy.rules import Rules
from ledger.records import Body, Candidate, Postponement, Reason, Settled, Settlement, State
from ledger.states import OUTSTANDING

GROUP = 30
"""Results that share a commit; more would only make a crash dearer."""

GROUP_BYTES = 8 * 1024 * 1024
"""Large results do not wait for company: together they would fill memory."""

WAIT_S = 0.25
"""How long a finished result may wait for company before it is made durable."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """One finished GET: what was asked, what was answered, and the body when there is one to keep."""

    task: Candidate
    answer: Answer
    body: Body | None
    asked_at: int | None = None  # wall ms UTC; where there was an answer about the task


class Recorder:
    """Holds finished GETs until they are durable; `held` are the ids nobody should ask for again meanwhile."""

    def __init__(self, tools: Tools) -> None:
        """Start with nothing in hand."""
        self._tools = tools
        self._group: list[Fetched] = []
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        """Say whether what is in hand is enough for a commit."""
        return len(self._group) >= GROUP or self._bytes >= GROUP_BYTES

    def add(self, fetched: Fetched) -> None:
        """Take one finished GET in hand."""
        self._group.append(fetched)
        self._bytes += len(fetched.body.gzip) if fetched.body else 0

    def ids(self) -> list[str]:
        """Return the tasks in hand."""
        return [one.task.id for one in self._group]

    def flush(self) -> None:
        """Make everything in hand durable.

        Raises:
            LedgerError: nothing is forgotten; the tasks are still outstanding and will be fetched again by id.
        """
        group, self._group, self._bytes = self._group, [], 0
        if not group:
            return
        now, ledger = self._tools.now(), self._tools.ledger
        # A list may have shown the task while its GET was under way: decided from the state it had before, its
        # settlement would be refused and the result fetched a second time.
        known = ledger.tasks.settled_of([one.task.id for one in group])
        found = [(one, known.get(one.task.id, Settled(one.task.state, None, 1))) for one in group]
        # And a postback may have brought its result meanwhile: the first one that is durable stays.
        found = [(one, here) for one, here in found if here.state in OUTSTANDING]
        # The edition grows only when a task is brought back: fetched again after a crash, a result replaces its own
        # first copy, and never the edition before.
        kept = [replace(one.body, edition=here.edition) for one, here in found if one.body is not None]
        decisions = [_decided(one, here, now, self._tools.rules) for one, here in found]
        if kept:
            ledger.save_bodies(kept)
        ends = [one for one in decisions if isinstance(one, Settlement)]
        settled = ledger.settle(ends) if ends else ()
        if later := [one for one in decisions if isinstance(one, Postponement)]:
            ledger.postpone(later)
        self._say(ends, settled, sum(len(body.gzip) for body in kept))

    def _say(self, ends: list[Settlement], settled: tuple[str, ...], size: int) -> None:
        done = set(settled)
        ends = [one for one in ends if one.task_id in done]
        kept = [one for one in ends if one.reason is Reason.KEPT]
        home = [
            one.task_id for one in ends if one.to in (State.COLLECTED, State.DELIVERED) and one not in kept
        ]
        log = self._tools.log
        if home:
            log.info("results.collected", count=len(home), bytes=size, tasks=home[:5])
            self._tools.came_home()
        for one in kept:
            log.warning("task.kept", task=one.task_id, code=one.code, message=one.message)
        for one in ends:
            if one.to is State.FAILED:
                log.warning("task.failed", task=one.task_id, code=one.code, message=one.message)
            elif one.to is State.LOST:
                log.critical("task.lost", task=one.task_id, reason=str(one.reason), code=one.code)


def _decided(one: Fetched, here: Settled, now: int, rules: Rules) -> Settlement | Postponement:
    found = decide(_in_state(one.task, here.state), one.answer, now, rules, here.edition)
    if isinstance(found, Postponement) and found.pending_at is not None and one.asked_at is not None:
        # "Not yet" was true when the remote was asked; while its answer was under way, the task may have been done.
        return replace(found, pending_at=min(found.pending_at, one.asked_at))
    return found


def _in_state(task: Candidate, state: State) -> Candidate:
    """Return a task in the state that it has now; one that was moved meanwhile begins its count of tries anew."""
    return task if task.state is state else replace(task, state=state, attempts=0)
