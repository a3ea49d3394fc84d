"""How the remote as a whole is doing, from the last calls. Does not know single tasks, nor the ledger.

A dead network or a refused login is no fault of the task that happened to be asked for: it pauses all calls
for a while and costs no task an attempt, so that the most urgent one goes first when the remote is back.
"""

from dataclasses import dataclass, field

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


@dataclass(slots=True)
class Remote:
    """The remote's condition. Instants are wall ms UTC; `resume_ticks` counts in monotonic ms."""

    failures: int = 0  # calls in a row that brought no usable answer
    kind: AnswerKind | None = None
    detail: str = ""
    since: int | None = None  # when this row of failures began
    resume_ticks: int = 0  # no call before
    throttled_at: int | None = None  # the last time the remote said that we ask too fast
    empty_lists: dict[str, int] = field(default_factory=dict)  # listing -> since when suspiciously empty

    def well(self) -> None:
        """Note an answer: the remote is there and lets us in."""
        self.failures = 0
        self.kind = None
        self.detail = ""
        self.since = None
        self.resume_ticks = 0

    def troubled(self, error: RemoteError, *, now: int, ticks: int, rules: Rules) -> None:
        """Note a call that failed for a reason that is not about one task, and pause."""
        self.kind = kind_of(error)
        self.failures += 1
        self.detail = str(error)
        self.since = now if self.since is None else self.since
        pause = answers.remote_pause(self.failures, self.kind, rules)
        if isinstance(error, Throttled):
            self.throttled_at = now
            pause = max(pause, error.retry_after_ms or 0)
        self.resume_ticks = max(self.resume_ticks, ticks + pause)

    def pause_ms(self, ticks: int) -> int:
        """How long no call should be made; 0 when calls may be made now."""
        return max(0, self.resume_ticks - ticks)


def kind_of(error: RemoteError) -> AnswerKind:
    """Name the kind of a failure that concerns more than one task."""
    if isinstance(error, Throttled):
        return AnswerKind.THROTTLED
    if isinstance(error, AccountRefused):
        return AnswerKind.ACCOUNT
    return AnswerKind.UNREACHABLE


def outcome_of(error: RemoteError) -> str:
    """Say how a call ended that brought no list, in the word of its row in the ledger."""
    return _OUTCOMES.get(type(error), "unreachable")
