"""What is compared: the ways, the troubles, and which trouble touches which way. Runs nothing."""

from collections.abc import Iterator
from dataclasses import dataclass

HOUR_MS = 3_600_000

PER_HOUR = 20
"""Tasks posted an hour."""

LATE_MS = HOUR_MS
"""A result that comes home later than this after its completion is late."""


@dataclass(frozen=True, slots=True)
class Way:
    """How one learns of completion. `hook`: the tasks are posted with a URL for "ping"backs or "post"backs."""

    name: str
    readyd: bool
    ids: bool = False
    lists: bool = False
    audits: bool = False
    hook: str = ""


WAYS: tuple[Way, ...] = (
    Way("script: GET by id", readyd=False, ids=True),
    Way("script: Tasks Ready", readyd=False, lists=True),
    Way("script: pingbacks", readyd=False, hook="ping"),
    Way("script: postbacks", readyd=False, hook="post"),
    Way("readyd: GET by id", readyd=True, ids=True),
    Way("readyd: Tasks Ready", readyd=True, ids=True, lists=True),
    Way("readyd: id_list", readyd=True, ids=True, audits=True),
    Way("readyd: pingbacks", readyd=True, ids=True, hook="ping"),
    Way("readyd: postbacks", readyd=True, ids=True, hook="post"),
    Way("readyd: no webhooks", readyd=True, ids=True, lists=True, audits=True),
    Way("readyd: all, pingbacks", readyd=True, ids=True, lists=True, audits=True, hook="ping"),
    Way("readyd: all, postbacks", readyd=True, ids=True, lists=True, audits=True, hook="post"),
)
"""readyd always fetches by id what is overdue: that cannot be taken away from it, and nobody should want to."""

NONE, DROPPED, LISTS, DOWN, FOREIGN = "none", "dropped", "lists", "down", "foreign"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What goes wrong, for so many hours; tasks are posted all the while."""

    name: str
    title: str
    hours: int

    def touches(self, way: Way) -> bool:
        """Say whether a way would notice."""
        if self.name in (DROPPED, DOWN):
            return bool(way.hook)
        if self.name in (LISTS, FOREIGN):
            return way.lists
        return True


TROUBLES: tuple[Trouble, ...] = (
    Trouble(NONE, "nothing fails", 24),
    Trouble(DROPPED, "every webhook is dropped", 7 * 24),
    Trouble(LISTS, "Tasks Ready answers HTTP 500", 24),
    Trouble(DOWN, "the receiver is down (503)", 62),
    Trouble(FOREIGN, "5,000 foreign tasks fill the window", 4),
)

QUICK_HOURS = 1


@dataclass(frozen=True, slots=True)
class Cell:
    """One run."""

    way: Way
    trouble: Trouble
    seed: int = 1

    @property
    def tasks(self) -> int:
        """Count the tasks that are posted."""
        return PER_HOUR * self.trouble.hours

    @property
    def name(self) -> str:
        """Name the run, as `--only` knows it."""
        return f"{self.trouble.name} {self.way.name}"


def every_cell(*, quick: bool = False) -> Iterator[Cell]:
    """Name every run that tells something; `quick`: an hour of each trouble."""
    for one in TROUBLES:
        trouble = Trouble(one.name, one.title, QUICK_HOURS) if quick else one
        for way in WAYS:
            if trouble.touches(way):
                yield Cell(way, trouble)
