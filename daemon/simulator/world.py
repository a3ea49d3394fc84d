"""The simulated remote as a whole, with doors for tests and the demo beside the one for HTTP.

Rules are those of the documentation; where it is silent, the less friendly reading. Knows no sockets.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import Any

import msgspec

from daemon.simulator import gate, posting, webhooks
from daemon.simulator.catalogue import FUNCTIONS
from daemon.simulator.envelopes import envelope
from daemon.simulator.faults import Faults
from daemon.simulator.messages import OK
from daemon.simulator.options import Options
from daemon.simulator.records import OWN, Account, Call, Delivery, Receipt, Reply, Truth
from daemon.simulator.state import State


class World:
    """A DataForSEO of one's own.

    Args:
        now: the only clock; ms since the epoch, UTC. It may jump days forward at a time, never back.
        seed: the same seed and the same requests at the same times give the same answers.
        faults: what goes wrong, and how often.
        options: turnaround, lag, limits, accounts, sizes.
    """

    def __init__(
        self,
        now: Callable[[], int],
        *,
        seed: int = 1,
        faults: Faults | None = None,
        options: Options | None = None,
    ) -> None:
        """Begin with accounts and nothing posted."""
        self._state = State(now, seed=seed, faults=faults or Faults.none(), options=options or Options())

    # The front door

    def handle(self, call: Call) -> Reply:
        """Answer one request, as it arrives now. `Reply.finish` must be called when the answer is through."""
        return gate.handle(self._state, call)

    # Doors for callers in the same process

    def post(
        self,
        function: str,
        tasks: Sequence[Mapping[str, object]],
        *,
        owner: str = OWN,
        login: str | None = None,
    ) -> dict[str, Any]:
        """Post without HTTP, limits and accidents; gives the task_post envelope as parsed JSON.

        `owner` is "own" or "foreign"; the world counts foreign tasks that somebody collected.
        """
        state = self._state
        now = state.now()
        state.advance(now)
        path = ["v3", *function.split("/"), "task_post"]
        batch = [dict(task) for task in tasks]
        entries = posting.post(
            state, self._account(login), FUNCTIONS[function], batch, path, now=now, owner=owner
        )
        parsed: dict[str, Any] = msgspec.json.decode(envelope(entries, 0.1))
        return parsed

    def error_hour(self, start: int, end: int) -> None:
        """Let every call between two instants (ms) be answered with some trouble of the remote's own."""
        self._state.error_hours.append((start, end))

    def finish(self, task_id: str, code: int = OK) -> None:
        """Let a task be done now, with this outcome."""
        state = self._state
        state.finish(state.tasks[task_id], state.now(), code)

    def reparse(self, task_id: str) -> None:
        """Let the remote parse a result again: it appears in tasks_fixed and its content changes."""
        state = self._state
        state.advance(state.now())
        state.reparse(state.tasks[task_id], state.now())

    def set_balance(self, balance: float, login: str | None = None) -> None:
        """Give the account this much money (US dollars)."""
        self._account(login).balance = balance

    def balance(self, login: str | None = None) -> float:
        """Tell the account's money (US dollars)."""
        return self._account(login).balance

    def due_webhooks(self) -> list[Delivery]:
        """Take the webhooks that are due now; each must be settled."""
        return webhooks.due(self._state, self._state.now())

    def settle_webhook(self, delivery: Delivery, answer: int | Receipt | None) -> None:
        """Say what the receiver answered: a receipt, or only its HTTP status; None: nothing within ten seconds."""
        receipt = answer if isinstance(answer, Receipt) else Receipt(answer)
        webhooks.settle(self._state, delivery, receipt, self._state.now())

    def next_webhook_at(self) -> int | None:
        """Say when to ask for due webhooks again (ms)."""
        return self._state.next_webhook_at(self._state.now())

    def attend(self, on_webhook: Callable[[], None] | None) -> None:
        """Tell the world that somebody carries its webhooks (None: nobody, they fail by themselves)."""
        self._state.attended = on_webhook is not None
        self._state.on_webhook = on_webhook

    def now(self) -> int:
        """Tell the world's time (ms UTC)."""
        return self._state.now()

    def counts(self) -> dict[str, int]:
        """Count what happened until now.

        Own tasks: posted, done (with a result or 40102), failed, fetched_distinct (a GET brought the final
        outcome), delivered (postback accepted), dropped (row left by age), dropped_unseen (and no window had
        ever shown it), expired_unfetched (result deleted, never fetched or delivered). Foreign ones:
        foreign_posted, foreign_collected. Calls: calls, polls, gets, gets_too_early, gets_unknown,
        gets_expired, throttled (40202 and 40209 given), unauthorized, accidents. Lists: listed, rows_shown,
        window_saturated_times (answers with exactly a full window). Webhooks: webhooks_sent, webhooks_failed.
        """
        state = self._state
        state.advance(state.now())
        return {**state.tally, "expired_unfetched": self._expired_unfetched()}

    def _expired_unfetched(self) -> int:
        state = self._state
        gone_before = state.now() - state.options.retention_ms
        return sum(
            task.owner == OWN and task.done and not task.fetched and task.delivered_at is None
            for account in state.accounts
            for task in takewhile(lambda task: task.posted_at <= gone_before, account.posted)
        )

    def truth(self, task_id: str) -> Truth:
        """Tell what really happened to a task until now."""
        state = self._state
        state.advance(state.now())
        task = state.tasks[task_id]
        return Truth(
            task.id, task.function.name, task.owner, task.posted_at, task.done_at, task.done, task.code,
            task in task.account.shelf(task.function.name), task.listed_at, task.shown_at, task.left_at,
            task.left_why, task.collected_at, task.delivered_at, frozenset(task.fetched), task.luck,
        )  # fmt: skip

    def task_ids(self) -> list[str]:
        """Give the ids of all tasks, oldest first."""
        return list(self._state.tasks)

    def _account(self, login: str | None) -> Account:
        accounts_ = self._state.accounts
        return next((one for one in accounts_ if login in one.options.logins), accounts_[0])
