"""Which list of re-parsed tasks is asked, when, beside what; and which of its rows are news."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.policy import answers, fixed, listing
from daemon.policy.answers import Answer, AnswerKind
from daemon.policy.budget import Limit, Limiter
from daemon.policy.listing import Ask, Scope, Why
from daemon.policy.rules import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Rules
from ledger.records import Candidate, Look, Reason, Settled, Settlement, State, Webhook

NOON = 1_000_000 * HOUR_MS
RULES = Rules()
ORGANIC, MAPS = "serp/google/organic", "serp/google/maps"
SCOPES = tuple(
    Scope(f"/v3/{name}/tasks_fixed", frozenset({name}), umbrella=False, family="serp")
    for name in (ORGANIC, MAPS)
)
ORGANIC_LIST, MAPS_LIST = (scope.listing for scope in SCOPES)


def look(path: str = ORGANIC_LIST, *, age: int, answered: int | None = None, **more: Any) -> dict[str, Look]:
    """An answer so long ago; `answered` where an earlier call was the last to bring a list."""
    at = NOON - (age if answered is None else answered)
    facts = {"saturated": False, "rows": 0, "foreign": 0, "failures": 0, **more}
    return {path: Look(path, NOON - age, at, at, **facts)}


def plan(looks: dict[str, Look], *, fruitful: frozenset[str] = frozenset(), age: int = HOUR_MS) -> list[Ask]:
    return fixed.plan({ORGANIC: NOON - age}, looks, fruitful, SCOPES, NOON, RULES)


def test_only_the_lists_of_functions_with_results_that_are_still_kept_are_asked() -> None:
    assert fixed.plan({}, {}, (), SCOPES, NOON, RULES) == []
    assert plan({}, age=RULES.retention_ms) == []
    assert [ask.listing for ask in plan({}, age=RULES.retention_ms - 1)] == [ORGANIC_LIST]


@pytest.mark.parametrize("looks", [{}, look(age=-HOUR_MS)], ids=["never", "before the clock was set back"])
def test_a_list_that_was_never_asked_is_due(looks: dict[str, Look]) -> None:
    assert plan(looks) == [Ask(ORGANIC_LIST, Why.FIRST, NOON)]


@pytest.mark.parametrize(
    ("seen", "fruitful", "why", "due"),
    [
        (look(age=0), False, Why.PACE, HOUR_MS),
        (look(age=0), True, Why.PACE, HOUR_MS),
        (look(age=0, saturated=True, rows=1000), True, Why.SATURATED, 15 * SECOND_MS),
        (look(age=0, saturated=True, rows=1000), False, Why.PACE, HOUR_MS),
        (look(age=0, answered=DAY_MS), False, Why.FAILED, MINUTE_MS),
        (look(age=0, answered=DAY_MS, failures=1), False, Why.FAILED, MINUTE_MS),
        (look(age=0, answered=DAY_MS, failures=5), True, Why.FAILED, 16 * MINUTE_MS),
        (look(age=0, answered=DAY_MS, failures=99, saturated=True), True, Why.FAILED, 6 * HOUR_MS),
    ],
)
def test_the_pace_of_a_list(seen: dict[str, Look], fruitful: bool, why: Why, due: int) -> None:
    asks = plan(seen, fruitful=frozenset({ORGANIC_LIST} if fruitful else ()))
    assert asks == [Ask(ORGANIC_LIST, why, NOON + due)]


def test_two_lists_are_asked_one_after_the_other_unless_one_is_full() -> None:
    newest = {ORGANIC: NOON, MAPS: NOON}
    seen = look(MAPS_LIST, age=20 * SECOND_MS, saturated=True)
    full, other = fixed.plan(newest, seen, {MAPS_LIST}, SCOPES, NOON, RULES)
    assert full == Ask(MAPS_LIST, Why.SATURATED, NOON - 5 * SECOND_MS)
    assert other == Ask(ORGANIC_LIST, Why.FIRST, NOON + 40 * SECOND_MS)


# beside Tasks Ready --------------------------------------------------------------------------------------


def limiter() -> Limiter:
    return Limiter(Limit(20, MINUTE_MS))


@given(st.lists(st.integers(0, 90_000), max_size=25), st.lists(st.integers(0, 59_999), max_size=25))
def test_a_call_that_has_room_delays_none_of_the_others(ages: list[int], waits: list[int]) -> None:
    now, due = 200_000, [200_000 + wait for wait in sorted(waits)]

    def begun(*, with_it: bool) -> list[int]:
        """When each call begins, by a clock that looks every tenth of a second."""
        lists, instants = Limiter(Limit(20, MINUTE_MS), seed=[now - age for age in ages]), list[int]()
        if with_it:
            lists.take(now)
        for clock in range(now, now + 200_000, 100):
            while len(instants) < len(due) and due[len(instants)] <= clock and not lists.wait_ms(clock):
                lists.take(clock)
                instants.append(clock)
        return instants

    lists = Limiter(Limit(20, MINUTE_MS), seed=[now - age for age in ages])
    has_room = fixed.has_room(lists, sorted(waits), now)
    assert lists.wait_ms(now) == Limiter(Limit(20, MINUTE_MS), seed=[now - age for age in ages]).wait_ms(now)
    if has_room:
        late = [b - a for a, b in zip(begun(with_it=False), begun(with_it=True), strict=True)]
        assert max(late, default=0) <= 100, "but for the clock's own grain"


def test_a_call_has_room_only_when_its_slot_is_here_and_nobody_else_needs_it() -> None:
    assert fixed.has_room(limiter(), [], 0)
    assert not fixed.has_room(limiter(), [0], 0)
    assert not fixed.has_room(limiter(), [SECOND_MS], 0)
    assert fixed.has_room(limiter(), [4 * SECOND_MS], 0)
    assert not fixed.has_room(limiter(), [4 * SECOND_MS] * 4, 0), "a burst that is foreseen"
    used = limiter()
    used.take(0)
    assert not fixed.has_room(used, [], SECOND_MS)
    assert fixed.has_room(used, [], 4 * SECOND_MS)


def test_full_windows_are_foreseen_to_be_asked_again_and_again() -> None:
    asks = [
        Ask("a", Why.SATURATED, NOON - 1),
        Ask("b", Why.DRILL_DOWN, NOON + 50 * SECOND_MS),
        Ask("c", Why.HURRIED, NOON + 59 * SECOND_MS),
        Ask("d", Why.PACE, NOON + 2 * MINUTE_MS),
    ]
    waits = [wait // SECOND_MS for wait in listing.coming(asks, NOON, RULES)]
    assert waits == [0, 15, 30, 45, 50, 59]


# what is news ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", State)
def test_only_a_task_whose_result_somebody_has_can_come_back(state: State) -> None:
    news = fixed.is_news(Settled(state, NOON - DAY_MS, 1), NOON, NOON, RULES)
    assert news is (state in (State.COLLECTED, State.DELIVERED))


@pytest.mark.parametrize(
    ("edition", "patience"),
    [(1, 2 * MINUTE_MS), (2, HOUR_MS), (3, 2 * HOUR_MS), (6, 16 * HOUR_MS), (99, HOUR_MS << 20)],
)
def test_a_row_of_a_moment_ago_is_no_news_and_each_edition_makes_more_patient(
    edition: int, patience: int
) -> None:
    for age, news in ((patience - 1, False), (patience, True)):
        assert fixed.is_news(Settled(State.COLLECTED, NOON - age, edition), NOON, NOON, RULES) is news


def test_a_task_that_was_settled_in_the_future_is_news() -> None:
    assert fixed.is_news(Settled(State.COLLECTED, NOON + HOUR_MS, 1), NOON, NOON, RULES)


# what a second GET means -----------------------------------------------------------------------------------


def candidate() -> Candidate:
    return Candidate(
        "a", ORGANIC, State.READY, None, 1, Webhook.NONE, None, None, NOON - 40 * DAY_MS, None, None, None, 0, None
    )  # fmt: skip


@pytest.mark.parametrize("kind", [AnswerKind.FAILED, AnswerKind.EXPIRED])
def test_a_later_edition_that_cannot_be_had_leaves_the_earlier_one(kind: AnswerKind) -> None:
    answer = Answer(kind, 40403, "gone")
    told = replace(candidate(), code=40403)  # once before
    first = answers.decide(told, answer, NOON, RULES)
    later = answers.decide(told, answer, NOON, RULES, 2)
    assert isinstance(first, Settlement)
    assert first.to in (State.FAILED, State.LOST)
    assert isinstance(later, Settlement)
    assert (later.to, later.reason, later.code) == (State.COLLECTED, Reason.KEPT, 40403)


@pytest.mark.parametrize("kind", [AnswerKind.DONE, AnswerKind.EMPTY, AnswerKind.PENDING, AnswerKind.RETRY])
def test_any_other_answer_means_the_same_for_every_edition(kind: AnswerKind) -> None:
    answer = Answer(kind, 1, None)
    assert answers.decide(candidate(), answer, NOON, RULES) == answers.decide(
        candidate(), answer, NOON, RULES, 3
    )
