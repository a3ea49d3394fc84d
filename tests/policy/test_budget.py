"""No minute ever holds more calls than the limit, and none is wasted."""

import random

import pytest

from daemon.policy.budget import Limit, Limiter

MINUTE = 60_000


def greedy(limiter: Limiter, until: int, source: random.Random, start: int = 0) -> list[int]:
    """Call whenever a slot is there; timers come up to 3 ms late."""
    now, calls = start, []
    while now < until:
        if wait := limiter.wait_ms(now):
            now += wait + source.randint(0, 3)
        else:
            limiter.take(now)
            calls.append(now)
    return calls


def most_in_a_minute(calls: list[int]) -> int:
    most, first = 0, 0
    for last, at in enumerate(calls):
        while calls[first] <= at - MINUTE:
            first += 1
        most = max(most, last - first + 1)
    return most


@pytest.mark.parametrize(("limit", "share"), [(20, 1.0), (20, 0.5), (2000, 1.0), (2000, 0.3), (10_000, 1.0)])
@pytest.mark.parametrize("seed", range(3))
def test_a_greedy_caller_keeps_the_limit_and_uses_it(limit: int, share: float, seed: int) -> None:
    calls = greedy(Limiter(Limit(limit, MINUTE), share), 5 * MINUTE, random.Random(seed))
    assert most_in_a_minute(calls) <= limit * share
    assert len(calls) >= 5 * int(limit * share * 0.98) * 0.95


def test_calls_come_evenly_and_not_in_a_burst() -> None:
    calls = greedy(Limiter(Limit(2000, MINUTE)), MINUTE, random.Random(1))
    assert all(sum(start <= at < start + 1000 for at in calls) <= 40 for start in range(0, MINUTE, 1000))


def test_calls_before_a_restart_still_count() -> None:
    before = list(range(0, MINUTE, 3100))
    calls = greedy(Limiter(Limit(20, MINUTE), 1.0, before), 3 * MINUTE, random.Random(2), start=MINUTE)
    assert most_in_a_minute(before + calls) <= 20


def test_the_servers_word_silences_for_a_minute_and_slows_down_until_it_is_forgotten() -> None:
    limiter = Limiter(Limit(2000, MINUTE))
    limiter.take(0)
    limiter.tighten(0)
    assert limiter.wait_ms(0) == MINUTE
    assert limiter.wait_ms(MINUTE) == 0
    usual = Limiter(Limit(2000, MINUTE)).rate_per_ms(0)
    assert limiter.rate_per_ms(MINUTE) < 0.85 * usual
    assert limiter.rate_per_ms(20 * MINUTE) == pytest.approx(usual)
