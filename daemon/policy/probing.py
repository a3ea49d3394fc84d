"""Which tasks are worth a GET by id now, and why. Knows times and states; orders nothing and fetches nothing."""

from enum import StrEnum

from daemon.policy.expiry import interval_of, visibility_deadline
from daemon.policy.rules import Rules
from ledger.records import Candidate, State, Webhook


class GetReason(StrEnum):
    """Why a task is fetched by id."""

    LISTED = "listed"
    BLOCKED = "blocked"
    OVERDUE = "overdue"
    POSTBACK = "postback"
    DELISTED = "delisted"


def why_get(task: Candidate, now: int, clear_at: int | None, rules: Rules) -> GetReason | None:
    """Say why a GET is worth its cost now; None: wait for the lists, or for the next try."""
    if task.next_try_at is not None and task.next_try_at > now:
        return None
    if task.state is State.READY:
        return GetReason.LISTED
    if task.webhook is Webhook.POSTBACK:
        return GetReason.POSTBACK if now >= _postback_at(task, clear_at, rules) else None
    if task.blocked_at is not None:
        return GetReason.BLOCKED
    if now >= visibility_deadline(interval_of(task, clear_at, rules)[0], rules):
        return GetReason.DELISTED
    return GetReason.OVERDUE if now >= task.posted_at + rules.turnaround(task.function).late_ms else None


def by_id_at(task: Candidate, clear_at: int | None, rules: Rules) -> int:
    """Return when a task in `posted` is asked for by id if no list shows it before and none hides it (ms UTC)."""
    if task.webhook is Webhook.POSTBACK:
        at = _postback_at(task, clear_at, rules)
    else:
        forgotten_at = visibility_deadline(interval_of(task, clear_at, rules)[0], rules)
        at = min(forgotten_at, task.posted_at + rules.turnaround(task.function).late_ms)
    return max(at, task.next_try_at or 0)


def _postback_at(task: Candidate, clear_at: int | None, rules: Rules) -> int:
    """Return when to ask for a postback task: after its usual time, once a list had its chance to show it."""
    turnaround = rules.turnaround(task.function)
    usual = task.posted_at + turnaround.usual_ms + rules.list_lag_ms
    seen_since = clear_at is not None and clear_at >= usual
    return usual if seen_since else max(usual, task.posted_at + turnaround.late_ms)
