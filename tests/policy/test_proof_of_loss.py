"""A task is lost on proof alone: whatever answers come, in whatever order and however long, nothing else ends it so."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.policy.answers import NOT_ABOUT_THE_TASK, Answer, AnswerKind, decide
from daemon.policy.rules import DAY_MS, HOUR_MS, Rules
from ledger.records import Candidate, Settlement, State, Webhook

NOON = 1_000_000 * HOUR_MS
RULES = Rules()
TASK = Candidate(
    id="a", function="serp/google/organic", state=State.POSTED, tag=None, priority=1, webhook=Webhook.NONE,
    variant=None, endpoint=None, posted_at=NOON, earliest_done_at=None, pending_at=None, blocked_at=None,
    attempts=0, next_try_at=None,
)  # fmt: skip

GONE, MISSING = Answer(AnswerKind.EXPIRED, 40403, None), Answer(AnswerKind.NOT_FOUND, 40401, None)
OTHERS = [
    Answer(AnswerKind.PENDING, 40602, None),
    Answer(AnswerKind.RETRY, 50000, None),
    Answer(AnswerKind.RETRY, None, "broken off"),
    Answer(AnswerKind.REQUEST, 40004, None),
    Answer(AnswerKind.REQUEST, 40402, None),
    Answer(AnswerKind.UNKNOWN, 99_999, None),
    Answer(AnswerKind.GARBLED, None, None),
    Answer(AnswerKind.THROTTLED, 40202, None),
    Answer(AnswerKind.ACCOUNT, 40100, None),
    Answer(AnswerKind.UNREACHABLE, None, None),
]
ANSWERS = st.one_of(st.sampled_from([GONE, MISSING]), st.sampled_from(OTHERS))
RUNS = st.tuples(ANSWERS, st.integers(1, 12)).map(lambda run: [run[0]] * run[1])
"""The same answer some times in a row: what makes a proof would hardly come up by chance."""


def is_proof(heard: list[tuple[int, Answer]]) -> bool:
    """Judge the last answer by all that was heard, without knowing how the code counts."""
    at, last = heard[-1]
    if last is GONE:
        return [one for _, one in heard[-2:]] == [GONE, GONE]
    row = [when for when, one in heard[-10:] if one is MISSING]
    return len(row) == 10 and at - NOON >= HOUR_MS


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.sampled_from([State.POSTED, State.READY]),
    st.sampled_from(list(Webhook)),
    st.integers(0, 40 * DAY_MS),
    st.lists(RUNS, max_size=12).map(lambda runs: [one for run in runs for one in run]),
)
def test_whatever_is_answered_a_task_is_lost_on_proof_and_then_at_once(
    state: State, webhook: Webhook, age: int, answers: list[Answer]
) -> None:
    task, now = replace(TASK, state=state, webhook=webhook), NOON + age
    heard: list[tuple[int, Answer]] = []
    for answer in answers:
        if answer.kind not in NOT_ABOUT_THE_TASK:  # a cut line neither proves anything nor disproves it
            heard.append((now, answer))
        step = decide(task, answer, now, RULES)
        proven = answer.kind not in NOT_ABOUT_THE_TASK and is_proof(heard)
        assert isinstance(step, Settlement) is proven
        if isinstance(step, Settlement):
            assert step.to is State.LOST
            assert (step.code, step.expected) == (answer.code, state)
            if answer is MISSING:
                assert now - heard[-10][0] >= 20 * HOUR_MS, "a remote may lose its memory for an afternoon"
            return
        assert step.next_try_at > now
        task = replace(task, attempts=step.attempts, code=step.code, pending_at=step.pending_at)
        now = step.next_try_at


def test_a_month_of_silence_and_any_number_of_errors_prove_nothing() -> None:
    for answer in OTHERS:
        task, now, asked = TASK, NOON, 0
        while now < NOON + 45 * DAY_MS and asked < 2_000:
            step = decide(task, answer, now, RULES)
            assert not isinstance(step, Settlement), answer
            task, now = replace(task, attempts=step.attempts, code=step.code), step.next_try_at
            asked += 1
        assert asked > 100
