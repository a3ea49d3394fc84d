"""The state of the whole ledger in one record, computed for `status`. Reads; prints nothing."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from daemon.cli import words
from daemon.policy import listing
from daemon.policy.alerts import STEPS
from daemon.standing import Standings, as_candidate, scopes
from ledger.records import Alert, Band, Look, Outstanding, State, Task, Webhook
from ledger.states import OUTSTANDING

if TYPE_CHECKING:
    from daemon.policy.rules import Rules
    from daemon.settings import Settings
    from ledger.reader import Reader

UNPOSTED = (State.PLANNED, State.POSTING)
NOBODY = "no daemon is running: start readyd run"

GRAVE = frozenset({"critical", "past"})
"""Steps of alerts that make `status` and `alerts` exit with 1."""


@dataclass(frozen=True, slots=True)
class Nearest:
    """The outstanding task whose visibility deadline comes first."""

    task: Task
    deadline_at: int
    band: Band


@dataclass(frozen=True, slots=True)
class Survey:
    """What `status` tells. Times are UTC ms."""

    counts: dict[str, dict[State, int]]
    bands: dict[Band, int]
    nearest: Nearest | None
    blocked: int
    foreign: int
    looks: list[Look]
    last_list_at: int | None
    alerts: list[Alert]
    unwatched: list[str]  # what no alert can say, as nobody is there to open one

    @property
    def problems(self) -> list[str]:
        """Tell in sentences what somebody should see to."""
        return [*(alert.detail for alert in self.alerts if alert.step in GRAVE), *self.unwatched]

    @property
    def totals(self) -> Counter[State]:
        """Count tasks per state over all functions."""
        return _totals(self.counts)

    @property
    def outstanding(self) -> int:
        """Count the tasks still to be brought home."""
        return sum(self.totals[state] for state in OUTSTANDING)


@dataclass(slots=True)
class _Walk:
    """What one walk over the outstanding tasks finds."""

    bands: Counter[Band] = field(default_factory=Counter)
    functions: dict[str, "_Group"] = field(default_factory=dict)
    nearest: Nearest | None = None
    nearest_at: float = math.inf
    blocked: int = 0


@dataclass(slots=True)
class _Group:
    """The outstanding tasks of one function, counted."""

    posted: int = 0
    ready: int = 0
    hurried: int = 0
    oldest_posted_at: int | None = None
    oldest_recorded_at: int | None = None

    def add(self, task: Task) -> None:
        """Count one task."""
        self.ready += task.state is State.READY
        self.posted += task.state is State.POSTED
        self.hurried += task.priority > 1
        self.oldest_posted_at = min(task.posted_at, self.oldest_posted_at or task.posted_at)
        self.oldest_recorded_at = min(task.recorded_at, self.oldest_recorded_at or task.recorded_at)


def survey(reader: "Reader", settings: "Settings", now: int, *, running: bool) -> Survey:
    """Look at everything once."""
    from ledger.reader import TaskFilter

    looks = {look.listing: look for look in reader.looks()}
    rules = settings.rules
    standings = Standings(looks, now, rules, settings.variants)
    walk = _walk(reader.tasks(TaskFilter(states=OUTSTANDING)), standings)
    answered = (look.answered_at for look in looks.values() if look.answered_at is not None)
    unwatched = list(_unwatched(walk, looks, rules, now, running=running))
    counts = {
        name: {state: count for state, count in states.items() if count}
        for name, states in reader.counts().items()
    }
    if not running and settings.post_enabled == "yes":
        unwatched += _unposted(_totals(counts), reader.planned_since(), rules, now)
    return Survey(
        counts=counts,
        bands={band: walk.bands[band] for band in Band},
        nearest=walk.nearest,
        blocked=walk.blocked,
        foreign=_foreign(looks),
        looks=list(looks.values()),
        last_list_at=max(answered, default=None),
        alerts=worst_first(reader.alerts()),
        unwatched=unwatched,
    )


def worst_first(alerts: Iterable[Alert]) -> list[Alert]:
    """Put open alerts first, of these the worst; otherwise keep their order."""
    return sorted(alerts, key=lambda one: (one.closed_at is not None, -STEPS.get(one.step, 1)))


def _walk(tasks: Iterable[Task], standings: Standings) -> _Walk:
    walk = _Walk()
    for task in tasks:
        standing = standings.of(as_candidate(task))
        walk.bands[standing.band] += 1
        walk.blocked += task.blocked_at is not None
        # A postback task is on a list only when its delivery failed; otherwise none is asked for its sake.
        if task.state is State.READY or task.webhook is not Webhook.POSTBACK:
            walk.functions.setdefault(task.function, _Group()).add(task)
        # A deadline that is over is no longer the one to meet; that task is fetched by id.
        if standing.listed and standings.now < standing.deadline_at < walk.nearest_at:
            walk.nearest_at = standing.deadline_at
            walk.nearest = Nearest(task, standing.deadline_at, standing.band)
    return walk


def _unwatched(
    walk: _Walk, looks: Mapping[str, Look], rules: "Rules", now: int, *, running: bool
) -> Iterator[str]:
    """Say so when nobody reads the lists that policy would have asked by now."""
    since = listing.unanswered_since(_outstanding(walk), looks, scopes(), now, rules)
    if since is None:
        return
    # A task recorded late, from an old file, was not to be awaited before it was recorded.
    since = max(since, min(group.oldest_recorded_at or now for group in walk.functions.values()))
    if now - since >= rules.poll_stale_ms:
        hint = "" if running else f"; {NOBODY}"
        yield f"no list was read for {words.duration(now - since)} although tasks are outstanding{hint}"


def _unposted(totals: Mapping[State, int], since: int | None, rules: "Rules", now: int) -> Iterator[str]:
    """Say so when nobody posts what was planned; a running daemon has alerts of its own for that."""
    waiting = ", ".join(unposted(totals))
    if waiting and since is not None and now - since >= rules.poll_stale_ms:
        yield f"tasks have waited to be posted for {words.duration(now - since)} ({waiting}); {NOBODY}"


def unposted(totals: Mapping[State, int]) -> list[str]:
    """Count the tasks that are not posted yet, or not known to be; what there is none of is left out."""
    return [f"{totals[state]:,} {state}" for state in UNPOSTED if totals.get(state)]


def _totals(counts: Mapping[str, Mapping[State, int]]) -> Counter[State]:
    total: Counter[State] = Counter()
    for states in counts.values():
        total.update(states)
    return total


def _outstanding(walk: _Walk) -> list[Outstanding]:
    return [
        Outstanding(
            function=function,
            posted=group.posted,
            ready=group.ready,
            blocked=0,
            hurried=group.hurried,
            oldest_posted_at=group.oldest_posted_at or 0,
            expected=group.posted,
        )
        for function, group in walk.functions.items()
    ]


def _foreign(looks: Mapping[str, Look]) -> int:
    """Count foreign rows of the newest windows; an umbrella and its type lists show the same rows."""
    families: dict[str, list[int]] = {}
    for scope in scopes():
        look = looks.get(scope.listing)
        if look is not None:
            counts = families.setdefault(scope.family, [0, 0])
            counts[scope.umbrella] += look.foreign
    return sum(max(counts) for counts in families.values())
