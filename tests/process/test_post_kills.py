"""SIGKILL at the system calls of posting, one after the other: nothing is posted twice, nothing is forgotten.

A sample of them by default; `make test-kills` goes through all (READYD_ALL_KILLS). strace delivers the signal as a call
begins; where there is none, the process counts its own steps of network and disk work and kills itself.
"""

import os
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from ledger import Ledger
from tests.process.places import Place, killing, lines_of, needs_strace, points_of, tracing

POSTER = Path(__file__).with_name("kill_poster.py")
CALLS = "connect,sendto,recvfrom,write,pwrite64,fsync,fdatasync,ftruncate,unlink"
"""What posting does with network and disk. Reading a file changes nothing: a death there is like the one before."""

TASKS = 3
SAMPLE = 8
ALL = bool(os.environ.get("READYD_ALL_KILLS"))
PARTS = 6 if ALL else 1
"""Each has a remote of its own, and they can be shared out among processes."""


class Posting(Place):
    """Some planned tasks, and a process that posts them."""

    def plan(self) -> None:
        batch = self.new()
        tasks = [{"function": "serp/google/organic", "keyword": f"k{n}", "tag": "t"} for n in range(TASKS)]
        with Ledger.open(self.ledger) as book:
            assert book.plan(tasks, f"batch {batch}").planned == TASKS

    def post(self, *words: str, manner: str = "careful", point: int = 0) -> int:
        """Run the poster to its end, or to its death; `words` stand before its own."""
        code = self.run([POSTER, manner, *([str(point)] if point else [])], *words)
        assert code in (0, -signal.SIGKILL), self.said()[-3000:]
        return code

    def check(self, point: object) -> None:
        assert self.counts() == [1] * TASKS, f"killed at {point}"
        assert self.states() == {"posted": TASKS}, f"killed at {point}"


@pytest.fixture
def place(counting: Callable[..., Posting]) -> Posting:
    return counting(Posting, turnaround_s=86_400)


def traced(place: Posting) -> list[str]:
    """Post once, undisturbed; return its calls in order."""
    place.plan()
    trace = place.ledger.with_name("trace")
    assert place.post(*tracing(CALLS, trace)) == 0
    place.check("no call")
    return lines_of(trace)


def sample(points: int, core: tuple[int, int], part: int) -> list[int]:
    """All points of a part, or some of all: half of them where the call itself is made."""
    if ALL:
        return list(range(part + 1, points + 1, PARTS))
    near = [core[0] + (core[1] - core[0]) * n // (SAMPLE // 2) for n in range(SAMPLE // 2)]
    far = [1 + (points - 1) * n // (SAMPLE // 2 - 1) for n in range(SAMPLE // 2)]
    return sorted(set(near) | set(far))


@needs_strace
@pytest.mark.parametrize("part", range(PARTS))
def test_a_kill_at_any_system_call_posts_nothing_twice_and_forgets_nothing(
    place: Posting, part: int, record_property: Callable[..., None]
) -> None:
    calls = traced(place)
    sent = next(n for n, line in enumerate(calls, 1) if "sendto" in line and "task_post" in line)
    assert len(calls) > 40, "posting does a lot"
    died = 0
    every = points_of(calls)
    points = [every[number - 1] for number in sample(len(calls), (max(1, sent - 8), sent + 20), part)]
    for point in points:
        place.plan()
        died += place.post(*killing(point)) != 0
        if place.states() != {"posted": TASKS}:
            assert place.post() == 0
        place.check(point)
    record_property("figures", f"{len(points)} points, {died} kills: nothing twice, nothing forgotten")
    assert died >= len(points) // 2, "the kills were kills"


@needs_strace
def test_without_the_look_up_a_kill_in_the_middle_posts_twice(place: Posting) -> None:
    """The control: it shows that the test above can fail."""
    calls = traced(place)
    sent = next(n for n, line in enumerate(calls, 1) if "sendto" in line and "task_post" in line)
    for point in points_of(calls)[sent : sent + 25]:
        place.plan()
        place.post(*killing(point))
        place.post(manner="impatient")
        if max(place.counts()) > 1:
            return
    pytest.fail("no kill after the call was sent made the impatient poster send it again")


@pytest.mark.parametrize("part", range(PARTS))
def test_a_process_that_kills_itself_at_any_step_posts_nothing_twice_and_forgets_nothing(
    place: Posting, part: int
) -> None:
    """The same without strace, in coarser steps."""
    steps = count(part + 1, PARTS) if ALL else iter([*range(25, 120, 30), 100_000])
    for point in steps:
        place.plan()
        died = place.post(point=point) != 0
        if not died:
            break
        assert place.post() == 0
        place.check(point)
    place.check("no step")
