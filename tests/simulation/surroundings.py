"""What a process of a world runs in: its log, its service manager, and ticks that cost little. Knows no task."""

import contextlib
from collections.abc import Callable, Iterator

from daemon import service
from daemon.notify import Notifier
from daemon.passes import queue
from daemon.virtual import VirtualClock
from tests.simulation.fate import Fate
from tests.simulation.timeline import MINUTE, Timeline


class Paper:
    """The log of all processes: it survives them, and a process may die after a line of it."""

    def __init__(self, fate: Fate) -> None:
        self.lines: list[str] = []
        self._fate = fate

    def write(self, text: str) -> None:
        if not self._fate.dead:
            self.lines.append(text)
            self._fate.step("line")

    def flush(self) -> None: ...

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        raise OSError


class Watch(Notifier):
    """Hears when a review is over."""

    def __init__(self, reviewed: Callable[[], None]) -> None:
        super().__init__({})
        self._reviewed = reviewed

    def status(self, text: str) -> None:
        self._reviewed()


class Clock(VirtualClock):
    """The clock of one machine, which may be started anew."""

    def __init__(self, time: Timeline) -> None:
        self._time = time

    def boot(self) -> str:
        return f"boot {self._time.boots}"


@contextlib.contextmanager
def unhurried(seconds: int) -> Iterator[None]:
    """Let the service tick and look around rarely, so that a day costs milliseconds."""
    ticks, watch, idle = dict(service.TICKS), service.TICK_S, queue.IDLE_MS
    for name, usual in ticks.items():
        service.TICKS[name] = max(usual, seconds * (4 if name == "account" else 1))
    service.TICK_S, queue.IDLE_MS = seconds, 5 * MINUTE
    try:
        yield
    finally:
        service.TICKS.update(ticks)
        service.TICK_S, queue.IDLE_MS = watch, idle
