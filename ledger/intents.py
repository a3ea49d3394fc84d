"""Planned tasks and the calls that post them: the tables `intent` and `post_call`. Sends nothing and decides nothing.

A planned task is a row of `task` like any other, with an id of ours until the remote gives it one; what is to be sent
lies in `intent`, by its key. Each verb is one short transaction, and none is open while a call is under way.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ledger import batches, calls, renaming
from ledger.clock_set import UNDATED
from ledger.connection import Connection
from ledger.database import LedgerDatabase
from ledger.errors import LedgerError, NotPlannedError
from ledger.intent_records import Fate, Finding, Head, Intent, Undated, Unknown
from ledger.keys import make_key, plan_id
from ledger.moves import Move, apply, remember, states_of
from ledger.records import Outstanding, PrioritySource, Reason, State, Transition, Webhook
from ledger.rows import MESSAGE_LENGTH, ids_json, storable
from ledger.states import require

_Told = TypeVar("_Told", Fate, Finding)


@dataclass(frozen=True, slots=True)
class Plan:
    """One task to be posted, as a line of a batch says it."""

    line: int
    function: str
    payload: dict[str, Any]  # what is sent, the user's own tag in it
    tag: str | None
    priority: int  # the remote's: 1 or 2
    variant: str | None
    webhook: Webhook


class IntentTable:
    """The tables `intent` and `post_call`."""

    def __init__(self, connection: Connection) -> None:
        """Use the ledger's connection."""
        self._connection = connection

    def add(self, batch: str, plans: Sequence[Plan], at: int) -> int:
        """Plan tasks; lines of the batch that were planned before change nothing. Return how many are new."""
        lines = keyed(batch, plans)
        with self._connection.writing() as database:
            known = batches.known(database, lines)
            new = {key: one for key, one in lines.items() if key not in known}
            database.executemany(_INSERT_TASK, [_task(key, one, at) for key, one in new.items()])
            database.executemany(_INSERT, [_intent(key, one, batch) for key, one in new.items()])
            remember(database, [_planned(key, at) for key in new])
        return len(new)

    def heads(self, now: int, latest: int) -> list[Head]:
        """Return the first planned task of every function that has one whose time has come.

        A try that was noted for after `latest` was noted before somebody set the clock back.
        """
        with self._connection.reading() as database:
            functions = [name for (name,) in database.rows(_FUNCTIONS) if name is not None]
            found = [row for name in functions for row in database.rows(_HEAD, [name, now, latest])]
            return [Head(*row) for row in found]

    def next(self, function: str, now: int, latest: int, limit: int) -> list[Intent]:
        """Return the planned tasks of a function whose turn it is, the most important first; `latest` as above."""
        with self._connection.reading() as database:
            found = database.rows(_NEXT, [function, now, latest, limit])
            return [Intent(*row) for row in found]

    def counts(self) -> dict[str, int]:
        """Count what is planned, by function."""
        with self._connection.reading() as database:
            return dict(database.rows(_COUNTS))

    def unruled(self, limit: int) -> list[tuple[str, str, str | None, int]]:
        """Return (id, function, tag, the remote's priority) of planned tasks that no rule has looked at."""
        with self._connection.reading() as database:
            return database.rows(_UNRULED, [limit])

    def set_priorities(self, changes: Sequence[tuple[str, int]]) -> None:
        """Set what the rules say of planned tasks."""
        with self._connection.writing() as database:
            database.executemany(
                _RULE, [(priority, str(PrioritySource.RULE), task_id) for task_id, priority in changes]
            )

    def begin(self, function: str, intents: Sequence[Intent], at: int) -> int:
        """Write down a call before it is made, with all its tasks; return its id.

        Raises:
            NotPlannedError: one of them was withdrawn since it was read; nothing was changed, and nothing may be sent.
            LedgerError: the same.
        """
        with self._connection.writing() as database:
            _require_planned(database, intents)
            return calls.begin(database, function, [one.task_id for one in intents], Reason.SENT, at)

    def end(
        self, call_id: int, fates: Sequence[Fate], *, outcome: str, code: int | None, why: str | None, at: int
    ) -> None:
        """Write what a call's answer says; tasks of it without a fate stay in `posting`.

        Fates of tasks that are no longer in `posting` change nothing: a list has shown them meanwhile. Nor do those
        that bring an id which another planned task has already: nobody can tell whose it is, so these are looked up.

        Raises:
            LedgerError: nothing of it was written.
        """
        with self._connection.writing() as database:
            fates = _with_own_ids(database, fates)
            waiting = _waiting(database, [one.key for one in fates])
            live = [one for one in fates if one.key in waiting]
            for one in live:
                _settle(database, waiting[one.key], one, at)
            _tell_costs(database, [one for one in fates if one.key not in waiting])
            posted = sum(one.to is State.POSTED for one in fates)
            rejected = sum(one.to is State.REJECTED for one in fates)
            closed = database.change(
                """update post_call set ended_at = ?, outcome = ?, code = ?, why = ?, posted = ?, rejected = ?
                   where id = ?""",
                [at, outcome, code, storable(why, MESSAGE_LENGTH), posted, rejected, call_id],
            )
            if closed != 1:
                raise LedgerError(f"call {call_id} of task_post was never begun; nothing was changed")

    def reject(self, intents: Sequence[Intent], message: str, at: int) -> None:
        """Give up planned tasks that cannot be sent at all.

        Raises:
            NotPlannedError: one of them was withdrawn since it was read; nothing was changed.
        """
        with self._connection.writing() as database:
            _require_planned(database, intents)
            moves = [
                Move(one.task_id, State.PLANNED, State.REJECTED, Reason.REFUSED, at, (at, message))
                for one in intents
            ]
            apply(database, "settled_at = ?, message = ?, next_try_at = null", moves)

    def withdraw(self, ids: Sequence[str], at: int) -> tuple[str, ...]:
        """Take back tasks that were not sent, as a person wishes; return which were.

        Whoever is about to send them writes that down before (`begin`): the one who comes second finds it.
        """
        with self._connection.writing() as database:
            states = states_of(database, ids)
            found = [one for one in dict.fromkeys(ids) if states.get(one) is State.PLANNED]
            moves = [Move(one, State.PLANNED, State.REJECTED, Reason.WITHDRAWN, at, (at,)) for one in found]
            apply(database, "settled_at = ?, next_try_at = null", moves)
            # Never sent: what the webhooks' addresses hold, a secret perhaps, is not kept.
            database.executemany(
                "update intent set payload = '{}' where task_id = ?", [(one,) for one in found]
            )
        return tuple(found)

    def unknown(self, under_way: Collection[int] = ()) -> list[Unknown]:
        """Return the calls of which some task has no answer, but for those that are still under way."""
        with self._connection.reading() as database:
            found = database.rows(_UNKNOWN)
            return [Unknown(*row) for row in found if row[0] not in under_way]

    def undated(self) -> Undated:
        """Return the newest call that may have been begun while the clock was ahead; call 0: none."""
        with self._connection.reading() as database:
            found = database.rows("select value, at from fact where name = ?", [UNDATED])
        return Undated(int(found[0][0]), found[0][1]) if found else Undated(0, 0)

    def found(self, findings: Sequence[Finding], at: int) -> tuple[str, ...]:
        """Give tasks in `posting` the ids under which the remote shows them; return these ids."""
        with self._connection.writing() as database:
            waiting = _waiting(database, [one.key for one in findings])
            live = {one.key: one for one in _with_own_ids(database, findings) if one.key in waiting}
            for one in live.values():
                fate = Fate(one.key, State.POSTED, Reason.FOUND, task_id=one.task_id, cost=one.cost)
                _settle(database, waiting[one.key], fate, at, one.posted_at)
            return tuple(one.task_id for one in live.values())

    def absent(self, call_ids: Collection[int], at: int, reason: Reason = Reason.ABSENT) -> int:
        """Plan the tasks of calls again of which it is proven that the remote has none; return how many."""
        with self._connection.writing() as database:
            found = database.rows(_POSTING_OF, [json.dumps(sorted(call_ids))])
            moves = [Move(task_id, State.POSTING, State.PLANNED, reason, at, (None,)) for (task_id,) in found]
            apply(database, "next_try_at = ?", moves)
            return len(moves)

    def resolve(
        self, ids: Sequence[str], fates: Mapping[State, Reason], before: int, at: int
    ) -> tuple[str, ...]:
        """Let a person say what becomes of tasks in `posting` whose call began before an instant; return which moved.

        `fates` holds the one state to move them to, planned or rejected, and why.
        """
        ((to, reason),) = fates.items()
        with self._connection.writing() as database:
            found = [one for (one,) in database.rows(_RESOLVABLE, [ids_json(ids), before])]
            settled_at = at if to is State.REJECTED else None
            moves = [Move(one, State.POSTING, to, reason, at, (settled_at,)) for one in found]
            apply(database, "next_try_at = null, settled_at = ?", moves)
            return tuple(found)

    def in_doubt(self) -> list[Outstanding]:
        """Count the tasks in `posting` by function, as if they were posted: what a list may show."""
        with self._connection.reading() as database:
            found = database.rows(_IN_DOUBT)
            return [Outstanding(name, count, 0, 0, 0, oldest, count) for name, count, oldest in found]

    def keys_waiting(self, keys: Collection[str]) -> set[str]:
        """Say which of these keys belong to tasks in `posting`."""
        with self._connection.reading() as database:
            return set(_waiting(database, list(keys)))

    def witnesses(self, api: str, since: int, until: int) -> set[str]:
        """Return ids of tasks that calls begun from `since` to `until` posted: what id_list must show as well."""
        with self._connection.reading() as database:
            return {one for (one,) in database.rows(_WITNESSES, [f"{api}/*", api, since, until])}

    def end_look(self, call_id: int, *, outcome: str, code: int | None, rows: int | None, at: int) -> None:
        """Write down how a call of id_list ended."""
        with self._connection.writing() as database:
            database.change(
                "update audit_call set answered_at = ?, outcome = ?, code = ?, rows = ? where id = ?",
                [at, outcome, code, rows, call_id],
            )


def keyed(batch: str, plans: Iterable[Plan]) -> dict[str, Plan]:
    """Give each line of a batch its key."""
    return {make_key(batch, one.line, {one.function: one.payload}): one for one in plans}


def _require_planned(database: LedgerDatabase, intents: Sequence[Intent]) -> None:
    states = states_of(database, [one.task_id for one in intents])
    if gone := [one.task_id for one in intents if states.get(one.task_id) is not State.PLANNED]:
        raise NotPlannedError(f"task {gone[0]} was withdrawn before it was sent; nothing was changed")


def _task(key: str, one: Plan, at: int) -> tuple[object, ...]:
    require(plan_id(key), None, State.PLANNED)
    return (
        plan_id(key),
        one.function,
        str(State.PLANNED),
        storable(one.tag),
        one.priority,
        one.priority,
        one.variant,
        str(one.webhook),
        at,
        at,
    )


def _intent(key: str, one: Plan, batch: str) -> tuple[object, ...]:
    written = json.dumps(one.payload, ensure_ascii=True, separators=(",", ":"))
    return key, plan_id(key), written, storable(batch), one.line


def _planned(key: str, at: int) -> Transition:
    return Transition(plan_id(key), None, State.PLANNED, str(Reason.PLANNED), at)


def _waiting(database: LedgerDatabase, keys: Sequence[str]) -> dict[str, str]:
    """Map the keys of tasks in `posting` to the ids that these have."""
    return dict(database.rows(_WAITING, [ids_json(keys)]))


def _with_own_ids(database: LedgerDatabase, told: Sequence[_Told]) -> list[_Told]:
    """Leave out what gives a task an id that another planned task has; of several for one id, the first stays."""
    found: dict[str, _Told] = {}
    for one in told:
        elsewhere = "select 1 from intent where task_id = ? and key <> ?"
        if database.one(elsewhere, [one.task_id, one.key]) is None:
            found.setdefault(one.task_id or one.key, one)
    return list(found.values())


def _settle(
    database: LedgerDatabase, task_id: str, fate: Fate, at: int, posted_at: int | None = None
) -> None:
    settled_at = at if fate.to is State.REJECTED else None
    message = storable(fate.message, MESSAGE_LENGTH)
    values = (settled_at, fate.code, message, fate.attempts, fate.next_try_at, fate.cost, posted_at)
    apply(database, _SETTLED, [Move(task_id, State.POSTING, fate.to, fate.reason, at, values)])
    if fate.alone:
        database.change("update intent set alone = 1 where key = ?", [fate.key])
    if fate.to is not State.PLANNED:
        # Sent, and never again: what the webhooks' addresses hold, a secret perhaps, is kept no longer than needed.
        database.change("update intent set payload = '{}' where key = ?", [fate.key])
    if fate.to is State.POSTED and fate.task_id is not None:
        # From now on a list may show it: what a list did not show before proves nothing about it.
        database.change("update task set recorded_at = ? where id = ?", [at, task_id])
        renaming.rename(database, task_id, fate.task_id, fate.key)


def _tell_costs(database: LedgerDatabase, fates: Sequence[Fate]) -> None:
    database.executemany(
        "update task set cost = ? where id = ? and cost is null",
        [(one.cost, one.task_id) for one in fates if one.task_id is not None and one.cost is not None],
    )


_INSERT_TASK = """
    insert into task (id, function, state, tag, priority, remote_priority, variant, webhook, posted_at, recorded_at)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

_INSERT = "insert into intent (key, task_id, payload, batch, line) values (?, ?, ?, ?, ?)"

# Jumps from function to function along the index.
_FUNCTIONS = """
    with recursive found (function) as (
        values ((select min(function) from task where state = 'planned'))
        union all
        select (select min(task.function) from task where state = 'planned' and task.function > found.function)
        from found where function is not null
    )
    select function from found
"""

_DUE = "state = 'planned' and function = ? and (next_try_at is null or next_try_at <= ? or next_try_at > ?)"
_ORDER = "order by priority desc, recorded_at, task.rowid"

_HEAD = f"select function, priority, recorded_at, rowid from task where {_DUE} {_ORDER} limit 1"

_NEXT = f"""
    select key, task_id, function, tag, payload, attempts, code, alone
    from task join intent on intent.task_id = task.id where {_DUE} {_ORDER} limit ?
"""

_COUNTS = "select function, count(*) from task where state = 'planned' group by function order by function"

_UNRULED = """
    select id, function, tag, remote_priority from task
    where state = 'planned' and priority_source = 'posted' limit ?
"""

_RULE = """
    update task set priority = ?, priority_source = ?
    where id = ? and state = 'planned' and priority_source <> 'user'
"""

_UNKNOWN = """
    select post_call.id, post_call.function, begun_at, count(*)
    from task join intent on intent.task_id = task.id join post_call on post_call.id = intent.call_id
    where task.state = 'posting' group by post_call.id order by post_call.id
"""

_WAITING = """
    select intent.key, intent.task_id
    from json_each(?) cross join intent on intent.key = json_each.value join task on task.id = intent.task_id
    where task.state = 'posting'
"""

_IN_DOUBT = """
    select function, count(*), min(posted_at) from task where state = 'posting' group by function order by function
"""

_RESOLVABLE = """
    select task.id from json_each(?) cross join task on task.id = json_each.value
        join intent on intent.task_id = task.id join post_call on post_call.id = intent.call_id
    where task.state = 'posting' and post_call.begun_at <= ?
"""

_POSTING_OF = """
    select task.id from json_each(?) cross join intent on intent.call_id = json_each.value
        join task on task.id = intent.task_id
    where task.state = 'posting'
"""

_WITNESSES = """
    select intent.task_id from post_call join intent on intent.call_id = post_call.id
        join task on task.id = intent.task_id
    where (post_call.function glob ? or post_call.function = ?) and post_call.begun_at between ? and ?
        and task.state not in ('planned', 'posting', 'rejected')
"""

_SETTLED = """settled_at = ?, code = ?, message = ?, attempts = ?, next_try_at = ?, cost = ?,
    posted_at = coalesce(?, posted_at)"""
