"""Marks the tasks that are believed complete and hidden behind full windows, and frees those that are not.

Does not ask the remote anything: it only reads the newest looks.
"""

from daemon.passes.tools import Tools
from daemon.policy import window


def run(tools: Tools, now: int) -> int:
    """Bring `blocked_at` in line with the newest looks; return how many tasks became blocked."""
    tasks, rules = tools.ledger.tasks, tools.rules
    looks = tools.ledger.polls.looks()
    functions = window.blocked_functions(tasks.outstanding(), looks, tools.scopes, now, rules)
    marked = tasks.blocked()
    freed = [task.id for task in marked if task.function not in functions]
    if freed:
        tasks.unblock(freed)
    if not functions:
        return 0
    hidden = [
        task.id
        for task in tasks.candidates(now)
        if task.function in functions and task.blocked_at is None and window.believed_done(task, now, rules)
    ]
    return tasks.block(hidden, now) if hidden else 0
