"""What is true on the remote's side at an instant: accounts, tasks, lists, webhooks that are due.

Nothing runs by itself: whoever looks says what time it is, and everything that was due until then happens
first, in order. Knows no HTTP.
"""

import heapq
import random
from collections import Counter
from collections.abc import Callable

from daemon.simulator.bodies import Bodies
from daemon.simulator.catalogue import REPARSED
from daemon.simulator.faults import MODES, Faults
from daemon.simulator.limits import Limits
from daemon.simulator.messages import OK
from daemon.simulator.moments import HOUR_MS, SECOND_MS, task_id
from daemon.simulator.options import Options
from daemon.simulator.records import FOREIGN, OWN, Account, Delivery, Receipt, Task

COUNTED = (
    "posted", "foreign_posted", "rejected", "done", "failed", "fetched_distinct", "foreign_collected",
    "delivered", "calls", "polls", "gets", "gets_too_early", "gets_unknown", "gets_expired", "throttled",
    "unauthorized", "window_saturated_times", "rows_shown", "listed", "dropped", "dropped_unseen",
    "accidents", "webhooks_sent", "webhooks_failed", "reparsed",
)  # fmt: skip
"""What the world counts; `World.counts` explains."""

ANSWER_WITHIN_MS = 10 * SECOND_MS
"""A webhook's receiver has this long (docs)."""

USUAL_ANSWER_S = 0.35
"""What errors tells of an answer whose time nobody measured."""

MOST_RESPONSE = 2_000
"""So much of a receiver's answer is kept for errors (assumed: how much is not documented)."""

_REMEMBERED_CALLS = 20_000
_ODD = 0x9E3779B97F4B
"""Odd, so that multiplying by it modulo a power of two scatters numbers and never makes two alike."""

_CALLS = 2**40
"""Where the numbers of calls begin, far from those of tasks: no id is ever given twice."""

_REPARSED_AFTER_MS = 6 * HOUR_MS

Event = tuple[int, int, str, Task]


class State:
    """The world behind the URLs. Every method that takes `at` is told the time, in ms UTC."""

    def __init__(self, now: Callable[[], int], *, seed: int, faults: Faults, options: Options) -> None:
        """Begin with empty lists; `now` is only read by whoever calls `advance(now())`."""
        self.now = now
        self.seed = seed
        self.faults = faults
        self.options = options
        self.dice = random.Random(seed)
        self.modes = frozenset(name for name in MODES if faults.happens(name, self.dice))
        self.bodies = Bodies(seed, options.body_kb)
        self.tasks: dict[str, Task] = {}
        self.tally: Counter[str] = Counter(dict.fromkeys(COUNTED, 0))
        self.error_hours: list[tuple[int, int]] = []
        self.attended = False
        self.on_webhook: Callable[[], None] | None = None
        self.accounts = [
            Account(account, Limits("fixed_minutes" not in self.modes), account.balance)
            for account in options.accounts
        ]
        self._events: list[Event] = []
        self._webhooks: list[tuple[int, int, Delivery]] = []
        self._webhook_tasks: list[tuple[int, int]] = []
        self._handlers: dict[str, Callable[[Task, int], None]] = {
            "done": self._on_done,
            "list": self._on_list,
            "leave": self._on_leave,
            "reparse": self._on_reparse,
            "unanswered": self._on_unanswered,
        }
        self._call_ids: dict[str, None] = {}
        self._numbers = 0
        self._salt = random.Random(seed * 1_000_003 + now()).getrandbits(48)

    # Ids

    def number(self) -> int:
        """Give the next running number."""
        self._numbers += 1
        return self._numbers

    def make_id(self, account: Account, code: str, at: int, number: int) -> str:
        """Write an id: worlds with another seed or another birthday give others."""
        return task_id(at, account.options.user, code, number * _ODD + self._salt)

    def call_id(self, account: Account, code: str, at: int) -> str:
        """Give an id to a call that is no task: new each time, in the format of task ids."""
        made = self.make_id(account, code, at, _CALLS + self.number())
        self._call_ids[made] = None
        if len(self._call_ids) > _REMEMBERED_CALLS:
            del self._call_ids[next(iter(self._call_ids))]
        return made

    def is_call(self, some_id: str) -> bool:
        """Say whether this is the id of a call rather than of a task."""
        return some_id in self._call_ids

    # Time

    def advance(self, now: int) -> None:
        """Let everything happen that was due until `now`."""
        while self._events and self._events[0][0] <= now:
            at, _, kind, task = heapq.heappop(self._events)
            self._handlers[kind](task, at)

    def schedule(self, at: int, kind: str, task: Task) -> None:
        """Let something happen to a task later: done, list, leave, reparse or unanswered."""
        heapq.heappush(self._events, (at, self.number(), kind, task))

    def admit(self, task: Task) -> None:
        """Take a new task in."""
        self.tasks[task.id] = task
        task.account.posted.append(task)
        task.account.posted_to.setdefault(task.function.api, []).append(task)
        self.tally["posted" if task.owner == OWN else "foreign_posted"] += 1
        self.schedule(task.done_at, "done", task)
        if "pingback_url" in task.fields or "postback_url" in task.fields:
            heapq.heappush(self._webhook_tasks, (task.done_at, task.number))
            self._notify()

    def _on_done(self, task: Task, at: int) -> None:
        if task.done or at != task.done_at:
            return  # finished earlier than planned, by `finish`
        task.done = True
        failed = task.code not in {OK, 40102, 40106}
        if failed and task.function.name.endswith("llm_responses"):
            task.account.balance += task.cost  # docs: the advance for a task not completed is refunded
        if task.owner == OWN:
            self.tally["failed" if failed else "done"] += 1
        self._plan_webhook(task, at)
        if "postback_url" not in task.fields:
            self._plan_row(task, at)
        if "reparsed" in task.luck and task.function.name in REPARSED and not failed:
            self.schedule(at + _REPARSED_AFTER_MS, "reparse", task)

    def _plan_row(self, task: Task, at: int) -> None:
        if not task.is_never_listed:
            self.schedule(at + task.lag_ms, "list", task)

    def _on_list(self, task: Task, at: int) -> None:
        ends = task.done_at + self.options.visibility_ms
        if task.collected_at is not None or task.delivered_at is not None or at >= ends:
            return
        task.listed_at = at
        task.account.shelf(task.function.name).add(task)
        self.tally["listed"] += 1
        self.schedule(ends, "leave", task)

    def _on_leave(self, task: Task, at: int) -> None:
        if not self._take_off(task, at, "age"):
            return
        if task.owner == OWN:
            self.tally["dropped"] += 1
            self.tally["dropped_unseen"] += task.shown_at is None

    def _take_off(self, task: Task, at: int, why: str) -> bool:
        if not task.account.shelf(task.function.name).remove(task):
            return False
        task.left_at, task.left_why = at, why
        return True

    def _on_reparse(self, task: Task, at: int) -> None:
        del at
        task.revision += 1
        task.account.fixed.setdefault(task.function.name, {})[task.id] = task
        self.tally["reparsed"] += 1

    # What callers do

    def collect(self, task: Task, variant: str, at: int, *, keep_row: bool) -> None:
        """Note that a GET answered with a final outcome, and take the row away as the modes say."""
        if not keep_row:
            self.tally["fetched_distinct"] += task.owner == OWN and not task.fetched
            self.tally["foreign_collected"] += task.owner == FOREIGN and not task.fetched
            task.fetched.add(variant)
            task.row = None
        left = set(task.function.variants) - task.fetched
        if keep_row or ("variant_only" in self.modes and left):
            return
        task.collected_at = task.collected_at or at
        task.account.fixed.get(task.function.name, {}).pop(task.id, None)
        self._take_off(task, at, "collected")

    def finish(self, task: Task, at: int, code: int) -> None:
        """Let a task be done now instead of when it was planned."""
        task.done_at, task.code = at, code
        self.schedule(at, "done", task)
        self.advance(at)

    def reparse(self, task: Task, at: int) -> None:
        """Let the remote parse a result again, now."""
        self._on_reparse(task, at)

    # Webhooks

    def _plan_webhook(self, task: Task, at: int) -> None:
        for kind, method in (("pingback_url", "GET"), ("postback_url", "POST")):
            url = task.fields.get(kind)
            if isinstance(url, str) and url:
                low, high = self.options.webhook_delay_ms
                self.send_later(Delivery(task, kind, method, url, at + self.dice.randint(low, high)))

    def send_later(self, delivery: Delivery) -> None:
        """Queue a webhook for its due time."""
        heapq.heappush(self._webhooks, (delivery.due_at, self.number(), delivery))
        self.schedule(delivery.due_at + ANSWER_WITHIN_MS, "unanswered", delivery.task)
        self._notify()

    def _notify(self) -> None:
        if self.on_webhook is not None:
            self.on_webhook()

    def next_webhook_at(self, now: int) -> int | None:
        """Say when to look for webhooks again: when one is due, or a task that has one will be done."""
        while self._webhook_tasks and self._webhook_tasks[0][0] <= now:
            heapq.heappop(self._webhook_tasks)
        times = [heap[0][0] for heap in (self._webhooks, self._webhook_tasks) if heap]
        return min(times, default=None)

    def claim_webhooks(self, now: int) -> list[Delivery]:
        """Take the webhooks that are due; whoever takes one settles it."""
        due: list[Delivery] = []
        while self._webhooks and self._webhooks[0][0] <= now:
            due.append(heapq.heappop(self._webhooks)[2])
        return due

    def _on_unanswered(self, task: Task, at: int) -> None:
        """Count a webhook that nobody carries as failed: without a courier there is no receiver."""
        if self.attended:
            return
        for delivery in self.claim_webhooks(at - ANSWER_WITHIN_MS):
            self.settle_webhook(delivery, Receipt(None), at)
        del task

    def settle_webhook(self, delivery: Delivery, receipt: Receipt, at: int) -> None:
        """Note how a webhook went."""
        task, status = delivery.task, receipt.status
        if status is not None and 200 <= status < 300:
            self.tally["webhooks_sent"] += 1
            if delivery.kind == "postback_url" and task.delivered_at is None:
                task.delivered_at = at
                self.tally["delivered"] += task.owner == OWN
                self._take_off(task, at, "delivered")
            return
        self.tally["webhooks_failed"] += 1
        self.record_error(task, delivery, receipt, at)
        if delivery.kind == "postback_url" and not delivery.resend and task.listed_at is None:
            self._plan_row(task, at)

    def record_error(self, task: Task, delivery: Delivery, receipt: Receipt, at: int) -> None:
        """Remember a failed webhook for the errors endpoint.

        docs errors: `error_message` may be the URL; `http_time` and `http_response` are the receiver's.
        """
        usual_s = ANSWER_WITHIN_MS / 1000 if receipt.status is None else USUAL_ANSWER_S
        task.account.errors.append(
            {
                "id": task.id,
                "at": at,
                "function": delivery.kind,
                "error_code": 50000,
                "error_message": delivery.url,
                "http_url": delivery.url,
                "http_method": delivery.method,
                "http_code": receipt.status or 0,
                "http_time": round(usual_s if receipt.took_s is None else receipt.took_s, 4),
                "http_response": receipt.text[:MOST_RESPONSE] or None,
            }
        )
