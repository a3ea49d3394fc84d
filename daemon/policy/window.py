"""What one window says of a task, and which tasks are hidden. Three answers, never two: visible, not ready, hidden."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from daemon.policy.listing import Scope
from daemon.policy.rules import Rules
from ledger.records import Look, Outstanding, Sighting, Verdict


@dataclass(frozen=True, slots=True)
class Window:
    """The rows of one call of a listing."""

    ids: frozenset[str]
    rows: int
    saturated: bool


def read_window(sightings: Sequence[Sighting], rows: int, rules: Rules) -> Window:
    """Read a call's rows; as many as the cap (or more) mean that others may be hidden behind them."""
    return Window(frozenset(one.task_id for one in sightings), rows, rows >= rules.window_cap)


def verdict(task_id: str, window: Window) -> Verdict:
    """Say what the window says of a task; absence from a saturated one proves nothing."""
    if task_id in window.ids:
        return Verdict.VISIBLE
    return Verdict.HIDDEN if window.saturated else Verdict.NOT_READY


def done_if_posted_by(function: str, now: int, rules: Rules) -> int:
    """Return the instant (ms UTC) by which a task must have been posted to be believed done: it had its usual time."""
    return now - rules.turnaround(function).usual_ms


def blocked_functions(
    outstanding: Sequence[Outstanding],
    looks: Mapping[str, Look],
    scopes: Sequence[Scope],
    now: int,
    rules: Rules,
) -> frozenset[str]:
    """Return the functions whose every listing was saturated when last asked, and asked recently."""
    return frozenset(
        one.function
        for one in outstanding
        if (one.posted or one.blocked) and _all_saturated(one.function, looks, scopes, now, rules)
    )


def suspiciously_empty(rows: int, look: Look | None, left: int, rules: Rules) -> bool:
    """Say whether an empty answer is an alarm: many rows last time, and nobody collected them since.

    `left` is how many tasks of the listing were ready at its last look, and are still. Those that became ready since,
    as re-parsed ones do, it need not show.
    """
    if rows or look is None or look.rows < rules.empty_list_least:
        return False
    return left >= rules.empty_list_least


def _all_saturated(
    function: str, looks: Mapping[str, Look], scopes: Sequence[Scope], now: int, rules: Rules
) -> bool:
    covering = [scope for scope in scopes if function in scope.functions]
    return bool(covering) and all(
        (look := looks.get(scope.listing)) is not None
        and look.saturated
        and look.answered_at is not None
        and now - look.answered_at <= rules.recent_look_ms
        for scope in covering
    )
