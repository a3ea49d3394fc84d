"""When a condition is worth a line, and when it is over."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.policy import alerts, expiry
from daemon.policy.alerts import AlertKind, Condition, Nearing
from daemon.policy.rules import DAY_MS, HOUR_MS, MINUTE_MS, Rules
from ledger.records import Alert, Band, Candidate, State, Webhook

NOON = 1_000_000 * HOUR_MS
RULES = Rules()
CONDITION = Condition(
    AlertKind.EXPIRING, "serp/google/organic", Band.EXPIRING, 4, "four tasks", "readyd tasks"
)
TASK = Candidate(
    id="a", function="serp/google/organic", state=State.READY, tag=None, priority=1, webhook=Webhook.NONE,
    variant=None, endpoint=None, posted_at=NOON, earliest_done_at=NOON, pending_at=None, blocked_at=None,
    attempts=0, next_try_at=None,
)  # fmt: skip


class Desk:
    """Plays the ledger: keeps what was written, and counts what was said."""

    def __init__(self) -> None:
        self.open: dict[tuple[str, str], Alert] = {}
        self.said: list[str] = []

    def review(self, now: int, *conditions: Condition) -> list[str]:
        changes = alerts.decide(conditions, list(self.open.values()), now, RULES)
        lines = [
            *(("opened", one) for one in changes.opened),
            *(("escalated", one) for one in changes.escalated),
            *(("repeated", one) for one in changes.repeated),
            *(("closed", one) for one in changes.closed),
        ]
        for _, alert in [*lines, *(("", one) for one in changes.silent)]:
            if alert.closed_at is None:
                self.open[alert.kind, alert.subject] = alert
            else:
                del self.open[alert.kind, alert.subject]
        self.said += (words := [word for word, _ in lines])
        return words


def test_a_standing_condition_is_said_once_and_repeated_every_four_hours() -> None:
    desk = Desk()
    for minute in range(12 * 60 + 1):
        desk.review(NOON + minute * MINUTE_MS, CONDITION)
    assert desk.said == ["opened", "repeated", "repeated", "repeated"]


def test_a_worse_step_is_said_at_once_and_a_better_one_is_not() -> None:
    desk = Desk()
    desk.review(NOON, CONDITION)
    assert desk.review(NOON + 1, replace(CONDITION, step=Band.URGENT)) == ["escalated"]
    assert desk.review(NOON + 2, CONDITION) == []
    assert desk.review(NOON + 3, replace(CONDITION, step=Band.URGENT)) == []


def test_an_alert_closes_after_three_quiet_minutes_and_not_before() -> None:
    desk = Desk()
    desk.review(NOON, CONDITION)
    assert desk.review(NOON + MINUTE_MS) == []
    assert desk.review(NOON + 4 * MINUTE_MS - 1) == []
    assert desk.review(NOON + 4 * MINUTE_MS) == ["closed"]
    assert desk.open == {}


@pytest.mark.parametrize("by", [-3 * DAY_MS, -2 * HOUR_MS, 2 * HOUR_MS, 3 * DAY_MS])
def test_a_clock_that_is_set_keeps_no_alert_open_and_silences_none(by: int) -> None:
    desk = Desk()
    desk.review(NOON, CONDITION)
    desk.review(NOON + MINUTE_MS)
    minutes = [NOON + by + minute * MINUTE_MS for minute in range(2, 7)]
    assert [word for at in minutes for word in desk.review(at)] == ["closed"]
    desk.review(NOON, CONDITION)
    hours = [NOON + by + hour * HOUR_MS for hour in range(1, 6)]
    repeated = [word for at in hours for word in desk.review(at, CONDITION)]
    assert 1 <= len(repeated) <= 2
    assert set(repeated) == {"repeated"}


def test_a_condition_that_returns_while_quiet_continues_the_same_alert() -> None:
    desk = Desk()
    desk.review(NOON, CONDITION)
    for minute in range(1, 60):
        desk.review(NOON + minute * MINUTE_MS, *([CONDITION] if minute % 3 == 0 else []))
    assert desk.said == ["opened"]


def test_four_thousand_tasks_of_a_function_are_one_condition_with_five_ids() -> None:
    near = [
        Nearing(replace(TASK, id=f"{n:04}"), NOON + n, Band.CRITICAL if n == 0 else Band.URGENT)
        for n in range(4000)
    ]
    (condition,) = alerts.expiring(near)
    assert (condition.count, condition.step) == (4000, Band.CRITICAL)
    assert condition.nearest_deadline_at == NOON
    assert condition.task_ids == ("0000", "0001", "0002", "0003", "0004")


@given(st.integers(0, 30 * 24 * 60), st.integers(30_000, 60_000))
def test_an_alert_opens_before_the_visibility_deadline(posted_minute: int, period: int) -> None:
    desk, done = Desk(), NOON + posted_minute * MINUTE_MS
    deadline = expiry.visibility_deadline(done, RULES)
    now = deadline - RULES.expiring_ms - period
    while now < deadline:
        near = Nearing(TASK, deadline, expiry.band(deadline, now, RULES))
        if desk.review(now, *alerts.expiring([near])):
            break
        now += period
    assert desk.said == ["opened"]
    assert now < deadline


def test_one_task_past_its_deadline_hides_no_other_that_still_has_time() -> None:
    past = Nearing(TASK, NOON - HOUR_MS, Band.PAST)
    desk = Desk()
    assert desk.review(NOON, *alerts.expiring([past])) == ["opened"]
    near = Nearing(replace(TASK, id="b"), NOON + DAY_MS, Band.EXPIRING)
    assert desk.review(NOON + 1, *alerts.expiring([past, near])) == ["opened"]
    assert {kind for kind, _ in desk.open} == {AlertKind.PAST, AlertKind.EXPIRING}
    assert "may have forgotten 1 task" in desk.open[AlertKind.PAST, TASK.function].detail


def test_one_result_past_its_retention_hides_no_other_that_is_deleted_later() -> None:
    past = Nearing(TASK, NOON - HOUR_MS, Band.PAST)
    desk = Desk()
    assert desk.review(NOON, *alerts.retention([past])) == ["opened"]
    near = replace(TASK, id="b")
    for band in (Band.EXPIRING, Band.CRITICAL):
        desk.review(NOON + 1, *alerts.retention([past, Nearing(near, NOON + HOUR_MS, band)]))
    assert desk.said == ["opened", "opened", "escalated"]
    assert {kind for kind, _ in desk.open} == {AlertKind.DELETED, AlertKind.RETENTION}
