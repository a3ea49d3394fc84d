"""SIGKILL at the system calls of a whole cycle: nothing lost, nothing doubled, the next start finishes alone.

A handful by default; `make test-kills` goes through all (READYD_ALL_KILLS). strace delivers the signal as the n-th call
begins.
"""

import os
from collections.abc import Callable
from typing import Any

import pytest

from tests.process.cycles import TASKS, Cycle
from tests.process.places import Point, killing, lines_of, needs_strace, points_of, tracing

CALLS = "pwrite64,fsync,fdatasync,connect,sendto,recvfrom"
"""Which of the two syncs it is depends on how SQLite was built."""

ALL = bool(os.environ.get("READYD_ALL_KILLS"))
PARTS = 10 if ALL else 1
"""Each has a remote of its own, and they can be shared out among processes."""

STEPS = ("task_post", "tasks_ready", "id_list", "task_get", "results/", "ledger.db-wal")

pytestmark = needs_strace


@pytest.fixture
def place(counting: Callable[..., Any]) -> Any:
    return counting(Cycle, turnaround_s=0.5, lag_ms=100)


def traced(place: Cycle) -> list[str]:
    """Live through a cycle, undisturbed; return its calls in order."""
    place.begin()
    trace = place.ledger.with_name("trace")
    assert place.live(*tracing(CALLS, trace, "-y"))
    place.check("no call")
    return lines_of(trace)


def test_readyd_is_one_thread_and_a_stop_in_the_middle_of_a_tick_is_no_error(place: Cycle) -> None:
    place.begin()
    trace = place.ledger.with_name("trace")
    assert place.live(*tracing("clone,clone3", trace))
    assert lines_of(trace) == []
    assert '"error"' not in place.said()


def where(calls: list[str], *words: str) -> int:
    """Find where all these were met, one after the other; calls count from one."""
    number = 0
    for word in words:
        number = next(n for n in range(number, len(calls)) if word in calls[n]) + 1
    return number


def handful(calls: list[str]) -> list[int]:
    """Choose some calls from all over the cycle, where something is done that cannot be undone."""
    return [
        where(calls, "task_post") - 1,  # the intent is not durable
        where(calls, "task_post", "keyword"),  # half of the call is sent
        where(calls, "task_post", "keyword", "recvfrom"),  # the answer is not read
        where(calls, "task_get"),
        where(calls, "task_get", "results/", "ledger.db-wal"),  # the body is durable, the state is not
    ]


def chosen(calls: list[str], part: int) -> list[Point]:
    points = points_of(calls)
    return points[part::PARTS] if ALL else [points[number - 1] for number in handful(calls)]


@pytest.mark.parametrize("part", range(PARTS))
def test_a_kill_at_any_system_call_of_a_cycle_loses_nothing_and_doubles_nothing(
    place: Cycle, part: int, record_property: Callable[..., None]
) -> None:
    calls = traced(place)
    assert len(calls) > 300, "so many points there are at least"
    assert [step for step in STEPS if not any(step in call for call in calls)] == []
    died = 0
    points = chosen(calls, part)
    for point in points:
        place.begin()
        killed = not place.live(*killing(point))
        died += killed
        place.check_halfway(point)
        assert place.live(), f"the start after a kill at {point}"
        place.check(point)
    record_property("figures", f"{len(points)} points, {died} kills: nothing lost, nothing doubled")
    assert died >= len(points) // 2, "the kills were kills"


def test_without_the_look_up_a_kill_after_the_call_posts_twice(place: Cycle) -> None:
    """The control: it shows that the test above would see a task that is posted twice."""
    calls = traced(place)
    sent = where(calls, "task_post", "keyword")
    for point in points_of(calls)[sent : sent + 25]:
        place.begin()
        if not place.live(*killing(point)):
            place.live(manner="impatient")
            if max(place.counts()) > 1:
                return
    pytest.fail("no kill after the call was sent made the impatient one send it again")


def test_with_states_before_bodies_a_kill_loses_a_result(place: Cycle) -> None:
    """The control: it shows that the test above would see a result that is lost."""
    calls = traced(place)
    kept = where(calls, "task_get", "results/")
    for point in points_of(calls)[kept - 3 : kept + 40]:
        place.begin()
        if not place.live(*killing(point), manner="hasty"):
            place.live()
            if place.states() == {"collected": TASKS} and len(place.bodies()) < TASKS:
                return
    pytest.fail("no kill between a state and its body lost a result")
