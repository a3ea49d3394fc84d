"""Gives new tasks the priority that the user's rules say. Does not know the rules' patterns, and orders nothing."""

from daemon.passes.tools import Tools
from daemon.policy import choices
from ledger.records import PrioritySource


def run(tools: Tools) -> int:
    """Apply the rules to tasks that no rule has looked at yet; return how many those were."""
    changes = [
        (task_id, choices.priority_of(function, tag, priority, tools.rules))
        for task_id, function, tag, priority in tools.ledger.tasks.unruled()
    ]
    if changes:
        tools.ledger.tasks.set_priorities(changes, PrioritySource.RULE)
    return len(changes)
