"""Adds up a run, and checks the sum against what the remote itself saw. Runs nothing and prints nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.ways.cells import LATE_MS, Cell
from bench.ways.stage import Player, Stage

NEVER = float("inf")


class AccountingError(RuntimeError):
    """What the player says does not agree with what the remote saw."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one run. Waits are ms from completion to durable; `NEVER` for a result that did not come."""

    cell: Cell
    tasks: int
    lost: int
    late: int
    median: float
    p95: float
    worst: float
    gets: int
    early: int
    lists: int
    id_lists: int
    others: int
    warned_of: str
    warned_ms: int | None  # after the beginning of the trouble


def summed(stage: Stage, player: Player) -> Outcome:
    """Sum up a run.

    Raises:
        AccountingError: the player and the remote disagree.
    """
    home = player.home()
    check(stage, home)
    waits = sorted(wait_of(stage, one, home.get(one)) for one in stage.own)
    calls, counts = stage.line.calls, stage.world.counts()
    warned = [one for one in player.warnings() if one[0] >= stage.begins_at]
    return Outcome(
        cell=stage.cell,
        tasks=len(waits),
        lost=waits.count(NEVER),
        late=sum(LATE_MS < wait < NEVER for wait in waits),
        median=nearest_rank(waits, 0.5),
        p95=nearest_rank(waits, 0.95),
        worst=waits[-1],
        gets=calls["task_get"],
        early=counts["gets_too_early"],
        lists=calls["tasks_ready"],
        id_lists=calls["id_list"],
        others=calls.total() - calls["task_get"] - calls["tasks_ready"] - calls["id_list"],
        warned_of=warned[0][1] if warned else "",
        warned_ms=warned[0][0] - stage.begins_at if warned else None,
    )


def check(stage: Stage, home: dict[str, int]) -> None:
    """Compare what the player says with what the remote saw."""
    counts, calls = stage.world.counts(), stage.line.calls
    if counts["gets"] != calls["task_get"]:
        raise AccountingError(f"the remote saw {counts['gets']} GETs, the line {calls['task_get']}")
    if len(stage.own) != stage.cell.tasks or not home.keys() <= set(stage.own):
        raise AccountingError(f"{len(stage.own)} tasks were posted, and {len(home)} are home")
    if counts["foreign_collected"] or counts["throttled"]:
        raise AccountingError("tasks of others were fetched, or a limit was exceeded")
    given = {one for one in stage.own if is_given(stage, one)}
    if given != home.keys():
        raise AccountingError(f"the remote gave {len(given)} results, and {len(home)} are home")


def is_given(stage: Stage, task_id: str) -> bool:
    """Say whether the remote gave a result away, by a GET or by a postback that was taken."""
    truth = stage.world.truth(task_id)
    return bool(truth.fetched) or truth.delivered_at is not None


def wait_of(stage: Stage, task_id: str, home_at: int | None) -> float:
    """Return how long a result took from its completion to the disk."""
    if home_at is None:
        return NEVER
    wait = home_at - stage.world.truth(task_id).done_at
    if wait < 0:
        raise AccountingError(f"task {task_id} is home before it is done")
    return wait


def nearest_rank(waits: Sequence[float], part: float) -> float:
    """Return the value that this part of the values does not exceed."""
    return waits[max(0, -(-round(part * 1000) * len(waits) // 1000) - 1)]
