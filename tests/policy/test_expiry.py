"""When a task may have been done, and how near its disappearance is."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.policy import expiry
from daemon.policy.rules import DAY_MS, HOUR_MS, MINUTE_MS, Rules
from ledger.records import Band, Candidate, State, Webhook

NOON = 1_000_000 * HOUR_MS
RULES = Rules()
TASK = Candidate(
    id="a", function="serp/google/organic", state=State.POSTED, tag=None, priority=1, webhook=Webhook.NONE,
    variant=None, endpoint=None, posted_at=NOON, earliest_done_at=None, pending_at=None, blocked_at=None,
    attempts=0, next_try_at=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("left", "band"),
    [
        (72 * HOUR_MS, Band.FRESH),
        (48 * HOUR_MS + 1, Band.FRESH),
        (48 * HOUR_MS, Band.EXPIRING),
        (12 * HOUR_MS + 1, Band.EXPIRING),
        (12 * HOUR_MS, Band.URGENT),
        (4 * HOUR_MS + 1, Band.URGENT),
        (4 * HOUR_MS, Band.CRITICAL),
        (1, Band.CRITICAL),
        (0, Band.PAST),
        (-1, Band.PAST),
    ],
)
def test_a_limit_that_is_reached_counts_as_the_nearer_band(left: int, band: Band) -> None:
    assert expiry.band(NOON + left, NOON, RULES) is band


@given(st.integers(0, 100 * HOUR_MS), st.integers(0, 100 * HOUR_MS))
def test_a_band_never_gets_better_as_time_passes(one: int, other: int) -> None:
    order = list(Band)
    earlier, later = sorted((NOON + one, NOON + other))
    deadline = NOON + 72 * HOUR_MS
    assert order.index(expiry.band(deadline, earlier, RULES)) <= order.index(
        expiry.band(deadline, later, RULES)
    )


def test_a_task_nobody_looked_for_may_have_been_done_when_it_was_posted() -> None:
    assert expiry.interval_of(TASK, None, RULES) == (NOON, None)


def test_a_clear_look_without_the_task_moves_its_earliest_completion_up_to_the_lists_lag() -> None:
    looked = NOON + HOUR_MS
    earliest, latest = expiry.interval_of(TASK, looked, RULES)
    assert (earliest, latest) == (NOON + 58 * MINUTE_MS, None)


def test_a_look_after_an_outage_of_days_says_nothing_of_a_task_that_its_list_may_have_forgotten() -> None:
    """It may have been done at once, shown for three days, and forgotten before anybody looked."""
    looked = NOON + 8 * DAY_MS
    assert expiry.interval_of(TASK, looked, RULES)[0] == NOON
    assert expiry.interval_of(TASK, NOON + 71 * HOUR_MS, RULES)[0] == NOON + 71 * HOUR_MS - 2 * MINUTE_MS
    pending = replace(
        TASK, pending_at=looked - HOUR_MS
    )  # then the list would show it, had it been done since
    assert expiry.interval_of(pending, looked, RULES)[0] == looked - 2 * MINUTE_MS


def test_a_look_from_before_a_task_was_recorded_says_nothing_of_it() -> None:
    """It may have stood there, and counted as somebody else's."""
    late = replace(TASK, recorded_at=NOON + 2 * HOUR_MS)
    assert expiry.interval_of(late, NOON + HOUR_MS, RULES)[0] == NOON
    assert expiry.interval_of(late, NOON + 3 * HOUR_MS, RULES)[0] == NOON + 3 * HOUR_MS - 2 * MINUTE_MS


def test_no_list_says_anything_of_a_postback_task() -> None:
    task = replace(TASK, webhook=Webhook.POSTBACK)
    assert expiry.interval_of(task, NOON + HOUR_MS, RULES)[0] == NOON


def test_a_get_that_said_not_yet_is_a_proof_for_postback_tasks_too() -> None:
    task = replace(TASK, webhook=Webhook.POSTBACK, pending_at=NOON + HOUR_MS)
    assert expiry.interval_of(task, None, RULES)[0] == NOON + HOUR_MS


def test_what_is_known_of_a_ready_task_is_not_moved_by_later_looks() -> None:
    task = replace(TASK, state=State.READY, earliest_done_at=NOON + 5)
    assert expiry.interval_of(task, NOON + DAY_MS, RULES)[0] == NOON + 5


def test_the_two_deadlines_are_three_days_after_completion_and_thirty_days_after_posting() -> None:
    assert expiry.visibility_deadline(NOON, RULES) == NOON + 72 * HOUR_MS
    assert expiry.retention_deadline(NOON, "advanced", RULES) == NOON + 30 * DAY_MS
    assert expiry.retention_deadline(NOON, None, RULES) == NOON + 30 * DAY_MS
    assert expiry.retention_deadline(NOON, "html", RULES) == NOON + 7 * DAY_MS
