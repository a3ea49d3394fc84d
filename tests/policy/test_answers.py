"""What an answer means, when a GET is worth it, and what the user's rules say."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.policy import choices, probing
from daemon.policy.answers import NOT_ABOUT_THE_TASK, Answer, AnswerKind, decide, remote_pause
from daemon.policy.probing import GetReason
from daemon.policy.rules import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, AdoptRule, PriorityRule, Rules
from ledger.records import Candidate, Postponement, Reason, Settlement, State, Webhook

NOON = 1_000_000 * HOUR_MS
RULES = Rules()
TASK = Candidate(
    id="a", function="serp/google/organic", state=State.READY, tag="t", priority=1, webhook=Webhook.NONE,
    variant=None, endpoint=None, posted_at=NOON, earliest_done_at=None, pending_at=None, blocked_at=None,
    attempts=0, next_try_at=None,
)  # fmt: skip
POSTBACK = replace(TASK, state=State.POSTED, webhook=Webhook.POSTBACK)
PROOF = {AnswerKind.EXPIRED, AnswerKind.NOT_FOUND}


def answer(kind: AnswerKind, code: int | None = None) -> Answer:
    return Answer(kind, code, None)


@pytest.mark.parametrize(
    ("kind", "to", "reason"),
    [
        (AnswerKind.DONE, State.COLLECTED, Reason.FETCHED),
        (AnswerKind.EMPTY, State.COLLECTED, Reason.NO_RESULTS),
        (AnswerKind.PARTIAL, State.COLLECTED, Reason.PARTIAL),
        (AnswerKind.FAILED, State.FAILED, Reason.FAILED_REMOTELY),
    ],
)
def test_some_answers_end_a_task(kind: AnswerKind, to: State, reason: Reason) -> None:
    end = decide(TASK, answer(kind), NOON, RULES)
    assert isinstance(end, Settlement)
    assert (end.expected, end.to, end.reason) == (State.READY, to, reason)


def test_a_postback_task_that_is_done_and_on_no_list_was_delivered() -> None:
    end = decide(POSTBACK, answer(AnswerKind.DONE), NOON, RULES)
    assert isinstance(end, Settlement)
    assert end.to is State.DELIVERED


def test_a_listed_postback_task_is_a_failed_delivery_and_collected() -> None:
    end = decide(replace(POSTBACK, state=State.READY), answer(AnswerKind.DONE), NOON, RULES)
    assert isinstance(end, Settlement)
    assert end.to is State.COLLECTED


@given(st.sampled_from(sorted(set(AnswerKind) - PROOF)), st.integers(0, 50), st.integers(0, 10**10))
def test_nothing_but_proof_makes_a_task_lost(kind: AnswerKind, attempts: int, age: int) -> None:
    end = decide(replace(TASK, attempts=attempts), answer(kind), NOON + age, RULES)
    assert not (isinstance(end, Settlement) and end.to is State.LOST)


def test_not_found_is_proof_only_after_the_grace_period_and_for_the_tenth_time_in_a_row() -> None:
    def ends(age: int, attempts: int, before: int | None) -> bool:
        task = replace(TASK, attempts=attempts, code=before)
        return isinstance(decide(task, answer(AnswerKind.NOT_FOUND, 40401), NOON + age, RULES), Settlement)

    assert not ends(HOUR_MS - 1, 99, 40401)
    assert not ends(HOUR_MS, 8, 40401)
    assert ends(HOUR_MS, 9, 40401)
    assert not ends(HOUR_MS, 99, 50000), "tries for other reasons prove nothing"


def test_not_founds_that_prove_a_loss_span_most_of_a_day() -> None:
    now, task = NOON + 2 * HOUR_MS, TASK
    began = now
    for _ in range(20):
        step = decide(task, answer(AnswerKind.NOT_FOUND, 40401), now, RULES)
        if isinstance(step, Settlement):
            break
        task, now = replace(task, attempts=step.attempts, code=step.code), step.next_try_at
    assert isinstance(step, Settlement)
    assert 20 * HOUR_MS < now - began < 30 * HOUR_MS


@pytest.mark.parametrize("age", [HOUR_MS, RULES.retention_ms, 300 * DAY_MS])
def test_a_deleted_result_is_lost_when_that_was_said_twice(age: int) -> None:
    """Once says it of one form only, and how old a task is says a clock that may have been wrong."""

    def decided(before: int | None) -> Settlement | Postponement:
        return decide(replace(TASK, code=before), answer(AnswerKind.EXPIRED, 40403), NOON + age, RULES)

    once, twice = decided(None), decided(40403)
    assert isinstance(once, Postponement)
    assert (once.attempts, once.code) == (1, 40403)
    assert isinstance(twice, Settlement)
    assert (twice.to, twice.reason) == (State.LOST, Reason.EXPIRED)


@given(st.sampled_from(sorted(set(AnswerKind) - PROOF)), st.integers(0, 10_000), st.integers(0, 10**10))
def test_a_task_that_can_still_yield_is_always_asked_again(kind: AnswerKind, attempts: int, age: int) -> None:
    step = decide(replace(TASK, attempts=attempts), answer(kind, 99_999), NOON + age, RULES)
    if isinstance(step, Postponement):
        assert NOON + age < step.next_try_at <= NOON + age + 8 * HOUR_MS


def test_many_early_looks_do_not_make_the_first_error_of_a_done_task_expensive() -> None:
    task = replace(TASK, attempts=12, code=40602)
    step = decide(task, answer(AnswerKind.RETRY, 50000), NOON, RULES)
    assert isinstance(step, Postponement)
    assert step.attempts == 1
    assert step.next_try_at <= NOON + 20 * SECOND_MS


@given(st.sampled_from(sorted(NOT_ABOUT_THE_TASK)))
def test_trouble_beyond_the_task_costs_it_no_attempt(kind: AnswerKind) -> None:
    step = decide(replace(TASK, attempts=3), answer(kind), NOON, RULES)
    assert isinstance(step, Postponement)
    assert step.attempts == 3
    assert step.next_try_at <= NOON + 2 * MINUTE_MS
    if kind is AnswerKind.UNREACHABLE:
        pause = remote_pause(1, kind, RULES)
        assert step.next_try_at > NOON + pause, "a task that breaks every connection lets others go first"


def test_not_yet_is_remembered_as_a_proof_that_it_was_not_done() -> None:
    step = decide(replace(TASK, state=State.POSTED), answer(AnswerKind.PENDING, 40602), NOON + 5, RULES)
    assert isinstance(step, Postponement)
    assert step.pending_at == NOON + 5


@given(
    st.text(min_size=1),
    st.integers(0, 40),
    st.integers(0, 40 * DAY_MS),
    st.sampled_from([State.POSTED, State.READY]),
)
def test_what_is_not_done_yet_is_asked_for_within_the_hour_however_old_it_is(
    task_id: str, attempts: int, age: int, state: State
) -> None:
    """Also one that no list shows is home an hour after it is done."""
    task = replace(TASK, id=task_id, state=state, attempts=attempts, code=40602)
    step = decide(task, answer(AnswerKind.PENDING, 40602), NOON + age, RULES)
    assert isinstance(step, Postponement)
    assert MINUTE_MS <= step.next_try_at - (NOON + age) <= HOUR_MS


def test_pauses_grow_but_end() -> None:
    pauses = [remote_pause(n, AnswerKind.UNREACHABLE, RULES) for n in range(1, 100)]
    assert pauses[0] == SECOND_MS
    assert pauses == sorted(pauses)
    assert pauses[-1] == MINUTE_MS
    assert remote_pause(1, AnswerKind.THROTTLED, RULES) == MINUTE_MS


def test_a_ready_task_is_worth_a_get_unless_its_next_try_is_later() -> None:
    assert probing.why_get(TASK, NOON, None, RULES) is GetReason.LISTED
    assert probing.why_get(replace(TASK, next_try_at=NOON + 1), NOON, None, RULES) is None
    assert probing.why_get(replace(TASK, next_try_at=NOON), NOON, None, RULES) is GetReason.LISTED


def test_a_posted_task_waits_for_the_lists_until_it_is_late() -> None:
    posted = replace(TASK, state=State.POSTED)
    assert probing.why_get(posted, NOON + 45 * MINUTE_MS - 1, None, RULES) is None
    assert probing.why_get(posted, NOON + 45 * MINUTE_MS, None, RULES) is GetReason.OVERDUE


def test_a_cut_line_wipes_out_nothing_that_the_remote_said_of_a_task() -> None:
    task = replace(TASK, state=State.POSTED, attempts=9, code=40602)
    for answer in (
        Answer(AnswerKind.UNREACHABLE, None, "cut"),
        Answer(AnswerKind.ACCOUNT, 40100, None),
        Answer(AnswerKind.THROTTLED, 40202, None),
    ):
        step = decide(task, answer, NOON + HOUR_MS, RULES)
        assert isinstance(step, Postponement)
        assert (step.code, step.attempts) == (40602, 9)


def test_a_blocked_task_does_not_wait_for_the_window() -> None:
    posted = replace(TASK, state=State.POSTED, blocked_at=NOON)
    assert probing.why_get(posted, NOON + MINUTE_MS, None, RULES) is GetReason.BLOCKED


def test_a_task_that_the_lists_may_have_forgotten_is_asked_by_id() -> None:
    task = replace(TASK, state=State.POSTED, function="ai_optimization/claude/llm_responses")
    assert probing.why_get(task, NOON + 65 * HOUR_MS, None, RULES) is None
    assert probing.why_get(task, NOON + 72 * HOUR_MS, None, RULES) is GetReason.DELISTED


def test_not_yet_is_believed_until_the_next_try_only_when_no_audit_knows_where_to_look() -> None:
    """Recorded while the clock was three days ahead; then somebody set it back, and a GET said "not yet"."""
    ahead = replace(
        TASK, state=State.POSTED, posted_at=NOON + 3 * DAY_MS, pending_at=NOON, next_try_at=NOON + MINUTE_MS
    )
    task = probing.as_of_now(ahead, NOON + MINUTE_MS, RULES)
    assert probing.why_get(task, NOON + MINUTE_MS, None, RULES) is GetReason.OVERDUE
    assert probing.why_get(replace(ahead, posted_at=NOON), NOON + MINUTE_MS, None, RULES) is None


def test_a_postback_task_is_asked_after_its_usual_time_once_a_list_had_its_chance() -> None:
    usual = NOON + 7 * MINUTE_MS
    assert probing.why_get(POSTBACK, usual, usual - 1, RULES) is None
    assert probing.why_get(POSTBACK, usual, usual, RULES) is GetReason.POSTBACK
    assert probing.why_get(POSTBACK, NOON + 45 * MINUTE_MS, None, RULES) is GetReason.POSTBACK


def test_the_first_rule_that_matches_decides_the_priority() -> None:
    rules = Rules(priority_rules=(PriorityRule(None, "urgent:*", 9), PriorityRule("serp/*", None, 3)))
    assert choices.priority_of("serp/google/organic", "urgent:1", 1, rules) == 9
    assert choices.priority_of("serp/google/organic", "x", 1, rules) == 3
    assert choices.priority_of("on_page", None, 2, rules) == 2


def test_a_foreign_task_is_adopted_only_when_a_rule_says_so() -> None:
    organic = "serp/google/organic"
    assert not choices.adopted(organic, "nightly:7", Rules())
    assert choices.adopted(organic, "nightly:7", Rules(adopt_rules=(AdoptRule(None, "nightly:*"),)))
    assert not choices.adopted(organic, None, Rules(adopt_rules=(AdoptRule(None, "*"),)))
