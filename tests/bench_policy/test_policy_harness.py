"""The benchmark's remote and its clock: windows, lag, limits, and that a run is the same run again."""

import itertools
from collections.abc import Sequence

import pytest

from bench.policy import workload
from bench.policy.account import WINDOW, Account, LimitError
from bench.policy.baselines import IdOnly, OfficialLoop, by_deadline
from bench.policy.cells import Cell, play
from bench.policy.harness import GET_MS, Even, Run
from bench.policy.workload import EARLY_MS, HOUR_MS, MINUTE_MS, START, VISIBLE_MS, Workload


def account_of(ages: Sequence[int], order: str = "oldest", lag_ms: int = 0) -> Account:
    done_at = [START - age for age in ages]
    work = Workload("test", False, [at - MINUTE_MS for at in done_at], done_at, [False] * len(done_at))
    return Account(work, order, lag_ms, 2_000)


@pytest.mark.parametrize(("order", "rows"), [("oldest", [1, 2, 0]), ("newest", [0, 2, 1])])
def test_the_list_has_an_order(order: str, rows: list[int]) -> None:
    assert account_of([1_000, 3_000, 2_000], order).window(START) == rows


def test_a_shuffled_list_keeps_its_order() -> None:
    account = account_of(range(500), "shuffled")
    rows = account.window(START)
    assert sorted(rows) == list(range(500))
    assert rows != sorted(rows)
    assert account.window(START) == rows


def test_the_list_shows_a_thousand_rows_and_the_next_ones_when_those_are_collected() -> None:
    account = account_of(range(2_500, 0, -1))
    assert account.window(START) == list(range(WINDOW))
    for task in range(WINDOW):
        account.collect(task, START + 1)
    assert account.window(START + 1) == list(range(WINDOW, 2 * WINDOW))


def test_a_collected_task_leaves_the_list_after_the_lag() -> None:
    account = account_of([60_000], lag_ms=10_000)
    account.collect(0, START)
    assert account.window(START + 9_999) == [0]
    assert account.window(START + 10_000) == []


def test_a_task_is_listed_from_its_completion_on_for_three_days() -> None:
    account = account_of([-5_000])
    assert account.window(START + 4_999) == []
    assert account.window(START + 5_000) == [0]
    assert account.window(START + 5_000 + VISIBLE_MS - 1) == [0]
    assert not account.nothing_to_come(START + 5_000 + VISIBLE_MS - 1)
    assert account.window(START + 5_000 + VISIBLE_MS) == []
    assert account.nothing_to_come(START + 5_000 + VISIBLE_MS)


def test_a_get_before_completion_is_answered_not_yet() -> None:
    account = account_of([-5_000])
    assert not account.is_done(0, START + 4_999)
    assert account.is_done(0, START + 5_000)


def test_id_list_says_when_a_task_was_done_and_that_another_is_not() -> None:
    account = account_of([5_000, -5_000])
    assert account.page((0, START, 0), START) == [(0, START - 5_000), (1, None)]


def test_whoever_exceeds_a_limit_gets_no_figures() -> None:
    account = account_of([0])
    for _ in range(20):
        account.window(START)
    with pytest.raises(LimitError, match="tasks_ready: more than 20"):
        account.window(START + 59_999)
    for _ in range(10):
        account.page((0, START, 0), START)
    with pytest.raises(LimitError, match="id_list: more than 10"):
        account.page((0, START, 0), START + 59_999)


def test_an_even_pace_uses_the_limit_up_and_never_exceeds_it() -> None:
    account, pace, now = account_of([0]), Even(2_000), START
    for _ in range(6_000):
        now += pace.wait_ms(now)
        pace.begin(now)
        account.is_done(0, now)
    assert now == START + 5_999 * 60_000 // 1_999


def test_more_lanes_than_the_remote_allows_are_refused() -> None:
    account = account_of([0])
    policy = IdOnly(account.work, 2_000, by_deadline)
    policy.lanes = 31
    with pytest.raises(ValueError, match="31 lanes"):
        Run(account, policy)


def test_one_lane_fetches_one_after_the_other() -> None:
    account = account_of([1_000] * 100)
    Run(account, OfficialLoop(account.work, 2_000)).play()
    homes = sorted(account.collected_at)
    gaps = [after - before for before, after in itertools.pairwise(homes)]
    assert all(GET_MS[0] <= gap <= GET_MS[1] for gap in gaps)


def test_the_same_run_is_the_same_run() -> None:
    cell = Cell(2_000, True, 2_000, "tight", "readyd", "shuffled", 10)
    assert play(cell) == play(cell)


@pytest.mark.parametrize(
    ("kind", "youngest", "oldest"),
    [
        ("steady", 0, 60 * HOUR_MS),
        ("tight", 69 * HOUR_MS + HOUR_MS // 2, 71 * HOUR_MS + HOUR_MS // 2),
        ("conflict", 0, 71 * HOUR_MS + HOUR_MS // 2),
    ],
)
def test_a_backlog_is_as_old_as_it_says(kind: str, youngest: int, oldest: int) -> None:
    work = workload.make(kind, 3_000)
    ages = [START - at for at in work.done_at]
    assert youngest <= min(ages)
    assert oldest * 0.95 < max(ages) <= oldest
    assert all(posted < done for posted, done in zip(work.posted_at, work.done_at, strict=True))


def test_in_a_conflict_a_third_is_plain_and_due_soon() -> None:
    work = workload.make("conflict", 3_000)
    left = [work.deadline_of(task) - START for task in range(3_000)]
    assert sum(not one for one in work.important) == 1_000
    for task, important in enumerate(work.important):
        assert (left[task] >= 62 * HOUR_MS) if important else (HOUR_MS // 2 <= left[task] <= 3 * HOUR_MS // 2)


def test_a_twentieth_completes_later_if_asked_for() -> None:
    work = workload.make("tight", 2_000, early=True)
    later = [at - START for at in work.done_at if at > START]
    assert len(later) == 100
    assert max(later) < EARLY_MS
    assert not [at for at in workload.make("tight", 2_000).done_at if at > START]
