"""How the simulated remote is set up: turnaround, limits, accounts, sizes. Knows no task."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from daemon.simulator.moments import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

LOGIN = "sim@readyd.local"
PASSWORD = "simulate"  # noqa: S105  opens nothing but a simulator


@dataclass(frozen=True, slots=True)
class Turnaround:
    """How long a task takes from posting to done, in ms.

    `special` maps the beginning or the end of a function's name to (mean, cap), for both priorities.
    """

    normal_mean_ms: int = 5 * MINUTE_MS
    normal_cap_ms: int = 45 * MINUTE_MS
    high_mean_ms: int = 30 * SECOND_MS
    high_cap_ms: int = MINUTE_MS
    special: Mapping[str, tuple[int, int]] = field(
        default_factory=lambda: {
            "llm_responses": (6 * HOUR_MS, 72 * HOUR_MS),
            "keywords_data/google_ads": (90 * MINUTE_MS, 3 * HOUR_MS),
            "on_page/lighthouse": (3 * MINUTE_MS, 15 * MINUTE_MS),
            "on_page": (20 * MINUTE_MS, HOUR_MS),
        }
    )

    @classmethod
    def around(cls, seconds: float) -> "Turnaround":
        """Let every task of every function take about this long, at most three times as long."""
        mean = max(1, round(seconds * SECOND_MS))
        return cls(mean, 3 * mean, max(1, mean // 2), mean, {})

    def draw(self, function: str, priority: int, dice: random.Random) -> int:
        """Draw one turnaround."""
        mean, cap = self._mean_and_cap(function, priority)
        return max(1, min(cap, round(dice.gammavariate(2.0, mean / 2))))

    def _mean_and_cap(self, function: str, priority: int) -> tuple[int, int]:
        for name, pair in self.special.items():
            if function.startswith(name) or function.endswith(name):
                return pair
        if priority > 1:
            return self.high_mean_ms, self.high_cap_ms
        return self.normal_mean_ms, self.normal_cap_ms


@dataclass(frozen=True, slots=True)
class AccountOptions:
    """One account of the remote. `logins` maps each API login to its password; all see the same lists."""

    logins: Mapping[str, str] = field(default_factory=lambda: {LOGIN: PASSWORD})
    user: str = "1535"
    balance: float = 1000.0
    day_cost_limit: float | None = None
    duplicates_per_hour: int | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """Everything about the remote that is not an accident."""

    accounts: tuple[AccountOptions, ...] = (AccountOptions(),)
    turnaround: Turnaround = field(default_factory=Turnaround)
    list_lag_ms: tuple[int, int] = (20 * SECOND_MS, 40 * SECOND_MS)
    general_limit: int = 2000
    tasks_ready_limit: int = 20
    simultaneous: int = 30
    window: int = 1000
    visibility_ms: int = 72 * HOUR_MS
    retention_ms: int = 30 * DAY_MS
    html_retention_ms: int = 7 * DAY_MS
    body_kb: tuple[float, float] = (2, 60)
    webhook_delay_ms: tuple[int, int] = (50, 1000)
    id_list_offset_min: int = 0
    """How far ahead of UTC the times are that id_list writes; examples of the docs have UTC, and two hours."""
    id_list_hyphens: bool = False
    """Whether id_list writes 13-54-43, as the text of the docs has it, or 13:54:43, as the examples have it."""
    foreign_tag: str | None = None
    """Tasks whose tag begins with this belong to other software of the account."""
