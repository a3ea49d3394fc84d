"""Which list of re-parsed tasks to ask next, and when, and which of its rows are news. Asks nobody.

`tasks_fixed` lists tasks whose result was parsed anew and not fetched since, under the same id (docs tasks_fixed). What
is here already is not in danger, so these lists are asked slowly, one after the other, and only with calls that Tasks
Ready does not need: whether both share the limit of 20 calls a minute is not documented, so they are taken to.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from daemon.policy.budget import Limiter
from daemon.policy.listing import Ask, Scope, Why
from daemon.policy.rules import Rules
from ledger.records import Look, Settled, State

HOME = frozenset({State.COLLECTED, State.DELIVERED})
"""States of tasks whose result somebody has; others still wait for it, and will get the newest one."""


def plan(
    newest: Mapping[str, int],
    looks: Mapping[str, Look],
    fruitful: Collection[str],
    scopes: Iterable[Scope],
    now: int,
    rules: Rules,
) -> list[Ask]:
    """List the calls worth making, the soonest first; the first future one tells when to plan again.

    `newest` tells of each function when the newest task was posted (ms UTC) whose result somebody has: after the
    retention nothing can be fetched again. `fruitful` are the lists that brought tasks back within `recent_look_ms`.
    """
    asked = (look.asked_at for look in looks.values() if look.asked_at is not None and look.asked_at <= now)
    not_before = max(asked, default=0) + rules.fixed_apart_ms
    asks = [
        _apart(
            _ask(scope.listing, looks.get(scope.listing), now, rules, fruitful=scope.listing in fruitful),
            not_before,
        )
        for scope in scopes
        if any(now - newest[name] < rules.retention_ms for name in scope.functions if name in newest)
    ]
    return sorted(asks, key=lambda ask: (ask.due_at, ask.listing))


def has_room(lists: Limiter, waits: Sequence[int], ticks: int) -> bool:
    """Say whether a call now delays none that Tasks Ready needs; these are due after so many ms each, in order."""
    due = [ticks + wait for wait in waits]
    first, *others = lists.starts([ticks, *due])
    return first == ticks and others == lists.starts(due)


def is_news(task: Settled, asked_at: int, now: int, rules: Rules) -> bool:
    """Say whether a task on a list that was asked for at `asked_at` was parsed anew since its result came home.

    A list may lag, and show what was fetched a moment ago. And a row that stays although its result was fetched again
    must not be fetched for ever: after the second edition each one makes readyd twice as patient.
    """
    if task.state not in HOME or task.settled_at is None:
        return False
    patience = rules.list_lag_ms
    if task.edition > 1:
        patience = max(patience, rules.pace_fixed_ms << min(task.edition - 2, 20))
    # Settled in the future: before somebody set the clock back.
    return asked_at - task.settled_at >= patience or task.settled_at > now


def _apart(ask: Ask, not_before: int) -> Ask:
    return ask if ask.why is Why.SATURATED else replace(ask, due_at=max(ask.due_at, not_before))


def _ask(listing: str, look: Look | None, now: int, rules: Rules, *, fruitful: bool) -> Ask:
    if look is None or look.asked_at is None or look.asked_at > now:
        # Never asked; or asked in the future, before somebody set the clock back.
        return Ask(listing, Why.FIRST, now)
    if look.answered_at is None or look.answered_at < look.asked_at:
        # It brought no list; or readyd ended before the answer came, which is no failure of the list.
        pause = min(rules.pace_failed_ms << min(max(look.failures - 1, 0), 20), rules.fixed_failed_most_ms)
        return Ask(listing, Why.FAILED, look.asked_at + pause)
    if look.saturated and fruitful:
        return Ask(listing, Why.SATURATED, look.asked_at + rules.pace_saturated_ms)
    return Ask(listing, Why.PACE, look.asked_at + rules.pace_fixed_ms)
