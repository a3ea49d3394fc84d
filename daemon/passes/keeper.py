"""Keeps the agenda in line with the ledger, a slice at a time, so that the loop never stalls. Chooses no task.

A start reads every outstanding task once, the ready ones first. From then on only what changed is read again: the
ledger names it, whichever process wrote it, and time names the rest. As a safety net, because a task that is forgotten
is a result that is lost, all of them are read again every ten minutes, slowly.
"""

from collections.abc import Container, Iterable
from itertools import islice

from daemon.passes.tools import Tools
from daemon.policy import expiry, probing
from daemon.policy.agenda import Agenda
from daemon.policy.priority import Ranked
from daemon.standing import Standings
from ledger.changes import Mark
from ledger.records import Candidate
from ledger.walk import Walk

SLICE = 250
"""So many tasks are read at once: some milliseconds."""

WALK_AGAIN_MS = 10 * 60_000
"""From the end of one look at all outstanding tasks to the beginning of the next."""


class Keeper:
    """Reads into an agenda what the ledger knows of outstanding tasks."""

    def __init__(self, tools: Tools, agenda: Agenda) -> None:
        """Prepare; nothing is read before the first `step`."""
        self._tools = tools
        self._agenda = agenda
        self._inbox: dict[str, None] = {}  # tasks to be read again, the first heard of first
        self._mark: Mark | None = None
        self._more = False  # the ledger has more changes to tell
        self._walk: Walk | None = None
        self._walk_at = 0  # monotonic ms
        self.filling = True  # the first walk is not over

    def hear(self, ids: Iterable[str]) -> None:
        """Read these tasks again soon: something is known of them that was not."""
        self._inbox.update(dict.fromkeys(ids))

    def walk_again(self) -> None:
        """Begin to read all of them again now."""
        self._walk = self._tools.ledger.walk()

    @property
    def behind(self) -> bool:
        """Say whether there is something to read that may be urgent."""
        return self.filling or bool(self._inbox) or self._more or self._is_due()

    @property
    def far_behind(self) -> bool:
        """Say whether that is more than one slice."""
        return self.filling or len(self._inbox) > SLICE or self._more

    @property
    def walking(self) -> bool:
        """Say whether it is time to read what is probably known."""
        return self._walk is not None or self._tools.ticks() >= self._walk_at

    def step(self, busy: Container[str], *, walk: bool) -> bool:
        """Read one slice of what is new, or else (`walk`) of everything; say whether that brought more worth a GET.

        Tasks in `busy` are under way: they are to be heard of when they are not any more.

        Raises:
            LedgerError: nothing is forgotten.
        """
        mark = self._begin() if self._mark is None else self._mark
        if len(self._inbox) < SLICE:
            changed, self._mark = self._tools.ledger.changes.since(mark, SLICE)
            self._more = self._mark != mark
            self.hear(changed)
            self.hear(self._agenda.due(self._tools.now(), SLICE))
        if self._inbox:
            return self._read_inbox(busy)
        return self._walk_on(busy) if walk else False

    def look(self, ids: list[str]) -> dict[str, tuple[Ranked, Candidate]]:
        """Read tasks now, put them where they belong, and return those that are worth a GET."""
        found = self._read(ids)
        self._consider(found.values())
        worth = ((self._agenda.backlog.get(task_id), task) for task_id, task in found.items())
        return {task.id: (ranked, task) for ranked, task in worth if ranked is not None}

    def _begin(self) -> Mark:
        # The mark first: what changes while the walk is under way is among the changes.
        mark = self._mark = self._tools.ledger.changes.here()
        self.walk_again()
        return mark

    def _is_due(self) -> bool:
        at = self._agenda.next_at()
        return at is not None and at <= self._tools.now()

    def _read_inbox(self, busy: Container[str]) -> bool:
        ids = list(islice(self._inbox, SLICE))
        found = self._read(ids)
        for task_id in ids:
            del self._inbox[task_id]
        return self._consider(task for task_id, task in found.items() if task_id not in busy)

    def _read(self, ids: list[str]) -> dict[str, Candidate]:
        tools, now = self._tools, self._tools.now()
        found = tools.ledger.tasks.still_outstanding(ids)
        for task_id in ids:
            if task_id not in found:
                self._agenda.forget(task_id)
        return {task_id: probing.as_of_now(task, now, tools.rules) for task_id, task in found.items()}

    def _walk_on(self, busy: Container[str]) -> bool:
        if self._walk is None:
            if self._tools.ticks() >= self._walk_at:
                self.walk_again()
                self._tools.ledger.changes.forget(self._mark or self._begin())
            return False
        found = self._walk.page(SLICE)
        if not found:
            self._walk, self.filling = None, False
            self._walk_at = self._tools.ticks() + WALK_AGAIN_MS
        return self._consider(task for task in found if task.id not in busy)

    def _consider(self, tasks: Iterable[Candidate]) -> bool:
        tools, now = self._tools, self._tools.now()
        standings = Standings(tools.ledger.polls.looks(), now, tools.rules, tools.variants)
        news = False
        for task in (probing.as_of_now(one, now, tools.rules) for one in tasks):
            standing = standings.of(task)
            by = expiry.collect_by(standing.deadline_at, tools.rules)
            ranked = Ranked(task.id, task.priority, by, standing.retention_at)
            news |= self._agenda.consider(task, ranked, standings.clear_at(task.function), now)
        return news
