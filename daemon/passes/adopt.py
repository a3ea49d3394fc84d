"""Looks through id_list once for tasks to be taken in, as `readyd adopt` was told to. Runs beside a daemon or without.

Moves no cursor of the audits, and does not log: what was found is told by whoever asked.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

from daemon.dataforseo.errors import AccountRefused, RemoteError, Throttled, Unreachable
from daemon.dataforseo.pages import PAGE_ROWS
from daemon.dataforseo.posted import PostedAnswer, PostedRow
from daemon.passes import lookup, newcomers, ruling
from daemon.passes.remote import ABOUT_THE_PATH, NOT_THERE, outcome_of
from daemon.passes.tools import Tools
from daemon.policy import answers
from daemon.policy.answers import AnswerKind
from daemon.policy.audit import Page, Why
from ledger.times import HOUR_MS, SECOND_MS

TRIES = 3
"""So often a page is asked for when no answer comes; each try costs a call of the budget."""


@dataclass(slots=True)
class Group:
    """The tasks of one function and tag. Instants are ms UTC, `cost` is USD (None: not said for any)."""

    function: str
    tag: str | None
    tasks: int = 0
    pending: int = 0
    oldest_at: int | None = None
    newest_at: int | None = None
    cost: float | None = None

    def add(self, row: PostedRow) -> None:
        """Count one task."""
        self.tasks += 1
        self.pending += row.pending
        if row.posted_at is not None:
            self.oldest_at = min(row.posted_at, self.oldest_at or row.posted_at)
            self.newest_at = max(row.posted_at, self.newest_at or 0)
        if row.cost is not None:
            self.cost = (self.cost or 0.0) + row.cost


Groups = dict[tuple[str, str | None], Group]


@dataclass(slots=True)
class Harvest:
    """What was found in the period from `since` to `until` (ms UTC)."""

    since: int
    until: int
    calls: int = 0
    rows: int = 0
    taken: int = 0  # or would be
    ids: list[str] = field(default_factory=list)  # of the tasks that are taken
    known: int = 0
    foreign: int = 0  # tasks that no rule takes in
    no_tasks: int = 0  # rows about calls of other kinds: the Live method, and so on
    taken_groups: Groups = field(default_factory=dict)
    foreign_groups: Groups = field(default_factory=dict)
    answered: list[str] = field(default_factory=list)  # APIs seen to their end
    missing: list[str] = field(default_factory=list)  # APIs that have no id_list
    problems: list[str] = field(default_factory=list)  # sentences: what could not be seen or read
    stopped: RemoteError | None = None  # why the rest was not asked


@dataclass(frozen=True, slots=True)
class Step:
    """How far it has come, to be shown; `wait_ms` until the next call."""

    api: str
    rows: int
    wait_ms: int = 0


@dataclass(slots=True)
class Adopter:
    """Takes in, or with `dry` only counts, what the rules adopt."""

    tools: Tools
    dry: bool
    on_step: Callable[[Step], None]

    async def run(self, apis: Sequence[str], since: int) -> Harvest:
        """Go through everything that was posted to these APIs since an instant (ms UTC)."""
        now = self.tools.now()
        # What a month old is will be deleted before it could be fetched; and the wait for calls takes its time.
        since = max(since, now - self.tools.rules.audit_metadata_ms + HOUR_MS)
        found = Harvest(since, now)
        for api in apis:
            try:
                await self._sweep(api, found)
                found.answered.append(api)
            except RemoteError as error:
                if not _is_about(error):
                    found.stopped = error
                    break
                if error.code == NOT_THERE:
                    found.missing.append(api)
                else:
                    found.problems.append(f"{api} could not be seen to its end: {error}")
        return found

    async def _sweep(self, api: str, found: Harvest) -> None:
        seen: set[str] = set()
        for offset in count(0, PAGE_ROWS):
            # id_list is asked for whole seconds: what was posted in the one that ran is wanted too.
            page = Page(found.since, found.until + SECOND_MS - 1, offset)
            call_id, answer = await self._page(api, page, found)
            new = self._take(call_id, api, answer, found, seen)
            if answer.row_count < PAGE_ROWS:
                return
            if not new:
                found.problems.append(
                    f"{api} showed the same page again; what may come after it was not asked"
                )
                return

    async def _page(self, api: str, page: Page, found: Harvest) -> tuple[int, PostedAnswer]:
        """Ask for a page, again if need be."""
        for attempt in count(1):
            call_id = await self._slot(api, page, found)
            found.calls += 1
            try:
                with self.tools.audits.counted():
                    answer = await self.tools.client.list_posted(
                        api, page.from_at, page.to_at, offset=page.offset, limit=PAGE_ROWS, metadata=True
                    )
                return call_id, answer
            except RemoteError as error:
                self._failed(call_id, api, error)
                if attempt >= TRIES or not isinstance(error, Unreachable | Throttled):
                    raise
                pause = answers.remote_pause(attempt, AnswerKind.UNREACHABLE, self.tools.rules)
                await asyncio.sleep(pause / 1000)
        raise AssertionError

    async def _slot(self, api: str, page: Page, found: Harvest) -> int:
        """Wait for a call that the budget of all processes allows, and write it down."""
        tools = self.tools
        while True:
            wait = tools.audits.wait_ms()
            self.on_step(Step(api, found.rows, wait))
            if not wait:
                call_id = tools.audits.begin(api, Why.BY_HAND, page, sweep=False)
                if call_id is not None:
                    return call_id
            # By a second at a time: the wait is shown, and others may have called meanwhile.
            await asyncio.sleep(min(wait, SECOND_MS) / 1000)

    def _failed(self, call_id: int, api: str, error: RemoteError) -> None:
        tools, now = self.tools, self.tools.now()
        if isinstance(error, Throttled):
            tools.audits.tighten()
        tools.ledger.audits.close(
            call_id, api, outcome=outcome_of(error), code=error.code, at=now, failed=False
        )

    def _take(self, call_id: int, api: str, answer: PostedAnswer, found: Harvest, seen: set[str]) -> bool:
        """Take in what a page shows; say whether it showed anything new."""
        tools, now = self.tools, self.tools.now()
        if not self.dry:
            # One of ours whose answer was lost is no stranger: taken in beside its plan, it would be there twice.
            lookup.adopt_silently(tools, answer.rows)
        page = newcomers.read(answer, tools.ledger.tasks, tools.rules, now, seen)
        outcome = tools.ledger.record_adoption(
            call_id,
            api,
            [] if self.dry else page.evidence,
            [] if self.dry else page.newcomers,
            rows=answer.row_count,
            foreign=len(page.foreign),
            at=now,
        )
        if outcome.adopted:
            ruling.run(tools)
        taken = len(page.newcomers) if self.dry else outcome.adopted
        found.taken += taken
        # A running daemon may have taken one in since we looked.
        found.known += len(page.known) + len(page.newcomers) - taken
        found.rows += answer.row_count
        found.problems += answer.problems
        _count(page, found)
        seen.update(row.task_id for row in page.rows)
        return bool(page.rows)


def _is_about(error: RemoteError) -> bool:
    """Say whether an error concerns one API, so that the others are worth asking."""
    if isinstance(error, AccountRefused):
        return not error.everywhere
    return isinstance(error, ABOUT_THE_PATH)


def _count(page: newcomers.Sorted, found: Harvest) -> None:
    rows = {row.task_id: row for row in page.rows}
    for one in page.newcomers:
        found.ids.append(one.task_id)
        _add(found.taken_groups, rows[one.task_id])
    for row in page.foreign:
        if row.function is None:
            found.no_tasks += 1
        else:
            found.foreign += 1
            _add(found.foreign_groups, row)


def _add(groups: Groups, row: PostedRow) -> None:
    function = row.function or ""
    groups.setdefault((function, row.tag), Group(function, row.tag)).add(row)
