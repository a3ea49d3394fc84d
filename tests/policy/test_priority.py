"""The order of collecting: the important first, unless that would cost somebody else a deadline."""

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.policy.priority import Ranked, order

NOW = 1_000_000
RATE = 1 / 1000  # one GET a second


def ranked(name: str, priority: int, seconds_left: int) -> Ranked:
    return Ranked(name, priority, NOW + seconds_left * 1000, NOW + 10**9)


TASKS = st.lists(st.tuples(st.integers(1, 3), st.integers(-2, 7)), min_size=0, max_size=6).map(
    lambda rows: [ranked(f"t{n}", priority, left) for n, (priority, left) in enumerate(rows)]
)


def on_time(line: list[Ranked]) -> list[bool]:
    return [NOW + place / RATE <= one.deadline_at for place, one in enumerate(line, start=1)]


def worth(line: list[Ranked]) -> tuple[int, list[int], list[int]]:
    """What an order is worth: most on time, of those the important ones, and those served early."""
    kept = [one for one, fits in zip(line, on_time(line), strict=True) if fits]
    return (
        len(kept),
        sorted((one.priority for one in kept), reverse=True),
        [one.priority for one in kept],
    )


@settings(max_examples=1500, deadline=None)
@given(TASKS)
def test_no_other_order_serves_more_in_time_nor_the_important_sooner(tasks: list[Ranked]) -> None:
    ours = worth(order(tasks, NOW, RATE))
    assert ours == max((worth(list(line)) for line in itertools.permutations(tasks)), default=(0, [], []))


@given(TASKS, st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_the_order_of_asking(tasks: list[Ranked], source: random.Random) -> None:
    shuffled = tasks.copy()
    source.shuffle(shuffled)
    assert order(shuffled, NOW, RATE) == order(tasks, NOW, RATE)


@given(TASKS)
def test_every_task_is_served_once(tasks: list[Ranked]) -> None:
    assert sorted(one.id for one in order(tasks, NOW, RATE)) == sorted(one.id for one in tasks)


def test_with_time_for_all_the_important_come_first_and_then_the_nearest_deadline() -> None:
    tasks = [ranked("late", 1, 900), ranked("soon", 1, 800), ranked("important", 5, 1000)]
    assert [one.id for one in order(tasks, NOW, RATE)] == ["important", "soon", "late"]


def test_a_plain_task_due_now_goes_before_important_ones_that_can_wait() -> None:
    tasks = [*(ranked(f"important{n}", 5, 1000) for n in range(3)), ranked("plain", 1, 2)]
    assert [one.id for one in order(tasks, NOW, RATE)][:2] == ["important0", "plain"]


def test_tasks_already_past_go_last_because_they_are_safe_by_id() -> None:
    tasks = [ranked("past", 9, -1), ranked("fresh", 1, 1000)]
    assert [one.id for one in order(tasks, NOW, RATE)] == ["fresh", "past"]


def test_a_task_that_cannot_make_it_does_not_take_others_down() -> None:
    tasks = [ranked("a", 1, 1), ranked("b", 1, 1), ranked("c", 1, 2)]
    line = order(tasks, NOW, RATE)
    assert [one.id for one in line] == ["a", "c", "b"]


def test_a_large_conflict_is_solved_without_losing_a_deadline() -> None:
    source = random.Random(5)
    plain = [ranked(f"p{n}", 1, source.randint(n + 1, n + 2000)) for n in range(20_000)]
    important = [ranked(f"i{n}", 5, 10**6) for n in range(20_000)]
    line = order(plain + important, NOW, RATE)
    assert all(on_time(line))
    assert line[0].id.startswith("i"), "the important start as soon as the others can spare the time"
