"""The pass over `errors`: ask why deliveries of webhooks failed, and keep the reasons in the ledger.

Brings nothing home and moves no task, so it pauses nothing but itself: whatever goes wrong here costs nobody a call.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from daemon.dataforseo.catalogue import ERROR_APIS
from daemon.dataforseo.errors import RemoteError, Throttled
from daemon.dataforseo.failures import FailuresAnswer
from daemon.passes.remote import outcome_of
from daemon.passes.tools import Tools
from daemon.policy import deliveries
from daemon.policy.deliveries import Ask, Asked, Question
from ledger.failure_records import Unexplained

MOST_TASKS = 10_000
"""So many tasks whose delivery failed are remembered; beyond that the oldest are left unexplained."""


@dataclass(slots=True)
class Inquirer:
    """Remembers which tasks are unexplained, and what was asked; when it was asked is in the ledger too."""

    tools: Tools
    _tasks: dict[str, Unexplained] = field(default_factory=dict)
    _mark: int | None = None  # up to which move of the ledger tasks were looked at
    _asked: dict[Question, Asked] = field(default_factory=dict)
    _rest_until: int = 0  # monotonic ms: the remote said that we ask too fast

    async def run(self) -> bool:
        """Ask the one question that is due, if there is one; say whether something was asked."""
        tools, ticks = self.tools, self.tools.ticks()
        # Whether the remote is back is for those to find out who have something to bring home.
        if tools.remote.failures or tools.remote.pause_ms(ticks) or ticks < self._rest_until:
            return False
        self._look()
        asks = deliveries.plan(self._tasks.values(), self._known(), ERROR_APIS, tools.now(), tools.rules)
        for ask in asks:
            free = not tools.remote.refuses(ask.question.api, ticks)
            if ask.due_at <= tools.now() and free and not tools.general.wait_ms(ticks):
                await self._ask(ask)
                return True
        return False

    def _look(self) -> None:
        """Take in what failed since the last time, and let go of what failed long ago."""
        since = self.tools.now() - self.tools.rules.errors_since_ms
        found, self._mark = self.tools.ledger.failures.unexplained(since, self._mark)
        for task in found:
            self._tasks[task.task_id] = task
        for task_id in [one.task_id for one in self._tasks.values() if one.moved_at < since]:
            del self._tasks[task_id]
        for task_id in list(self._tasks)[:-MOST_TASKS]:
            del self._tasks[task_id]

    def _known(self) -> Mapping[Question, Asked]:
        """Give what was asked; after a start, when is told by the ledger."""
        for task in self._tasks.values():
            question = Question(task.function.partition("/")[0], task.webhook)
            if question not in self._asked:
                at = self.tools.ledger.facts.get(_fact(question))
                self._asked[question] = Asked(int(at) if at and at.isdecimal() else 0)
        return self._asked

    async def _ask(self, ask: Ask) -> None:
        tools, question, now = self.tools, ask.question, self.tools.now()
        known = self._asked[question] = Asked(now, self._asked[question].fruitless, ask.offset)
        tools.ledger.facts.put(_fact(question), str(now), now)
        tools.general.take(tools.ticks())
        try:
            answer = await tools.client.errors(
                question.api, question.webhook, ask.since, offset=ask.offset, limit=deliveries.PAGE_ROWS
            )
        except RemoteError as error:
            self._failed(question, known, error)
            return
        self._answered(question, known, answer)

    def _failed(self, question: Question, known: Asked, error: RemoteError) -> None:
        tools = self.tools
        if isinstance(error, Throttled):
            # Other programs may ask too; if it is the limit of all calls, others will hear so themselves.
            pause = max(tools.rules.throttled_ms, error.retry_after_ms or 0)
            self._rest_until = tools.ticks() + pause
        say = tools.log.debug if known.fruitless else tools.log.warning
        say("errors.unanswered", api=question.api, outcome=outcome_of(error), problem=str(error))
        self._asked[question] = deliveries.after_failure(known)

    def _answered(self, question: Question, known: Asked, answer: FailuresAnswer) -> None:
        tools = self.tools
        for problem in answer.problems[:3]:
            tools.log.warning("errors.oddity", api=question.api, problem=problem)
        kept = tools.ledger.failures.record(answer.rows)
        explained = [one for one in kept if self._tasks.pop(one, None) is not None]
        self._asked[question] = deliveries.after(known, answer.row_count, len(explained))
        if not explained:
            tools.log.debug("errors.read", api=question.api, rows=answer.row_count, kept=len(kept))
            return
        news = set(explained)
        causes = deliveries.counted(row for row in answer.rows if row.task_id in news)
        tools.log.info(
            "errors.read",
            api=question.api,
            webhook=str(question.webhook),
            explained=len(explained),
            why=deliveries.reasons(causes),
            tasks=explained[:5],
        )


def _fact(question: Question) -> str:
    return f"errors_asked {question.api} {question.webhook}"
