"""What to post next, what the answer means for each task, and when posting stops. Knows no wire and asks nobody.

Posting costs money, so a doubt never becomes a second call: only a word of the remote about a task, or a call of which
nothing has left this machine, lets it be sent again. Everything else stays in `posting` until it is looked up.
"""

from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum
from typing import Protocol

from daemon.policy.rules import DAY_MS, HOUR_MS, MINUTE_MS, Rules
from ledger.intent_records import Fate, Head, Intent
from ledger.records import Reason, State

MOST_TASKS = 100
"""docs task_post: the most tasks of one call."""

DUPLICATES = {
    40205: (HOUR_MS, "the account allows only so many identical tasks an hour"),
    40206: (DAY_MS, "the account allows only so many identical tasks a day"),
}
"""Help center "limit duplicate tasks": an opt-in limit of the account, 10 to 100; when it may be tried again."""


class Kind(StrEnum):
    """What an answer means for a task that was sent, or for a whole call."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"  # for what it is: the same task would be refused again
    DUPLICATE = "duplicate"  # sent too often; later it is taken
    TROUBLE = "trouble of the remote"  # not created; docs: set it again in a few minutes
    ODD = "unknown refusal"  # a code of the family of refusals that nobody knows: kept, slower and slower
    THROTTLED = "throttled"
    MONEY = "money"  # no funds, or a limit of the user's own: posting stops, and nothing else
    SUBSCRIPTION = "subscription"  # this API is not paid for
    ACCOUNT = "account"  # the account itself is refused
    DOUBT = "doubt"  # it may have been created


_MONEY = frozenset({402, 40200, 40203, 40210})
_ACCOUNT = frozenset({40001, 40100, 40104, 40201, 40207})
_THROTTLED = frozenset({40202, 40209})
COST_LIMIT = 40203
SUBSCRIPTION = 40204


class Word(Protocol):
    """What the remote says of one task."""

    @property
    def task_id(self) -> str | None: ...
    @property
    def code(self) -> int | None: ...
    @property
    def message(self) -> str | None: ...
    @property
    def cost(self) -> float | None: ...
    @property
    def documented(self) -> bool: ...


def classify(code: int | None, *, documented: bool = False, has_id: bool = False) -> Kind:
    """Say what a code means. `documented`: it is known to refuse a task for what it is."""
    if code in (20000, 20100):
        return Kind.ACCEPTED if has_id else Kind.DOUBT
    for kind, codes in (
        (Kind.MONEY, _MONEY),
        (Kind.ACCOUNT, _ACCOUNT),
        (Kind.THROTTLED, _THROTTLED),
        (Kind.SUBSCRIPTION, {SUBSCRIPTION}),
        (Kind.DUPLICATE, DUPLICATES.keys()),
    ):
        if code in codes:
            return kind
    if code is not None and 50000 <= code < 60000:
        return Kind.TROUBLE
    if documented:
        return Kind.REJECTED
    return Kind.ODD if code is not None and 40000 <= code < 50000 else Kind.DOUBT


def is_refusal(code: int | None) -> bool:
    """Say whether an answer's own code says that the remote took nothing (docs: appendix/errors)."""
    return code is not None and (40000 <= code < 50000 or code in _MONEY)


def fate(intent: Intent, word: Word, now: int, rules: Rules) -> Fate | None:
    """Say what becomes of a task after the remote's word about it; None: it is in doubt, and looked up."""
    kind = classify(word.code, documented=word.documented, has_id=word.task_id is not None)
    if kind is Kind.DOUBT:
        return None
    if kind is Kind.ACCEPTED:
        return Fate(intent.key, State.POSTED, Reason.ACCEPTED, word.task_id, word.cost)
    if kind is Kind.REJECTED:
        return Fate(intent.key, State.REJECTED, Reason.REFUSED, code=word.code, message=word.message)
    if kind in (Kind.THROTTLED, Kind.MONEY, Kind.SUBSCRIPTION, Kind.ACCOUNT):
        return put_off(intent, word.code, word.message)
    attempts = intent.attempts + 1 if intent.code == word.code else 1
    delay, message = _delay(kind, attempts, word, rules)
    return put_off(intent, word.code, message, attempts=attempts, next_try_at=now + delay)


def put_off(
    intent: Intent,
    code: int | None,
    message: str | None,
    *,
    attempts: int = 0,
    next_try_at: int | None = None,
    alone: bool = False,
    reason: Reason = Reason.PUT_OFF,
) -> Fate:
    """Plan a task again."""
    return Fate(
        intent.key,
        State.PLANNED,
        reason,
        code=code,
        message=message,
        attempts=attempts,
        next_try_at=next_try_at,
        alone=alone,
    )


def refused_whole(intents: Sequence[Intent], code: int, message: str, now: int, rules: Rules) -> list[Fate]:
    """Say what becomes of the tasks of a call that was refused as a whole for what it holds.

    Which of them is to blame nobody says; so each is sent by itself, and one that is refused alone is rejected.
    """
    if len(intents) == 1:
        return [Fate(intents[0].key, State.REJECTED, Reason.REFUSED, code=code, message=message)]
    return [put_off(one, code, message, alone=True) for one in intents]


def _delay(kind: Kind, attempts: int, word: Word, rules: Rules) -> tuple[int, str | None]:
    if kind is Kind.DUPLICATE:
        delay, sentence = DUPLICATES[word.code or 0]
        return delay, f"{word.message or 'duplicate'} ({sentence}; it is posted again later)"
    least, most = (
        (rules.post_trouble_least_ms, rules.post_trouble_most_ms)
        if kind is Kind.TROUBLE
        else (rules.odd_least_ms, rules.odd_most_ms)
    )
    return min(least << min(attempts - 1, 20), most), word.message


def latest(now: int, rules: Rules) -> int:
    """Return the last instant for which a try can have been noted by `now`."""
    longest = max(delay for delay, _ in DUPLICATES.values())
    return now + max(longest, rules.post_trouble_most_ms, rules.odd_most_ms)


def choose(heads: Iterable[Head], paused: Collection[str]) -> str | None:
    """Name the function to post to next: that of the most important task, of these the one planned first.

    `paused` are APIs that take no tasks at the moment.
    """
    waiting = [one for one in heads if one.function.partition("/")[0] not in paused]
    first = min(waiting, key=lambda one: (-one.priority, one.recorded_at, one.number), default=None)
    return None if first is None else first.function


def together(intents: Sequence[Intent]) -> list[Intent]:
    """Take the tasks of the next call from the first of a function: one that must go alone goes alone."""
    if intents and intents[0].alone:
        return [intents[0]]
    return [one for one in intents if not one.alone][:MOST_TASKS]


def resume_at(code: int | None, now: int, rules: Rules) -> int:
    """Say when posting is tried again that stopped for money or a subscription (ms UTC).

    The user's own limit counts UTC days (help center "limit my payments"); a minute later their day has begun too.
    """
    if code == COST_LIMIT:
        return (now // DAY_MS + 1) * DAY_MS + MINUTE_MS
    return now + rules.account_ms
