"""For how long lists that are due were not read, and whether that is over. Knows what lists said last; asks nobody.

An alert must not end because nobody looks any more: a GET may bring the oldest task home while every list is as dead
as before. So what opens it (a list that is due for long) and what ends it (that list was read) are two questions.
"""

from collections.abc import Mapping, Sequence

from daemon.policy import listing
from daemon.policy.listing import Scope, Why
from daemon.policy.rules import Rules
from ledger.records import Look, Outstanding


def begins(due: int | None, known_ms: int, now: int, rules: Rules) -> int | None:
    """Return since when the lists are silent, when that is long enough for an alert.

    `due` is since when a list should have been read. A task that was recorded late may say so of hours in which nobody
    knew of it; `known_ms` is for how long at most one can have been overdue to our knowledge.
    """
    silent_ms = 0 if due is None else min(now - due, known_ms)
    return now - silent_ms if silent_ms >= rules.poll_stale_ms else None


def lasts(
    outstanding: Sequence[Outstanding],
    looks: Mapping[str, Look],
    scopes: Sequence[Scope],
    now: int,
    rules: Rules,
    opened_at: int,
) -> int | None:
    """Return since when the lists are silent while the alert of `opened_at` stands; None: they are not any more.

    They are while one is overdue for long, or asked in vain and not read since the alert opened.
    """
    due = listing.unanswered_since(outstanding, looks, scopes, now, rules)
    if due is not None and now - due >= rules.poll_stale_ms:
        return due
    # Of the plan, so that a list that nobody asks any more (a drill-down that is over) keeps nothing open.
    vain = [
        looks[ask.listing].answered_at or opened_at
        for ask in listing.plan(outstanding, looks, scopes, now, rules)
        if ask.why is Why.FAILED
    ]
    return min((at for at in vain if at <= opened_at), default=None)
