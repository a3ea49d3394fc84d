"""The post pass: planned tasks, the most important first, become posted ones, up to a hundred a call, each once.

Commit that they are about to be sent, send, commit what the answer says; no transaction is open in between. What an
answer means is `policy.posting`'s word; a call without an answer is left to `lookup`.
"""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from daemon.dataforseo.errors import AccountRefused, NotSent, RemoteError, RequestRefused, Throttled
from daemon.dataforseo.posting import PostingAnswer, carries_tag, path_of
from daemon.passes.postbox import ALL, Stop
from daemon.passes.remote import api_of, outcome_of
from daemon.passes.tools import Tools
from daemon.policy import choices, posting
from daemon.policy.posting import Kind
from ledger.errors import NotPlannedError
from ledger.intent_records import Fate, Intent
from ledger.keys import sent_tag
from ledger.records import Reason, State

RULED = 5_000
"""So many planned tasks get their priority by the rules before each call: far more than a call posts."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What is to be written about a call, kept until it is written."""

    call_id: int
    fates: Sequence[Fate]
    outcome: str
    code: int | None
    why: str | None


@dataclass(slots=True)
class Poster:
    """Posts one call after the other; what is planned, and what was sent, is in the ledger."""

    tools: Tools
    stop: asyncio.Event
    _unwritten: list[Ending] = field(default_factory=list)  # answers that the disk refused

    async def run(self) -> int:
        """Post until nothing is due, or nobody takes it; return how many calls were made."""
        made = 0
        while not self.stop.is_set():
            self._write_endings()
            intents = self._next()
            if not intents:
                break
            if self._give_up_unknown(intents):
                await asyncio.sleep(0)  # there may be a thousand such batches, and others have work too
                continue
            if wait := self.tools.general.wait_ms(self.tools.ticks()):
                await asyncio.sleep(min(wait, 1_000) / 1000)
                continue
            made += await self._post(intents)
        return made

    def _next(self) -> list[Intent]:
        """Choose the tasks of the next call; none: not now."""
        tools, now = self.tools, self.tools.now()
        paused = tools.postbox.paused(now)
        if not tools.postbox.enabled or ALL in paused or tools.remote.pause_ms(tools.ticks()):
            return []
        _rule(tools)
        latest = posting.latest(now, tools.rules)
        refused = {api for api in tools.remote.refused if tools.remote.refuses(api, tools.ticks())}
        function = posting.choose(tools.ledger.intents.heads(now, latest), paused | refused)
        if function is None:
            return []
        return posting.together(tools.ledger.intents.next(function, now, latest, posting.MOST_TASKS))

    def _give_up_unknown(self, intents: list[Intent]) -> bool:
        """Reject tasks that there is no path to post to; say whether these are such."""
        function = intents[0].function
        if path_of(function) is not None:
            return False
        with contextlib.suppress(NotPlannedError):  # withdrawn a moment ago
            self.tools.ledger.intents.reject(
                intents, f"there is no function {function} to post to", self.tools.now()
            )
        return True

    async def _post(self, intents: list[Intent]) -> bool:
        """Make one call; False: one of its tasks was withdrawn a moment ago, so choose anew."""
        tools, function = self.tools, intents[0].function
        batch = [payload_of(one) for one in intents]
        tools.general.take(tools.ticks())
        tools.remote.probed(api_of(function), tools.ticks())
        try:
            call_id = tools.ledger.intents.begin(function, intents, tools.now())
        except NotPlannedError:
            return False
        tools.postbox.under_way.add(call_id)
        try:
            ending = await self._send(call_id, function, intents, batch)
        except BaseException:
            tools.postbox.under_way.discard(call_id)  # stopped in the middle: looked up after the next start
            raise
        self._unwritten.append(ending)
        self._write_endings()
        return True

    async def _send(
        self, call_id: int, function: str, intents: list[Intent], batch: list[dict[str, Any]]
    ) -> Ending:
        tools = self.tools
        try:
            answer = await tools.client.post(function, batch, [one.key for one in intents])
        except RemoteError as error:
            return self._refused(call_id, function, intents, error)
        tools.answered(api_of(function))
        return self._answered(call_id, function, intents, answer)

    def _answered(self, call_id: int, function: str, intents: list[Intent], answer: PostingAnswer) -> Ending:
        tools, now = self.tools, self.tools.now()
        fates = []
        for one in intents:
            word = answer.words.get(one.key)
            if word is not None and (fate := posting.fate(one, word, now, tools.rules)) is not None:
                fates.append(fate)
        for problem in answer.problems[:3]:
            tools.log.warning("post.oddity", function=function, problem=problem)
        if any(one.to is State.POSTED for one in fates):
            tools.postbox.works(api_of(function))
        for code, message in {one.code: one.message for one in fates if one.to is State.PLANNED}.items():
            self._obey(posting.classify(code), function, code, message or "")
        self._say(function, intents, fates)
        return Ending(call_id, fates, "answered", answer.code, None)

    def _refused(self, call_id: int, function: str, intents: list[Intent], error: RemoteError) -> Ending:
        """Judge a call that brought no answer about its tasks: a clear refusal, or doubt."""
        tools, now, code = self.tools, self.tools.now(), error.code
        kind = _kind_of(error)
        fates: list[Fate] = []
        if isinstance(error, NotSent):
            fates = [posting.put_off(one, None, str(error), reason=Reason.NOT_SENT) for one in intents]
        elif kind is Kind.REJECTED and code is not None:
            fates = posting.refused_whole(intents, code, str(error), now, tools.rules)
        elif kind is not Kind.DOUBT:
            fates = [posting.put_off(one, code, str(error)) for one in intents]
        if kind in (Kind.DOUBT, Kind.ACCOUNT, Kind.THROTTLED):
            tools.remote.troubled(error, api_of(function), now=now, ticks=tools.ticks(), rules=tools.rules)
        if isinstance(error, Throttled):
            tools.general.tighten(tools.ticks())
        if kind in (Kind.MONEY, Kind.SUBSCRIPTION):
            self._obey(kind, function, code, str(error))
        tools.log.warning(
            "post.unanswered" if kind is Kind.DOUBT and not fates else "post.refused",
            function=function, tasks=len(intents), call=call_id, problem=str(error),
        )  # fmt: skip
        return Ending(call_id, fates, outcome_of(error), code, str(error))

    def _obey(self, kind: Kind, function: str, code: int | None, detail: str) -> None:
        """Stop what the remote's word is about: posting at all, posting to one API, or every call."""
        tools, now, api = self.tools, self.tools.now(), api_of(function)
        if kind in (Kind.MONEY, Kind.SUBSCRIPTION):
            subject = ALL if kind is Kind.MONEY else api
            told = f"posting stopped: {code or 'HTTP 402'} {detail}".strip()
            tools.postbox.stops[subject] = Stop(told, posting.resume_at(code, now, tools.rules))
        elif kind is Kind.THROTTLED:
            error: RemoteError = Throttled(f"task_post of {function}: {code} {detail}", code)
            tools.remote.troubled(error, api, now=now, ticks=tools.ticks(), rules=tools.rules)
            tools.general.tighten(tools.ticks())
        elif kind is Kind.ACCOUNT and code is not None:
            error = AccountRefused(f"task_post of {function}: {code} {detail}", code)
            tools.remote.troubled(error, api, now=now, ticks=tools.ticks(), rules=tools.rules)

    def _write_endings(self) -> None:
        """Write what answers said; one that the disk refuses is kept, and its call is not in doubt meanwhile."""
        while self._unwritten:
            one = self._unwritten[0]
            self.tools.ledger.intents.end(
                one.call_id, one.fates, outcome=one.outcome, code=one.code, why=one.why, at=self.tools.now()
            )
            self._unwritten.pop(0)
            self.tools.postbox.under_way.discard(one.call_id)

    def _say(self, function: str, intents: Sequence[Intent], fates: Sequence[Fate]) -> None:
        log = self.tools.log.bind(function=function)
        posted = sum(one.to is State.POSTED for one in fates)
        cost = round(sum(one.cost or 0 for one in fates), 6)
        log.info("post.answered", tasks=len(intents), posted=posted, cost=cost)
        refusals = {(one.code, one.message): one for one in fates if one.to is State.REJECTED}
        for code, message in list(refusals)[:3]:
            count = sum((one.code, one.message) == (code, message) for one in fates)
            log.warning("post.rejected", count=count, code=code, problem=message)
        if doubts := len(intents) - len(fates):
            log.warning("post.doubt", count=doubts, problem="the answer says nothing clear of them")


def payload_of(intent: Intent) -> dict[str, Any]:
    """Write a task as it is sent: with its key in the tag, where its function has one."""
    payload: dict[str, Any] = json.loads(intent.payload)
    if carries_tag(intent.function):
        payload["tag"] = sent_tag(payload.get("tag"), intent.key)
    return payload


def _kind_of(error: RemoteError) -> Kind:
    """Say what a call means that brought no answer about its tasks.

    A status alone proves nothing: something between us and the remote may have taken the answer away, say a filter that
    puts its own "403" in its place, after the tasks were made. Only the remote's own code says that it took none.
    """
    if not posting.is_refusal(error.code):
        return Kind.DOUBT
    if isinstance(error, Throttled):
        return Kind.THROTTLED
    if isinstance(error, AccountRefused):
        if error.everywhere:
            return Kind.ACCOUNT
        return Kind.SUBSCRIPTION if error.code == posting.SUBSCRIPTION else Kind.MONEY
    if isinstance(error, RequestRefused):
        kind = posting.classify(error.code, documented=True)
        return Kind.DOUBT if kind is Kind.TROUBLE else kind
    return Kind.DOUBT


def _rule(tools: Tools) -> None:
    """Give planned tasks the priority that the user's rules say."""
    if not tools.rules.priority_rules:
        return
    changes = [
        (task_id, choices.priority_of(function, tag, priority, tools.rules))
        for task_id, function, tag, priority in tools.ledger.intents.unruled(RULED)
    ]
    if changes:
        tools.ledger.intents.set_priorities(changes)
