"""`python -m bench.policy`: plays every cell on all cores, measures planning, prints the tables."""

import argparse
import dataclasses
import json
import multiprocessing
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from bench.policy import cells, planning, table, workload
from bench.policy.cells import Cell, Result
from bench.policy.optimum import Optimum
from bench.policy.planning import Cost


def main() -> None:
    """Run what the command line asks for."""
    asked = arguments()
    if asked.read:
        print(table.text(*from_json(json.loads(asked.read.read_text()))))
        return
    sizes = cells.QUICK_SIZES if asked.quick else tuple(asked.size or cells.SIZES)
    chosen = [one for one in cells.every_cell(sizes) if asked.only is None or asked.only in name_of(one)]
    results = play_all(chosen)
    # Alone on the machine: beside other runs a measurement of time would be one of their company.
    costs = [] if asked.only else measure_all(max(sizes))
    if asked.json:
        print(json.dumps(as_json(results, costs), indent=1))
    else:
        print(table.text(results, costs))


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.policy", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="backlogs of 5,000 only, in seconds")
    parser.add_argument(
        "--size", type=int, action="append", help="backlogs of so many tasks; may be repeated"
    )
    parser.add_argument(
        "--only", metavar="TEXT", help="runs whose name holds TEXT, like 'tight 50000 readyd'"
    )
    parser.add_argument("--json", action="store_true", help="every run as JSON, not only the worst")
    parser.add_argument("--read", type=Path, metavar="FILE", help="print the tables of an earlier run's JSON")
    return parser.parse_args()


def name_of(cell: Cell) -> str:
    """Name a run as `--only` knows it."""
    early = "early" if cell.early else "complete"
    return f"{cell.kind} {cell.size} {cell.policy} {cell.rate} {early} {cell.order} {cell.lag_s}"


def play_all(chosen: Sequence[Cell]) -> list[Result]:
    """Play on all cores; the runs of one backlog together, the big ones first."""
    batches = [list(batch) for _, batch in groupby(chosen, key=_backlog)]
    batches.sort(key=lambda batch: -batch[0].size)
    with multiprocessing.Pool() as pool:
        done: dict[Cell, Result] = {}
        for number, batch in enumerate(pool.imap_unordered(play_batch, batches), start=1):
            done |= {one.cell: one for one in batch}
            if sys.stderr.isatty():
                print(f"\r{number} of {len(batches)} groups of runs ", end="", file=sys.stderr, flush=True)
    return [done[cell] for cell in chosen]


def play_batch(batch: Sequence[Cell]) -> list[Result]:
    """Play some runs one after the other."""
    return [cells.play(cell) for cell in batch]


def measure_all(size: int) -> list[Cost]:
    """Measure planning for every kind of backlog at both rates."""
    return [planning.cost(kind, size, rate) for kind in workload.KINDS for rate in cells.RATES]


def as_json(results: Sequence[Result], costs: Sequence[Cost]) -> dict[str, object]:
    """Make everything that was measured plain."""
    runs = [
        dataclasses.asdict(one) | {"makespan": one.makespan, "important_wait": one.important_wait}
        for one in results
    ]
    return {"runs": runs, "planning": [dataclasses.asdict(one) for one in costs]}


def from_json(document: dict[str, Any]) -> tuple[list[Result], list[Cost]]:
    """Read what `as_json` wrote."""
    results = []
    for run in document["runs"]:
        facts = {name: value for name, value in run.items() if name not in ("makespan", "important_wait")}
        facts["cell"], facts["best"] = Cell(**facts["cell"]), Optimum(**facts["best"])
        results.append(Result(**facts))
    return results, [Cost(**one) for one in document["planning"]]


def _backlog(cell: Cell) -> tuple[int, str, bool, int]:
    return cell.size, cell.kind, cell.early, cell.rate


if __name__ == "__main__":
    main()
