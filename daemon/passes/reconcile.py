"""The reconcile pass: ask the listings that policy says, and write down what their windows showed.

Does not collect, does not warn, and does not know how a listing looks on the wire.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from daemon.dataforseo.catalogue import LISTINGS
from daemon.dataforseo.errors import RemoteError, Throttled
from daemon.dataforseo.wire import ListingAnswer
from daemon.passes import blocking, lookup, ruling
from daemon.passes.remote import ABOUT_THE_PATH, api_of, outcome_of
from daemon.passes.tools import Tools
from daemon.policy import choices, listing, window
from daemon.policy.listing import Ask
from ledger.records import Look, Sighting

REPLAN_MS = 30_000
"""Tasks are also recorded by other processes; so a plan is made anew at least this often."""


@dataclass(slots=True)
class Reconciler:
    """Remembers only when the next plan is worth making; everything else is in the ledger."""

    tools: Tools
    on_change: Callable[[], None]  # called when there is something new to collect, or when the remote is back
    _plan_again_at: int = 0  # monotonic ms

    async def run(self, early_ms: int = 0) -> int:
        """Ask every listing that is due (or will be within `early_ms`); return how many were asked."""
        tools = self.tools
        if tools.ticks() < self._plan_again_at or tools.remote.pause_ms(tools.ticks()):
            return 0
        ruling.run(tools)
        asked = 0
        while (ask := self._next(tools.now() + early_ms)) is not None:
            if wait := tools.lists.wait_ms(tools.ticks()):
                self._plan_again_at = tools.ticks() + wait
                break
            await self._ask(ask)
            asked += 1
            if tools.remote.pause_ms(tools.ticks()):
                break
        return asked

    def forget_plan(self) -> None:
        """Plan again at the next wake, whatever was planned before."""
        self._plan_again_at = 0

    def waits(self) -> list[int]:
        """Return after how many ms each call of the next minute is due, as far as that can be foreseen."""
        now = self.tools.now()
        return listing.coming(self._plan(now), now, self.tools.rules)

    def _next(self, now: int) -> Ask | None:
        asks = self._plan(now)
        if asks and asks[0].due_at <= now:
            return asks[0]
        wait = min(REPLAN_MS, asks[0].due_at - now) if asks else REPLAN_MS
        self._plan_again_at = self.tools.ticks() + wait
        return None

    def _plan(self, now: int) -> list[Ask]:
        ledger, present = self.tools.ledger, self.tools.now()
        # Instants of the future were written before somebody set the clock back; waiting for them would be silence.
        outstanding = [
            replace(one, oldest_posted_at=0) if one.oldest_posted_at > present else one
            for one in lookup.awaited(self.tools, ledger.tasks.outstanding())
            if not self.tools.remote.refuses(api_of(one.function), self.tools.ticks())
        ]
        looks = {path: self._as_of_now(look) for path, look in ledger.polls.looks().items()}
        return listing.plan(outstanding, looks, self.tools.scopes, now, self.tools.rules)

    def _as_of_now(self, look: Look) -> Look:
        if (look.asked_at or 0) > self.tools.now():
            return replace(look, asked_at=None)
        if look.failures and (look.asked_at or 0) < max(self.tools.started_at, self.tools.remote.back_at):
            # A restart is often the cure for what failed (a password, a proxy), and an answer after an outage shows
            # that it is cured: neither waits out an old pause.
            return replace(look, asked_at=look.answered_at, failures=0)
        return look

    async def _ask(self, ask: Ask) -> None:
        tools = self.tools
        tools.lists.take(tools.ticks())
        tools.general.take(tools.ticks())
        tools.remote.probed(api_of(ask.listing), tools.ticks())
        poll_id = tools.ledger.polls.begin(ask.listing, ask.why, tools.now())
        try:
            answer = await tools.client.list_ready(LISTINGS[ask.listing])
        except RemoteError as error:
            self._failed(poll_id, ask, error)
            return
        tools.answered(api_of(ask.listing))
        self._answered(poll_id, ask, answer)

    def _failed(self, poll_id: int, ask: Ask, error: RemoteError) -> None:
        tools, now = self.tools, self.tools.now()
        outcome = outcome_of(error)
        if not isinstance(error, ABOUT_THE_PATH):
            api = api_of(ask.listing)
            tools.remote.troubled(error, api, now=now, ticks=tools.ticks(), rules=tools.rules)
        if isinstance(error, Throttled):
            tools.lists.tighten(tools.ticks())
        tools.ledger.close_poll(poll_id, ask.listing, outcome=outcome, code=error.code, at=now)
        tools.log.warning("listing.unanswered", listing=ask.listing, outcome=outcome, problem=str(error))

    def _answered(self, poll_id: int, ask: Ask, answer: ListingAnswer) -> None:
        tools, now = self.tools, self.tools.now()
        rows = _newest_of_each(answer.rows)
        lookup.adopt_listed(tools, rows)
        known = tools.ledger.tasks.states_of([row.task_id for row in rows])
        strangers = [row for row in rows if row.task_id not in known]
        adopted = [row for row in strangers if choices.adopted(row.function, row.tag, tools.rules)]
        seen = window.read_window(rows, answer.row_count, tools.rules)
        clear = not seen.saturated and not self._suspicious(ask.listing, len(rows), now)
        outcome = tools.ledger.record_look(
            poll_id,
            ask.listing,
            rows,
            adopted,
            saturated=seen.saturated,
            rows=answer.row_count,
            foreign=len(strangers) - len(adopted),
            clear=clear,
            lag_ms=tools.rules.list_lag_ms,
            at=now,
        )
        if adopted:
            ruling.run(tools)
        blocked = blocking.run(tools, now)
        self._say(ask, answer, len(outcome.ready), len(strangers) - len(adopted), saturated=seen.saturated)
        if outcome.ready or blocked:
            self.on_change()

    def _suspicious(self, path: str, rows: int, now: int) -> bool:
        """Treat a sudden emptiness as an alarm: it is kept for the review, and proves nothing."""
        tools = self.tools
        scope = next(scope for scope in tools.scopes if scope.listing == path)
        look = tools.ledger.polls.looks().get(path)
        if look is not None and not look.saturated and look.answered_at != look.clear_at:
            # The last answer was under suspicion and showed nothing; another empty one does not clear the list.
            look = replace(look, rows=tools.rules.empty_list_least)
        seen_at = None if look is None else look.answered_at
        left = 0 if rows or seen_at is None else tools.ledger.tasks.ready_by(scope.functions, seen_at)
        if window.suspiciously_empty(rows, look, left, tools.rules):
            tools.remote.empty_lists.setdefault(path, now)
            return True
        tools.remote.empty_lists.pop(path, None)
        return False

    def _say(self, ask: Ask, answer: ListingAnswer, ready: int, foreign: int, *, saturated: bool) -> None:
        log = self.tools.log.bind(listing=ask.listing, why=str(ask.why), rows=answer.row_count)
        for problem in answer.problems[:3]:
            log.warning("listing.oddity", problem=problem)
        if saturated:
            log.warning("listing.saturated", ready=ready, foreign=foreign)
        elif ready:
            log.info("listing.read", ready=ready, foreign=foreign)
        else:
            log.debug("listing.read", ready=0, foreign=foreign)


def _newest_of_each(rows: tuple[Sighting, ...]) -> list[Sighting]:
    """Keep one row per id: a window may show a task twice (the remote does not promise otherwise)."""
    return list({row.task_id: row for row in rows}.values())
