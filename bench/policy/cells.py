"""Which runs the table is made of, and what one run yields. Knows every policy; prints nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from bench.policy import baselines, optimum, workload
from bench.policy.account import ORDERS, Account
from bench.policy.harness import Policy, Run
from bench.policy.optimum import Optimum
from bench.policy.readyd import Readyd
from bench.policy.workload import SECOND_MS, START, Workload

SIZES = (5_000, 50_000, 500_000)
QUICK_SIZES = (5_000,)
RATES = (2_000, 10_000)
LAGS = (0, 10, 60, 120)

LISTS_ONLY = "readyd, lists only"

POLICIES: dict[str, Callable[[Workload, int], Policy]] = {
    "official loop": baselines.OfficialLoop,
    "list, oldest first": lambda work, rate: baselines.ListOnly(work, rate, baselines.by_deadline),
    "list, by priority": lambda work, rate: baselines.ListOnly(work, rate, baselines.by_importance),
    "ids, earliest deadline": lambda work, rate: baselines.IdOnly(work, rate, baselines.by_deadline),
    "ids, strict priority": lambda work, rate: baselines.IdOnly(work, rate, baselines.by_importance),
    LISTS_ONLY: lambda work, rate: Readyd(work, rate, audit=False),
    "readyd": Readyd,
}

Look = tuple[str, int]
"""The order of a list and its lag in seconds."""

EVERY: tuple[Look, ...] = tuple((order, lag) for order in ORDERS for lag in LAGS)
SOME: tuple[Look, ...] = (("oldest", 0), ("newest", 120), ("shuffled", 10), ("shuffled", 60))
ENDS: tuple[Look, ...] = (("oldest", 0), ("newest", 120))
NO_LIST: tuple[Look, ...] = (("shuffled", 10),)


@dataclass(frozen=True, slots=True)
class Cell:
    """One run."""

    rate: int  # GETs a minute
    early: bool
    size: int
    kind: str
    policy: str
    order: str
    lag_s: int


@dataclass(frozen=True, slots=True)
class Result:
    """What one run yielded, and the bounds it is measured by."""

    cell: Cell
    makespan_ms: int
    lost: int  # never collected
    late: int  # collected after the list forgot them
    important_wait_ms: float
    gets: int
    early_gets: int  # answered "not yet"
    best: Optimum

    @property
    def makespan(self) -> float:
        """Against the optimum; of what was collected."""
        return self.makespan_ms / self.best.makespan_ms

    @property
    def important_wait(self) -> float:
        """Against the optimum; of what was collected."""
        return self.important_wait_ms / self.best.important_wait_ms


def looks(policy: str, size: int) -> tuple[Look, ...]:
    """Choose the lists to try: policies that never ask for a list need only one, and large runs take a minute each."""
    if policy.startswith("ids"):
        return NO_LIST
    if size == min(SIZES):
        return EVERY
    if size < max(SIZES):
        return SOME
    return NO_LIST if policy.startswith("readyd") else ENDS


def every_cell(sizes: tuple[int, ...] = SIZES) -> Iterator[Cell]:
    """Name all runs, those of one backlog together."""
    for size in sizes:
        for kind in workload.KINDS:
            for early in (False, True):
                for rate in RATES:
                    for policy in POLICIES:
                        for order, lag_s in looks(policy, size):
                            yield Cell(rate, early, size, kind, policy, order, lag_s)


@lru_cache(maxsize=2)
def backlog(kind: str, size: int, *, early: bool) -> Workload:
    """Make a backlog once for the runs that need it one after the other."""
    return workload.make(kind, size, early=early)


@lru_cache(maxsize=4)
def best(kind: str, size: int, rate: int, *, early: bool) -> Optimum:
    """Compute the bounds once for all policies."""
    return optimum.of(backlog(kind, size, early=early), rate)


def play(cell: Cell) -> Result:
    """Run one cell."""
    work = backlog(cell.kind, cell.size, early=cell.early)
    account = Account(work, cell.order, cell.lag_s * SECOND_MS, cell.rate)
    run = Run(account, POLICIES[cell.policy](work, cell.rate))
    run.play()
    return measure(cell, work, account, run.early)


def measure(cell: Cell, work: Workload, account: Account, early_gets: int) -> Result:
    """Count what a run achieved."""
    home = [(task, at) for task, at in enumerate(account.collected_at) if at]
    waits = [at - work.ready_at(task) for task, at in home if work.important[task]]
    return Result(
        cell=cell,
        makespan_ms=account.last_at - START,
        lost=len(work) - len(home),
        late=sum(at > work.deadline_of(task) for task, at in home),
        important_wait_ms=sum(waits) / max(1, len(waits)),
        gets=account.gets,
        early_gets=early_gets,
        best=best(cell.kind, cell.size, cell.rate, early=cell.early),
    )
