"""What a webhook means for its task: a sign that it is done, its end, or nothing. Knows no request and no ledger.

A webhook is the remote's word with nothing but a secret in a URL to prove it. So it may bring good news (done, a
result) and the remote's own verdict about a task, and never a wait, a loss, or a second result.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from daemon.policy import answers
from daemon.policy.answers import Answer, AnswerKind
from daemon.policy.rules import Rules
from ledger.records import Candidate, Reason, Settlement, State


class Fate(StrEnum):
    """What became of a webhook."""

    READY = "ready"  # its task is to be fetched
    SETTLED = "settled"  # its task has come to its end: collected or failed
    REPLAYED = "replayed"  # nothing new: first write wins
    UNKNOWN = "unknown"  # about a task that is not ours, or not ours yet
    UNUSABLE = "unusable"  # its body is no result: the remote shall count the delivery as failed


@dataclass(frozen=True, slots=True)
class Ruling:
    """What is to be written: a sign (the reason of the move to ready), an end, the body."""

    fate: Fate
    sign: Reason | None = None
    end: Settlement | None = None

    @property
    def keeps_body(self) -> bool:
        """Say whether the body is the task's result."""
        return self.end is not None and self.end.to is State.COLLECTED


AWAITED = frozenset({State.POSTED, State.LOST})
"""States in which a webhook is news. A delivered task's result is here already."""

BELIEVED = frozenset({AnswerKind.DONE, AnswerKind.EMPTY, AnswerKind.PARTIAL, AnswerKind.FAILED})
"""What a postback is believed. "Not yet", "not found" and the like must come from the remote's own mouth (a GET)."""


def of_pingback(task: Candidate | None) -> Ruling:
    """Say what a pingback is worth: its task, if it was waited for, is done."""
    if task is None:
        return Ruling(Fate.UNKNOWN)
    return Ruling(Fate.READY, Reason.PINGBACK) if task.state in AWAITED else Ruling(Fate.REPLAYED)


def of_postback(
    task: Candidate | None, answer: Answer, now: int, rules: Rules, *, verify: bool, edition: int
) -> Ruling:
    """Say what a postback is worth.

    `verify`: it is a sign only, and a GET brings the result. `edition` is that of the result which the task waits for.
    """
    if task is None:
        return Ruling(Fate.UNKNOWN)
    if task.state not in AWAITED | {State.READY}:
        return Ruling(Fate.REPLAYED)
    if answer.kind not in BELIEVED:
        return Ruling(Fate.UNUSABLE)
    sign = Reason.POSTBACK if task.state in AWAITED else None
    # After a re-parse, a postback may still be the earlier result, sent again: only a GET surely brings the new one.
    if verify or edition > 1:
        return Ruling(Fate.READY if sign else Fate.REPLAYED, sign)
    return _settled(task, answer, now, rules)


def _settled(task: Candidate, answer: Answer, now: int, rules: Rules) -> Ruling:
    """Decide as for the answer of a GET; only the reason tells which way the result came."""
    failed = answer.kind is AnswerKind.FAILED and task.state is State.POSTED
    origin = task if failed else replace(task, state=State.READY)
    end = answers.decide(origin, answer, now, rules)
    if not isinstance(end, Settlement):
        return Ruling(Fate.UNUSABLE)
    if end.to is State.COLLECTED:
        end = replace(end, reason=Reason.POSTBACK)
    sign = Reason.POSTBACK if task.state in AWAITED and not failed else None
    return Ruling(Fate.SETTLED, sign, end)
