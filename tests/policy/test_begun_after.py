"""From when on a look-up must look: never later than the call was begun, however wrong the clock was."""

import pytest

from daemon.policy.lookup import begun_after, within_reach
from daemon.policy.rules import Rules
from ledger.intent_records import Undated, Unknown

RULES = Rules()
HOUR = 3_600_000
DAY = 24 * HOUR
NOW = 1_795_000_000_000


def after(begun_at: int, *, undated: int = 0, set_at: int = NOW - HOUR, started_at: int = 0) -> int:
    call = Unknown(7, "serp/google/organic", begun_at, 1)
    return begun_after(call, Undated(undated, set_at), started_at, NOW, RULES)


def test_a_call_of_this_process_was_begun_when_it_says() -> None:
    assert after(NOW - HOUR, started_at=NOW - 2 * HOUR) == NOW - HOUR


def test_a_call_of_another_process_may_have_been_begun_a_day_before() -> None:
    assert after(NOW - HOUR, started_at=NOW) == NOW - HOUR - DAY


@pytest.mark.parametrize("begun_at", [NOW - HOUR, NOW + 3 * HOUR])
def test_a_call_without_a_date_may_have_been_begun_at_any_time_that_can_be_read(begun_at: int) -> None:
    earliest = after(begun_at, undated=7)
    assert earliest < NOW - 27 * DAY
    assert within_reach([earliest], NOW, RULES, witnesses=False) == [earliest]


@pytest.mark.parametrize("undated", [0, 7])
@pytest.mark.parametrize("age", [27 * DAY, 28 * DAY, 29 * DAY, 31 * DAY])
def test_no_doubt_about_the_clock_makes_a_call_too_old_to_be_looked_up(age: int, undated: int) -> None:
    begun_at = NOW - age
    earliest = after(begun_at, undated=undated, started_at=NOW)
    assert earliest <= begun_at
    reached = within_reach([begun_at], NOW, RULES, witnesses=False) != []
    assert (within_reach([earliest], NOW, RULES, witnesses=False) != []) is reached


@pytest.mark.parametrize("age", [29 * DAY + HOUR, 31 * DAY, 45 * DAY])
def test_a_call_from_before_the_clock_was_set_right_is_too_old_when_that_is(age: int) -> None:
    """Its own date is of a clock that was twenty days ahead."""
    begun_at = NOW - age + 20 * DAY
    earliest = after(begun_at, undated=7, set_at=NOW - age)
    assert within_reach([earliest], NOW, RULES, witnesses=True) == []


def test_a_call_dated_ahead_of_now_is_without_a_date_though_no_step_is_known() -> None:
    assert after(NOW + HOUR) < NOW - 27 * DAY
