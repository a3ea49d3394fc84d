"""No minute ever holds more calls than the limit, and none is wasted."""

import heapq
import random

import pytest

from daemon.policy.budget import LONGEST_MS, Limit, Limiter, counts_until
from ledger.records import AuditCall

MINUTE = 60_000
STALL = 150_000
"""So often the line is blocked, for two and a half seconds."""

LANES = 30


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


def arrivals_of_a_busy_caller(limiter: Limiter, until: int, source: random.Random) -> list[int]:
    """Call with thirty lanes over a line that sometimes stalls: then calls wait on their way and arrive together."""
    now, arrivals = 0, list[int]()
    ends: list[tuple[int, int]] = []
    while now < until:
        while ends and ends[0][0] <= now:
            limiter.end(now, now - heapq.heappop(ends)[1])
        wait = limiter.wait_ms(now)
        if not wait and len(ends) < LANES:
            limiter.begin(now)
            there = 20 + source.randrange(20)
            stalled_until = STALL * (now // STALL) + 2_500 if now >= STALL else 0
            arrivals.append(max(now + there, stalled_until))
            heapq.heappush(ends, (arrivals[-1] + 60 + source.randrange(300), now))
        else:
            soonest = ends[0][0] if ends else now + wait
            now = max(now + 1, min(soonest, now + wait) if wait else soonest)
    return sorted(arrivals)


@pytest.mark.parametrize("limit", [200, 2000])
def test_no_minute_of_the_remote_holds_too_many_calls_even_if_they_are_held_up_on_their_way(
    limit: int,
) -> None:
    arrivals = arrivals_of_a_busy_caller(Limiter(Limit(limit, MINUTE)), 10 * MINUTE, random.Random(3))
    assert most_in_a_minute(arrivals) <= limit
    assert len(arrivals) >= 10 * limit * 0.95


def test_a_steady_line_costs_hardly_any_throughput() -> None:
    limiter, now, calls = Limiter(Limit(2000, MINUTE)), 0, 0
    ends: list[int] = []
    while now < 10 * MINUTE:
        while ends and ends[0] <= now:
            limiter.end(heapq.heappop(ends), 400)
        if wait := limiter.wait_ms(now):
            now += min(wait, ends[0] - now if ends else wait)
        else:
            limiter.begin(now)
            calls += 1
            heapq.heappush(ends, now + 400)
    assert calls >= 0.998 * 20_000
    assert limiter.rate_per_ms(now) == pytest.approx(2 / 60, rel=0.002)


def test_a_call_without_an_answer_counts_for_a_whole_minute_after_its_end() -> None:
    limiter = Limiter(Limit(2, MINUTE))
    limiter.begin(0)
    assert limiter.wait_ms(MINUTE) > 0  # nobody has told its end
    limiter.end(2 * MINUTE, None)
    assert limiter.wait_ms(3 * MINUTE - 1) == 1
    assert limiter.wait_ms(3 * MINUTE) == 0


def test_planning_counts_on_no_more_than_the_lanes_get_through() -> None:
    limiter = Limiter(Limit(10_000, MINUTE))
    assert limiter.rate_per_ms(0, 30) == limiter.rate_per_ms(0)  # nobody knows yet how long calls take
    for at in range(1_000):
        limiter.begin(at)
        limiter.end(at, 300 + 200 * (at % 2))
    assert limiter.rate_per_ms(1_000, 30) == pytest.approx(30 / 400, rel=0.01)
    assert limiter.rate_per_ms(1_000, 1_000) == limiter.rate_per_ms(1_000) < 10_000 / MINUTE


def test_other_calls_of_the_last_minute_are_not_planned_with() -> None:
    limiter = Limiter(Limit(200, MINUTE))
    usual = limiter.rate_per_ms(0)
    for at in range(20):
        limiter.take(at)
    assert limiter.rate_per_ms(20) == pytest.approx(usual * 179 / 199)
    assert limiter.rate_per_ms(20 + MINUTE) == pytest.approx(usual)


def test_the_servers_word_silences_for_a_minute_and_slows_down_until_it_is_forgotten() -> None:
    limiter = Limiter(Limit(2000, MINUTE))
    limiter.take(0)
    limiter.tighten(0)
    assert limiter.wait_ms(0) == MINUTE
    assert limiter.wait_ms(MINUTE) == 0
    usual = Limiter(Limit(2000, MINUTE)).rate_per_ms(0)
    assert limiter.rate_per_ms(MINUTE) < 0.85 * usual
    assert limiter.rate_per_ms(20 * MINUTE) == pytest.approx(usual)


def test_calls_of_others_use_up_the_same_limit() -> None:
    limiter = Limiter(Limit(10, MINUTE), even=False)  # nine: one is left for clocks that differ
    for now in range(3):
        limiter.take(now)
    others = [MINUTE + 50, MINUTE + 10, MINUTE + 20, MINUTE + 30, MINUTE + 40]
    assert limiter.wait_ms(100, others) == 0
    assert limiter.wait_ms(100, [*others, MINUTE + 60]) == MINUTE - 100, "until our own first one is over"
    full = [MINUTE + 5 * one for one in range(1, 13)]
    assert limiter.wait_ms(3 + MINUTE, full) == 5 * 4 - 3, "twelve count, nine may: the fourth must be over"


def test_who_waits_gets_at_once_what_the_limit_leaves_and_no_more() -> None:
    calls = greedy(Limiter(Limit(10, MINUTE), even=False), 5 * MINUTE, random.Random(4))
    assert calls[8] <= 10, "nine without a pause"
    assert most_in_a_minute(calls) == 9


@pytest.mark.parametrize("share", [1.0, 0.4])
def test_calls_counted_elsewhere_have_their_own_room(share: float) -> None:
    for limit in (100, 2_000, 10_000):
        general = greedy(Limiter(Limit(limit, MINUTE), share, set_aside=10), 3 * MINUTE, random.Random(5))
        elsewhere = greedy(Limiter(Limit(10, MINUTE), share), 3 * MINUTE, random.Random(6))
        assert most_in_a_minute(sorted(general + elsewhere)) <= limit * share
    assert len(general) >= 3 * 10_000 * share * 0.95, "of a large limit the margin is room enough"


def test_a_call_without_an_answer_counts_as_long_as_one_can_take() -> None:
    assert counts_until(AuditCall(1, 1_000, 21_000, "why")) == 21_000 + MINUTE
    assert counts_until(AuditCall(1, 1_000, None, "why")) == 1_000 + LONGEST_MS + MINUTE
