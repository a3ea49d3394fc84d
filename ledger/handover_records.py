"""The words of handing results over: a result, a target, a hand-over that waits. Plain, like `records`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Home:
    """A result that came home, as one target meets it."""

    transition_id: int  # its move to `collected`
    task_id: str
    function: str
    tag: str | None
    priority: int
    edition: int


@dataclass(frozen=True, slots=True)
class Handover:
    """A result that waits for one target."""

    target: str
    task_id: str
    edition: int
    function: str
    tag: str | None
    recorded_at: int
    attempts: int  # hand-overs of it that failed


@dataclass(frozen=True, slots=True)
class HandoverTrouble:
    """A hand-over that failed: what is kept of it, for the result and for its target."""

    attempts: int
    next_try_at: int  # of this result
    failures: int  # of the target, in a row; 0 when the result itself is to blame
    failing_since: int | None
    target_next_try_at: int | None
    problem: str


@dataclass(frozen=True, slots=True)
class Target:
    """Where results are handed over to, and how that goes (one row of `target`)."""

    name: str
    kind: str  # "directory", "http" or "object"
    first_seen_at: int
    backfill: bool
    handed: int  # results that it has
    handed_at: int | None  # when it took the last one
    failures: int  # attempts in a row that failed because of the target
    failing_since: int | None
    next_try_at: int | None
    problem: str | None  # of the last attempt that failed, of whatever it was
    waiting: int
    stuck: int  # of those waiting, tried again and again
