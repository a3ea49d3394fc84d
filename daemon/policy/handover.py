"""What follows from a hand-over that failed, and which results a target gets. Knows no door and no clock.

A target that is down pauses itself; a result that a target does not want waits alone. Which of the two it was is not
always said: a server may break on one result and answer 500. So a result that failed while the target took another
one in between is to blame itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from daemon.policy import choices
from daemon.policy.alerts import AlertKind, Condition
from daemon.policy.choices import Pattern
from daemon.policy.rules import Rules
from ledger.handover_records import Handover, HandoverTrouble, Home, Target


class Blame(StrEnum):
    """What a failed hand-over is about."""

    TARGET = "target"  # it cannot be reached, is full, or refuses us
    RESULT = "result"  # it was read and is not wanted, or cannot be written
    LEDGER = "ledger"  # it is not there to be handed over; the target was not asked


@dataclass(frozen=True, slots=True)
class Failure:
    """A hand-over that failed: what the door says of it, as a sentence."""

    blame: Blame
    problem: str
    retry_after_ms: int | None = None  # the target's own wish


def wanted(pattern: Pattern, home: Iterable[Home]) -> list[Home]:
    """Choose what a target gets by its patterns of function and tag."""
    return [one for one in home if choices.matches(pattern, one.function, one.tag)]


def pause_ms(target: Target, now: int, rules: Rules) -> int:
    """Say how long a target must be left alone; 0: it may be tried now.

    A pause longer than the longest was noted before somebody set the clock back.
    """
    left = 0 if target.next_try_at is None else target.next_try_at - now
    return left if 0 < left <= latest(0, rules) else 0


def latest(now: int, rules: Rules) -> int:
    """Return the last instant for which a try can have been noted by `now`."""
    return now + max(rules.handover_most_ms, rules.handover_refused_most_ms)


def after(failure: Failure, one: Handover, target: Target, now: int, rules: Rules) -> HandoverTrouble:
    """Decide when the result, and when its target, may be tried again."""
    if failure.blame is Blame.LEDGER:
        held = _not_wanted(failure, one, now, rules)
        return replace(held, failures=target.failures, failing_since=target.failing_since)
    own_fault = one.attempts > 0 and target.failures == 0
    if failure.blame is Blame.RESULT or own_fault:
        return _not_wanted(failure, one, now, rules)
    failures = target.failures + 1
    pause = _doubled(rules.handover_least_ms, failures, rules.handover_most_ms)
    resume_at = now + max(pause, min(failure.retry_after_ms or 0, rules.handover_most_ms))
    since = now if target.failing_since is None else target.failing_since
    # Another result finds out whether it is back, if there is one: this one could be what breaks it.
    return HandoverTrouble(one.attempts + 1, resume_at + 1, failures, since, resume_at, failure.problem)


def _not_wanted(failure: Failure, one: Handover, now: int, rules: Rules) -> HandoverTrouble:
    attempts = one.attempts + 1
    pause = _doubled(rules.handover_refused_least_ms, attempts, rules.handover_refused_most_ms)
    return HandoverTrouble(attempts, now + pause, 0, None, None, failure.problem)


def _doubled(least: int, times: int, most: int) -> int:
    return min(least << min(max(times - 1, 0), 20), most)


def conditions(targets: Sequence[Target], known: Iterable[str], now: int, rules: Rules) -> list[Condition]:
    """Tell of targets that take nothing, or not everything: at most one condition each.

    `known` are the names in the settings; a target that was taken out of them is nobody's concern.
    """
    names = set(known)
    found = [_condition(one, now, rules) for one in targets if one.name in names]
    return [one for one in found if one is not None]


def _condition(one: Target, now: int, rules: Rules) -> Condition | None:
    if one.failing_since is not None and now - one.failing_since >= rules.handover_down_ms:
        detail = f"target {one.name} takes no results: {one.problem}"
        return Condition(AlertKind.HANDOVER, one.name, "warning", one.waiting, detail, "readyd targets")
    if one.failures == 0 and one.stuck:
        detail = (
            f"target {one.name} does not take some results, again and again; the last time: {one.problem}"
        )
        return Condition(AlertKind.HANDOVER, one.name, "warning", one.stuck, detail, "readyd targets")
    return None
