"""How work ends at a stop: by itself if it can, given up if it takes too long; and threads that nobody waits for."""

import asyncio
import subprocess
import sys

import pytest

from daemon import stopping, virtual
from daemon.stopping import STOP_S
from daemon.threads import Unawaited
from daemon.virtual import VirtualClock

START = 1_793_577_600_000
ENDS_WITHIN_S = 30


def lasting(seconds: float, *, stop_at: float | None, fails: bool = False) -> tuple[float, list[str]]:
    """Do work of so many seconds; return how long that took, and how far the work came."""
    told: list[str] = []

    async def work() -> None:
        told.append("begun")
        await asyncio.sleep(seconds)
        if fails:
            raise ValueError("it failed")
        told.append("done")

    async def main() -> float:
        stop, began = asyncio.Event(), VirtualClock().monotonic()
        if stop_at is not None:
            asyncio.get_running_loop().call_later(stop_at, stop.set)
        await stopping.until(stop, work())
        return VirtualClock().monotonic() - began

    return virtual.run(main, start=START), told


@pytest.mark.parametrize(
    ("seconds", "stop_at", "took", "told"),
    [
        (60, None, 60, ["begun", "done"]),
        (60, 55, 60, ["begun", "done"]),
        (60, 10, 10 + STOP_S, ["begun"]),
        (1e6, 0, STOP_S, ["begun"]),
    ],
)
def test_work_may_end_after_a_stop_and_is_given_up_when_that_takes_long(
    seconds: float, stop_at: float | None, took: float, told: list[str]
) -> None:
    assert lasting(seconds, stop_at=stop_at) == (pytest.approx(took), told)


@pytest.mark.parametrize("stop_at", [None, 1])
def test_what_work_raises_is_raised_before_a_stop_and_after_it(stop_at: float | None) -> None:
    with pytest.raises(ValueError, match="it failed"):
        lasting(3, stop_at=stop_at, fails=True)


@pytest.mark.parametrize(("stop_at", "took"), [(3, 3), (30, 10)])
def test_a_pause_ends_with_a_stop(stop_at: float, took: float) -> None:
    async def main() -> float:
        stop, began = asyncio.Event(), VirtualClock().monotonic()
        asyncio.get_running_loop().call_later(stop_at, stop.set)
        await stopping.pause(stop, 10)
        return VirtualClock().monotonic() - began

    assert virtual.run(main, start=START) == pytest.approx(took)


# threads


def test_a_call_in_a_thread_brings_its_result_or_its_error() -> None:
    async def main() -> int:
        loop, threads = asyncio.get_running_loop(), Unawaited("test")
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(threads, lambda: 1 // 0)
        return await loop.run_in_executor(threads, divmod, 7, 4) == (1, 3) and 1

    assert asyncio.run(main()) == 1


HUNG = """
import asyncio, threading
from daemon.threads import EventLoop, Unawaited

async def main():
    loop, hangs = asyncio.get_running_loop(), threading.Event()
    for threads in (None, Unawaited("own")):
        asyncio.ensure_future(loop.run_in_executor(threads, hangs.wait))
    await asyncio.sleep(0.1)
    print("stops")

with asyncio.Runner(loop_factory=EventLoop) as runner:
    runner.run(main())
"""


def test_a_process_ends_although_a_call_in_a_thread_hangs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HUNG], capture_output=True, text=True, timeout=ENDS_WITHIN_S, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "stops\n", "")
