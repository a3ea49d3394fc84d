"""Takes webhooks in: reads what they say, decides, and makes them durable in small groups before they are answered.

Requests that come together share a commit, bodies first, states second, as fetched results do. Does not know HTTP,
secrets or limits (`daemon.web`).
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from daemon.dataforseo.catalogue import usual_variant
from daemon.dataforseo.inflate import inflate, pack
from daemon.dataforseo.wire import ResultAnswer, read_result
from daemon.passes.collect import KINDS
from daemon.passes.early import Early, Hint
from daemon.passes.tools import Tools
from daemon.policy import arrivals
from daemon.policy.answers import Answer
from daemon.policy.arrivals import Fate, Ruling
from daemon.standing import Standings
from ledger.deliveries import Arrival
from ledger.intake import ID_LENGTH
from ledger.records import Body, Candidate, Reason, Settlement, State

GROUP = 30
GROUP_BYTES = 8 * 1024 * 1024
WAIT_S = 0.05
"""How long a webhook may wait for company: the remote waits for its answer, at most ten seconds."""

_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Postback:
    """A postback that was read: what it says of its task, the whole body as gzip, its size in bytes when inflated."""

    answer: ResultAnswer
    gzip: bytes
    size: int


@dataclass(frozen=True, slots=True)
class _Waiting:
    """One webhook that waits for its commit; its fate goes into `fate`."""

    task_id: str
    postback: Postback | None  # None: a pingback
    at: int
    fate: asyncio.Future[Fate]


def is_id(text: str) -> bool:
    """Say whether a text can be an id of the ledger."""
    return 0 < len(text) <= ID_LENGTH and text.isprintable() and text == text.strip()


def read_postback(raw: bytes, task_id: str, cap: int) -> Postback:
    """Read a postback about a task, gzip or plain, of at most `cap` bytes when inflated.

    Gzip is known by its first bytes: whether every sender and proxy names it in a header is not documented.

    Raises:
        RemoteError: it is damaged, too large, no answer of task_get, or about another task.
    """
    about = f"The postback for task {task_id}"
    packed = raw.startswith(_GZIP_MAGIC)
    body = inflate(raw, cap, about) if packed else raw
    answer = read_result(body, task_id, delivered=True)
    return Postback(answer, raw if packed else pack(body), len(body))


class Receiver:
    """Holds webhooks until they are durable. `wake` is told when there is something to fetch."""

    def __init__(self, tools: Tools, wake: Callable[[], None], *, verify: bool = False) -> None:
        """Start with nothing in hand; `verify`: believe no postback before a GET has confirmed it."""
        self._tools = tools
        self._wake = wake
        self._verify = verify
        self._group: list[_Waiting] = []
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._early = Early(tools, wake)

    async def pingback(self, task_id: str) -> Fate:
        """Take in that a task is done; return when that is durable.

        Raises:
            LedgerError: nothing was written.
        """
        return await self._taken_in(task_id, None)

    async def postback(self, task_id: str, postback: Postback) -> Fate:
        """Take in a task's result; return when it is durable.

        Raises:
            LedgerError: the result may be there, and the task is still outstanding.
        """
        return await self._taken_in(task_id, postback)

    async def _taken_in(self, task_id: str, postback: Postback | None) -> Fate:
        loop = asyncio.get_running_loop()
        waiting = _Waiting(task_id, postback, self._tools.now(), loop.create_future())
        self._group.append(waiting)
        self._bytes += len(postback.gzip) if postback else 0
        if len(self._group) >= GROUP or self._bytes >= GROUP_BYTES:
            self.flush()
        elif self._timer is None:
            self._timer = loop.call_later(WAIT_S, self.flush)
        return await waiting.fate

    def close(self) -> None:
        """Make everything in hand durable, and forget the hints."""
        self.flush()
        self._early.forget()

    def flush(self) -> None:
        """Make everything in hand durable now, and tell those who wait for it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._group:
            one_each = {one.task_id: one for one in reversed(self._group)}
            group = [one for one in self._group if one_each[one.task_id] is one]
            # A second webhook about the same task must see what became of the first.
            self._group = [one for one in self._group if one_each[one.task_id] is not one]
            self._commit(group)
        self._bytes = 0

    def _commit(self, group: list[_Waiting]) -> None:
        try:
            fates = self._record(group)
        except Exception as error:
            for one in group:
                if not one.fate.done():
                    one.fate.set_exception(error)
            return
        for one in group:
            if not one.fate.done():  # who waited may have run out of time
                one.fate.set_result(fates[one.task_id])
            if fates[one.task_id] is Fate.UNKNOWN:
                reason = Reason.POSTBACK if one.postback else Reason.PINGBACK
                self._early.remember(one.task_id, Hint(reason, one.at))
        if Fate.READY in fates.values():
            self._wake()

    def _record(self, group: list[_Waiting]) -> Mapping[str, Fate]:
        tools, ids = self._tools, [one.task_id for one in group]
        known = tools.ledger.tasks.candidates_of(ids)
        editions = tools.ledger.tasks.editions_of(ids)
        rulings = {
            one.task_id: self._rule(one, known.get(one.task_id), editions.get(one.task_id, 1))
            for one in group
        }
        bodies = [
            _body(one.postback, known[one.task_id], one.at)
            for one in group
            if one.postback is not None and rulings[one.task_id].keeps_body
        ]
        signs = self._signs(group, rulings, known)
        ends = [ruling.end for ruling in rulings.values() if ruling.end is not None]
        if bodies:
            tools.ledger.save_bodies(bodies)
        if signs or ends:
            tools.ledger.record_arrivals(signs, ends, lag_ms=tools.rules.list_lag_ms)
            self._say(ends, sum(len(body.gzip) for body in bodies))
        return {task_id: ruling.fate for task_id, ruling in rulings.items()}

    def _rule(self, one: _Waiting, task: Candidate | None, edition: int) -> Ruling:
        if one.postback is None:
            return arrivals.of_pingback(task)
        said = one.postback.answer
        answer = Answer(KINDS[said.kind], said.code, said.message)
        return arrivals.of_postback(
            task, answer, one.at, self._tools.rules, verify=self._verify, edition=edition
        )

    def _signs(
        self, group: list[_Waiting], rulings: Mapping[str, Ruling], known: Mapping[str, Candidate]
    ) -> list[Arrival]:
        tools = self._tools
        standings = Standings(tools.ledger.polls.looks(), tools.now(), tools.rules)
        return [
            Arrival(one.task_id, sign, standings.clear_at(known[one.task_id].function), one.at)
            for one in group
            if (sign := rulings[one.task_id].sign) is not None
        ]

    def _say(self, ends: list[Settlement], size: int) -> None:
        home = [one.task_id for one in ends if one.to is State.COLLECTED]
        if home:
            self._tools.log.info("results.received", count=len(home), bytes=size, tasks=home[:5])
            self._tools.came_home()
        for one in ends:
            if one.to is State.FAILED:
                self._tools.log.warning("task.failed", task=one.task_id, code=one.code, message=one.message)


def _body(postback: Postback, task: Candidate, at: int) -> Body:
    """Name the form by what the poster asked for (`postback_data`), also where no GET has that form."""
    variant = task.variant or usual_variant(task.function)
    return Body(task.id, variant, postback.gzip, postback.size, postback.answer.code or 0, at)
