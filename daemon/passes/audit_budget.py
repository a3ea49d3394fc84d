"""The budget of id_list calls, kept by all processes of a ledger together. Knows no page and does not call.

id_list may be asked 10 times a minute by the whole account; the daemon and `readyd adopt` both ask it, and the calls of
`readyd resend` are counted with theirs. Each call is in the ledger before it is made, and is only written if no other
has come since the calls were counted. So two processes never take the same slot.
"""

import contextlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from daemon.clock import Clock
from daemon.policy.audit import Page, Why
from daemon.policy.budget import LONGEST_MS, Limiter, counts_until
from daemon.policy.rules import MINUTE_MS
from ledger.audits import AuditTable
from ledger.records import AuditCall

OWN = 100
"""So many of our calls are remembered: more than count at any moment."""


@dataclass(slots=True)
class AuditBudget:
    """Says when id_list may be asked. Our own calls are counted on the monotonic clock, others' in the ledger."""

    calls: AuditTable
    clock: Clock
    limiter: Limiter
    by_hand: Limiter | None = None  # bounds the calls of commands once more, where a daemon is to have some
    _newest: int = 0  # the newest call that was counted
    _own: deque[int] = field(default_factory=lambda: deque(maxlen=OWN))

    def wait_ms(self) -> int:
        """How long to wait for the next slot, as far as is known by now; 0: it is here, and `begin` may take it."""
        ticks, now = self._ticks(), self.clock.now()
        calls, self._newest = self.calls.calls_since(now - LONGEST_MS - MINUTE_MS)
        # Calls of the far future were begun before somebody set the clock back.
        others = [call for call in calls if call.id not in self._own and call.asked_at <= now + MINUTE_MS]
        wait = self.limiter.wait_ms(ticks, _ends(others, ticks - now, ticks))
        if self.by_hand is None:
            return wait
        commands = [call for call in others if call.why == Why.BY_HAND]
        return max(wait, self.by_hand.wait_ms(ticks, _ends(commands, ticks - now, ticks)))

    def begin(self, api: str, why: str, page: Page, *, sweep: bool = True) -> int | None:
        """Write the call down and return its id; None: another process was quicker, so ask `wait_ms` again."""
        call_id = self.calls.begin(
            api, why, self.clock.now(), from_at=page.from_at, to_at=page.to_at, offset=page.offset,
            newest=self._newest, sweep=sweep,
        )  # fmt: skip
        if call_id is not None:
            self._own.append(call_id)
        return call_id

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """Count the call that is made inside the block, until a minute after it has arrived."""
        began, answered = self._ticks(), False
        limiters = [self.limiter] if self.by_hand is None else [self.limiter, self.by_hand]
        for limiter in limiters:
            limiter.begin(began)
        try:
            yield
            answered = True
        finally:
            ended = self._ticks()
            for limiter in limiters:
                limiter.end(ended, ended - began if answered else None)

    def tighten(self) -> None:
        """Obey the remote's word that id_list is asked too often: other software of the account may use it."""
        self.limiter.tighten(self._ticks())

    def _ticks(self) -> int:
        return round(self.clock.monotonic() * 1000)


def _ends(calls: Iterable[AuditCall], offset: int, ticks: int) -> list[int]:
    """Say until when calls count, on the monotonic clock; it is `offset` ahead of the wall clock."""
    return [end for call in calls if (end := counts_until(call) + offset) > ticks]
