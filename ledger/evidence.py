"""Writes what one page of id_list says: exact completion times, tasks still pending, newcomers, the next cursor.

Runs inside a transaction of the caller. Does not read pages, and does not decide who is taken in or what is asked next.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ledger import posted
from ledger.database import LedgerDatabase
from ledger.errors import LedgerError
from ledger.intake import TAG_LENGTH, NewTask
from ledger.moves import Move, apply, states_of
from ledger.records import Audit, Evidence, Newcomer, Reason, State, Webhook
from ledger.rows import ids_json, storable
from ledger.times import MINUTE_MS

HOME = frozenset({State.COLLECTED, State.DELIVERED, State.FAILED})
"""States of tasks of which only the completion time is still worth knowing."""


@dataclass(frozen=True, slots=True)
class AuditOutcome:
    """What one page changed."""

    ready: tuple[str, ...]  # tasks that it moved to ready
    exact: int  # tasks whose exact completion time it told
    adopted: int  # tasks that the ledger did not know before
    dated: tuple[str, ...] = ()  # tasks that stay where they are, and of which it told other times


@dataclass(frozen=True, slots=True)
class Page:
    """One answered call of id_list."""

    call_id: int
    api: str
    rows: int
    foreign: int
    at: int


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger holds of an outstanding task: as much as a row of id_list can change."""

    id: str
    state: State
    webhook: Webhook
    posted_at: int
    recorded_at: int
    ready_at: int | None
    earliest_done_at: int | None
    latest_done_at: int | None
    pending_at: int | None
    next_try_at: int | None
    settled_at: int | None  # of a task that was re-parsed: when its earlier result was settled

    @property
    def done_at(self) -> int | None:
        """The completion time when it is known exactly."""
        return self.latest_done_at if self.earliest_done_at == self.latest_done_at else None


def learn(task: Known, row: Evidence, asked_at: int, at: int) -> Known:
    """Return what is known of an outstanding task after a row of a page asked for at `asked_at` and read at `at`."""
    if row.posted_at is not None and _is_wrong(task, row.posted_at):
        task = replace(task, posted_at=row.posted_at)
    if row.done_at is None:
        return _pending(task, asked_at)
    done_at = min(at, max(task.posted_at, row.done_at))
    if task.settled_at is not None and done_at <= task.settled_at:
        # id_list may still name the completion of the earlier result of a task that was re-parsed since.
        return task
    state = task.state if task.webhook is Webhook.POSTBACK else State.READY
    if (task.done_at, task.state) == (done_at, state):
        return task
    return replace(
        task,
        state=state,
        ready_at=at if task.ready_at is None else task.ready_at,
        earliest_done_at=done_at,
        latest_done_at=done_at,
        next_try_at=None if task.state is State.POSTED else task.next_try_at,
    )


def _is_wrong(task: Known, posted_at: int) -> bool:
    """Say whether the remote's word of when a task was posted is to be believed instead of ours.

    Ours is later when it is the time of recording, and much earlier when a clock was set that had been right.
    """
    return posted_at < task.posted_at or task.posted_at + MINUTE_MS <= posted_at <= task.recorded_at


def _pending(task: Known, asked_at: int) -> Known:
    """Believe "not done when asked", but never against a completion that was named before."""
    if task.state is not State.POSTED or task.latest_done_at is not None:
        return task
    return replace(task, pending_at=max(task.pending_at or 0, asked_at))


def record(
    database: LedgerDatabase,
    page: Page,
    audit: Audit | None,
    evidence: Sequence[Evidence],
    adopted: Sequence[Newcomer],
) -> AuditOutcome:
    """Take the newcomers in, write what changed, close the call, and set the cursor (None: it stays as it is)."""
    asked_at = database.one(
        "select asked_at from audit_call where id = ? and api = ?", [page.call_id, page.api]
    )
    if asked_at is None:
        raise LedgerError(
            f"call {page.call_id} of id_list of {page.api} was never begun; nothing was changed"
        )
    new, _ = posted.insert(database, [_task(one, page.at) for one in adopted], Reason.ADOPTED, page.at)
    rows = _by_id(evidence)
    pairs = [(task, learn(task, rows[task.id], asked_at, page.at)) for task in _outstanding(database, rows)]
    ready = [(old, now) for old, now in pairs if old.state is not now.state]
    apply(database, _MOVED, [_move(old, now, page.at) for old, now in ready])
    database.executemany(
        _CHANGED, [_columns(now) for old, now in pairs if old != now and old.state is now.state]
    )
    home = [one for one, state in states_of(database, list(rows)).items() if state in HOME]
    told = database.executemany(_TOLD, [(rows[one].done_at, one) for one in home if rows[one].done_at])
    outcome = AuditOutcome(
        ready=tuple(now.id for _, now in ready),
        exact=sum(now.done_at is not None and now.done_at != old.done_at for old, now in pairs)
        + max(0, told),
        adopted=len(new),
        dated=tuple(now.id for old, now in pairs if old.state is now.state and _times(old) != _times(now)),
    )
    _close(database, page, outcome)
    if audit is not None:
        _move_cursor(database, page.at, audit)
    return outcome


def _task(one: Newcomer, at: int) -> NewTask:
    return NewTask(
        id=one.task_id,
        function=one.function,
        tag=storable(one.tag, TAG_LENGTH) or None,
        priority=one.priority,
        variant=one.variant,
        webhook=one.webhook,
        posted_at=min(at, one.posted_at),
        cost=one.cost,
    )


def _by_id(evidence: Sequence[Evidence]) -> dict[str, Evidence]:
    """Of several rows about one task, the last one that names a completion time."""
    rows: dict[str, Evidence] = {}
    for row in evidence:
        if row.done_at is not None or row.task_id not in rows:
            rows[row.task_id] = row
    return rows


def _outstanding(database: LedgerDatabase, rows: dict[str, Evidence]) -> list[Known]:
    found = database.rows(_OUTSTANDING, [ids_json(list(rows))])
    return [Known(task_id, State(state), Webhook(webhook), *rest) for task_id, state, webhook, *rest in found]


def _move(old: Known, now: Known, at: int) -> Move:
    values = (now.posted_at, now.ready_at, now.earliest_done_at, now.latest_done_at)
    return Move(old.id, old.state, now.state, Reason.AUDITED, at, values)


def _times(task: Known) -> tuple[int, int | None]:
    """Return what deadlines are counted from."""
    return task.posted_at, task.earliest_done_at


def _columns(task: Known) -> tuple[object, ...]:
    return (
        task.posted_at,
        task.ready_at,
        task.earliest_done_at,
        task.latest_done_at,
        task.pending_at,
        task.next_try_at,
        task.id,
        str(task.state),
    )


def _close(database: LedgerDatabase, page: Page, outcome: AuditOutcome) -> None:
    database.change(
        """update audit_call set answered_at = ?, outcome = 'listed', rows = ?, exact = ?, ready = ?, adopted = ?,
                                 foreign_rows = ?
           where id = ?""",
        [page.at, page.rows, outcome.exact, len(outcome.ready), outcome.adopted, page.foreign, page.call_id],
    )


def _move_cursor(database: LedgerDatabase, at: int, audit: Audit) -> None:
    # `asked_at` stays what `begin` wrote: the record may have been read before this call was begun.
    database.change(
        """update audit set answered_at = ?, failures = 0, sweep_at = ?, from_at = ?, to_at = ?, page_offset = ?,
                            finished_at = ?, seen_to = ?, rows = ?, foreign_rows = ?
           where api = ?""",
        [
            at,
            audit.sweep_at,
            audit.from_at,
            audit.to_at,
            audit.offset,
            audit.finished_at,
            audit.seen_to,
            audit.rows,
            audit.foreign,
            audit.api,
        ],
    )


_OUTSTANDING = """
    select task.id, state, webhook, posted_at, recorded_at, ready_at, earliest_done_at, latest_done_at, pending_at,
           next_try_at,
           (select max(before.at) from transition fixed join transition before
                on before.task_id = fixed.task_id and before.id < fixed.id
            where fixed.task_id = task.id and fixed.reason = 'fixed')
    from json_each(?) cross join task on task.id = json_each.value
    where state in ('posted', 'ready')
"""

_MOVED = """posted_at = ?, ready_at = ?, earliest_done_at = ?, latest_done_at = ?, attempts = 0,
    next_try_at = null"""
"""`blocked_at` stays: what was believed to be hidden is now known to be."""

# A task that came home before its page was read: when it was done is worth knowing all the same.
_TOLD = """
    update task set (earliest_done_at, latest_done_at) = (select at, at from (select max(posted_at, ?) as at))
    where id = ? and (earliest_done_at is null or earliest_done_at <> latest_done_at)
"""

_CHANGED = """
    update task set posted_at = ?, ready_at = ?, earliest_done_at = ?, latest_done_at = ?, pending_at = ?,
                    next_try_at = ?
    where id = ? and state = ?
"""
