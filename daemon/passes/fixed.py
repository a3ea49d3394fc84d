"""The pass over tasks_fixed: ask which results were parsed anew, and bring their tasks back to be fetched again.

Does not collect, and pauses nothing but itself: whatever goes wrong here must cost Tasks Ready no call.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from daemon.dataforseo.catalogue import FIXED
from daemon.dataforseo.errors import RemoteError, Throttled
from daemon.dataforseo.wire import ListingAnswer
from daemon.passes import results
from daemon.passes.remote import api_of, outcome_of
from daemon.passes.tools import Tools
from daemon.policy import fixed
from daemon.policy.listing import Ask, Scope, Why
from daemon.policy.rules import Rules
from daemon.policy.window import read_window
from ledger.looks import Window

REPLAN_MS = 10 * 60_000
"""How soon a function whose first result has come home is noticed."""

SCOPES = tuple(Scope(one.path, one.functions, one.umbrella, one.api) for one in FIXED.values())


@dataclass(slots=True)
class Fixer:
    """Remembers only when to look again; what was asked, and when, is in the ledger."""

    tools: Tools
    on_change: Callable[[], None]  # called when there is something to collect again
    waits: Callable[[], Sequence[int]]  # after how many ms Tasks Ready needs each of its next calls
    rules: Rules
    _plan_again_at: int = 0  # monotonic ms
    _rest_until: int = 0  # monotonic ms: the remote said that we ask too fast
    _see_again_at: int = 0  # monotonic ms
    _newest: dict[str, int] = field(default_factory=dict)  # function -> posting time, as `results` tells

    async def run(self) -> bool:
        """Ask the one list that is due, if Tasks Ready can spare the call; say whether one was asked."""
        ask = self._next()
        if ask is None or not fixed.has_room(self.tools.lists, self.waits(), self.tools.ticks()):
            return False
        await self._ask(ask)
        return True

    def wait_ms(self) -> int | None:
        """How long the next call must wait for its slot, with nothing else to do; None: none is due."""
        return None if self._next() is None else self.tools.lists.wait_ms(self.tools.ticks())

    def forget_plan(self) -> None:
        """Plan again at the next wake, whatever was planned before."""
        self._plan_again_at = self._see_again_at = 0

    def _next(self) -> Ask | None:
        tools, ticks, now = self.tools, self.tools.ticks(), self.tools.now()
        # Whether the remote is back is for those to find out who have something to bring home.
        if tools.remote.failures or tools.remote.pause_ms(ticks):
            return None
        if ticks < max(self._plan_again_at, self._rest_until):
            return None
        if ticks >= self._see_again_at:
            self._newest = results.run(tools)
            self._see_again_at = ticks + min(REPLAN_MS, self.rules.pace_fixed_ms)
        fruitful = tools.ledger.polls.fruitful_since(now - tools.rules.recent_look_ms)
        asks = fixed.plan(self._newest, tools.ledger.polls.fixed_looks(), fruitful, SCOPES, now, self.rules)
        for ask in asks:
            if ask.due_at <= now and not tools.remote.refuses(api_of(ask.listing), ticks):
                return ask
        coming = [ticks + ask.due_at - now for ask in asks if ask.due_at > now]
        self._plan_again_at = min([self._see_again_at, *coming])
        return None

    async def _ask(self, ask: Ask) -> None:
        tools, asked_at = self.tools, self.tools.now()
        tools.lists.take(tools.ticks())
        tools.general.take(tools.ticks())
        poll_id = tools.ledger.polls.begin(ask.listing, ask.why, asked_at)
        try:
            answer = await tools.client.list_ready(FIXED[ask.listing])
        except RemoteError as error:
            self._failed(poll_id, ask, error)
            return
        self._answered(poll_id, ask, answer, asked_at)

    def _failed(self, poll_id: int, ask: Ask, error: RemoteError) -> None:
        tools, outcome = self.tools, outcome_of(error)
        if isinstance(error, Throttled):
            # Perhaps these lists have a limit of their own, and other programs use it up. If it is the one of Tasks
            # Ready, that will hear so itself.
            self._rest_until = tools.ticks() + max(tools.rules.throttled_ms, error.retry_after_ms or 0)
        tools.ledger.close_poll(poll_id, ask.listing, outcome=outcome, code=error.code, at=tools.now())
        say = tools.log.debug if ask.why is Why.FAILED else tools.log.warning
        say("fixed.unanswered", listing=ask.listing, outcome=outcome, problem=str(error))

    def _answered(self, poll_id: int, ask: Ask, answer: ListingAnswer, asked_at: int) -> None:
        tools, now = self.tools, self.tools.now()
        known = tools.ledger.tasks.settled_of([row.task_id for row in answer.rows])
        news = [one for one, task in known.items() if fixed.is_news(task, asked_at, now, tools.rules)]
        seen = read_window(answer.rows, answer.row_count, tools.rules)
        shown = Window(
            poll_id,
            ask.listing,
            seen.saturated,
            rows=answer.row_count,
            foreign=len(seen.ids) - len(known),
            clear=not seen.saturated,
            at=now,
        )
        moved = tools.ledger.record_fixed(news, now, window=shown)
        self._say(ask, answer, moved, shown)
        if moved:
            self.on_change()

    def _say(self, ask: Ask, answer: ListingAnswer, moved: Sequence[str], shown: Window) -> None:
        log = self.tools.log.bind(listing=ask.listing, why=str(ask.why), rows=shown.rows)
        for problem in answer.problems[:3]:
            log.warning("listing.oddity", problem=problem)
        say = log.info if moved else log.debug
        say("fixed.read", back=len(moved), foreign=shown.foreign, full=shown.saturated, tasks=list(moved[:5]))
