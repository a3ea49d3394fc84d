"""Which page of id_list to ask next, and when: readyd's second pair of eyes. Knows no wire and asks nobody.

id_list shows every task of an API by its time of posting: those hidden behind full windows, those that Tasks Ready
has forgotten, failed and pending ones. A *sweep* goes through the stretches of posting time whose tasks have no exact
completion time yet, page by page, and leaves out what lies between them. The cursor is in the ledger, so a restart
goes on where it was.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from daemon.policy.rules import MINUTE_MS, Rules
from ledger.records import Audit, Look, Outstanding

PAGE_ROWS = 1000
"""docs id_list: the most rows of one answer."""


class Why(StrEnum):
    """Why an API is audited; the same word in the call's row and in logs."""

    GOES_ON = "sweep goes on"
    HIDDEN = "windows saturated"
    PACE = "usual pace"
    FAILED = "last call failed"
    BY_HAND = "adopted by hand"  # `readyd adopt`, beside every sweep


@dataclass(frozen=True, slots=True)
class Turn:
    """An API whose turn it is at `due_at` (ms UTC)."""

    api: str
    why: Why
    due_at: int
    hidden: bool  # some window of it was saturated lately


@dataclass(frozen=True, slots=True)
class Page:
    """One call: rows `offset` and later of what was posted from `from_at` to `to_at` (ms UTC, both included)."""

    from_at: int
    to_at: int
    offset: int = 0


def turns(
    outstanding: Sequence[Outstanding],
    looks: Mapping[str, Look],
    audits: Mapping[str, Audit],
    apis: Iterable[str],
    now: int,
    rules: Rules,
    *,
    overtaken: Collection[str] = (),
) -> list[Turn]:
    """Say whose turn it is, who has waited longest first; a future one tells when to plan again.

    `apis` are those that have an id_list. One with nothing outstanding is audited only to find tasks to adopt, or if
    it is among the `overtaken`: some of its results came home before anything told when they were done.
    """
    young = now - rules.audit_young_ms
    waiting = {_api_of(one.function) for one in outstanding if one.oldest_posted_at <= young}
    # A sweep is finished though all its tasks are home by now: it tells when they were done.
    sweeping = {api for api, one in audits.items() if one.sweep_at is not None}
    wanted = [api for api in apis if api in waiting | sweeping or api in overtaken or adopts(api, rules)]
    found = [
        _turn(api, audits.get(api), now, rules, hidden=_is_hidden(api, looks, now, rules)) for api in wanted
    ]
    return sorted(found, key=lambda turn: (turn.due_at, turn.api))


def adopts(api: str, rules: Rules) -> bool:
    """Say whether an adoption rule may match a function of this API; by the pattern's words before its first glob."""
    return any(_may_match(rule.function, api) for rule in rules.adopt_rules)


def young_at(now: int, rules: Rules, *, hidden: bool) -> int:
    """Return the posting time from which on tasks are too young for an audit (ms UTC).

    Where windows are saturated nobody else can see them, so there a minute is enough.
    """
    return now - (rules.audit_young_ms if hidden else rules.audit_age_ms)


def stretches(minutes: Sequence[int], audit: Audit | None, api: str, now: int, rules: Rules) -> list[Page]:
    """Cut what a sweep is to see into stretches of posting time, with a margin for clocks that differ.

    `minutes` are the starts of the minutes in which tasks without exact completion time were posted, sorted. A sweep
    under way sees nothing that was posted after it began, or it would never end.
    """
    until = now if audit is None or audit.sweep_at is None else audit.sweep_at
    since = now - rules.audit_reach_ms
    margin = rules.audit_margin_ms
    # What came later is the next sweep's: without this the margin alone would cost each long sweep a call.
    wanted = [(at - margin, at + MINUTE_MS + margin) for at in minutes if at <= until]
    if adopts(api, rules):
        seen_to = None if audit is None else audit.seen_to
        wanted.append((now - rules.adopt_reach_ms if seen_to is None else seen_to - margin, until))
    clipped = [(max(start, since), min(end, until)) for start, end in sorted(wanted)]
    return list(_joined([(start, end) for start, end in clipped if start < end], rules))


def next_page(audit: Audit | None, pages: Sequence[Page]) -> Page | None:
    """Choose the page to ask: the one the cursor names, else the next stretch; None: the sweep is through."""
    if audit is None or audit.sweep_at is None:
        return pages[0] if pages else None
    if audit.from_at is not None and audit.to_at is not None:
        return Page(audit.from_at, audit.to_at, audit.offset)
    seen_to = audit.to_at
    if seen_to is None:
        return pages[0] if pages else None
    ahead = (page for page in pages if page.to_at > seen_to)
    return next((replace(page, from_at=max(page.from_at, seen_to)) for page in ahead), None)


def begun(api: str, audit: Audit | None, page: Page, now: int) -> Audit:
    """Write the cursor on this page; a sweep begins if none is under way."""
    audit = audit or Audit(api, None, None, 0, None, None, None, 0, None, None, 0, 0)
    if audit.sweep_at is None:
        audit = replace(audit, sweep_at=now, rows=0, foreign=0)
    return replace(audit, from_at=page.from_at, to_at=page.to_at, offset=page.offset)


def turned(audit: Audit, rows: int, foreign: int) -> Audit:
    """Move the cursor behind a page that brought so many rows: a full one has a next one."""
    audit = replace(audit, rows=audit.rows + rows, foreign=audit.foreign + foreign)
    if rows >= PAGE_ROWS:
        return replace(audit, offset=audit.offset + rows)
    return replace(audit, from_at=None, offset=0)


def finished(audit: Audit, now: int, rules: Rules) -> Audit:
    """End a sweep. One that looks for tasks to adopt has seen all that was posted before it began."""
    seen_to = audit.sweep_at if adopts(audit.api, rules) else audit.seen_to
    return replace(audit, sweep_at=None, from_at=None, to_at=None, offset=0, finished_at=now, seen_to=seen_to)


def _turn(api: str, audit: Audit | None, now: int, rules: Rules, *, hidden: bool) -> Turn:
    why, due_at = _when(audit, now, rules, hidden=hidden)
    return Turn(api, why, due_at, hidden)


def _when(audit: Audit | None, now: int, rules: Rules, *, hidden: bool) -> tuple[Why, int]:
    if audit is None or audit.asked_at is None or audit.asked_at > now:
        # Never asked; or asked in the future, before somebody set the clock back.
        return Why.PACE, now
    if audit.failures:
        pause = min(rules.audit_ms << min(audit.failures - 1, 20), rules.audit_failed_most_ms)
        return Why.FAILED, audit.asked_at + pause
    if audit.answered_at is None or audit.answered_at < audit.asked_at:
        # No network, say: no fault of this API, and the pause of all calls does the waiting.
        return Why.FAILED, audit.asked_at
    if audit.sweep_at is not None:
        return Why.GOES_ON, audit.asked_at
    if hidden:
        return Why.HIDDEN, audit.asked_at + rules.audit_hurried_ms
    return Why.PACE, audit.asked_at + rules.audit_ms


def _api_of(function: str) -> str:
    return function.partition("/")[0]


def _is_hidden(api: str, looks: Mapping[str, Look], now: int, rules: Rules) -> bool:
    """Say whether some window of this API was saturated lately."""
    return any(
        look.saturated and look.answered_at is not None and now - look.answered_at <= rules.recent_look_ms
        for path, look in looks.items()
        if path.startswith(f"/v3/{api}/")
    )


def _may_match(pattern: str | None, api: str) -> bool:
    if pattern is None:
        return True
    fixed = pattern
    for glob in "*?[":
        fixed = fixed.partition(glob)[0]
    whole = f"{api}/"
    return whole.startswith(fixed) or fixed.startswith(whole)


def _joined(wanted: Iterable[tuple[int, int]], rules: Rules) -> Iterator[Page]:
    """Join stretches that are so near that what lies between them costs less than another call."""
    start = end = None
    for low, high in wanted:
        if start is not None and end is not None:
            if low - end <= rules.audit_gap_ms:
                end = max(end, high)
                continue
            yield Page(start, end)
        start, end = low, high
    if start is not None and end is not None:
        yield Page(start, end)
