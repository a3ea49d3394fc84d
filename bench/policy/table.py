"""Turns results into tables for people and says which targets were reached. Runs nothing and prints nothing."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from bench.policy.cells import LAGS, Cell, Result
from bench.policy.planning import Cost

Key = Callable[[Cell], tuple[Any, ...]]

MAKESPAN, IMPORTANT, LATE, PLANNING_MS = 1.02, 1.05, 1.01, 10.0
"""What readyd has to reach: ratios to the optimum, and the cost of a planning pass."""

HEAD = (
    f"{'workload':9}{'tasks':>8}  {'policy':23}{'makespan':>9}{'lost':>9}{'late / best':>19}{'important':>11}"
)


def too_late(result: Result) -> bool:
    """Say whether too many tasks came home after the list forgot them."""
    return result.late > LATE * result.best.late


TARGETS: tuple[tuple[str, Callable[[Result], bool], Callable[[Result], str]], ...] = (
    (f"makespan <= {MAKESPAN}x", lambda one: one.makespan > MAKESPAN, lambda one: f"{one.makespan:.4f}x"),
    ("seen and lost 0", lambda one: one.lost > 0, lambda one: f"{one.lost:,}"),
    (f"late <= {LATE}x", too_late, lambda one: f"{one.late:,} / {one.best.late:,}"),
    (
        f"important wait <= {IMPORTANT}x",
        lambda one: one.important_wait > IMPORTANT,
        lambda one: f"{one.important_wait:.4f}x",
    ),
)
"""A target, whether a run missed it, and what the run reached."""


def text(results: Sequence[Result], costs: Sequence[Cost]) -> str:
    """Write everything."""
    parts = [*_tables(results), _lags(results), _planning(costs), _verdict(results, costs)]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _tables(results: Sequence[Result]) -> Iterator[list[str]]:
    for (early, rate), group in _grouped(results, lambda one: (one.early, one.rate)):
        what = "5 % of the tasks complete within ten minutes after" if early else "every task is complete"
        lines = [f"{rate:,} GETs a minute; when the network is back, {what}", HEAD, "-" * len(HEAD)]
        for (kind, size, policy), row in _grouped(group, lambda one: (one.kind, one.size, one.policy)):
            lines.append(_row(kind, size, policy, row))
        yield lines


def _row(kind: str, size: int, policy: str, row: Sequence[Result]) -> str:
    """Write the worst of every column."""
    worst = max(row, key=lambda one: one.late)
    late = f"{worst.late:,} / {worst.best.late:,}"
    lost = max(one.lost for one in row)
    # Who loses tasks is done sooner: that is no achievement.
    makespan = "-" if lost else f"{max(one.makespan for one in row):.3f}x"
    wait = max(one.important_wait for one in row)
    return f"{kind:9}{size:8,}  {policy:23}{makespan:>9}{lost:9,}{late:>19}{wait:10.3f}x"


def _lags(results: Sequence[Result]) -> list[str]:
    """Write how the lag of the list slows whoever depends on it."""
    lines = ["Makespan by the lag of the list (s): steady, 2,000 GETs a minute, every task complete"]
    lines += [f"{'tasks':>8}  {'policy':23}" + "".join(f"{lag:>9}" for lag in LAGS)]
    plain = [
        one for one in results if one.cell.kind == "steady" and one.cell.rate == 2_000 and not one.cell.early
    ]
    for (size, policy), row in _grouped(plain, lambda one: (one.size, one.policy)):
        worst = {
            lag: max((one.makespan for one in row if one.cell.lag_s == lag), default=None) for lag in LAGS
        }
        if all(worst.values()):
            lines.append(f"{size:8,}  {policy:23}" + "".join(f"{worst[lag]:8.3f}x" for lag in LAGS))
    return lines if len(lines) > 2 else []


def _planning(costs: Sequence[Cost]) -> list[str]:
    if not costs:
        return []
    lines = ["Planning one pass (ms, real time, two cores): ten seconds' worth of tasks"]
    lines += [
        f"{'workload':9}{'tasks':>8}{'GETs/min':>10}{'first':>9}{'median':>9}{'worst':>9}{'fill, once':>12}"
    ]
    for one in costs:
        times = f"{one.first_ms:9.1f}{one.median_ms:9.1f}{one.worst_ms:9.1f}{one.fill_ms:12.0f}"
        lines.append(f"{one.kind:9}{one.size:8,}{one.rate:10,}{times}")
    return lines


def _verdict(results: Sequence[Result], costs: Sequence[Cost]) -> list[str]:
    """Say of every target whether readyd reached it in every run, and if not, where it was missed the most."""
    ours = [one for one in results if one.cell.policy == "readyd"]
    lines = [f"Targets for readyd, in {len(ours)} runs"]
    for (early, rate), runs in _grouped(ours, lambda one: (one.early, one.rate)):
        lines.append(f"  {rate:,} GETs a minute, {'5 % complete later' if early else 'all complete'}")
        lines += [f"    {line}" for line in _judged(runs)]
    if costs:
        missed = [one for one in costs if one.worst_ms > PLANNING_MS]
        word = f"missed in {len(missed)} of {len(costs)}" if missed else "reached"
        slowest = max(costs, key=lambda one: one.worst_ms)
        at_most = f"worst {slowest.worst_ms:.1f} ms ({slowest.kind})"
        lines.append(f"    {f'planning <= {PLANNING_MS:.0f} ms':25}{word:20}{at_most}")
    return lines


def _judged(runs: Sequence[Result]) -> Iterator[str]:
    for name, is_missed, reached in TARGETS:
        missed = [one for one in runs if is_missed(one)]
        word = f"missed in {len(missed)} of {len(runs)}" if missed else "reached"
        worst = max(missed or runs, key=lambda one: _badness(name, one))
        at_most = f"{name:25}{word:20}worst {reached(worst)}"
        yield f"{at_most} ({_where(worst.cell)})" if missed else at_most


def _badness(name: str, one: Result) -> float:
    ratios = {"makespan": one.makespan, "important": one.important_wait, "seen": float(one.lost)}
    return ratios.get(name.partition(" ")[0], one.late / max(1, one.best.late))


def _where(cell: Cell) -> str:
    return f"{cell.kind} {cell.size:,}, {cell.order}, lag {cell.lag_s} s"


def _grouped(results: Iterable[Result], key: Key) -> Iterator[tuple[tuple[Any, ...], list[Result]]]:
    """Group in the order in which the groups were met first."""
    groups: dict[tuple[Any, ...], list[Result]] = {}
    for one in results:
        groups.setdefault(key(one.cell), []).append(one)
    yield from groups.items()
