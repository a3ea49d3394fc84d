"""What the collecting queue costs with a large backlog in the ledger: stalls of the loop, memory. Calls no remote.

The real queue on a real ledger file and the real clock, except that nobody waits: where the daemon would rest until the
next slot, the clock is moved on. The results of what is handed out are taken for fetched, and settled in groups.
"""

import argparse
import gc
import random
import resource
import statistics
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import TypeVar

from daemon.composition import build_tools
from daemon.passes.queue import FRESH_MS, Queue
from daemon.policy.rules import HOUR_MS, MINUTE_MS
from daemon.service import PATIENCE
from daemon.settings import Secret, Settings
from ledger.intake import NewTask
from ledger.posted import insert
from ledger.records import Candidate, Reason, Settlement, State, Webhook
from ledger.store import Ledger

START = 1_793_577_600_000  # 2026-11-02 00:00 UTC
FUNCTIONS = ("serp/google/organic", "serp/google/maps", "merchant/google/products")
CHUNK = 10_000
GROUP = 30
PASSES = 30

T = TypeVar("T")


@dataclass(slots=True)
class Clock:
    """Real time, and what was skipped instead of waiting."""

    began: float = field(default_factory=perf_counter)
    skipped_s: float = 0.0

    def monotonic(self) -> float:
        """Return seconds since the beginning."""
        return perf_counter() - self.began + self.skipped_s

    def now(self) -> int:
        """Return the wall time that belongs to it, ms UTC."""
        return START + round(self.monotonic() * 1000)

    def boot(self) -> str:
        """Return nothing: no other process shares this time."""
        return ""

    def skip(self, ms: float) -> None:
        """Let time pass."""
        self.skipped_s += ms / 1000


def fill(path: Path, size: int) -> None:
    """Write the ledger of an outage of 60 hours: one task in five is not known to be done, one in ten is hurried."""
    source = random.Random(1)  # noqa: S311  # the same ledger each time
    with Ledger.open(path) as ledger:
        for first in range(0, size, CHUNK):
            tasks = [_task(number, size, source) for number in range(first, min(size, first + CHUNK))]
            with ledger._connection.writing() as database:  # noqa: SLF001  # the door takes one answer at a time
                insert(database, tasks, Reason.RECORDED, START - 60 * HOUR_MS)
        with ledger._connection.writing() as database:  # noqa: SLF001
            database.change(
                """update task set state = 'ready', ready_at = ?1, latest_done_at = ?1,
                                   earliest_done_at = posted_at + 300000
                   where rowid % 5 > 0""",
                [START],
            )


def _task(number: int, size: int, source: random.Random) -> NewTask:
    return NewTask(
        id=f"11020000-1535-0066-0000-{source.getrandbits(48):012x}",
        function=FUNCTIONS[number % len(FUNCTIONS)],
        tag=None,
        priority=2 if number % 10 == 0 else 1,
        variant=None,
        webhook=Webhook.NONE,
        posted_at=START - 60 * HOUR_MS + number * 59 * HOUR_MS // size,
        cost=0.0006,
    )


class Bench:
    """One queue on one ledger, and how long each call of it took (ms)."""

    def __init__(self, ledger: Ledger, rate: int) -> None:
        """Prepare; nothing is read yet."""
        self.clock = Clock()
        settings = Settings(ledger=ledger.path, login="bench", password=Secret("bench"))
        self._ledger = ledger
        self._queue = Queue(build_tools(settings, ledger, self.clock))
        self._rate = rate / MINUTE_MS
        self._held: set[str] = set()
        self._home: list[Candidate] = []
        self.taken = 0
        self.slices: list[float] = []
        self.pops: list[float] = []
        self.plans: list[float] = []
        self.first_ms = 0.0  # from the start to the first task
        self.filled_ms = 0.0  # from the start until everything is known; the clock's, with rests

    def start(self) -> None:
        """Fetch as soon as there is something to fetch, until every task is known."""
        while self._queue.filling:
            self._serve(self.pops)
            self.first_ms = self.first_ms or (self.taken and self.clock.monotonic() * 1000)
        self.filled_ms = self.clock.monotonic() * 1000

    def work(self, passes: int) -> None:
        """Fetch on; every ten seconds the order is made anew."""
        for _ in range(passes):
            self.clock.skip(FRESH_MS)
            self._serve(self.plans)
            for _ in range(int(self._rate * FRESH_MS)):
                self._serve(self.pops)

    def _serve(self, kind: list[float]) -> None:
        """Give one slot to a task, and the time until the next one to the queue."""
        task = _timed(kind, lambda: self._queue.pop(self._held, self._rate))
        until = self.clock.monotonic() + 0.001 / self._rate
        if task is not None:
            self.taken += 1
            self._held.add(task.id)
            self._home.append(task)
        if len(self._home) >= GROUP:
            self._settle()
        while (left := (until - self.clock.monotonic()) * 1000) > 0:
            self.clock.skip(min(left, _timed(self.slices, lambda: self._queue.tidy(self._held))))

    def _settle(self) -> None:
        at = self.clock.now()
        ends = [
            Settlement(one.id, one.state, State.COLLECTED, Reason.FETCHED, 20000, None, at)
            for one in self._home
        ]
        self._ledger.settle(ends)
        self._held.clear()
        self._home.clear()


def _timed(kind: list[float], call: Callable[[], T]) -> T:
    began = perf_counter()
    result = call()
    kind.append((perf_counter() - began) * 1000)
    return result


def memory_mb() -> float:
    """Return the most memory that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def lines(bench: Bench, before_mb: float) -> Iterator[tuple[str, str]]:
    """Write what was measured, a line each."""
    slices = sorted(one for one in bench.slices if one > 0.1)  # the others found nothing to do
    yield "first task handed out after", f"{bench.first_ms:.0f} ms"
    yield "all tasks known after", f"{bench.filled_ms / 1000:.1f} s, fetching all the while"
    yield "reading: slices, total", f"{len(slices)}, {sum(slices) / 1000:.1f} s"
    yield "reading: slice, median and longest", f"{statistics.median(slices):.1f} / {slices[-1]:.1f} ms"
    yield (
        "planning: pass, median and longest",
        f"{statistics.median(bench.plans):.1f} / {max(bench.plans):.1f} ms",
    )
    yield "handing out: median and longest", f"{statistics.median(bench.pops):.3f} / {max(bench.pops):.1f} ms"
    yield "longest stall of all", f"{max(*slices, *bench.plans, *bench.pops):.1f} ms"
    yield "handed out", f"{bench.taken} tasks"
    yield "memory before and at most", f"{before_mb:.0f} / {memory_mb():.0f} MB"


def main() -> None:
    """Fill a ledger, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("size", nargs="?", type=int, default=500_000, help="outstanding tasks")
    parser.add_argument("--rate", type=int, default=2_000, help="GETs a minute")
    chosen = parser.parse_args()
    gc.set_threshold(*PATIENCE)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "ledger.db"
        # In a process of its own: what filling needs is no part of what the queue needs.
        filling = get_context("spawn").Process(target=fill, args=(path, chosen.size))
        filling.start()
        filling.join()
        if filling.exitcode:
            raise SystemExit("the ledger could not be filled")
        with Ledger.open(path) as ledger:
            before_mb = memory_mb()
            bench = Bench(ledger, chosen.rate)
            bench.start()
            bench.work(PASSES)
    print(f"{chosen.size} outstanding tasks, {chosen.rate} GETs a minute")
    for name, value in lines(bench, before_mb):
        print(f"  {name:36}{value}")


if __name__ == "__main__":
    main()
