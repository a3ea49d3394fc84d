"""Which tasks are worth a GET by id now, and why. Knows times and states; orders nothing and fetches nothing."""

from dataclasses import replace
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
    """Say why a GET is worth its cost now; None: wait for the lists, for an audit, or for the next try."""
    if task.next_try_at is not None and task.next_try_at > now:
        return None
    if task.state is State.READY:
        return GetReason.LISTED
    if task.webhook is Webhook.POSTBACK:
        return GetReason.POSTBACK if now >= by_id_at(task, clear_at, rules) else None
    if task.blocked_at is not None and now >= _after_pending(task, 2 * rules.audit_hurried_ms, rules):
        return GetReason.BLOCKED
    if now >= _forgotten_at(task, clear_at, rules):
        return GetReason.DELISTED
    return GetReason.OVERDUE if now >= by_id_at(task, clear_at, rules) else None


def as_of_now(task: Candidate, now: int, rules: Rules) -> Candidate:
    """Return a task without instants that lie ahead: they were written before somebody set the clock back.

    Waiting for them would be silence. When it was posted is not known then, so it counts as overdue from now on; and no
    audit knows where to look for it, so that GETs by id alone tell whether it is done: "not yet" is believed only until
    the next try.
    """
    latest = now + 2 * max(rules.odd_most_ms, rules.pending_most_ms, rules.retry_most_ms)
    written_at = max(task.posted_at, task.pending_at or 0, task.earliest_done_at or 0)
    if written_at <= now and (task.next_try_at or 0) <= latest:
        return task
    return replace(
        task,
        posted_at=now - rules.turnaround(task.function).late_ms if task.posted_at > now else task.posted_at,
        pending_at=None if max(task.posted_at, task.pending_at or 0) > now else task.pending_at,
        earliest_done_at=None if task.earliest_done_at is None else min(task.earliest_done_at, now),
        next_try_at=None if (task.next_try_at or 0) > latest else task.next_try_at,
    )


def worth_at(task: Candidate, clear_at: int | None, rules: Rules) -> int:
    """Return from when on a GET is worth its cost if nothing more is learned: the first instant for `why_get`."""
    not_before = task.next_try_at or 0
    if task.state is State.READY:
        return not_before
    at = by_id_at(task, clear_at, rules)
    if task.webhook is not Webhook.POSTBACK:
        at = min(at, _forgotten_at(task, clear_at, rules))
        if task.blocked_at is not None:
            at = min(at, _after_pending(task, 2 * rules.audit_hurried_ms, rules))
    return max(not_before, at)


def consider_at(task: Candidate, clear_at: int | None, now: int, rules: Rules) -> int:
    """Return when to look again at a task that is not worth a GET yet, even if nothing is heard of it.

    That is when it will be, and for a postback task whenever the lists may have had their chance to show it: a look
    that does not show a task says nothing of its own.
    """
    at = worth_at(task, clear_at, rules)
    if task.webhook is Webhook.POSTBACK and task.state is State.POSTED and task.earliest_done_at is None:
        return min(at, max(_usual_at(task, rules), task.next_try_at or 0, now + rules.pace_hurried_ms))
    return at


def by_id_at(task: Candidate, clear_at: int | None, rules: Rules) -> int:
    """Return when a task in `posted` is asked for by id if no list shows it before and none hides it (ms UTC)."""
    asked_again = max(_after_pending(task, 2 * rules.audit_ms, rules), task.next_try_at or 0)
    if task.webhook is Webhook.POSTBACK:
        return max(_postback_at(task, clear_at, rules), asked_again)
    overdue_at = task.posted_at + rules.turnaround(task.function).late_ms
    return min(max(overdue_at, asked_again), max(_forgotten_at(task, clear_at, rules), task.next_try_at or 0))


def _forgotten_at(task: Candidate, clear_at: int | None, rules: Rules) -> int:
    return visibility_deadline(interval_of(task, clear_at, rules)[0], rules)


def _postback_at(task: Candidate, clear_at: int | None, rules: Rules) -> int:
    """Return when to ask for a postback task: after its usual time, once a list had its chance to show it.

    Where id_list has told when it was done, that is known.
    """
    if task.earliest_done_at is not None:
        return task.earliest_done_at + rules.postback_grace_ms
    usual = _usual_at(task, rules)
    seen_since = clear_at is not None and clear_at >= usual
    return usual if seen_since else max(usual, task.posted_at + rules.turnaround(task.function).late_ms)


def _usual_at(task: Candidate, rules: Rules) -> int:
    return task.posted_at + rules.turnaround(task.function).usual_ms + rules.list_lag_ms


def _after_pending(task: Candidate, until_next_ms: int, rules: Rules) -> int:
    """Return until when the remote's word that a task is not done is believed: until the next audit should tell more.

    Not for ever: an id_list that is wrong must not keep a result from home.
    """
    if task.pending_at is None or task.earliest_done_at is not None:
        return 0
    trusted_until = task.posted_at + rules.turnaround(task.function).late_ms + rules.pending_trust_ms
    return task.pending_at + until_next_ms if task.pending_at < trusted_until else 0
