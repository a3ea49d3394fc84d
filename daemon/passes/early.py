"""Webhooks that come before their task is recorded: remembered for a while, as hints. Knows no request.

A quick task can be done before its poster has handed the answer of task_post to the ledger. Nothing is lost without
the hint, because the remote keeps the result for a GET by id; with it, that GET is made at once.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from daemon.passes.tools import Tools
from daemon.policy.arrivals import AWAITED
from ledger.deliveries import Arrival
from ledger.errors import LedgerError
from ledger.records import Reason

MOST = 10_000
KEEP_MS = 3_600_000
LOOK_S = 5
"""While there are hints, the ledger is asked this often whether it knows their tasks by now."""


@dataclass(frozen=True, slots=True)
class Hint:
    """An unknown task of which a webhook said that it is done."""

    reason: Reason
    at: int


class Early:
    """The hints of one receiver; in memory, since losing them costs only time."""

    def __init__(self, tools: Tools, wake: Callable[[], None]) -> None:
        """Remember nothing yet; `wake` is told when a hint came true."""
        self._tools = tools
        self._wake = wake
        self._hints: OrderedDict[str, Hint] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def remember(self, task_id: str, hint: Hint) -> None:
        """Keep a hint; the oldest one makes room."""
        self._hints.setdefault(task_id, hint)
        if len(self._hints) > MOST:
            self._hints.popitem(last=False)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def forget(self) -> None:
        """Drop everything: the receiver ends."""
        self._hints.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        try:
            self._match()
        except LedgerError as error:
            self._tools.ledger_failed(error, "receive")
        now = self._tools.now()
        for task_id in [one for one, hint in self._hints.items() if now - hint.at > KEEP_MS]:
            del self._hints[task_id]
        if self._hints:
            self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def _match(self) -> None:
        known = self._tools.ledger.tasks.candidates_of(list(self._hints))
        # The task may count as posted when it was recorded: nothing is done before that.
        signs = [
            Arrival(one.id, self._hints[one.id].reason, None, max(self._hints[one.id].at, one.posted_at))
            for one in known.values()
            if one.state in AWAITED
        ]
        if signs:
            self._tools.ledger.record_arrivals(signs, [], lag_ms=self._tools.rules.list_lag_ms)
            self._wake()
        for task_id in known:
            del self._hints[task_id]
