"""True time and the machine's clocks in one world, across all its processes. Knows no task and no fault.

The remote lives by true time. The wall clock of readyd's machine may be set wrong; its monotonic clock goes on from one
process to the next, and begins anew when the machine does.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine

from daemon.virtual import VirtualLoop

START = 1_793_577_600_000
"""2026-11-02 00:00 UTC."""

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Timeline:
    """What time it really is, and what the machine believes."""

    def __init__(self) -> None:
        self.offset = 0  # ms by which the wall clock is wrong
        self.boots = 0
        self._uptime_us: int | None = None  # the monotonic clock between two processes; None: it begins
        self._base = START
        self._born = 0.0
        self._loop: TurningLoop | None = None

    def now(self) -> int:
        """Tell true time (ms UTC)."""
        if self._loop is None:
            return self._base
        return self._base + round((self._loop.time() - self._born) * 1000)

    def wall(self) -> int:
        """Tell the machine's wall clock (ms UTC)."""
        return self.now() + self.offset

    def set_clock(self, by_ms: int) -> None:
        """Let somebody set the wall clock."""
        self.offset += by_ms
        if self._loop is not None:
            self._loop.step_wall_clock(by_ms)

    def pass_by(self, ms: int) -> None:
        """Let time pass without a process, or while the machine is asleep: then its monotonic clock stands still."""
        self._base += ms
        if self._loop is not None:
            self._loop.step_wall_clock(ms)
        elif self._uptime_us is not None:
            self._uptime_us += ms * 1000

    def reboot(self) -> None:
        """Start the machine anew."""
        self.boots, self._uptime_us = self.boots + 1, None

    def hang(self, ms: int) -> None:
        """Let time pass while the process waits for its disk: nothing else runs."""
        if self._loop is not None:
            self._loop.hang(ms / 1000)

    def freeze(self) -> None:
        """Stop the clock: the process is dead, and what its loop still tidies up takes no time."""
        if self._loop is not None:
            self._uptime_us = self._loop.uptime_us
        self._base, self._loop = self.now(), None

    def bury(self) -> None:
        """Freeze, and let nobody hear what the dead still complain of."""
        if self._loop is not None:
            self._loop.buried = True
        self.freeze()

    def run(self, main: Callable[[], Coroutine[Any, Any, None]], turn: Callable[[], None]) -> None:
        """Run one process to its end; `turn` is called at each turn of its loop, and may raise SystemExit."""
        start = _EPOCH + timedelta(milliseconds=self.wall())
        with time_machine.travel(start, tick=False) as traveller:

            def build() -> TurningLoop:
                self._loop = TurningLoop(traveller, turn)
                if self._uptime_us is not None:
                    self._loop.uptime_us = self._uptime_us
                self._born = self._loop.time()
                return self._loop

            async def whole() -> None:
                loop = asyncio.get_running_loop()
                try:
                    await main()
                finally:
                    loop.turns = False  # type: ignore[attr-defined]  # what comes now is only tidying up

            try:
                with asyncio.Runner(loop_factory=build) as runner:
                    runner.run(whole())
            finally:
                self.freeze()


class TurningLoop(VirtualLoop):
    """A loop without waiting that says when it turns."""

    def __init__(self, traveller: time_machine.Traveller, turn: Callable[[], None]) -> None:
        super().__init__(traveller, None)
        self._turn = turn
        self.buried = False
        self.turns = True

    @property
    def uptime_us(self) -> int:
        """How long the machine has been on."""
        return self._elapsed_us

    @uptime_us.setter
    def uptime_us(self, us: int) -> None:
        self._elapsed_us = us

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self.buried:
            super().call_exception_handler(context)

    def hang(self, seconds: float) -> None:
        self._pass_time(seconds)

    def _run_once(self) -> None:
        if self.turns:
            self._turn()
        super()._run_once()  # type: ignore[misc]
