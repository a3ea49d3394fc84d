"""`python -m bench.ways`: compares the ways to learn that a task is done, with and without trouble."""

import argparse
import multiprocessing
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.ways import cells, table
from bench.ways.account import Outcome, summed
from bench.ways.cells import Cell
from bench.ways.readyd import Readyd
from bench.ways.scripts import Script
from bench.ways.stage import START, Stage
from daemon import virtual
from daemon.virtual import VirtualClock


def main() -> None:
    """Run what the command line asks for."""
    asked = arguments()
    chosen = [
        one for one in cells.every_cell(quick=asked.quick) if asked.only is None or asked.only in one.name
    ]
    if not chosen:
        raise SystemExit(f"no run's name holds {asked.only!r}")
    written = table.text(play_all(chosen))
    print(written)
    if asked.into:
        asked.into.write_text(table.put_into(asked.into.read_text(), written))


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.ways", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="an hour of each trouble: under a minute")
    parser.add_argument("--only", metavar="TEXT", help="runs whose name holds TEXT, like 'none script'")
    parser.add_argument("--into", metavar="FILE", type=Path, help="put the table into this document too")
    return parser.parse_args()


def play_all(chosen: Sequence[Cell]) -> list[Outcome]:
    """Play on all cores, the long runs first."""
    order = sorted(chosen, key=lambda cell: (-cell.trouble.hours, not cell.way.readyd))
    done: dict[Cell, Outcome] = {}
    with multiprocessing.Pool() as pool:
        for number, outcome in enumerate(pool.imap_unordered(play, order), start=1):
            done[outcome.cell] = outcome
            if sys.stderr.isatty():
                print(f"\r{number} of {len(order)} runs ", end="", file=sys.stderr, flush=True)
    return [done[cell] for cell in chosen]


def play(cell: Cell) -> Outcome:
    """Play one run in virtual time.

    Raises:
        AccountingError: player and remote do not agree about what happened.
        BrokenError: the service had a bug.
    """
    with tempfile.TemporaryDirectory() as directory:
        return virtual.run(lambda: _played(cell, Path(directory)), start=START)


async def _played(cell: Cell, directory: Path) -> Outcome:
    stage = Stage(cell, VirtualClock())
    if not cell.way.readyd:
        script = Script(stage)
        await stage.play(script)
        return summed(stage, script)
    readyd = Readyd(stage, directory)
    try:
        await stage.play(readyd)
        return summed(stage, readyd)
    finally:
        readyd.close()


if __name__ == "__main__":
    main()
