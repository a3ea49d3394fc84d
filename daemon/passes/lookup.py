"""The look-up pass: what became of tasks that were sent and never answered. Posts nothing.

Pages of id_list, within the budget that the audit uses too; a key that is shown gives its task the remote's id, and a
task that `policy.lookup` holds for proven absent is planned again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from daemon.dataforseo.catalogue import ID_LIST_APIS
from daemon.dataforseo.errors import RemoteError, Throttled
from daemon.dataforseo.posted import PostedAnswer, PostedRow
from daemon.dataforseo.posting import carries_tag
from daemon.passes import clock_step
from daemon.passes.proofs import Notes
from daemon.passes.remote import ABOUT_THE_PATH, Caller, api_of, outcome_of
from daemon.passes.tools import Tools
from daemon.policy import lookup
from daemon.policy.audit import Page
from daemon.policy.lookup import PAGE_ROWS, Flaw, Proofs, Read, Shown
from ledger.intent_records import Finding, Unknown
from ledger.records import Outstanding, Sighting

WHY = "answer lost"

UNSURE = frozenset({"ai_optimization"})
"""The help center says that this API has an id_list, the specification has none: absence from it proves nothing."""

SOONEST_MS = 100
"""When another process takes the slots of id_list, waiting for one must not become a spinning loop."""


@dataclass(slots=True)
class Finder:
    """Remembers reads under way and first reads; after a restart a read begins anew, and the proof goes on."""

    tools: Tools
    _notes: Notes = field(init=False)
    _proofs: Proofs = field(default_factory=Proofs)
    _loaded: bool = False
    _reads: dict[str, Read] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read nothing yet."""
        self._notes = Notes(self.tools)

    def forget(self) -> None:
        """Begin every proof anew: somebody has set the clock, and nobody knows any more which period was read."""
        self._proofs.anew()
        self._reads.clear()

    async def run(self) -> int:
        """Ask the pages that are due, as far as the budget goes; return how many were asked."""
        if clock_step.is_unsure(self.tools):
            return 0
        if not self._loaded:
            self._proofs, self._loaded = self._notes.load(), True
        asked = await self._ask_due()
        self._notes.keep(self._proofs)
        return asked

    def wait_ms(self) -> int | None:
        """How long until a read under way may go on; None: there is none, or nobody knows."""
        tools, ticks = self.tools, self.tools.ticks()
        if not any(not tools.remote.refuses(api, ticks) for api in self._reads):
            return None
        return max(tools.remote.pause_ms(ticks, Caller.AUDITS), tools.audits.wait_ms(), SOONEST_MS)

    async def _ask_due(self) -> int:
        asked = 0
        for api, calls in sorted(self._due().items()):
            while self._may_ask(api):
                read = self._reads.get(api) or self._begun(api, calls)
                if read is None:
                    break
                if not await self._ask(read):
                    break
                asked += 1
        return asked

    def _due(self) -> dict[str, list[Unknown]]:
        """Group by API the calls in doubt that id_list can tell of now."""
        tools, ticks = self.tools, self.tools.ticks()
        unknown = tools.ledger.intents.unknown(tools.postbox.under_way)
        due = self._proofs.due(unknown, ticks, tools.rules)
        tools.postbox.doubted = dict(self._proofs.noticed)
        tools.postbox.inherited = frozenset(self._proofs.inherited)
        # Before the first call: a round that is cut short has noticed all the same.
        self._notes.keep(self._proofs)
        found: dict[str, list[Unknown]] = {}
        for one in due:
            if can_tell(one.function):
                found.setdefault(api_of(one.function), []).append(one)
        self._reads = {api: read for api, read in self._reads.items() if api in found}
        return found

    def _may_ask(self, api: str) -> bool:
        tools, ticks = self.tools, self.tools.ticks()
        waits = tools.remote.pause_ms(ticks, Caller.AUDITS) or tools.audits.wait_ms()
        return not waits and not tools.remote.refuses(api, ticks) and self._proofs.may_read(api, ticks)

    def _begun(self, api: str, calls: Sequence[Unknown]) -> Read | None:
        tools, now, rules = self.tools, self.tools.now(), self.tools.rules
        undated = tools.ledger.intents.undated()
        begun_at = {
            one.call_id: lookup.begun_after(one, undated, tools.started_at, now, rules) for one in calls
        }
        for witnesses in (True, False):
            near = lookup.within_reach(begun_at.values(), now, rules, witnesses=witnesses)
            if not near:
                break
            since, until = lookup.period(near, now, rules, witnesses=witnesses)
            # A call of the last minutes may not be in a list that lags; one at the edge may be outside by their clock.
            missing = tools.ledger.intents.witnesses(
                api, since + rules.lookup_skew_ms, until - rules.lookup_grace_ms
            )
            if missing or not witnesses:
                ids = frozenset(call for call, at in begun_at.items() if at in near)
                read = Read(api, since, until, ids, tools.ticks(), missing=frozenset(missing))
                self._reads[api] = read
                return read
        self._void(api, "it was sent longer ago than id_list tells the tags of")
        return None

    async def _ask(self, read: Read) -> bool:
        """Ask the next page of a read; return whether it goes on."""
        tools, api = self.tools, read.api
        page = Page(read.since, read.until, read.offset)
        call_id = tools.audits.begin(api, WHY, page, sweep=False)
        if call_id is None:
            return False  # another process was quicker: its call counts, and the page is asked for at the next wake
        try:
            with tools.audits.counted():
                answer = await tools.client.list_posted(
                    api, page.from_at, page.to_at, offset=page.offset, limit=PAGE_ROWS, metadata=True
                )
        except RemoteError as error:
            self._failed(call_id, api, error)
            return False
        tools.answered(api)
        tools.ledger.intents.end_look(
            call_id, outcome="listed", code=answer.code, rows=answer.row_count, at=tools.now()
        )
        # Somebody may have set the clock meanwhile.
        return self._reads.get(api) is read and self._shown(read, answer)

    def _failed(self, call_id: int, api: str, error: RemoteError) -> None:
        tools, now = self.tools, self.tools.now()
        if isinstance(error, Throttled):
            tools.audits.tighten()
        elif not isinstance(error, ABOUT_THE_PATH):
            ticks, rules = tools.ticks(), tools.rules
            tools.remote.troubled(error, api, now=now, ticks=ticks, rules=rules, caller=Caller.AUDITS)
        tools.ledger.intents.end_look(call_id, outcome=outcome_of(error), code=error.code, rows=None, at=now)
        self._void(api, str(error))

    def _shown(self, read: Read, answer: PostedAnswer) -> bool:
        tools, api = self.tools, read.api
        adopt_posted(tools, answer.rows)
        read, whole, flaw = lookup.turned(read, self._page(answer), tools.now(), tools.rules)
        if flaw is not None:
            self._void(api, str(flaw), flaw)
            return False
        self._reads[api] = read
        if whole:
            self._whole(read)
        return not whole

    def _page(self, answer: PostedAnswer) -> Shown:
        known = self.tools.ledger.tasks.states_of([row.task_id for row in answer.rows])
        untold = any(
            row.function is not None and not row.told and row.task_id not in known for row in answer.rows
        )
        # A row that could not be read at all may have been the one.
        unread = answer.row_count - len(answer.rows)
        ids = [row.task_id for row in answer.rows]
        return Shown(ids, answer.row_count, untold or unread > 0, answer.server_at)

    def _whole(self, read: Read) -> None:
        tools, api = self.tools, read.api
        del self._reads[api]
        tools.postbox.flaws.pop(api, None)
        proven = self._proofs.read_whole(read, tools.ticks(), tools.rules)
        if proven and (count := tools.ledger.intents.absent(proven, tools.now())):
            tools.log.warning("lookup.absent", api=api, count=count, calls=sorted(proven))

    def _void(self, api: str, problem: str, flaw: Flaw | None = None) -> None:
        """Let a read be begun anew, a little later."""
        tools, problem = self.tools, problem.rstrip(".")
        self._reads.pop(api, None)
        self._proofs.read_void(api, tools.ticks(), tools.rules)
        if tools.postbox.flaws.get(api) != problem:
            tools.log.warning("lookup.void", api=api, problem=problem, proves_nothing=flaw is not None)
        tools.postbox.flaws[api] = problem


def can_tell(function: str) -> bool:
    """Say whether id_list shows the tasks of a function by their keys, so that absence from it is a proof."""
    api = api_of(function)
    return api in ID_LIST_APIS and api not in UNSURE and carries_tag(function)


def awaited(tools: Tools, outstanding: Sequence[Outstanding]) -> list[Outstanding]:
    """Return outstanding tasks with those in doubt that only a list can show: it is asked for their sake too."""
    if not tools.postbox.doubted:
        return list(outstanding)
    here = {one.function for one in outstanding}
    doubts = [one for one in tools.ledger.intents.in_doubt() if one.function not in here]
    return [
        *outstanding,
        *(one for one in doubts if carries_tag(one.function) and not can_tell(one.function)),
    ]


def adopt_posted(tools: Tools, rows: Sequence[PostedRow]) -> int:
    """Give tasks in doubt the ids under which id_list shows them; return how many."""
    return _adopt(tools, _of_posted(rows))


def adopt_silently(tools: Tools, rows: Sequence[PostedRow]) -> int:
    """Do the same for a command, which does not log."""
    return len(_found(tools, _of_posted(rows)))


def adopt_listed(tools: Tools, rows: Sequence[Sighting]) -> int:
    """Give tasks in doubt the ids under which a list shows them; return how many."""
    return _adopt(tools, [Finding(row.key, row.task_id, row.posted_at) for row in rows if row.key])


def _of_posted(rows: Sequence[PostedRow]) -> list[Finding]:
    return [Finding(row.key, row.task_id, row.posted_at, row.cost) for row in rows if row.key]


def _adopt(tools: Tools, findings: Sequence[Finding]) -> int:
    ids = _found(tools, findings)
    if ids:
        tools.log.info("lookup.found", count=len(ids), tasks=list(ids[:5]))
    return len(ids)


def _found(tools: Tools, findings: Sequence[Finding]) -> tuple[str, ...]:
    if not findings:
        return ()
    waiting = tools.ledger.intents.keys_waiting([one.key for one in findings])
    mine, now = [one for one in findings if one.key in waiting], tools.now()
    if not mine:
        return ()
    mine = [replace(one, posted_at=min(now, one.posted_at or now)) for one in mine]
    return tools.ledger.intents.found(mine, now)
