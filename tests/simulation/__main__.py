"""The command of the simulated worlds: one world told in full, or many on all cores, with a report at their end.

python -m tests.simulation SEED               tell what happens in one world
python -m tests.simulation --seeds 50000      play many; exit code 1 when something that must hold did not
python -m tests.simulation --bugs             plant each known bug and say which world finds it
--bug NAME                                    with a planted bug
"""

import argparse
import sys

from tests.simulation.bugs import plant
from tests.simulation.planted import BUGS


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("seed", nargs="?", type=int, help="tell one world in full")
    parser.add_argument("--seeds", type=int, help="play so many worlds")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--size", type=int, default=1, help="so many times the usual tasks in each world")
    parser.add_argument("--bug", choices=[one.name for one in BUGS], help="plant a bug first")
    parser.add_argument("--bugs", action="store_true", help="say which world finds which planted bug")
    wishes = parser.parse_args(words)
    if wishes.bug:
        plant(next(one for one in BUGS if one.name == wishes.bug))
    from tests.simulation import campaign  # after planting: it imports readyd

    if wishes.bugs:
        return campaign.hunt_all(wishes.first, wishes.seeds or 1_000)
    if wishes.seed is not None:
        return campaign.tell(wishes.seed, size=wishes.size, bug=wishes.bug)
    return campaign.play_many(wishes.first, wishes.seeds or 1_000, size=wishes.size, bug=wishes.bug)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
