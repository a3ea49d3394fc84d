"""Plays many worlds, tells of them, and hunts planted bugs. Knows no rule and no fault."""

import gc
import multiprocessing
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.simulation.life import Story, play, played
from tests.simulation.planted import BUGS
from tests.simulation.themes import world
from tests.simulation.timeline import START

SHOWN = 20
CHUNK = 20


def play_seed(seed: int, size: int = 1) -> Story:
    """Play one world; a crash of the simulation itself is a violation too."""
    return play(world(seed, size=size))


def command(seed: int, *, size: int = 1, bug: str | None = None) -> str:
    """Give the one command that plays a world again."""
    more = (f" --size {size}" if size > 1 else "") + (f' --bug "{bug}"' if bug else "")
    return f".venv/bin/python -m tests.simulation {seed}{more}"


def tell(seed: int, *, size: int = 1, bug: str | None = None) -> int:
    """Tell one world in full: what happened, and of the tasks that went wrong everything."""
    story, told = played(world(seed, size=size))
    print("\n".join([*story.history, *told]))
    print(f"digest {story.digest}; {story.tasks} tasks, {story.deaths} deaths, {story.days:.1f} days")
    print(f"\n{story.violation or 'All that must hold held.'}\n{command(seed, size=size, bug=bug)}")
    return 1 if story.violation else 0


def play_many(first: int, count: int, *, size: int = 1, bug: str | None = None) -> int:
    """Play worlds on all cores, say how far it is, and report."""
    began = time.perf_counter()
    total, failed = Report(), []
    for done, story in enumerate(_stories(range(first, first + count), size), 1):
        total.add(story)
        if story.violation is not None:
            failed.append(story)
            print(f"\n{story.violation}\n    {command(story.seed, size=size, bug=bug)}", flush=True)
        if done % 100 == 0:
            rate = done / (time.perf_counter() - began)
            print(
                f"\r{done:,} of {count:,} worlds, {rate:.0f} a second, {len(failed)} failed",
                end="",
                flush=True,
            )
    print(f"\n\n{total.text(time.perf_counter() - began)}")
    for story in failed[:SHOWN]:
        print(
            f"FAILED {story.seed}: {str(story.violation)[:100]}\n    {command(story.seed, size=size, bug=bug)}"
        )
    print(f"{len(failed)} of {count:,} worlds failed")
    return 1 if failed else 0


def _stories(seeds: Iterable[int], size: int) -> Iterator[Story]:
    cores = os.cpu_count() or 1
    # Forked, so that a planted bug is planted there too.
    with multiprocessing.get_context("fork").Pool(cores) as pool:
        yield from pool.imap_unordered(_Sized(size), seeds, chunksize=CHUNK)


class _Sized:
    def __init__(self, size: int) -> None:
        self._size = size

    def __call__(self, seed: int) -> Story:
        return play_seed(seed, self._size)


class Report:
    """Adds up what came of worlds."""

    def __init__(self) -> None:
        self.worlds = self.deaths = self.tasks = 0
        self.days = 0.0
        self.faults: Counter[str] = Counter()

    def add(self, story: Story) -> None:
        self.worlds += 1
        self.deaths += story.deaths
        self.tasks += story.tasks
        self.days += story.days
        self.faults.update(story.faults)

    def text(self, seconds: float) -> str:
        faults = "\n".join(f"    {count:>12,}  {name}" for name, count in self.faults.most_common() if count)
        return (
            f"{self.worlds:,} worlds in {seconds:,.0f} s, {1000 * seconds / max(1, self.worlds):.0f} ms each\n"
            f"{self.tasks:,} tasks, {self.days:,.0f} simulated days, {self.deaths:,} crashes survived\n"
            f"what happened:\n{faults}"
        )


def hunt(first: int, count: int) -> Story | None:
    """Return the first world that finds something."""
    for seed in range(first, first + count):
        story = play_seed(seed)
        if story.violation is not None:
            return story
        if seed % 50 == 0:
            gc.collect()
    return None


def hunt_all(first: int, count: int) -> int:
    """Plant every bug in a process of its own, as many at a time as there are cores, and print which world found it."""
    missed = 0
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        stories = pool.map(lambda bug: hunted(bug.name, first, count), BUGS)
        for bug, story in zip(BUGS, stories, strict=True):
            missed += story is None
            print(f"{bug.name:<52} {story or f'NOT FOUND within {count:,} worlds'}", flush=True)
    return 1 if missed else 0


def hunted(bug: str, first: int, count: int) -> str | None:
    """Let a process with a planted bug look for it; return what its first failing world says."""
    code = (
        "import sys; from tests.simulation.bugs import plant; from tests.simulation.planted import BUGS\n"
        "plant(next(one for one in BUGS if one.name == sys.argv[1]))\n"
        "from tests.simulation.campaign import hunt\n"
        "story = hunt(int(sys.argv[2]), int(sys.argv[3]))\n"
        "print('' if story is None else f'seed {story.seed}: {story.violation}')\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, bug, str(first), str(count)], capture_output=True, text=True, check=False
    )
    if found.returncode:
        raise RuntimeError(f"the hunt for {bug!r} broke: {found.stderr[-2000:]}")
    return found.stdout.strip() or None


__all__ = ["START", "hunt", "hunted", "play_many", "play_seed", "tell"]
