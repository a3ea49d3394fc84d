"""Which listing to ask next, and when. Knows what listings cover and what they last said; asks nobody.

The umbrella of an API comes first. When its window is saturated, the type lists below it that still have
outstanding tasks are asked too. Nothing outstanding, nothing asked.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from daemon.policy.rules import MINUTE_MS, Rules
from ledger.records import Look, Outstanding


class Why(StrEnum):
    """Why a listing is asked; the same word in the poll's row and in logs."""

    FIRST = "first look"
    HURRIED = "hurried tasks outstanding"
    PACE = "usual pace"
    SATURATED = "window saturated"
    DRILL_DOWN = "umbrella saturated"
    FAILED = "last call failed"


@dataclass(frozen=True, slots=True)
class Scope:
    """What one listing covers. `family` is the API whose umbrella and type lists belong together."""

    listing: str
    functions: frozenset[str]
    umbrella: bool
    family: str


@dataclass(frozen=True, slots=True)
class Ask:
    """One call worth making, not before `due_at` (ms UTC)."""

    listing: str
    why: Why
    due_at: int


def plan(
    outstanding: Sequence[Outstanding],
    looks: Mapping[str, Look],
    scopes: Sequence[Scope],
    now: int,
    rules: Rules,
) -> list[Ask]:
    """List the calls worth making, the soonest first; the first future one tells when to plan again."""
    families = {scope.family: scope for scope in scopes if scope.umbrella}
    asks = []
    for scope in scopes:
        covered = [one for one in outstanding if one.function in scope.functions]
        if not covered:
            continue
        umbrella = None if scope.umbrella else families.get(scope.family)
        if umbrella is None:
            asks.append(_ask(scope, covered, looks.get(scope.listing), rules, drilled=False))
        elif _hides(looks.get(umbrella.listing), now, rules) and any(one.posted for one in covered):
            asks.append(_ask(scope, covered, looks.get(scope.listing), rules, drilled=True))
    # Who has been due for longest comes first, or full windows, due again every few seconds, would take every call.
    return sorted(asks, key=lambda ask: (ask.due_at, _order(ask), ask.listing))


def coming(asks: Iterable[Ask], now: int, rules: Rules) -> list[int]:
    """Return after how many ms each call of the next minute is due, in order: full windows are asked repeatedly."""
    waits: list[int] = []
    for ask in asks:
        first = max(0, ask.due_at - now)
        again = rules.pace_saturated_ms if ask.why in (Why.SATURATED, Why.DRILL_DOWN) else MINUTE_MS
        waits += range(first, MINUTE_MS, again)
    return sorted(waits)


def unanswered_since(
    outstanding: Sequence[Outstanding],
    looks: Mapping[str, Look],
    scopes: Sequence[Scope],
    now: int,
    rules: Rules,
) -> int | None:
    """Return since when a listing should have been read and was not; None: none is overdue.

    That is the plan as it would be, had the calls that brought no list never been made.
    """
    answered = {path: replace(look, asked_at=look.answered_at, failures=0) for path, look in looks.items()}
    asks = plan(outstanding, answered, scopes, now, rules)
    due = min((ask.due_at for ask in asks), default=now)
    return due if due < now else None


def clear_at(function: str, looks: Mapping[str, Look], scopes: Iterable[Scope]) -> int | None:
    """Return the last instant at which an unsaturated listing covered this function; None: never."""
    instants = [
        look.clear_at
        for scope in scopes
        if function in scope.functions
        and (look := looks.get(scope.listing)) is not None
        and look.clear_at is not None
    ]
    return max(instants, default=None)


def _hides(look: Look | None, now: int, rules: Rules) -> bool:
    """Say whether an umbrella's newest answer was saturated, and recently."""
    return (
        look is not None
        and look.saturated
        and look.answered_at is not None
        and now - look.answered_at <= rules.recent_look_ms
    )


def _ask(scope: Scope, covered: list[Outstanding], look: Look | None, rules: Rules, *, drilled: bool) -> Ask:
    if look is None or look.asked_at is None:
        # One look at once: the ledger may be new, and its tasks old.
        oldest = min(one.oldest_posted_at for one in covered)
        return Ask(scope.listing, Why.DRILL_DOWN if drilled else Why.FIRST, oldest)
    if look.failures:
        pause = min(rules.pace_failed_ms * 2 ** min(look.failures - 1, 10), rules.pace_failed_most_ms)
        return Ask(scope.listing, Why.FAILED, look.asked_at + pause)
    if look.saturated and any(one.posted for one in covered):
        return Ask(scope.listing, Why.SATURATED, look.asked_at + rules.pace_saturated_ms)
    if drilled:
        return Ask(scope.listing, Why.DRILL_DOWN, look.asked_at + rules.pace_saturated_ms)
    why, pace = _pace(scope, covered, rules)
    soonest = _soonest_done(covered, rules)
    return Ask(scope.listing, why, soonest if soonest > look.asked_at else look.asked_at + pace)


def _soonest_done(covered: list[Outstanding], rules: Rules) -> int:
    """Return the first instant at which a look is worth its call: a fifth of the usual turnaround after posting."""
    return min(one.oldest_posted_at + rules.turnaround(one.function).usual_ms // 5 for one in covered)


def _pace(scope: Scope, covered: list[Outstanding], rules: Rules) -> tuple[Why, int]:
    if any(one.hurried for one in covered):
        return Why.HURRIED, rules.pace_hurried_ms
    if scope.family == "on_page":
        return Why.PACE, rules.pace_on_page_ms
    return Why.PACE, rules.pace_normal_ms


def _order(ask: Ask) -> int:
    """Of calls due at the same instant: saturated windows first, then hurried ones."""
    return {Why.SATURATED: 0, Why.DRILL_DOWN: 1, Why.HURRIED: 2, Why.FIRST: 3}.get(ask.why, 4)
