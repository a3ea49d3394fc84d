"""What follows from somebody having set the wall clock: the next tries move with it. Does not notice the step itself.

What was written of tasks while the clock was ahead is corrected, or they would be waited for until it gets there again.
Everything else that is written in wall time heals by itself with the next look or the next answer.
"""

from daemon.passes.tools import Tools
from ledger.records import Postponement
from ledger.times import DAY_MS

EVER_MS = 36_500 * DAY_MS


def run(tools: Tools, by_ms: int) -> int:
    """Move every "not before" by as much as the clock was moved; return how many there were."""
    held = [
        one for one in tools.ledger.tasks.candidates(tools.now() + EVER_MS) if one.next_try_at is not None
    ]
    tasks = [task for one in held if (task := tools.ledger.tasks.get(one.id)) is not None]
    moved = [
        Postponement(task.id, task.attempts, task.next_try_at + by_ms, task.code, task.message, None)
        for task in tasks
        if task.next_try_at is not None
    ]
    if moved:
        tools.ledger.postpone(moved)
    heal(tools)
    return len(moved)


def heal(tools: Tools) -> int:
    """Correct what comes from a future that was none; return of how many tasks. For a start too: nobody saw that step."""
    rules = tools.rules
    longest = max(rules.odd_most_ms, rules.pending_most_ms, rules.retry_most_ms)
    healed = tools.ledger.tasks.bring_back(
        tools.now(), longest_ms=2 * longest, longest_planned_ms=2 * rules.post_trouble_most_ms
    )
    if healed:
        tools.log.warning("clock.healed", tasks=healed)
    return healed
