"""Which listing is asked, when, and what its window proves."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.policy import listing, window
from daemon.policy.listing import Scope, Why
from daemon.policy.rules import HOUR_MS, MINUTE_MS, SECOND_MS, Rules
from ledger.records import Look, Outstanding, Sighting, Verdict

NOON = 1_000_000 * HOUR_MS
RULES = Rules()
ORGANIC, MAPS, ADS = "serp/google/organic", "serp/google/maps", "keywords_data/google_ads/search_volume"
SERP = Scope("/v3/serp/tasks_ready", frozenset({ORGANIC, MAPS}), umbrella=True, family="serp")
ORGANIC_LIST = Scope(f"/v3/{ORGANIC}/tasks_ready", frozenset({ORGANIC}), umbrella=False, family="serp")
MAPS_LIST = Scope(f"/v3/{MAPS}/tasks_ready", frozenset({MAPS}), umbrella=False, family="serp")
ADS_LIST = Scope(f"/v3/{ADS}/tasks_ready", frozenset({ADS}), umbrella=False, family="keywords_data")
SCOPES = (SERP, ORGANIC_LIST, MAPS_LIST, ADS_LIST)


def outstanding(function: str, *, hurried: int = 0, posted: int = 5, age: int = HOUR_MS) -> Outstanding:
    return Outstanding(function, posted, 0, 0, hurried, NOON - age, posted)


def look(scope: Scope, *, age: int, saturated: bool = False, failures: int = 0, rows: int = 3) -> Look:
    at = NOON - age
    return Look(scope.listing, at, at, None if saturated else at, saturated, rows, 0, failures)


def looks(*them: Look) -> dict[str, Look]:
    return {one.listing: one for one in them}


def test_nothing_outstanding_nothing_asked() -> None:
    assert listing.plan([], {}, SCOPES, NOON, RULES) == []


def test_the_umbrella_comes_first_and_type_lists_wait_for_it() -> None:
    asks = listing.plan([outstanding(ORGANIC), outstanding(MAPS)], {}, SCOPES, NOON, RULES)
    assert [ask.listing for ask in asks] == [SERP.listing]


def test_a_function_without_umbrella_is_asked_at_its_own_list() -> None:
    asks = listing.plan([outstanding(ADS)], {}, SCOPES, NOON, RULES)
    assert [(ask.listing, ask.why) for ask in asks] == [(ADS_LIST.listing, Why.FIRST)]


def test_a_saturated_umbrella_is_drilled_down_to_the_lists_with_outstanding_tasks_only() -> None:
    seen = looks(look(SERP, age=20 * SECOND_MS, saturated=True))
    asks = listing.plan([outstanding(ORGANIC)], seen, SCOPES, NOON, RULES)
    assert {ask.listing for ask in asks} == {SERP.listing, ORGANIC_LIST.listing}
    assert all(ask.due_at <= NOON for ask in asks)


def test_who_has_been_due_for_longest_comes_first_whoever_has_full_windows() -> None:
    """Full windows are due every few seconds: first at any time, they would take every call."""
    seen = looks(look(SERP, age=20 * SECOND_MS, saturated=True), look(ADS_LIST, age=10 * MINUTE_MS))
    asks = listing.plan([outstanding(ORGANIC), outstanding(ADS, age=9 * HOUR_MS)], seen, SCOPES, NOON, RULES)
    assert all(ask.due_at <= NOON for ask in asks)
    assert asks.index(next(ask for ask in asks if ask.listing == ADS_LIST.listing)) < asks.index(
        next(ask for ask in asks if ask.listing == SERP.listing)
    )


@pytest.mark.parametrize(
    ("hurried", "pace", "why"), [(0, 5 * MINUTE_MS, Why.PACE), (1, MINUTE_MS, Why.HURRIED)]
)
def test_the_pace_follows_the_official_advice(hurried: int, pace: int, why: Why) -> None:
    seen = looks(look(SERP, age=0))
    (ask,) = listing.plan([outstanding(ORGANIC, hurried=hurried)], seen, SCOPES, NOON, RULES)
    assert (ask.due_at, ask.why) == (NOON + pace, why)


def test_no_list_is_asked_again_before_anything_new_could_be_done() -> None:
    seen = looks(look(SERP, age=HOUR_MS))
    (ask,) = listing.plan([outstanding(ORGANIC, age=0)], seen, SCOPES, NOON, RULES)
    assert ask.due_at == NOON + MINUTE_MS


def test_a_list_that_was_never_asked_is_asked_at_once() -> None:
    (ask,) = listing.plan([outstanding(ORGANIC, age=0)], {}, SCOPES, NOON, RULES)
    assert (ask.due_at, ask.why) == (NOON, Why.FIRST)


def test_after_a_look_that_came_too_early_the_next_does_not_wait_for_the_usual_pace() -> None:
    seen = looks(look(SERP, age=5 * SECOND_MS))
    (ask,) = listing.plan([outstanding(ORGANIC, age=10 * SECOND_MS)], seen, SCOPES, NOON, RULES)
    assert ask.due_at == NOON + 50 * SECOND_MS


def test_failures_slow_the_asking_down_but_never_below_the_usual_pace() -> None:
    for failures in range(1, 60):
        seen = looks(look(SERP, age=0, failures=failures))
        (ask,) = listing.plan([outstanding(ORGANIC)], seen, SCOPES, NOON, RULES)
        assert NOON + MINUTE_MS <= ask.due_at <= NOON + 5 * MINUTE_MS


@given(st.integers(0, 1500))
def test_a_window_at_its_cap_proves_nothing_by_absence(rows: int) -> None:
    sightings = [Sighting(str(n), ORGANIC, None, None, None) for n in range(rows)]
    seen = window.read_window(sightings, rows, RULES)
    expected = Verdict.HIDDEN if rows >= 1000 else Verdict.NOT_READY
    assert window.verdict("absent", seen) is expected
    if rows:
        assert window.verdict("0", seen) is Verdict.VISIBLE


def test_a_function_is_blocked_only_when_every_list_that_could_show_it_is_saturated() -> None:
    waiting = [outstanding(ORGANIC), outstanding(MAPS)]
    umbrella = look(SERP, age=0, saturated=True)
    types = look(ORGANIC_LIST, age=0, saturated=True), look(MAPS_LIST, age=0)
    assert window.blocked_functions(waiting, looks(umbrella), SCOPES, NOON, RULES) == frozenset()
    assert window.blocked_functions(waiting, looks(umbrella, *types), SCOPES, NOON, RULES) == {ORGANIC}


def test_an_old_saturated_window_says_nothing_of_now() -> None:
    old = [look(one, age=11 * MINUTE_MS, saturated=True) for one in (SERP, ORGANIC_LIST)]
    assert not window.blocked_functions([outstanding(ORGANIC)], looks(*old), SCOPES, NOON, RULES)


def test_only_tasks_that_had_their_usual_time_are_believed_done() -> None:
    assert window.done_if_posted_by(ORGANIC, NOON, RULES) == NOON - 5 * MINUTE_MS
    assert window.done_if_posted_by("keywords_data/google_ads/search_volume", NOON, RULES) == NOON - HOUR_MS


def test_a_sudden_emptiness_is_an_alarm_only_while_the_tasks_of_the_last_look_wait_to_be_fetched() -> None:
    before = look(SERP, age=0, rows=200)
    assert window.suspiciously_empty(0, before, 60, RULES)
    assert not window.suspiciously_empty(1, before, 60, RULES)
    assert not window.suspiciously_empty(0, before, 49, RULES)
    assert not window.suspiciously_empty(0, replace(before, rows=49), 60, RULES)
    assert not window.suspiciously_empty(0, None, 60, RULES)
