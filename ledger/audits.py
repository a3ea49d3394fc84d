"""Calls of id_list, and how far the audit of each API has come. Does not hold pages (`ledger.evidence` writes them)."""

from ledger import rows
from ledger.connection import Connection
from ledger.errors import LedgerError
from ledger.evidence import AuditOutcome
from ledger.records import Audit, AuditCall, AuditCalls
from ledger.times import MINUTE_MS

__all__ = ["AUDITS", "AuditOutcome", "AuditTable"]


class AuditTable:
    """The tables `audit` and `audit_call`."""

    def __init__(self, connection: Connection) -> None:
        """Use the ledger's connection."""
        self._connection = connection

    def all(self) -> dict[str, Audit]:
        """Return how far the audit of every API has come that was ever asked."""
        with self._connection.reading() as database:
            return {row[0]: rows.audit_of_columns(row) for row in database.rows(AUDITS)}

    def begin(
        self,
        api: str,
        why: str,
        at: int,
        *,
        from_at: int,
        to_at: int,
        offset: int,
        newest: int | None = None,
        sweep: bool = True,
    ) -> int | None:
        """Write down a call before it is made, so that all processes see it, and a restart does; return its id.

        The call asks for tasks posted in `[from_at, to_at]`, from the row `offset` on. `newest` is the newest call
        that whoever decided on this one knew: if there is another one by now, nothing is written, and None says that
        the budget must be looked at again. `sweep`: the call is a step of the sweep of its API, and its cursor tells
        of it.
        """
        with self._connection.writing() as database:
            if newest is not None and database.one(_NEWEST) != newest:
                return None
            cursor = database.execute_sql(_BEGIN, [api, at, from_at, to_at, offset, str(why)])
            if sweep:
                database.change(
                    """insert into audit (api, asked_at) values (?, ?)
                       on conflict (api) do update set asked_at = excluded.asked_at""",
                    [api, at],
                )
            return int(cursor.lastrowid)

    def close(
        self, call_id: int, api: str, *, outcome: str, code: int | None, at: int, failed: bool = True
    ) -> None:
        """Write down how a call ended that brought no page; the cursor stays, so the same page is asked again.

        `failed` counts it among the failures in a row; not so one that says nothing of this API, as without a network.

        Raises:
            LedgerError: this call was never begun.
        """
        answered_at = None if outcome == "unreachable" else at
        with self._connection.writing() as database:
            closed = database.change(
                "update audit_call set outcome = ?, code = ?, answered_at = ? where id = ? and api = ?",
                [outcome, code, answered_at, call_id, api],
            )
            if closed != 1:
                raise LedgerError(f"call {call_id} of id_list of {api} was never begun; nothing was changed")
            database.change("update audit set failures = failures + ? where api = ?", [int(failed), api])

    def finish(self, audit: Audit) -> None:
        """Write down that the sweep of an API is through; its failures and calls are the ledger's own business."""
        with self._connection.writing() as database:
            database.change(
                """update audit set sweep_at = null, from_at = null, to_at = null, page_offset = 0,
                                    finished_at = ?, seen_to = ?
                   where api = ?""",
                [audit.finished_at, audit.seen_to, audit.api],
            )

    def calls_since(self, at: int) -> AuditCalls:
        """Return the calls begun since `at` by whatever process, the oldest first."""
        with self._connection.reading() as database:
            # Read before the calls: one that comes in between makes `begin` look again, instead of being forgotten.
            newest: int = database.one(_NEWEST)
            found = database.rows(
                "select id, asked_at, answered_at, why from audit_call where asked_at >= ? order by asked_at, id",
                [at],
            )
            return AuditCalls(tuple(AuditCall(*row) for row in found), newest)

    def prune(self, before: int) -> int:
        """Forget calls made before an instant; what they showed stays. Return how many."""
        with self._connection.writing() as database:
            return database.change("delete from audit_call where asked_at < ?", [before])

    def unknown_minutes(self, prefix: str, before: int, ready_before: int, wide_ms: int) -> list[int]:
        """Return in which minutes (their starts, ms UTC) tasks were posted whose completion time is not exact.

        Counts outstanding tasks whose function starts with `prefix` ("serp/"): those in `posted` that were posted
        before `before`, and those in `ready` whose first sign came before `ready_before` or whose completion interval
        is `wide_ms` or more.
        """
        with self._connection.reading() as database:
            found = database.rows(_UNKNOWN, [prefix, before, ready_before, wide_ms])
            return [minute for (minute,) in found]

    def overtaken_minutes(self, since: int, wide_ms: int) -> list[tuple[str, int]]:
        """Return in which minutes (their starts, ms UTC) tasks were posted whose result overtook audits, by function.

        Of what was settled since `since`, those are the tasks of which no more is known than that they were done some
        time in an interval of `wide_ms` or more.
        """
        with self._connection.reading() as database:
            return database.rows(_OVERTAKEN, [since, wide_ms])


AUDITS = """
    select api, asked_at, answered_at, failures, sweep_at, from_at, to_at, page_offset, finished_at, seen_to, rows,
           foreign_rows
    from audit order by api
"""
"""The columns of `Audit`, in its order."""

_BEGIN = "insert into audit_call (api, asked_at, from_at, to_at, page_offset, why) values (?, ?, ?, ?, ?, ?)"

_NEWEST = "select coalesce(max(id), 0) from audit_call"

_OPEN = "state in ('posted', 'ready')"
"""Written as the partial index `task_outstanding` is, so that it is used."""

_NEVER = 2**63 - 1

# Jumps from minute to minute along the index: with `distinct` alone SQLite would look at every task.
_UNKNOWN = f"""
    with recursive
    found (function) as (
        values ((select function from task
                 where {_OPEN} and function >= ?1 and function < ?1 || char(1114111)
                 order by function limit 1))
        union all
        select (select task.function from task
                where {_OPEN} and task.function > found.function and task.function < ?1 || char(1114111)
                order by task.function limit 1)
        from found where function is not null
    ),
    wanted (state, before, ready_before) as (values ('posted', ?2, {_NEVER}), ('ready', {_NEVER}, ?3)),
    step (function, state, before, ready_before, at) as (
        select function, state, before, ready_before, -{MINUTE_MS} from found, wanted where function is not null
        union all
        select function, state, before, ready_before,
               (select posted_at from task
                where {_OPEN} and task.function = step.function and task.state = step.state
                    and posted_at >= (at / {MINUTE_MS} + 1) * {MINUTE_MS} and posted_at < before
                    and (coalesce(ready_at, 0) < ready_before or latest_done_at - earliest_done_at >= ?4)
                    and (earliest_done_at is null or earliest_done_at <> latest_done_at)
                order by posted_at limit 1)
        from step where at is not null
    )
    select distinct at / {MINUTE_MS} * {MINUTE_MS} as minute from step where at >= 0 order by minute
"""

_OVERTAKEN = f"""
    select distinct function, posted_at / {MINUTE_MS} * {MINUTE_MS} from task
    where settled_at >= ? and state in ('collected', 'delivered', 'failed')
        and coalesce(latest_done_at, settled_at) - coalesce(earliest_done_at, posted_at) >= ?
"""
