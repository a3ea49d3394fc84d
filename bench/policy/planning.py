"""What planning costs: the real time of one pass over a whole backlog. The only part that reads a clock."""

import statistics
from dataclasses import dataclass
from time import perf_counter

from bench.policy import workload
from bench.policy.readyd import PASS_MS
from bench.policy.workload import START, Workload
from daemon.policy.backlog import Backlog
from daemon.policy.priority import Ranked
from daemon.policy.rules import DAY_MS

PASSES = 30


@dataclass(frozen=True, slots=True)
class Cost:
    """What passes over one backlog cost, in ms."""

    kind: str
    size: int
    rate: int
    fill_ms: float  # making every task and putting it in, once
    first_ms: float
    median_ms: float
    worst_ms: float


def cost(kind: str, size: int, rate: int, passes: int = PASSES) -> Cost:
    """Measure passes, each of which takes what ten seconds can serve, ten seconds after the one before."""
    work = workload.make(kind, size)
    backlog = Backlog()
    began = perf_counter()
    for task in range(
        size
    ):  # no list of them: the daemon keeps none, and the collector would go through it meanwhile
        backlog.put(_ranked(work, task))
    fill_ms = (perf_counter() - began) * 1000
    spent = []
    for number in range(passes):
        began = perf_counter()
        backlog.take(rate * PASS_MS // 60_000, START + number * PASS_MS, rate / 60_000)
        spent.append((perf_counter() - began) * 1000)
    return Cost(kind, size, rate, fill_ms, spent[0], statistics.median(spent), max(spent))


def _ranked(work: Workload, task: int) -> Ranked:
    priority = 2 if work.important[task] else 1
    return Ranked(str(task), priority, work.deadline_of(task), work.posted_at[task] + 30 * DAY_MS)
