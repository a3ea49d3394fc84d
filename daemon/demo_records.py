"""What the demo shows while it runs and says when it ends: frozen records. Knows neither story nor screen."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class DemoFrame:
    """One moment of the demo, for a live table. `hour` counts simulated hours since the start."""

    at: int  # simulated wall time, UTC ms
    hour: float
    counts: Mapping[
        str, Mapping[str, int]
    ]  # function -> {"posted": .., "ready": .., "collected": .., "blocked": ..}
    bands: Mapping[str, int] = field(default_factory=dict)  # band -> outstanding tasks in it
    alerts: tuple[str, ...] = ()  # open ones, a sentence each
    events: tuple[str, ...] = ()  # the newest lines of the log, oldest first
    gets_per_min: float = 0.0  # over the last simulated minutes


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """What happened in the demo; `as_json` has exactly these keys. Waits are in seconds, simulated."""

    simulated_hours: float
    wall_seconds: float
    posted: int
    collected: int
    failed: int
    delivered: int
    lost: int
    expired_unseen: int
    foreign_collected: int
    polls: int
    gets: int
    throttled: int
    window_saturated_times: int
    done_in_outage: int  # tasks completed while the network was gone
    done_in_outage_exact: int  # of these, tasks whose exact completion time the ledger knows, to the second
    exact_after_outage_min: (
        float | None
    )  # simulated minutes from its end until all were known; None: some never were
    alerts_opened: int
    alerts_closed: int
    important_wait_mean_s: float | None  # None: no such task was collected
    other_wait_mean_s: float | None
    ledger: str

    def as_json(self) -> dict[str, object]:
        """Return the summary by key, in the order of the fields."""
        return asdict(self)

    @property
    def complete(self) -> bool:
        """Whether every posted task reached an end that is no loss."""
        return self.collected + self.failed + self.delivered == self.posted and not (
            self.lost or self.expired_unseen or self.foreign_collected
        )
