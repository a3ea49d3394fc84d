"""The backlog chooses what the exact order would put first, and loses or doubles nothing."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.policy.backlog import AT_ONCE, Backlog
from daemon.policy.priority import DELETION_MARGIN_MS, Ranked, order
from daemon.policy.stretches import NEAR

NOW = 1_000_000_000
RATE = 1 / 1000  # one GET a second
SECOND = 1000


SAFE = 10**9
"""So long a result is kept that is in no danger."""


def ranked(name: str, priority: int, ms_left: int, kept: int = SAFE) -> Ranked:
    return Ranked(name, priority, NOW + ms_left, NOW + kept)


LONG = st.integers(SAFE, SAFE + 5)
# Around the edges: gone already, gone before all are home, and kept for a little longer than that.
SHORT = st.integers(-1, 26).map(lambda s: DELETION_MARGIN_MS + s * SECOND) | st.integers(-2, 5)


def world(
    most: int, left: st.SearchStrategy[int], kept: st.SearchStrategy[int] = LONG
) -> st.SearchStrategy[list[Ranked]]:
    row = st.tuples(st.integers(1, 3), left, kept)
    return st.lists(row, max_size=most).map(
        lambda rows: [ranked(f"t{n:02}", one, left, kept) for n, (one, left, kept) in enumerate(rows)]
    )


SECONDS = st.integers(-2, 14).map(lambda left: left * SECOND)
CROWDED = world(24, SECONDS)
ANY_MS = world(24, st.integers(-2_000, 40_000))
# All can be on time, and many of them only just: the n-th is due when n are served, or a little later.
JUST_IN_TIME = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 6)), max_size=24).map(
    lambda rows: [
        ranked(f"t{n:02}", one, (n + later) * SECOND) for n, (one, later) in enumerate(rows, start=1)
    ]
)
PERISHABLE = world(24, SECONDS, SHORT)


def filled(tasks: list[Ranked], fine: int = 1_000) -> Backlog:
    backlog = Backlog(fine)
    for one in tasks:
        backlog.put(one)
    return backlog


def names(tasks: list[Ranked]) -> list[str]:
    return [one.id for one in tasks]


def on_time(line: list[Ranked], step: float = 1 / RATE) -> int:
    return sum(NOW + place * step <= one.deadline_at for place, one in enumerate(line, start=1))


def served(backlog: Backlog, count: int, rate: float = RATE) -> list[Ranked]:
    """Serve everything: `count` tasks are taken at a time, each takes 1 / rate."""
    line: list[Ranked] = []
    while some := backlog.take(count, NOW + int(len(line) / rate), rate):
        line += some
    return line


@settings(max_examples=600, deadline=None)
@given(
    CROWDED | ANY_MS | PERISHABLE | JUST_IN_TIME,
    st.integers(0, 30),
    st.sampled_from([RATE, RATE / 3, RATE * 2.5, 1e-9, 0.0, 10.0]),
)
def test_what_is_taken_is_what_the_exact_order_puts_first(
    tasks: list[Ranked], count: int, rate: float
) -> None:
    exact = order(tasks, NOW, rate)
    backlog = filled(tasks)
    assert names(backlog.take(count, NOW, rate)) == names(exact[:count])
    assert {one.id for one in exact[count:]} == {one.id for one in tasks if one.id in backlog}


@settings(max_examples=300, deadline=None)
@given(CROWDED, st.integers(1, 5), st.integers(1, 4))
def test_deadlines_that_no_rounding_can_reach_are_kept_as_exactly_as_by_the_exact_order(
    tasks: list[Ranked], count: int, fine: int
) -> None:
    # Nothing is taken for earlier by more than a sixteenth of its time left: less than the second between deadlines.
    assert NEAR > 14
    rest, line = tasks, []
    while rest:
        now = NOW + len(line) * SECOND
        some = order(rest, now, RATE)[:count]
        line += some
        rest = [one for one in rest if one not in some]
    assert names(served(filled(tasks, fine), count)) == names(line)


@settings(max_examples=300, deadline=None)
@given(ANY_MS, st.integers(1, 30), st.integers(1, 4))
def test_rounding_costs_no_more_deadlines_than_a_sixteenth_less_time_would(
    tasks: list[Ranked], count: int, fine: int
) -> None:
    line = served(filled(tasks, fine), count)
    hurried = [
        Ranked(one.id, one.priority, one.deadline_at - (one.deadline_at - NOW) // NEAR - 1, one.retention_at)
        for one in tasks
    ]
    assert on_time(line) >= on_time(order(hurried, NOW, RATE))


@settings(max_examples=200, deadline=None)
@given(CROWDED | ANY_MS, st.integers(1, 9), st.integers(1, 4), st.randoms(use_true_random=False))
def test_the_choice_does_not_depend_on_the_order_of_putting(
    tasks: list[Ranked], count: int, fine: int, source: random.Random
) -> None:
    shuffled = tasks.copy()
    source.shuffle(shuffled)
    assert names(served(filled(shuffled, fine), count)) == names(served(filled(tasks, fine), count))


CHANGES = st.lists(
    st.one_of(
        st.tuples(
            st.just("put"),
            st.integers(0, 9),
            st.integers(1, 3),
            st.integers(-3, 9),
            st.integers(-3, 12) | st.just(SAFE // SECOND),
        ),
        st.tuples(st.just("drop"), st.integers(0, 9), st.just(0), st.just(0), st.just(0)),
        st.tuples(st.just("take"), st.integers(0, 4), st.just(0), st.integers(-6, 6), st.just(0)),
    ),
    max_size=60,
)


@settings(max_examples=400, deadline=None)
@given(CHANGES)
def test_after_any_changes_it_holds_and_chooses_what_a_plain_list_would(
    changes: list[tuple[str, int, int, int, int]],
) -> None:
    backlog, plain = Backlog(), dict[str, Ranked]()
    for what, number, priority, seconds, kept in changes:
        if what == "put":
            one = ranked(f"t{number}", priority, seconds * SECOND, DELETION_MARGIN_MS + kept * SECOND)
            backlog.put(one)
            plain[one.id] = one
        elif what == "drop":
            backlog.drop(f"t{number}")
            plain.pop(f"t{number}", None)
        else:
            now = NOW + seconds * SECOND  # the clock may be set back
            expected = order(list(plain.values()), now, RATE)[:number]
            assert names(backlog.take(number, now, RATE)) == names(expected)
            for one in expected:
                del plain[one.id]
        assert len(backlog) == len(plain)
        assert all((f"t{n}" in backlog) is (f"t{n}" in plain) for n in range(10))


def test_hundreds_of_priorities_are_kept_apart() -> None:
    source = random.Random(3)
    tasks = [ranked(f"t{n}", source.randint(1, 400), source.randint(1, 1_500) * SECOND) for n in range(900)]
    assert names(served(filled(tasks), 900)) == names(order(tasks, NOW, RATE))


@pytest.mark.parametrize("spread", [0, 3_000, 9_000])
@pytest.mark.parametrize("shape", ["sorted", "backwards", "shuffled"])
def test_a_large_conflict_is_solved_with_next_to_no_loss(spread: int, shape: str) -> None:
    source = random.Random(5)
    plain = [ranked(f"p{n:05}", 1, (6_100 + source.randint(0, spread)) * SECOND) for n in range(6_000)]
    important = [ranked(f"i{n:05}", 5, 10**8) for n in range(6_000)]
    tasks = plain + important
    if shape == "shuffled":
        source.shuffle(tasks)
    elif shape == "backwards":
        tasks.reverse()
    line = served(filled(tasks), 100)
    exact = order(tasks, NOW, RATE)
    assert sorted(names(line)) == sorted(names(tasks))
    assert on_time(line) == on_time(exact) == len(tasks)
    waits = [sum(place for place, one in enumerate(each) if one.priority == 5) for each in (line, exact)]
    assert waits[0] <= waits[1] + 6_000 * (12_000 / 1_000) * 2, (
        "each waits a thousandth of all longer, at most"
    )


def test_in_a_backlog_that_nobody_could_serve_in_time_a_thousandth_more_is_late_at_most() -> None:
    source = random.Random(7)
    tasks = [
        ranked(f"t{n:05}", source.choice([1, 2]), source.randint(1, 5_000) * SECOND) for n in range(12_000)
    ]
    line = served(filled(tasks), 100)
    exact = order(tasks, NOW, RATE)
    kept, best = ([*itertools.islice(one, 5_000)] for one in (line, exact))
    assert on_time(line) >= on_time(exact) - 2 * 2 * 12
    assert sum(one.priority for one in kept) >= sum(one.priority for one in best) - 4 * 12


@given(CROWDED | PERISHABLE, st.integers(0, 30))
def test_what_is_only_chosen_goes_on_waiting(tasks: list[Ranked], count: int) -> None:
    backlog = filled(tasks)
    chosen = backlog.choose(count, NOW, RATE)
    assert len(backlog) == len(tasks)
    assert [backlog.get(one.id) for one in chosen] == chosen
    assert chosen == backlog.choose(count, NOW, RATE) == backlog.take(count, NOW, RATE)


def test_thousands_of_deadlines_that_pass_together_leave_first_place_to_what_has_time() -> None:
    many = 5 * AT_ONCE
    past = [ranked(f"p{n:04}", 2, 1, SAFE + n) for n in range(many)]
    timely = [ranked(f"t{n:04}", 1, (2 * many + n) * SECOND) for n in range(many)]
    backlog = filled(past + timely)
    later = NOW + SECOND
    line: list[Ranked] = []
    while some := backlog.take(100, later + len(line), 1.0):
        line += some
    assert names(line) == names(timely + past)


def test_nothing_is_taken_when_nothing_is_asked_for_or_nothing_waits() -> None:
    assert Backlog().take(5, NOW, RATE) == []
    assert filled([ranked("t", 1, 1)]).take(0, NOW, RATE) == []
    assert filled([ranked("t", 1, 1)]).take(-1, NOW, RATE) == []


def test_a_task_put_again_counts_once_with_what_was_said_last() -> None:
    backlog = filled([ranked("t", 1, 5 * SECOND), ranked("u", 2, 9 * SECOND), ranked("t", 3, 9 * SECOND)])
    assert len(backlog) == 2
    assert [(one.id, one.priority) for one in backlog.take(9, NOW, RATE)] == [("t", 3), ("u", 2)]


@settings(max_examples=300, deadline=None)
@given(PERISHABLE, st.integers(1, 30))
def test_what_would_be_deleted_before_all_are_home_goes_first_and_the_rest_as_if_it_were_alone(
    tasks: list[Ranked], count: int
) -> None:
    safe_from = NOW + len(tasks) / RATE + DELETION_MARGIN_MS
    soon = [one for one in tasks if NOW < one.retention_at <= safe_from]
    rest = [one for one in tasks if one not in soon]
    soon.sort(key=lambda one: (one.retention_at, one.id))
    line = filled(tasks).take(count, NOW, RATE)
    assert line == (soon + served_alone(rest))[:count]


def served_alone(tasks: list[Ranked]) -> list[Ranked]:
    """Order tasks by what is known of them apart from when their results are deleted, as far as that is far away."""
    far = {one.id: one for one in tasks}
    kept = [Ranked(one.id, one.priority, one.deadline_at, SAFE * 9 + NOW + one.retention_at) for one in tasks]
    return [far[one.id] for one in order(kept, NOW, RATE)]


def test_the_soonest_deleted_goes_before_the_most_important_and_what_is_gone_does_not() -> None:
    hour = 3_600 * SECOND
    tasks = [
        ranked("important", 9, 5 * SECOND),
        ranked("soon", 1, -99 * hour, 2 * SECOND),
        ranked("sooner", 1, -99 * hour, 1 * SECOND),
        ranked("gone", 2, -99 * hour, 0),
        ranked("kept for an hour more", 1, -99 * hour, hour + 6 * SECOND),
        ranked("kept for long", 1, -99 * hour),
    ]
    expected = ["sooner", "soon", "kept for an hour more", "important", "gone", "kept for long"]
    assert names(order(tasks, NOW, RATE)) == expected
    assert names(filled(tasks).take(9, NOW, RATE)) == expected
