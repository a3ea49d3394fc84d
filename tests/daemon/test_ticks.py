"""When passes are woken: on a grid, and once for all that was missed, however long that was."""

from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.triggers.interval import IntervalTrigger

from daemon.ticks import Every

T0 = datetime(2026, 11, 25, 12, tzinfo=UTC)
APART = timedelta(seconds=5)


@pytest.mark.parametrize("late_s", [0, 0.001, 4.999, 5, 5.001, 17, 86_400.5])
def test_the_next_tick_is_where_apscheduler_would_have_it(late_s: float) -> None:
    now = T0 + timedelta(seconds=late_s)
    trigger, due = IntervalTrigger(seconds=5, start_date=T0, timezone=UTC), [T0]
    while (later := trigger.get_next_fire_time(due[-1], now)) <= now:
        due.append(later)
    assert Every(5).get_next_fire_time(T0, now) == later


def test_the_first_tick_comes_after_one_interval() -> None:
    assert Every(5).get_next_fire_time(None, T0) == T0 + APART


def test_a_clock_that_was_decades_behind_costs_one_tick() -> None:
    now = T0 + timedelta(days=50 * 365, seconds=2)
    assert now < Every(5).get_next_fire_time(T0, now) <= now + APART


def test_a_clock_that_is_set_back_leaves_the_grid_as_it_was() -> None:
    assert Every(5).get_next_fire_time(T0, T0 - timedelta(days=3)) == T0 + APART
