"""What the policies of the benchmark are known for: where each of them fails, and that readyd's does not."""

from collections.abc import Iterator

import pytest

from bench.policy import optimum, workload
from bench.policy.cells import Cell, Result, every_cell, play
from bench.policy.table import TARGETS, text

SIZE = 3_000


def run(
    policy: str, kind: str = "steady", *, order: str = "shuffled", lag_s: int = 10, **other: int
) -> Result:
    rate, size, early = other.get("rate", 2_000), other.get("size", SIZE), bool(other.get("early"))
    return play(Cell(rate, early, size, kind, policy, order, lag_s))


def test_the_official_loop_is_as_slow_as_one_get_at_a_time() -> None:
    assert run("official loop").makespan == pytest.approx(0.4 / 0.03, rel=0.05)


def test_a_list_alone_is_slowed_by_its_lag_to_a_window_per_lag() -> None:
    slow = run("list, oldest first", lag_s=120)
    assert slow.makespan_ms > 2 * 120_000
    assert run("list, oldest first", lag_s=0).makespan < 1.02


def test_ids_need_no_list() -> None:
    near, far = run("ids, strict priority", lag_s=0), run("ids, strict priority", lag_s=120)
    assert near.makespan == far.makespan == pytest.approx(1, abs=0.01)


def test_the_earliest_deadline_first_lets_the_important_wait() -> None:
    assert run("ids, earliest deadline").important_wait > 5
    assert run("ids, strict priority").important_wait == pytest.approx(1, abs=0.05)


def test_strict_priority_is_late_where_the_plain_are_due_soon() -> None:
    # At this rate the important alone take more than the hour that the plain have.
    strict = run("ids, strict priority", "conflict", rate=20)
    assert strict.late > 500
    assert strict.best.late == 0
    assert run("ids, earliest deadline", "conflict", rate=20).late == 0


def test_a_list_that_shows_the_newest_first_loses_the_oldest() -> None:
    lost = run("list, oldest first", "tight", order="newest", rate=100, size=4 * SIZE)
    assert lost.lost > 0
    assert run("ids, earliest deadline", "tight", rate=100, size=4 * SIZE).lost == 0


def test_ids_ask_too_early_and_pay_for_it_and_lists_do_not() -> None:
    assert run("ids, strict priority", early=1).early_gets > SIZE // 50
    assert run("list, by priority", early=1).early_gets == 0


@pytest.mark.parametrize("kind", ["steady", "tight", "conflict"])
def test_readyd_is_near_the_optimum_where_time_is_short(kind: str) -> None:
    size = 10 * SIZE
    ours = run("readyd", kind, rate=200, size=size)
    # Of 200 calls a minute lists take four, and pages nine in the first minutes; then there is the limiter's margin.
    best = optimum.of(workload.make(kind, size), 188)
    assert ours.lost == 0
    # A backlog is rounded to a thousandth of the time it takes, for each of two priorities.
    assert ours.best.late <= ours.late <= best.late * 1.01 + 2 * size / 1000 * 2
    assert ours.important_wait_ms < best.important_wait_ms * 1.01
    assert ours.makespan_ms < best.makespan_ms * 1.01


def test_readyd_without_the_audit_brings_everything_home_too() -> None:
    ours = run("readyd, lists only", "tight", early=1)
    assert ours.lost == 0
    assert ours.early_gets > 0


@pytest.fixture(scope="module")
def results() -> list[Result]:
    return [run(policy, kind) for kind in ("steady", "tight") for policy in ("official loop", "readyd")]


def test_the_table_has_a_line_for_every_policy_and_a_verdict_for_every_target(results: list[Result]) -> None:
    written = text(results, [])
    assert written.count("official loop") == 2
    assert all(name in written for name, _, _ in TARGETS)
    assert max(len(line) for line in written.splitlines()) <= 120


def test_a_target_that_was_missed_is_called_missed(results: list[Result]) -> None:
    ours = [one for one in results if one.cell.policy == "readyd"]
    assert ours
    missed = [one for one in ours if one.makespan > 1.02]
    written = text(ours, [])
    assert ("makespan <= 1.02x        missed" in written) is bool(missed)


def cells_of(size: int) -> Iterator[Cell]:
    return (one for one in every_cell() if one.size == size)


@pytest.mark.parametrize("size", [5_000, 50_000, 500_000])
def test_every_policy_meets_every_workload_at_both_rates(size: int) -> None:
    met = {(one.policy, one.kind, one.rate, one.early) for one in cells_of(size)}
    assert len(met) == 7 * 3 * 2 * 2
