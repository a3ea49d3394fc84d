"""The benchmark's bounds against brute force: every order of every tiny backlog, tried one by one."""

import itertools
import random
from collections.abc import Iterator, Sequence

import pytest

from bench.policy import optimum
from bench.policy.harness import LANES, MEAN_GET_MS
from bench.policy.optimum import Server
from bench.policy.workload import START, VISIBLE_MS, Workload

Tiny = tuple[list[int], list[int], list[bool]]
"""Last slot (from 1), first slot (from 0) and importance of each task."""


def tiny_backlogs(count: int, *, later: bool) -> Iterator[Tiny]:
    chance = random.Random(5)
    for _ in range(count):
        size = chance.randrange(1, 7)
        due = [chance.randrange(0, 9) for _ in range(size)]
        free = [0] * size
        for task in range(size):
            if later and chance.random() < 0.4:
                # As in the benchmark: what completes later has its deadline after everything else.
                free[task], due[task] = chance.randrange(1, 9), 100
        yield due, free, [chance.random() < 0.4 for _ in range(size)]


def schedules(free: Sequence[int]) -> Iterator[dict[int, int]]:
    """Serve the tasks in every order, with every pause that could be worth it; yield their slots."""
    for order in itertools.permutations(range(len(free))):
        slots: dict[int, int] = {}
        for place, task in enumerate(order):
            slots[task] = max(free[task], slots[order[place - 1]] + 1 if place else 0)
        yield slots


def on_time(slots: dict[int, int], due: Sequence[int]) -> int:
    return sum(slot < due[task] for task, slot in slots.items())


@pytest.mark.parametrize("later", [False, True])
def test_no_order_brings_more_home_on_time_than_the_matroid_s_rank(later: bool) -> None:
    for due, free, important in tiny_backlogs(120, later=later):
        most = max(on_time(slots, due) for slots in schedules(free))
        assert len(optimum.choose(due, important)) == most


@pytest.mark.parametrize("later", [False, True])
def test_no_order_with_as_many_on_time_serves_the_important_sooner(later: bool) -> None:
    seen = 0
    for due, free, important in tiny_backlogs(200, later=later):
        if not any(important):
            continue
        chosen = optimum.choose(due, important)
        found = optimum.important_slots(due, free, important, chosen)
        # Of the largest sets the bound takes one with the most important tasks, as readyd does.
        kept = [
            (
                -sum(important[task] and slots[task] < due[task] for task in slots),
                important_sum(slots, important),
            )
            for slots in schedules(free)
            if on_time(slots, due) == len(chosen)
        ]
        assert sum(found.values()) == min(kept)[1]
        seen += 1
    assert seen > 100


def important_sum(slots: dict[int, int], important: Sequence[bool]) -> int:
    return sum(slot for task, slot in slots.items() if important[task])


def test_no_order_is_finished_sooner_than_the_makespan() -> None:
    for _, free, _ in tiny_backlogs(100, later=True):
        soonest = min(max(slots.values()) + 1 for slots in schedules(free))
        assert optimum.makespan(sorted(free)) == soonest


def test_the_limit_of_calls_spaces_slots_evenly() -> None:
    server = optimum.server(2_000)
    assert (server.start_of(0), server.start_of(1), server.start_of(10)) == (0, 30, 300)
    assert server.slots_until(-1) == 0
    assert server.slots_until(0) == 1
    assert server.slots_until(59) == 2


def test_thirty_at_once_bind_before_ten_thousand_a_minute() -> None:
    server = optimum.server(10_000)
    assert server == Server(LANES, MEAN_GET_MS)
    assert server.start_of(LANES - 1) == 0
    assert server.start_of(LANES) == MEAN_GET_MS
    assert server.slots_until(MEAN_GET_MS) == 2 * LANES


def backlog(ages: Sequence[int], important: Sequence[bool]) -> Workload:
    done_at = [START - age for age in ages]
    return Workload("tiny", False, [at - 60_000 for at in done_at], done_at, list(important))


def test_the_bounds_of_a_backlog_that_can_be_in_time() -> None:
    best = optimum.of(backlog([0] * 101, [task == 7 for task in range(101)]), 2_000)
    assert best.makespan_ms == 100 * 30 + MEAN_GET_MS
    assert (best.late, best.important_wait_ms) == (0, MEAN_GET_MS)


def test_the_bounds_of_a_backlog_with_one_task_too_many() -> None:
    # Two plain tasks can start 0 and 30 ms from now and still be in time; the important one waits for both.
    nearly = VISIBLE_MS - 240 - 30
    best = optimum.of(backlog([nearly, nearly, nearly, 0], [False, False, False, True]), 2_000)
    assert best.late == 1
    assert best.important_wait_ms == 60 + MEAN_GET_MS


def test_a_task_that_completes_later_is_waited_for_from_then_on() -> None:
    best = optimum.of(backlog([0, -5_000], [True, True]), 2_000)
    assert best.makespan_ms == 5_000 + MEAN_GET_MS
    assert best.important_wait_ms == pytest.approx(MEAN_GET_MS)
