"""What follows from a hand-over that failed: who waits, for how long, and what people are told."""

from dataclasses import replace
from typing import Any

import pytest

from daemon.policy import handover
from daemon.policy.handover import Blame, Failure
from daemon.policy.rules import AdoptRule, Rules
from ledger.handover_records import Handover, Home, Target

NOW = 1_795_000_000_000
MINUTE = 60_000
RULES = Rules()
DOWN = Failure(Blame.TARGET, "no connection to it can be made")
UNWANTED = Failure(Blame.RESULT, "it answered 422")


def a_target(**more: Any) -> Target:
    facts: dict[str, Any] = {
        "kind": "http", "first_seen_at": NOW, "backfill": False, "handed": 0, "handed_at": None, "failures": 0,
        "failing_since": None, "next_try_at": None, "problem": None, "waiting": 3, "stuck": 0, **more,
    }  # fmt: skip
    return Target("t", **facts)


def a_result(attempts: int = 0) -> Handover:
    return Handover("t", "a", 1, "serp/google/organic", None, NOW, attempts)


def test_a_target_that_is_down_is_tried_after_1_s_and_then_ever_more_rarely_up_to_10_min() -> None:
    target, now, pauses = a_target(), NOW, []
    for attempts in range(14):
        trouble = handover.after(DOWN, a_result(attempts), target, now, RULES)
        target = replace(
            target,
            failures=trouble.failures,
            failing_since=trouble.failing_since,
            next_try_at=trouble.target_next_try_at,
        )
        pauses.append(handover.pause_ms(target, now, RULES))
        now += pauses[-1]
    assert pauses[:4] == [1_000, 2_000, 4_000, 8_000]
    assert pauses[-1] == 10 * MINUTE == max(pauses)
    assert target.failing_since == NOW


def test_after_a_pause_another_result_is_tried_first() -> None:
    trouble = handover.after(DOWN, a_result(), a_target(), NOW, RULES)
    assert trouble.target_next_try_at is not None
    assert trouble.next_try_at > trouble.target_next_try_at


def test_a_result_that_failed_while_the_target_took_others_waits_alone() -> None:
    first = handover.after(DOWN, a_result(), a_target(), NOW, RULES)
    assert first.failures == 1
    well_again = a_target(failures=0)
    second = handover.after(DOWN, a_result(first.attempts), well_again, NOW, RULES)
    assert (second.failures, second.target_next_try_at) == (0, None)
    assert second.next_try_at - NOW == 2 * RULES.handover_refused_least_ms


def test_a_refused_result_costs_its_target_nothing_and_ends_an_outage() -> None:
    ill = a_target(failures=4, failing_since=NOW - MINUTE)
    trouble = handover.after(UNWANTED, a_result(), ill, NOW, RULES)
    assert (trouble.failures, trouble.failing_since, trouble.target_next_try_at) == (0, None, None)
    assert trouble.attempts == 1
    later = handover.after(UNWANTED, a_result(40), ill, NOW, RULES)
    assert later.next_try_at - NOW == RULES.handover_refused_most_ms


def test_a_result_that_is_missing_here_says_nothing_of_the_target() -> None:
    ill = a_target(failures=4, failing_since=NOW - MINUTE)
    trouble = handover.after(Failure(Blame.LEDGER, "gone"), a_result(), ill, NOW, RULES)
    assert (trouble.failures, trouble.failing_since) == (4, NOW - MINUTE)
    assert trouble.next_try_at > NOW


@pytest.mark.parametrize(("wish", "pause"), [(None, 1_000), (30_000, 30_000), (86_400_000, 10 * MINUTE)])
def test_a_target_may_ask_for_a_longer_pause_within_reason(wish: int | None, pause: int) -> None:
    failure = replace(DOWN, retry_after_ms=wish)
    trouble = handover.after(failure, a_result(), a_target(), NOW, RULES)
    assert trouble.target_next_try_at == NOW + pause


def test_a_pause_noted_before_the_clock_was_set_back_holds_nobody_up() -> None:
    assert handover.pause_ms(a_target(next_try_at=NOW + 5_000), NOW, RULES) == 5_000
    assert handover.pause_ms(a_target(next_try_at=NOW), NOW, RULES) == 0
    assert handover.pause_ms(a_target(next_try_at=NOW + 3 * 3_600_000), NOW, RULES) == 0


def test_a_target_gets_what_its_patterns_match() -> None:
    home = [
        Home(1, "a", "serp/google/organic", "urgent:1", 1, 1),
        Home(2, "b", "serp/bing/organic", None, 1, 1),
        Home(3, "c", "on_page", "urgent:2", 1, 1),
    ]
    chosen = {
        pattern: [one.task_id for one in handover.wanted(AdoptRule(*pattern), home)]
        for pattern in [(None, None), ("serp/*", None), (None, "urgent:*"), ("serp/*", "urgent:*")]
    }
    assert list(chosen.values()) == [["a", "b", "c"], ["a", "b"], ["a", "c"], ["a"]]


def test_a_target_is_told_of_when_it_is_down_for_ten_minutes_and_only_once() -> None:
    ill = a_target(failures=9, failing_since=NOW, problem="it answered 503", stuck=2)
    assert handover.conditions([ill], ["t"], NOW + 10 * MINUTE - 1, RULES) == []
    (told,) = handover.conditions([ill], ["t"], NOW + 10 * MINUTE, RULES)
    assert (told.subject, told.count) == ("t", 3)
    assert "takes no results: it answered 503" in told.detail
    assert handover.conditions([ill], [], NOW + 60 * MINUTE, RULES) == [], "it was taken out of the settings"


def test_results_that_a_healthy_target_does_not_take_are_told_of() -> None:
    (told,) = handover.conditions([a_target(stuck=2, problem="it answered 422")], ["t"], NOW, RULES)
    assert told.count == 2
    assert "does not take some results" in told.detail
    assert handover.conditions([a_target()], ["t"], NOW, RULES) == []
