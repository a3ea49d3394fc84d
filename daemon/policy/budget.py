"""How many calls may be made now. Counts in whatever milliseconds it is handed; knows no clock and no call.

Calls are spaced evenly (packaged limiters let twice the limit through or send a minute's worth in a blink), and an
exact window over the last calls makes sure that no minute ever holds more than the limit.

The remote counts arrivals. A call whose end is told has arrived at some moment between its start and its end; so it
counts from its start until a minute after its end, less the time that even the fastest call takes. However long calls
are held up on their way, no minute of the remote holds too many, and only the hold-up itself costs throughput.

Calls of id_list are made by several processes (the daemon, `readyd adopt`): those of the others count as well.
"""

from collections import deque
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

from daemon.policy.rules import MINUTE_MS
from ledger.records import AuditCall

MARGIN = 0.999
"""A minute of our clock may be a little less than one of theirs. Of small limits this leaves out one whole call."""

SMOOTH = 64
"""How long calls take is averaged over about so many: two seconds at the usual limit."""

CATCH_UP = 3
"""So many late slots may be made up for, so that a timer's jitter costs no throughput."""

TIGHTEN = 0.8
RECOVER_MS = 10 * 60_000
"""After the remote said that we ask too fast: a fifth slower, and back to the full rate over ten minutes."""

SILENCE_MS = 60_000
"""And nothing for a minute, because the remote counts minutes."""


LONGEST_MS = 80_000
"""A call is over by then: the client's deadline is a minute, and a last silence may come on top."""

BY_HAND = 0.75
"""Beside a daemon `readyd adopt` makes this part of id_list's calls at most (seven a minute, one for each API that has
an id_list): the daemon has the rest for its audits."""


@dataclass(frozen=True, slots=True)
class Limit:
    """So many calls in each `per_ms` milliseconds."""

    calls: int
    per_ms: int


class Limiter:
    """Hands out evenly spaced slots. `now` is monotonic ms; `share` is the part of the limit that is ours.

    Not `even`: whoever waits gets what the limit leaves, at once. That is for people, who wait for the answer.
    """

    def __init__(
        self,
        limit: Limit,
        share: float = 1.0,
        seed: Sequence[int] = (),
        *,
        even: bool = True,
        set_aside: int = 0,
    ) -> None:
        """Begin; `seed` are the instants of calls already made in the last window (before a restart).

        `set_aside` are calls within the limit that are counted elsewhere.
        """
        self._share = share
        self._set_aside = set_aside
        self._even = even
        self._limit = limit
        self._calls = 1
        self.allow(limit.calls)
        made = sorted(seed)
        self._counted: deque[int] = deque(at + limit.per_ms for at in made)  # until when each call counts
        self._others: deque[int] = deque()  # the last calls whose end nobody tells: lists, pages of id_list
        self._under_way = 0  # calls that count until their end is told, and longer
        self._fastest: int | None = None  # ms
        self._took = 0.0  # ms, on average
        self._next: float | None = made[-1] + self._spacing() if made and even else None
        self._silent_until: int | None = None
        self._factor = 1.0
        self._tightened_at = 0

    def allow(self, calls: int) -> None:
        """Follow what the account allows from now on."""
        self._limit = Limit(calls, self._limit.per_ms)
        self._calls = max(1, int(min(calls * MARGIN, calls - self._set_aside) * self._share))

    def wait_ms(self, now: int, others: Sequence[int] = ()) -> int:
        """How long to wait for the next slot; 0: it is here. `others`: until when each call of somebody else counts."""
        self._forget(now)
        waits = [0]
        if self._silent_until is not None:
            waits.append(self._silent_until - now)
        if self._next is not None:
            waits.append(int(self._next - now))
        counted = sorted([*self._counted, *others]) if others else self._counted
        spare = self._calls - self._under_way - len(counted)
        if spare <= 0:
            free = counted[-spare] - now if -spare < len(counted) else int(self._spacing(now)) + 1
            waits.append(free)
        return max(waits)

    def take(self, now: int) -> None:
        """Use a slot now, for a call whose end nobody will tell: it counts from its start."""
        self._use(now)
        self._others.append(now)
        self._count_until(now + self._limit.per_ms)

    def begin(self, now: int) -> None:
        """Use a slot now, for a call whose end will be told."""
        self._use(now)
        self._under_way += 1

    def end(self, now: int, took: int | None) -> None:
        """Hear that a call that was begun is over, and how long it took; None: it brought no answer."""
        self._under_way -= 1
        if took is None:
            self._count_until(now + self._limit.per_ms)
            return
        if self._fastest is None:
            self._fastest, self._took = took, took
        self._fastest = min(self._fastest, took)
        self._took += (took - self._took) / SMOOTH
        self._count_until(now + self._limit.per_ms - self._fastest)

    def tighten(self, now: int) -> None:
        """Obey the remote's word that we ask too fast."""
        self._factor = max(0.1, self._current(now) * TIGHTEN)
        self._tightened_at = now
        self._silent_until = now + SILENCE_MS

    def starts(self, due: Sequence[int]) -> list[int]:
        """Foretell when calls that are due at these instants, in order, would begin; none is counted."""
        trial, now, found = deepcopy(self), 0, []
        for at in due:
            now = max(now, at)
            while wait := trial.wait_ms(now):
                now += wait
            trial.take(now)
            found.append(now)
        return found

    def rate_per_ms(self, now: int, lanes: int | None = None) -> float:
        """Return how many GETs get through in a ms, for planning.

        With so many lanes, GETs as slow as they have been, and as many other calls beside them as in the last minute.
        """
        self._forget(now)
        held_up = self._took - (self._fastest or 0)
        calls = max(1.0, self._calls * self._current(now) - len(self._others))
        rate = calls / (self._limit.per_ms + held_up)
        return min(rate, lanes / self._took) if lanes and self._took else rate

    def _use(self, now: int) -> None:
        if not self._even:
            return
        spacing = self._spacing(now)
        earliest = now - CATCH_UP * spacing
        slot = now if self._next is None else max(self._next, earliest)
        self._next = slot + spacing

    def _count_until(self, instant: int) -> None:
        # Kept in order: a call that would count less long than the one before counts as long as that one.
        self._counted.append(max(instant, self._counted[-1]) if self._counted else instant)

    def _spacing(self, now: int | None = None) -> float:
        factor = 1.0 if now is None else self._current(now)
        return self._limit.per_ms / (self._calls * factor)

    def _current(self, now: int) -> float:
        healed = (1 - self._factor) * min(1.0, max(0, now - self._tightened_at) / RECOVER_MS)
        return self._factor + healed

    def _forget(self, now: int) -> None:
        while self._counted and self._counted[0] <= now:
            self._counted.popleft()
        while self._others and self._others[0] <= now - self._limit.per_ms:
            self._others.popleft()
        if self._silent_until is not None and now >= self._silent_until:
            self._silent_until = None


def counts_until(call: AuditCall) -> int:
    """Say until when another process's call counts (ms UTC): a minute after its end, for it arrived before that."""
    end = call.asked_at + LONGEST_MS if call.answered_at is None else call.answered_at
    return end + MINUTE_MS
