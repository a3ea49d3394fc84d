"""The words of posting: what is planned, what was sent, and what became of it. Plain, like `records`."""

from dataclasses import dataclass

from ledger.records import Reason, State


@dataclass(frozen=True, slots=True)
class Intent:
    """A planned task: what is to be sent, and its key, which travels in the tag."""

    key: str
    task_id: str
    function: str
    tag: str | None  # the user's own
    payload: str  # JSON: every field that is sent, the user's own tag as it is
    attempts: int  # answers alike in a row that did not take it
    code: int | None  # the last of them
    alone: int  # 1: a call that held it was refused as a whole, so it is sent by itself


@dataclass(frozen=True, slots=True)
class Head:
    """The first planned task of a function: what choosing the next call needs, and no more."""

    function: str
    priority: int
    recorded_at: int
    number: int  # of the row: the order of planning


@dataclass(frozen=True, slots=True)
class Undated:
    """Calls up to this one may have been begun while the clock was ahead; it was set right at `at` (ms UTC)."""

    call_id: int
    at: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """A call of task_post of which nobody knows what became of some of its tasks."""

    call_id: int
    function: str
    begun_at: int  # by our clock, when it was sent
    tasks: int  # still without an answer


@dataclass(frozen=True, slots=True)
class Fate:
    """What a call's answer means for one task of it."""

    key: str
    to: State  # posted, rejected, or planned again
    reason: Reason
    task_id: str | None = None  # the remote's, of a task that it took
    cost: float | None = None  # USD
    code: int | None = None
    message: str | None = None
    attempts: int = 0
    next_try_at: int | None = None
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A task with one of our keys that the remote shows."""

    key: str
    task_id: str
    posted_at: int | None
    cost: float | None = None  # USD
