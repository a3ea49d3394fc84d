"""What an answer to a GET means for the task: an end, or another try later. Knows no wire and no ledger.

Nothing but proof makes a task *lost*: 40403 said twice, or 40401 again and again after a grace period. A code that
nobody knows keeps the task and asks again, slower and slower.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from zlib import crc32

from daemon.policy.rules import Rules
from ledger.records import Candidate, Postponement, Reason, Settlement, State, Webhook


class AnswerKind(StrEnum):
    """What kind of answer a GET brought; the catalogue of codes maps to these."""

    DONE = "done"
    EMPTY = "empty"
    PARTIAL = "partial"
    PENDING = "pending"
    FAILED = "failed"
    EXPIRED = "expired"
    NOT_FOUND = "not found"
    RETRY = "retry"
    REQUEST = "request refused"
    UNKNOWN = "unknown code"
    GARBLED = "garbled"
    THROTTLED = "throttled"
    ACCOUNT = "account refused"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer about one task."""

    kind: AnswerKind
    code: int | None
    message: str | None


ENDS: dict[AnswerKind, tuple[State, Reason]] = {
    AnswerKind.DONE: (State.COLLECTED, Reason.FETCHED),
    AnswerKind.EMPTY: (State.COLLECTED, Reason.NO_RESULTS),
    AnswerKind.PARTIAL: (State.COLLECTED, Reason.PARTIAL),
    AnswerKind.FAILED: (State.FAILED, Reason.FAILED_REMOTELY),
    AnswerKind.EXPIRED: (State.LOST, Reason.EXPIRED),
}

NOT_FOUND_CODE = 40401
EXPIRED_CODE = 40403

NOT_ABOUT_THE_TASK = frozenset({AnswerKind.THROTTLED, AnswerKind.ACCOUNT, AnswerKind.UNREACHABLE})
"""Kinds that say something of the remote or the account: they cost the task no attempt."""


def decide(
    task: Candidate, answer: Answer, now: int, rules: Rules, edition: int = 1
) -> Settlement | Postponement:
    """Say what becomes of a task after this answer. `edition` is that of the result that it waits for."""
    decision = _decide(task, answer, now, rules)
    if isinstance(decision, Settlement) and edition > 1 and decision.to in (State.FAILED, State.LOST):
        # An earlier result is here; that the re-parsed one cannot be had takes nothing away.
        return replace(decision, to=State.COLLECTED, reason=Reason.KEPT)
    return decision


def _decide(task: Candidate, answer: Answer, now: int, rules: Rules) -> Settlement | Postponement:
    if answer.kind is AnswerKind.EXPIRED and not _proven_expired(task):
        return _postponed(task, replace(answer, kind=AnswerKind.RETRY, code=EXPIRED_CODE), now, rules)
    if answer.kind in ENDS:
        to, reason = ENDS[answer.kind]
        # Done, and no list showed it: the postback went to the poster's server.
        if to is State.COLLECTED and task.state is State.POSTED and task.webhook is Webhook.POSTBACK:
            to, reason = State.DELIVERED, Reason.DELIVERED
        return _settled(task, answer, to, reason, now)
    if answer.kind is AnswerKind.NOT_FOUND and _proven_missing(task, now, rules):
        return _settled(task, answer, State.LOST, Reason.NOT_FOUND, now)
    return _postponed(task, answer, now, rules)


def remote_pause(failures: int, kind: AnswerKind, rules: Rules) -> int:
    """Return how long (ms) no call should be made after so many failures in a row of a kind beyond the task."""
    if kind is AnswerKind.ACCOUNT:
        return rules.account_ms
    if kind is AnswerKind.THROTTLED:
        return rules.throttled_ms
    return _doubled(rules.unreachable_least_ms, failures, rules.unreachable_most_ms)


def _settled(task: Candidate, answer: Answer, to: State, reason: Reason, now: int) -> Settlement:
    return Settlement(task.id, task.state, to, reason, answer.code, answer.message, now)


def _proven_expired(task: Candidate) -> bool:
    """Say whether 40403 is proof: said twice.

    HTML goes after 7 days and other forms after 30 (docs, task_get): the first time it may be about one form only, and
    by the clock nobody can tell, because that may have been wrong when the task was recorded. The next GET asks for the
    usual form.
    """
    return task.code == EXPIRED_CODE


def _proven_missing(task: Candidate, now: int, rules: Rules) -> bool:
    """Say whether 40401 is proof: long after posting, and said again and again for most of a day.

    The back-off between tries makes ten of them span more than twenty hours: a remote that has lost its memory for an
    afternoon proves nothing.
    """
    in_a_row = _in_a_row(task, NOT_FOUND_CODE)
    return now - task.posted_at >= rules.not_found_grace_ms and in_a_row >= rules.not_found_tries


def _in_a_row(task: Candidate, code: int | None) -> int:
    """Count the tries that were answered alike, this one included: another answer begins a count of its own."""
    return task.attempts + 1 if task.code == code else 1


def _postponed(task: Candidate, answer: Answer, now: int, rules: Rules) -> Postponement:
    counted = answer.kind not in NOT_ABOUT_THE_TASK
    attempts = _in_a_row(task, answer.code) if counted else task.attempts
    delay = _jittered(_delay(task, answer.kind, attempts, now, rules), task.id, attempts)
    pending_at = now if answer.kind is AnswerKind.PENDING and task.state is State.POSTED else None
    if not counted and task.code is not None:
        # It must not wipe out what the remote said of the task last: proofs and alerts count on it.
        return Postponement(task.id, attempts, now + delay, task.code, None, None)
    return Postponement(task.id, attempts, now + delay, answer.code, answer.message, pending_at)


def _delay(task: Candidate, kind: AnswerKind, attempts: int, now: int, rules: Rules) -> int:
    if kind is AnswerKind.UNREACHABLE:
        # Others first: if it is this one task that breaks every connection, it must not hold up the rest.
        return rules.unreachable_yield_ms
    if kind in NOT_ABOUT_THE_TASK:
        return rules.unreachable_least_ms  # the pause of all calls does the waiting
    if kind is AnswerKind.PENDING:
        if task.state is State.READY:
            return _doubled(rules.pending_least_ms, attempts, rules.pending_most_ms)
        age = now - task.posted_at
        return min(max(age // 10, rules.pending_least_ms), rules.pending_most_ms)
    if kind in (AnswerKind.RETRY, AnswerKind.GARBLED):  # a broken answer is usually whole the next time
        return _doubled(rules.retry_least_ms, attempts, rules.retry_most_ms)
    return _doubled(rules.odd_least_ms, attempts, rules.odd_most_ms)


def _doubled(least: int, times: int, most: int) -> int:
    return min(least << min(max(times - 1, 0), 20), most)


def _jittered(delay: int, task_id: str, attempts: int) -> int:
    """Stretch by up to a fifth, the same each time for the same task and try: no herd, and repeatable."""
    return delay + delay * (crc32(f"{task_id}:{attempts}".encode()) % 200) // 1000
