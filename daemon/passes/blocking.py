"""Marks the tasks that are complete, or believed so, and hidden behind full windows, and frees those that are not.

Does not ask the remote anything: it only reads the newest looks, and what an audit has just found.
"""

from collections.abc import Mapping

from daemon.passes.tools import Tools
from daemon.policy import window


def run(tools: Tools, now: int, done: Mapping[str, str | None] | None = None) -> int:
    """Bring `blocked_at` in line with the newest looks; return how many tasks became blocked.

    `done` are tasks, with their functions, of which an audit says that they are done, and which no list has shown.
    """
    tasks, rules = tools.ledger.tasks, tools.rules
    outstanding, looks = tasks.outstanding(), tools.ledger.polls.looks()
    functions = window.blocked_functions(outstanding, looks, tools.scopes, now, rules)
    if any(one.blocked and one.function not in functions for one in outstanding):
        tasks.unblock_except(sorted(functions))
    believed = {function: window.done_if_posted_by(function, now, rules) for function in functions}
    marked = tasks.block_posted(believed, now)
    hidden = [task_id for task_id, function in (done or {}).items() if function in functions]
    return marked + (tasks.block(hidden, now) if hidden else 0)
