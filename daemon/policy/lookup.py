"""Whether a task whose answer was lost exists: what proves it absent. Knows no wire and asks nobody.

A second POST is a second bill, so absence must be proven, and silence is no proof. A task counts as absent when two
whole reads of id_list did not show its key, and each of them could not have missed it:

*   The first read begins after a grace time, and the second some minutes after the first ended: a call that was still
    on its way has arrived by then, and a list that lags has caught up. Both times count on a clock that nobody sets,
    across processes too (`run --once`) while the machine runs; another start of it begins the proof anew.
*   A read covers everything posted from well before the call until the read began. While the ledger knows tasks of
    answered calls in that period, they are witnesses: a read that does not show every one of them is void (a wrong
    account, a lagging list, a clock that was wrong). Without witnesses the margin before the call is a whole day.
*   The remote's own clock (HTTP Date) must agree with ours, or nobody knows which period was read.
*   Pages overlap. If the end of one is not the beginning of the next, rows moved while we read, one of them may have
    slipped through, and the read is void.
*   Every row that the ledger does not know must bring its metadata: without it no tag, and without tag no key.

Where a function carries no tag, or its API has no id_list, there is no proof, and a person must say what to do.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from daemon.policy.rules import Rules
from ledger.intent_records import Undated, Unknown

PAGE_ROWS = 1000
"""docs id_list: the most rows of one answer."""


class Flaw(StrEnum):
    """Why a read proves nothing; the same words in logs."""

    MOVED = "rows moved between two pages"
    UNTOLD = "a row that the ledger does not know came without metadata"
    CLOCK = "the remote's clock and ours differ"
    WITNESS = "tasks that are known to exist were not shown"


@dataclass(frozen=True, slots=True)
class Read:
    """One read of id_list under way: `offset` is where the next page starts. Instants are ms UTC."""

    api: str
    since: int
    until: int
    calls: frozenset[int]  # of task_post, whose tasks it looks for
    begun_ticks: int  # monotonic ms
    offset: int = 0
    tail: tuple[str, ...] = ()  # the last ids of the page before
    missing: frozenset[str] = frozenset()  # witnesses that were not shown yet
    pages: int = 0


@dataclass(frozen=True, slots=True)
class Shown:
    """One page, as much of it as proof needs."""

    ids: Sequence[str]  # in order
    row_count: int
    untold: bool  # an unknown row without metadata
    server_at: int | None  # the remote's clock, ms UTC


@dataclass(slots=True)
class Proofs:
    """How far the proof of each call is; monotonic ms. What is lost of it costs minutes and proves nothing."""

    noticed: dict[int, int] = field(default_factory=dict)  # call -> when its doubt began
    first: dict[int, int] = field(default_factory=dict)  # call -> when a first read without its keys ended
    voids: dict[str, int] = field(default_factory=dict)  # API -> reads in a row that proved nothing
    not_before: dict[str, int] = field(default_factory=dict)  # API -> when the next read may begin
    inherited: set[int] = field(default_factory=set)  # calls that an earlier process noticed too

    def due(self, calls: Sequence[Unknown], ticks: int, rules: Rules) -> list[Unknown]:
        """Return the calls whose time for a read has come, and forget those that are no longer in doubt."""
        here = {one.call_id for one in calls}
        self.noticed = {call: at for call, at in self.noticed.items() if call in here}
        self.first = {call: at for call, at in self.first.items() if call in here}
        self.inherited &= here
        for call in here:
            self.noticed.setdefault(call, ticks)
        return [one for one in calls if self._is_due(one.call_id, ticks, rules)]

    def _is_due(self, call: int, ticks: int, rules: Rules) -> bool:
        first = self.first.get(call)
        if first is not None:
            return ticks - first >= rules.lookup_between_ms
        return ticks - self.noticed[call] >= rules.lookup_grace_ms

    def anew(self) -> None:
        """Forget what was read, but not since when there is a doubt: that counts on a clock that nobody sets."""
        self.first.clear()
        self.voids.clear()
        self.not_before.clear()

    def may_read(self, api: str, ticks: int) -> bool:
        """Say whether the pause after the last void read of an API is over."""
        return ticks >= self.not_before.get(api, 0)

    def read_void(self, api: str, ticks: int, rules: Rules) -> None:
        """Note a read that proved nothing: the next one begins later, and ever later."""
        self.voids[api] = self.voids.get(api, 0) + 1
        least, most = rules.lookup_retry_ms, rules.lookup_retry_most_ms
        self.not_before[api] = ticks + min(least << min(self.voids[api] - 1, 20), most)

    def read_whole(self, read: Read, ticks: int, rules: Rules) -> set[int]:
        """Note a whole read without flaw; return the calls whose tasks are now proven absent."""
        self.voids.pop(read.api, None)
        proven = set()
        for call in read.calls & self.noticed.keys():
            first = self.first.get(call)
            if first is None:
                if read.begun_ticks - self.noticed[call] >= rules.lookup_grace_ms:
                    self.first[call] = ticks
            elif read.begun_ticks - first >= rules.lookup_between_ms:
                proven.add(call)
        return proven


def resumed(noted: Proofs, ticks: int, rules: Rules, *, same_boot: bool) -> Proofs:
    """Return what counts of the proofs that an earlier process noted down.

    Both count on one clock while the machine runs, and no longer: after that, and for whatever that clock has not come
    to yet, the proof begins anew. It never gets shorter by that.
    """
    inherited = set(noted.noticed)
    if not same_boot:
        return Proofs(inherited=inherited)
    noticed = {call: at for call, at in noted.noticed.items() if 0 <= at <= ticks}
    return Proofs(
        noticed,
        {
            call: at
            for call, at in noted.first.items()
            if call in noticed and noticed[call] + rules.lookup_grace_ms <= at <= ticks
        },
        {api: count for api, count in noted.voids.items() if count > 0},
        {api: at for api, at in noted.not_before.items() if at <= ticks + rules.lookup_retry_most_ms},
        inherited,
    )


def period(begun_at: Collection[int], now: int, rules: Rules, *, witnesses: bool) -> tuple[int, int]:
    """Return the period of posting that a read for calls begun at these instants must cover."""
    margin = rules.lookup_margin_ms if witnesses else rules.lookup_blind_margin_ms
    return min(*begun_at, now) - margin, now


def begun_after(call: Unknown, undated: Undated, started_at: int, now: int, rules: Rules) -> int:
    """Return the instant after which a call was begun, however wrong the clock may have been that dated it.

    Of a call that is `undated`, or dated ahead of now, nobody knows by how much the clock was ahead: then it may have
    been at any time of which id_list tells, unless the clock was set right so long ago that it must be older. Before
    `started_at` another process sent it, and nobody watched the clock since: a day allows for that. To read too little
    would prove a task absent that is there, and it would be paid for twice.
    """
    earliest = now - rules.audit_metadata_ms + rules.lookup_blind_margin_ms + 1  # a whole read is possible
    if call.begun_at > now:
        return earliest
    if call.call_id <= undated.call_id:
        if undated.at <= earliest:
            return undated.at - rules.audit_metadata_ms
        return min(call.begun_at, earliest)
    if call.begun_at < started_at:
        return min(call.begun_at, max(earliest, call.begun_at - rules.lookup_unwatched_ms))
    return call.begun_at


def within_reach(begun_at: Iterable[int], now: int, rules: Rules, *, witnesses: bool) -> list[int]:
    """Return those of these calls for which id_list still tells the metadata of a whole period.

    One that is too old, about which only a person can decide, keeps no younger one from being looked up.
    """
    reach = now - rules.audit_metadata_ms
    return [at for at in begun_at if period([at], now, rules, witnesses=witnesses)[0] > reach]


def turned(read: Read, page: Shown, now: int, rules: Rules) -> tuple[Read, bool, Flaw | None]:
    """Take a page in: the read from here on, whether it is whole, and what makes it void."""
    flaw = _flaw(read, page, now, rules)
    seen = replace(read, missing=read.missing - set(page.ids), pages=read.pages + 1)
    if flaw is not None:
        return seen, False, flaw
    if page.row_count < PAGE_ROWS:
        return seen, not seen.missing, Flaw.WITNESS if seen.missing else None
    step = page.row_count - rules.lookup_overlap
    return replace(seen, offset=read.offset + step, tail=tuple(page.ids[step:])), False, None


def _flaw(read: Read, page: Shown, now: int, rules: Rules) -> Flaw | None:
    if page.untold:
        return Flaw.UNTOLD
    if page.server_at is None or abs(page.server_at - now) > rules.lookup_skew_ms:
        return Flaw.CLOCK
    if tuple(page.ids[: len(read.tail)]) != read.tail:
        return Flaw.MOVED
    return None
