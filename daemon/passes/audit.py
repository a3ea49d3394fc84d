"""The audit pass: page through id_list, and write down when tasks were done, also those that no list shows.

Does not collect and does not warn; which page is worth a call is `policy.audit`'s word.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from daemon.dataforseo.catalogue import ID_LIST_APIS
from daemon.dataforseo.errors import RemoteError, Throttled
from daemon.dataforseo.posted import PostedAnswer
from daemon.passes import blocking, lookup, newcomers, ruling
from daemon.passes.overtaken import Overtaken
from daemon.passes.remote import ABOUT_THE_PATH, NOT_THERE, Caller, outcome_of
from daemon.passes.tools import Tools
from daemon.policy import audit
from daemon.policy.audit import PAGE_ROWS, Page, Turn
from ledger.evidence import AuditOutcome
from ledger.records import Audit

REPLAN_MS = 30_000
"""Tasks are also recorded by other processes; so a plan is made anew at least this often."""


@dataclass(slots=True)
class Auditor:
    """Remembers only when the next plan is worth making; the cursor of each sweep is in the ledger."""

    tools: Tools
    on_change: Callable[[Sequence[str]], None]  # told of tasks that are worth collecting, or known better
    _overtaken: Overtaken = field(default_factory=Overtaken)
    _plan_again_at: int = 0  # monotonic ms
    _idle_until: dict[str, int] = field(default_factory=dict)  # API without anything to see -> monotonic ms

    async def run(self) -> int:
        """Ask every page that is due, as far as the budget goes; return how many were asked."""
        tools, asked = self.tools, 0
        if tools.remote.pause_ms(tools.ticks(), Caller.AUDITS):
            self.forget_plan()  # when the remote is back, what happened meanwhile is the first thing to know
            return 0
        if tools.ticks() < self._plan_again_at:
            return 0
        while True:
            # Asked first: a plan counts all that is outstanding, and would only wait for its slot.
            if wait := tools.audits.wait_ms():
                self._plan_again_at = tools.ticks() + wait
                break
            if (step := self._next()) is None:
                break
            asked += await self._ask(*step)
            if tools.remote.pause_ms(tools.ticks(), Caller.AUDITS):
                break
        return asked

    def forget_plan(self) -> None:
        """Plan again at the next wake, whatever was planned before."""
        self._plan_again_at = 0
        self._idle_until.clear()

    def _next(self) -> tuple[Turn, Page, Audit] | None:
        """Choose the next call; None: not now, and then it is known when to plan again."""
        tools, now, ticks = self.tools, self.tools.now(), self.tools.ticks()
        audits = tools.ledger.audits.all()
        counts, looks = tools.ledger.tasks.outstanding(), tools.ledger.polls.looks()
        self._overtaken.look(tools.ledger.audits, now, tools.rules)
        overtaken = self._overtaken.apis()
        turns = audit.turns(counts, looks, audits, ID_LIST_APIS, now, tools.rules, overtaken=overtaken)
        for turn in turns:
            if turn.due_at > now:
                break
            if tools.remote.refuses(turn.api, ticks) or ticks < self._idle_until.get(turn.api, 0):
                continue
            cursor = audits.get(turn.api)
            page = audit.next_page(cursor, self._stretches(turn, cursor))
            if page is not None:
                return turn, page, audit.begun(turn.api, cursor, page, now)
            self._idle_until[turn.api] = ticks + REPLAN_MS
            if cursor is not None and cursor.sweep_at is not None:
                # Judged from what is still unknown, not from what was when it began: each page makes some of it known.
                tools.ledger.audits.finish(audit.finished(cursor, now, tools.rules))
                self._overtaken.swept(tools.ledger.audits, cursor, now, tools.rules)
        coming = [turn.due_at - now for turn in turns if turn.due_at > now]
        self._plan_again_at = ticks + min([REPLAN_MS, *coming])
        return None

    def _stretches(self, turn: Turn, cursor: Audit | None) -> list[Page]:
        tools, now = self.tools, self.tools.now()
        young_at = audit.young_at(now, tools.rules, hidden=turn.hidden)
        minutes = tools.ledger.audits.unknown_minutes(
            turn.api, young_at, now - tools.rules.audit_age_ms, tools.rules.audit_wide_ms
        )
        minutes += self._overtaken.minutes(turn.api)
        return audit.stretches(minutes, cursor, turn.api, now, tools.rules)

    async def _ask(self, turn: Turn, page: Page, cursor: Audit) -> bool:
        """Make one call; False: another process was quicker, and it was not made."""
        tools, asked_at = self.tools, self.tools.now()
        call_id = tools.audits.begin(turn.api, turn.why, page)
        if call_id is None:
            return False
        tools.remote.probed(turn.api, tools.ticks())
        metadata = page.from_at > asked_at - tools.rules.audit_metadata_ms and audit.adopts(
            turn.api, tools.rules
        )
        try:
            with tools.audits.counted():
                answer = await tools.client.list_posted(
                    turn.api, page.from_at, page.to_at, offset=page.offset, limit=PAGE_ROWS, metadata=metadata
                )
        except RemoteError as error:
            self._failed(call_id, turn, error)
            return True
        tools.answered(turn.api)
        self._answered(call_id, turn, cursor, answer)
        return True

    def _failed(self, call_id: int, turn: Turn, error: RemoteError) -> None:
        tools, now = self.tools, self.tools.now()
        about_the_path = isinstance(error, ABOUT_THE_PATH)
        if isinstance(error, Throttled):
            # id_list has a limit of its own, and other programs may use it up: nothing else need wait for that.
            tools.audits.tighten()
        elif not about_the_path:
            ticks, rules = tools.ticks(), tools.rules
            tools.remote.troubled(error, turn.api, now=now, ticks=ticks, rules=rules, caller=Caller.AUDITS)
        outcome = outcome_of(error)
        tools.ledger.audits.close(
            call_id, turn.api, outcome=outcome, code=error.code, at=now, failed=about_the_path
        )
        tools.log.warning("audit.unanswered", api=turn.api, outcome=outcome, problem=_told(error, turn.api))

    def _answered(self, call_id: int, turn: Turn, cursor: Audit, answer: PostedAnswer) -> None:
        tools, now = self.tools, self.tools.now()
        lookup.adopt_posted(tools, list({row.task_id: row for row in answer.rows}.values()))
        page = newcomers.read(answer, tools.ledger.tasks, tools.rules, now)
        foreign = len(page.foreign)
        outcome = tools.ledger.record_audit(
            call_id,
            audit.turned(cursor, answer.row_count, foreign),
            page.evidence,
            page.newcomers,
            rows=answer.row_count,
            foreign=foreign,
            at=now,
        )
        if page.newcomers:
            ruling.run(tools)
        functions = {row.task_id: row.function for row in page.rows}
        done = {task_id: functions[task_id] for task_id in outcome.ready}
        hidden = blocking.run(tools, now, done) if turn.hidden else 0
        self._say(turn, answer, outcome, foreign, hidden)
        if outcome.ready or outcome.dated:
            self.on_change(outcome.dated)

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


def _told(error: RemoteError, api: str) -> str:
    """Say what happened; the advice about a path that is not there is for tasks, and here nobody can follow it."""
    if error.code != NOT_THERE:
        return str(error)
    return f"{api} has no id_list at the remote (code {NOT_THERE}) and is asked for it ever more rarely"
