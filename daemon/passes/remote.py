"""How the remote as a whole is doing, from the last calls. Does not know single tasks, nor the ledger.

A dead network or a refused login is no fault of the task that happened to be asked for: it pauses all calls
for a while and costs no task an attempt, so that the most urgent one goes first when the remote is back.
"""

from dataclasses import dataclass, field
from enum import Enum

from daemon.dataforseo.errors import (
    AccountRefused,
    Garbled,
    RemoteError,
    RequestRefused,
    Throttled,
    TooLarge,
)
from daemon.policy import answers
from daemon.policy.answers import AnswerKind
from daemon.policy.rules import Rules

_OUTCOMES: dict[type[RemoteError], str] = {
    Throttled: "throttled",
    AccountRefused: "account refused",
    RequestRefused: "refused",
    Garbled: "garbled",
    TooLarge: "garbled",
}

ABOUT_THE_PATH = (RequestRefused, Garbled, TooLarge)
"""One list that is refused or garbled (a retired type, say) pauses nothing but itself."""

NOT_THERE = 40400
"""docs appendix/errors: no such path. ai_optimization's id_list is named by the help center alone."""

MOST_FAILING = 10_000
"""So many failing tasks are remembered; beyond that they are forgotten together, which costs a few calls."""

AFTER_YOU_MS = 6_000
"""In a row of failures, who failed last (GETs, id_list, or the rest) waits so much longer than others after a pause.

Tasks whose own results break the remote would begin the next pause at once, one after the other, and meanwhile no list
would find out that the remote is well; and where only lists, or only id_list, are broken, the others must not wait for
them."""

OUTAGE = 3
"""So many calls in a row that found nobody, of lists and of GETs, are an outage; a list that failed during one need not
wait when it is over."""

PROBE_MS = 60_000
"""While an API refuses us, one call finds out whether it still does; no other is begun before this is over."""


EX_UNAVAILABLE, EX_CONFIG = 69, 78
"""Exit codes (sysexits.h): the remote cannot be reached, or refuses the login, which only somebody can put right."""


class Caller(Enum):
    """Who calls: what is broken for one of them may work for the others."""

    LISTS = 1  # and all that is none of the others
    RESULTS = 2  # GETs by id
    AUDITS = 3  # id_list


@dataclass(frozen=True, slots=True)
class Refusal:
    """One API that lets nobody of this account in. `resume_ticks` counts in monotonic ms."""

    detail: str
    resume_ticks: int


@dataclass(slots=True)
class Remote:
    """The remote's condition. Instants are wall ms UTC; `resume_ticks` counts in monotonic ms."""

    failures: int = 0  # incidents in a row: calls that failed during the pause of another belong to it
    kind: AnswerKind | None = None
    detail: str = ""
    since: int | None = None  # when this row of failures began
    resume_ticks: int = 0  # no call before
    asked_pause_ticks: int = 0  # the remote's own wish; an answer to an earlier call does not end it
    throttled_at: int | None = None  # the last time the remote said that we ask too fast
    throttled_again: bool = False  # it said so before, and let us ask in between
    empty_lists: dict[str, int] = field(default_factory=dict)  # listing -> since when suspiciously empty
    refused: dict[str, Refusal] = field(default_factory=dict)  # by API
    answers: int = 0  # usable answers so far
    back_at: int = 0  # when the last outage ended
    failed_last: Caller = Caller.LISTS
    failing: dict[str, int] = field(default_factory=dict)  # task -> `answers` when its GET last brought none
    _answers_then: int = 0  # `answers` when we last asked too fast

    def well(self, api: str, now: int) -> bool:
        """Note an answer (of an API): the remote is there and lets us in. Say whether it did not before."""
        trouble = self.failures > 0 or api in self.refused
        if self.failures >= OUTAGE and self.kind is AnswerKind.UNREACHABLE:
            self.back_at = now
        self.failures = 0
        self.kind = None
        self.detail = ""
        self.since = None
        self.resume_ticks = 0
        self.answers += 1
        self.refused.pop(api, None)
        return trouble

    def troubled(
        self,
        error: RemoteError,
        api: str,
        *,
        now: int,
        ticks: int,
        rules: Rules,
        caller: Caller = Caller.LISTS,
    ) -> None:
        """Note a call that failed for a reason that is not about one task, and pause."""
        if isinstance(error, AccountRefused) and not error.everywhere:
            self.refused[api] = Refusal(str(error), ticks + rules.account_ms)
            return
        kind = kind_of(error)
        self.failed_last = caller
        if ticks >= self.resume_ticks or kind is not self.kind:
            self.failures += 1
        self.kind = kind
        self.detail = str(error)
        self.since = now if self.since is None else self.since
        pause = answers.remote_pause(self.failures, kind, rules)
        if isinstance(error, Throttled):
            self._throttled(now, rules)
            self.asked_pause_ticks = max(self.asked_pause_ticks, ticks + (error.retry_after_ms or 0))
        self.resume_ticks = max(self.resume_ticks, ticks + pause)

    def throttled(self, now: int, rules: Rules) -> bool:
        """Say whether the remote's last word that we ask too fast still stands."""
        stands_ms = rules.throttled_again_stands_ms if self.throttled_again else rules.throttled_stands_ms
        return self.throttled_at is not None and 0 <= now - self.throttled_at < stands_ms

    def _throttled(self, now: int, rules: Rules) -> None:
        since = rules.throttled_recurs_ms if self.throttled_at is None else now - self.throttled_at
        if not 0 <= since < rules.throttled_recurs_ms:
            self.throttled_again = False
        elif since >= rules.throttled_stands_ms and self.answers > self._answers_then:
            self.throttled_again = True
        self.throttled_at, self._answers_then = now, self.answers

    def pause_ms(self, ticks: int, caller: Caller = Caller.LISTS) -> int:
        """How long this caller should begin no call; 0 when it may now."""
        courtesy = AFTER_YOU_MS if self.failures > 1 and self._steps_back(caller) else 0
        return max(0, self.resume_ticks + courtesy - ticks, self.asked_pause_ticks - ticks)

    def _steps_back(self, caller: Caller) -> bool:
        if self.kind is AnswerKind.UNREACHABLE:
            return caller is self.failed_last
        # A limit or a refusal is about the account: lists and audits would only find out the same, at the same instant.
        return (caller is Caller.RESULTS) == (self.failed_last is Caller.RESULTS)

    def refuses(self, api: str, ticks: int) -> bool:
        """Say whether this API refused the account lately."""
        refusal = self.refused.get(api)
        return refusal is not None and ticks < refusal.resume_ticks

    def probed(self, api: str, ticks: int) -> None:
        """Note that a call of this API begins: while it refuses, no second one beside it."""
        refusal = self.refused.get(api)
        if refusal is not None:
            self.refused[api] = Refusal(refusal.detail, ticks + PROBE_MS)

    def is_own_fault(self, task_id: str) -> bool:
        """Note that a task's GET brought no answer; say whether others were answered since its last failure.

        Then the trouble is with this one task (its result breaks the remote, or a proxy), and pausing all calls for
        it would keep everybody else from home.
        """
        before = self.failing.get(task_id)
        if len(self.failing) >= MOST_FAILING:
            self.failing.clear()
        self.failing[task_id] = self.answers
        return before is not None and self.answers > before


def api_of(path: str) -> str:
    """Name the API of a path (`/v3/serp/...`) or a function (`serp/...`): what a subscription is for."""
    words = path.strip("/").split("/")
    return words[1] if words[0] == "v3" and len(words) > 1 else words[0]


def kind_of(error: RemoteError) -> AnswerKind:
    """Name the kind of a failure that concerns more than one task."""
    if isinstance(error, Throttled):
        return AnswerKind.THROTTLED
    if isinstance(error, AccountRefused):
        return AnswerKind.ACCOUNT
    return AnswerKind.UNREACHABLE


def exit_code(remote: Remote) -> int:
    """Say how a single round ended, as an exit code: what failed last, and was not well again since."""
    if remote.failures and remote.kind is AnswerKind.ACCOUNT:
        return EX_CONFIG
    return EX_UNAVAILABLE if remote.failures or remote.refused else 0


def outcome_of(error: RemoteError) -> str:
    """Say how a call ended that brought no list, in the word of its row in the ledger."""
    return _OUTCOMES.get(type(error), "unreachable")
