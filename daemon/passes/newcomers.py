"""What one page of id_list means for the ledger: which rows it knows, whom the rules take in, who stays foreign.

Does not ask for pages and does not write.
"""

from collections.abc import Collection
from dataclasses import dataclass

from daemon.dataforseo.posted import PostedAnswer, PostedRow
from daemon.policy import choices
from daemon.policy.rules import Rules
from ledger.records import Evidence, Newcomer, Webhook
from ledger.tasks import TaskTable


@dataclass(frozen=True, slots=True)
class Sorted:
    """The rows of a page, each task once."""

    rows: list[PostedRow]
    known: list[PostedRow]  # the ledger has them
    newcomers: list[Newcomer]  # strangers that a rule takes in
    foreign: list[PostedRow]  # strangers that no rule takes in, and calls that are no tasks

    @property
    def evidence(self) -> list[Evidence]:
        """Say of each row what it tells of its task's completion."""
        return [
            Evidence(row.task_id, row.done_at, row.posted_at)
            for row in self.rows
            if row.done_at or row.pending
        ]


def read(
    answer: PostedAnswer, tasks: TaskTable, rules: Rules, now: int, seen: Collection[str] = ()
) -> Sorted:
    """Sort a page's rows, except those that an earlier page has shown (`seen`)."""
    rows = list({row.task_id: row for row in answer.rows if row.task_id not in seen}.values())
    states = tasks.states_of([row.task_id for row in rows])
    newcomers, foreign = [], []
    for row in rows:
        if row.task_id in states:
            continue
        one = newcomer(row, rules, now)
        if one is None:
            foreign.append(row)
        else:
            newcomers.append(one)
    return Sorted(rows, [row for row in rows if row.task_id in states], newcomers, foreign)


def newcomer(row: PostedRow, rules: Rules, now: int) -> Newcomer | None:
    """Turn a stranger into a task to be taken in, when the user's rules adopt it."""
    if row.function is None or not choices.adopted(row.function, row.tag, rules):
        return None
    return Newcomer(
        task_id=row.task_id,
        function=row.function,
        tag=row.tag,
        priority=row.priority,
        webhook=_webhook(row),
        variant=row.variant,
        posted_at=now if row.posted_at is None else min(now, row.posted_at),
        cost=row.cost,
    )


def _webhook(row: PostedRow) -> Webhook:
    if row.postback:
        return Webhook.POSTBACK
    return Webhook.PINGBACK if row.pingback else Webhook.NONE
