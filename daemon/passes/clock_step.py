"""What follows from somebody having set the wall clock: the next tries move with it. Does not notice the step itself.

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
    return len(moved)
