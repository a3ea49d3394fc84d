"""Virtual time: an asyncio loop that never waits. Knows nothing of passes; the demo and the tests live on it.

When nothing is ready, the loop's clock and the wall clock (through time-machine) move to the next timer, so the
real scheduler, HTTP client, ASGI app and database live through days in seconds, and every run with the same
seed is the same run. Sockets and signals are still looked at, without waiting: Ctrl-C works. Work handed to a
thread runs at once in the loop's own thread, because a thread knows no virtual time.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, TypeVarTuple

import time_machine

from ledger.times import wall_clock_ms

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND_S = 1e-6
_UPTIME_US = 3_600_000_000
"""Where the monotonic clock begins: an hour, because a real one is never near zero either."""

_NAMES_SHOWN = 5


class VirtualTimeError(RuntimeError):
    """Virtual time cannot be entered, or cannot go on; the text says why."""


class VirtualClock:
    """The clock of a virtual run: the wall clock that `run` moves, and the time of the running loop."""

    def now(self) -> int:
        """Return virtual wall time, milliseconds since the epoch, UTC."""
        return wall_clock_ms()

    def monotonic(self) -> float:
        """Return the running loop's time in seconds.

        Raises:
            RuntimeError: called from outside a running loop.
        """
        return asyncio.get_running_loop().time()

    def boot(self) -> str:
        """Return the same word in every run: each begins near zero, as a machine does."""
        return "virtual"


def run(
    main: Callable[[], Coroutine[Any, Any, T]],
    *,
    start: int,
    pace: Callable[[int], None] | None = None,
) -> T:
    """Run `main()` to its end in virtual time that begins at `start` (ms UTC), and return its result.

    `pace` is called with the new wall time (ms UTC) each time that time moves, so that a demo can redraw. The
    wall clock and the process's time zone (UTC meanwhile) are restored afterwards, whatever happens.

    Raises:
        VirtualTimeError: inside another run or another loop; or nothing is ready and no timer is set, where a
            real loop would hang.
        KeyboardInterrupt: Ctrl-C; `main` was cancelled and had its `finally` blocks run.
    """
    if time_machine.escape_hatch.is_travelling() or _loop_is_running():
        msg = (
            "virtual time cannot be entered twice: this code already runs in virtual time or in an event loop"
        )
        raise VirtualTimeError(msg)
    with (
        time_machine.travel(_EPOCH + timedelta(milliseconds=start), tick=False) as traveller,
        asyncio.Runner(loop_factory=lambda: VirtualLoop(traveller, pace)) as runner,
    ):
        return runner.run(main())


def step_wall_clock(by_ms: int) -> None:
    """Move the wall clock alone, forth or back, as if somebody set the machine's clock during the run.

    Raises:
        VirtualTimeError: called from outside a virtual run.
    """
    loop = asyncio.get_running_loop() if _loop_is_running() else None
    if not isinstance(loop, VirtualLoop):
        msg = "only a virtual run has a wall clock that can be stepped"
        raise VirtualTimeError(msg)
    loop.step_wall_clock(by_ms)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only when there is nothing else to do."""

    def __init__(self, traveller: time_machine.Traveller, pace: Callable[[int], None] | None) -> None:
        """Start an hour after the imaginary machine did, at the wall time where `traveller` stands."""
        self._elapsed_us = _UPTIME_US  # whole microseconds: sums of floats would drift from the wall clock
        self._traveller = traveller
        self._pace = pace
        super().__init__(_NeverWaiting(self._pass_time))
        # Timers due within this much of now run now; it covers what rounding to microseconds cuts off.
        self._clock_resolution = _MICROSECOND_S

    def time(self) -> float:
        """Return virtual monotonic time in seconds."""
        return self._elapsed_us / 1_000_000

    def step_wall_clock(self, by_ms: int) -> None:
        """Move the wall clock alone; timers, which are monotonic, stay where they are."""
        self._traveller.shift(timedelta(milliseconds=by_ms))

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Call `func` here and now: no virtual time passes while it runs, and runs stay repeatable."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def _pass_time(self, seconds: float | None) -> None:
        if seconds is None:
            raise VirtualTimeError(self._idle_sentence())
        delta_us = round(seconds * 1_000_000)
        if delta_us <= 0:
            return
        self._elapsed_us += delta_us
        self._traveller.shift(timedelta(microseconds=delta_us))
        if self._pace is not None:
            self._pace(wall_clock_ms())

    def _idle_sentence(self) -> str:
        names = sorted(task.get_name() for task in asyncio.all_tasks(self))
        shown = ", ".join(names[:_NAMES_SHOWN]) + (", ..." if len(names) > _NAMES_SHOWN else "")
        return (
            "virtual time cannot go on: nothing is ready and no timer is set, so a real loop would hang"
            f" ({len(names)} unfinished tasks: {shown})"
        )


class _NeverWaiting(selectors.DefaultSelector):
    """Looks at sockets and the signal pipe without waiting; when all are quiet, lets time pass instead."""

    def __init__(self, pass_time: Callable[[float | None], None]) -> None:
        super().__init__()
        self._pass_time = pass_time

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            self._pass_time(timeout)
        return ready


def _loop_is_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
