"""The audit pass: page through id_list, and write down when tasks were done, also those that no list shows.

Does not collect and does not warn; which page is worth a call is `policy.audit`'s word.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from daemon.dataforseo.catalogue import ID_LIST_APIS
from daemon.dataforseo.errors import RemoteError, Throttled
from daemon.dataforseo.posted import PostedAnswer, PostedRow
from daemon.passes import blocking, lookup, ruling
from daemon.passes.remote import ABOUT_THE_PATH, outcome_of
from daemon.passes.tools import Tools
from daemon.policy import audit, choices
from daemon.policy.audit import PAGE_ROWS, Page, Turn
from ledger.evidence import AuditOutcome
from ledger.records import Audit, Evidence, Newcomer, Webhook

REPLAN_MS = 30_000
"""Tasks are also recorded by other processes; so a plan is made anew at least this often."""


@dataclass(slots=True)
class Auditor:
    """Remembers only when the next plan is worth making; the cursor of each sweep is in the ledger."""

    tools: Tools
    on_change: Callable[[], None]  # called when there is something new to collect
    _plan_again_at: int = 0  # monotonic ms
    _idle_until: dict[str, int] = field(default_factory=dict)  # API without anything to see -> monotonic ms

    async def run(self) -> int:
        """Ask every page that is due, as far as the budget goes; return how many were asked."""
        tools, asked = self.tools, 0
        if tools.remote.pause_ms(tools.ticks()):
            self.forget_plan()  # when the remote is back, what happened meanwhile is the first thing to know
            return 0
        if tools.ticks() < self._plan_again_at:
            return 0
        while (step := self._next()) is not None:
            if wait := tools.audits.wait_ms(tools.ticks()):
                self._plan_again_at = tools.ticks() + wait
                break
            await self._ask(*step)
            asked += 1
            if tools.remote.pause_ms(tools.ticks()):
                break
        return asked

    def forget_plan(self) -> None:
        """Plan again at the next wake, whatever was planned before."""
        self._plan_again_at = 0
        self._idle_until.clear()

    def _next(self) -> tuple[Turn, Page] | None:
        """Choose the next call; None: not now, and then it is known when to plan again."""
        tools, now, ticks = self.tools, self.tools.now(), self.tools.ticks()
        audits = tools.ledger.audits.all()
        counts, looks = tools.ledger.tasks.outstanding(), tools.ledger.polls.looks()
        turns = audit.turns(counts, looks, audits, ID_LIST_APIS, now, tools.rules)
        for turn in turns:
            if turn.due_at > now:
                break
            if tools.remote.refuses(turn.api, ticks) or ticks < self._idle_until.get(turn.api, 0):
                continue
            cursor = audits.get(turn.api)
            page = audit.next_page(cursor, self._stretches(turn, cursor))
            if page is not None:
                return turn, page
            self._idle_until[turn.api] = ticks + REPLAN_MS
            if cursor is not None and cursor.sweep_at is not None:
                # Judged from what is still unknown, not from what was when it began: each page makes some of it known.
                tools.ledger.audits.finish(audit.finished(cursor, now, tools.rules))
        coming = [turn.due_at - now for turn in turns if turn.due_at > now]
        self._plan_again_at = ticks + min([REPLAN_MS, *coming])
        return None

    def _stretches(self, turn: Turn, cursor: Audit | None) -> list[Page]:
        tools, now = self.tools, self.tools.now()
        young_at = audit.young_at(now, tools.rules, hidden=turn.hidden)
        minutes = tools.ledger.audits.unknown_minutes(turn.api, young_at, now - tools.rules.audit_age_ms)
        return audit.stretches(minutes, cursor, turn.api, now, tools.rules)

    async def _ask(self, turn: Turn, page: Page) -> None:
        tools, asked_at = self.tools, self.tools.now()
        cursor = audit.begun(turn.api, tools.ledger.audits.all().get(turn.api), page, asked_at)
        tools.audits.take(tools.ticks())
        tools.general.take(tools.ticks())
        tools.remote.probed(turn.api, tools.ticks())
        call_id = tools.ledger.audits.begin(
            turn.api, turn.why, asked_at, from_at=page.from_at, to_at=page.to_at, offset=page.offset
        )
        metadata = page.from_at > asked_at - tools.rules.audit_metadata_ms and audit.adopts(
            turn.api, tools.rules
        )
        try:
            answer = await tools.client.list_posted(
                turn.api, page.from_at, page.to_at, offset=page.offset, limit=PAGE_ROWS, metadata=metadata
            )
        except RemoteError as error:
            self._failed(call_id, turn, error)
            return
        tools.remote.well(turn.api)
        self._answered(call_id, turn, cursor, answer)

    def _failed(self, call_id: int, turn: Turn, error: RemoteError) -> None:
        tools, now = self.tools, self.tools.now()
        about_the_path = isinstance(error, ABOUT_THE_PATH)
        if isinstance(error, Throttled):
            # id_list has a limit of its own, and other programs may use it up: nothing else need wait for that.
            tools.audits.tighten(tools.ticks())
        elif not about_the_path:
            tools.remote.troubled(error, turn.api, now=now, ticks=tools.ticks(), rules=tools.rules)
        outcome = outcome_of(error)
        tools.ledger.audits.close(
            call_id, turn.api, outcome=outcome, code=error.code, at=now, failed=about_the_path
        )
        tools.log.warning("audit.unanswered", api=turn.api, outcome=outcome, problem=str(error))

    def _answered(self, call_id: int, turn: Turn, cursor: Audit, answer: PostedAnswer) -> None:
        tools, now = self.tools, self.tools.now()
        rows = list({row.task_id: row for row in answer.rows}.values())
        lookup.adopt_posted(tools, rows)
        known = tools.ledger.tasks.states_of([row.task_id for row in rows])
        strangers = [row for row in rows if row.task_id not in known]
        adopted = [one for row in strangers if (one := newcomer(row, tools, now)) is not None]
        foreign = len(strangers) - len(adopted)
        outcome = tools.ledger.record_audit(
            call_id,
            audit.turned(cursor, answer.row_count, foreign),
            [Evidence(row.task_id, row.done_at, row.posted_at) for row in rows if row.done_at or row.pending],
            adopted,
            rows=answer.row_count,
            foreign=foreign,
            at=now,
        )
        if adopted:
            ruling.run(tools)
        functions = {row.task_id: row.function for row in rows}
        done = {task_id: functions[task_id] for task_id in outcome.ready}
        hidden = blocking.run(tools, now, done) if turn.hidden else 0
        self._say(turn, answer, outcome, foreign, hidden)
        if outcome.ready:
            self.on_change()

    def _say(
        self, turn: Turn, answer: PostedAnswer, outcome: AuditOutcome, foreign: int, hidden: int
    ) -> None:
        log = self.tools.log.bind(api=turn.api, why=str(turn.why), rows=answer.row_count)
        for problem in answer.problems[:3]:
            log.warning("audit.oddity", problem=problem)
        say = log.info if outcome.ready or outcome.adopted else log.debug
        say(
            "audit.read",
            ready=len(outcome.ready),
            hidden=hidden,
            exact=outcome.exact,
            adopted=outcome.adopted,
            foreign=foreign,
        )


def newcomer(row: PostedRow, tools: Tools, now: int) -> Newcomer | None:
    """Turn a stranger into a task to be taken in, when the user's rules adopt it."""
    if row.function is None or not choices.adopted(row.function, row.tag, tools.rules):
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
