"""How posting is doing: who takes no tasks at the moment, which calls are under way. Knows no wire and no ledger."""

from dataclasses import dataclass, field

ALL = "account"
"""What stands for every API."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why posting stopped, to the account or to one API, and when it is tried again (ms UTC)."""

    detail: str
    resume_at: int


@dataclass(slots=True)
class Postbox:
    """What the passes that post and look up tell each other and the review."""

    enabled: bool = True
    stops: dict[str, Stop] = field(default_factory=dict)  # by API, or ALL
    under_way: set[int] = field(default_factory=set)  # calls of task_post whose answer is awaited here
    doubted: dict[int, int] = field(default_factory=dict)  # call in doubt -> since when, monotonic ms
    inherited: frozenset[int] = frozenset()  # calls that an earlier process found in doubt as well
    flaws: dict[str, str] = field(default_factory=dict)  # API -> why the last look proved nothing

    def paused(self, now: int) -> set[str]:
        """Return the APIs (or ALL) that are not to be asked yet."""
        return {name for name, stop in self.stops.items() if now < stop.resume_at}

    def works(self, api: str) -> None:
        """Note that a task of this API was taken: there is money, and a subscription."""
        self.stops.pop(ALL, None)
        self.stops.pop(api, None)
