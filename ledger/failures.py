"""Why deliveries of webhooks failed, as the remote told it: the newest reason of each task. Decides nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from ledger.connection import Connection
from ledger.database import LedgerDatabase
from ledger.failure_records import SLOW_MS, DeliveryFailure, FailureCause, Unexplained
from ledger.records import Reason, Webhook
from ledger.rows import ids_json, storable

MOST_MOVES = 50_000
"""So many of the last moves are looked through at a start: more would make it wait."""


class FailureTable:
    """The table `delivery_failure`."""

    def __init__(self, connection: Connection) -> None:
        """Use the ledger's connection."""
        self._connection = connection

    def record(self, failures: Iterable[DeliveryFailure]) -> tuple[str, ...]:
        """Keep what is news of tasks that the ledger knows; return their ids."""
        newest = {one.task_id: one for one in sorted(failures, key=lambda one: one.at)}
        with self._connection.writing() as database:
            known = {task_id for (task_id,) in database.rows(_KNOWN, [ids_json(list(newest))])}
            news = [one for one in newest.values() if one.task_id in known and _is_news(database, one)]
            database.executemany(_PUT, [_columns(one) for one in news])
        return tuple(one.task_id for one in news)

    def unexplained(self, since: int, after: int | None = None) -> tuple[list[Unexplained], int]:
        """Return tasks that became ready as they do when a delivery fails and of which no reason is known.

        That they did so since the instant `since`, or, if it is given, behind the mark `after`; the second word is the
        mark to go on from. Lists show a postback task only when its delivery failed. A pingback task that a list, an
        audit or a GET showed may have had no call, or a late one, or one at somebody else's server.
        """
        with self._connection.reading() as database:
            newest = int(database.one(_NEWEST))
            if after is None:
                after = max(int(database.one(_BEFORE, [since])), newest - MOST_MOVES)
            found = database.rows(_UNEXPLAINED, [after, newest])
        return [_unexplained(*row) for row in found], newest

    def causes(self, since: int) -> list[FailureCause]:
        """Count what failed since an instant by who was called and what came of it, the most frequent first."""
        with self._connection.reading() as database:
            found = database.rows(_CAUSES, [SLOW_MS, since])
            return [FailureCause(Webhook(row[0]), row[1], row[2], bool(row[3]), row[4]) for row in found]

    def of(self, ids: Sequence[str]) -> dict[str, DeliveryFailure]:
        """Return the reasons that are known of these tasks."""
        with self._connection.reading() as database:
            return reasons_of(database, ids)


def reasons_of(database: LedgerDatabase, ids: Sequence[str]) -> dict[str, DeliveryFailure]:
    """Read the reasons that are known of these tasks."""
    found = database.rows(_OF, [ids_json(list(ids))])
    return {row[0]: DeliveryFailure(row[0], Webhook(row[1]), *row[2:]) for row in found}


def failed_since(database: LedgerDatabase, since: int) -> list[str]:
    """Read which tasks had a delivery that failed since an instant: a list showed it, or the remote told why."""
    return [task_id for (task_id,) in database.rows(_FAILED, [since, str(Reason.FAILED_DELIVERY), since])]


def _unexplained(task_id: str, function: str, posted_at: int, moved_at: int, webhook: str) -> Unexplained:
    return Unexplained(task_id, function, posted_at, moved_at, Webhook(webhook))


def _is_news(database: LedgerDatabase, one: DeliveryFailure) -> bool:
    at = database.one("select max(at) from delivery_failure where task_id = ?", [one.task_id])
    return at is None or at < one.at


def _columns(one: DeliveryFailure) -> list[Any]:
    found = [getattr(one, name) for name in _NAMES]
    return [storable(str(value)) if isinstance(value, str) else value for value in found]


_NAMES = [field.name for field in fields(DeliveryFailure)]
_LIST = ", ".join(_NAMES)

_KNOWN = "select task.id from json_each(?) cross join task on task.id = json_each.value"

_PUT = f"insert or replace into delivery_failure ({_LIST}) values ({', '.join('?' * len(_NAMES))})"

_OF = f"select {_LIST} from delivery_failure where task_id in (select value from json_each(?))"

_NEWEST = "select coalesce(max(id), 0) from transition"

_BEFORE = "select coalesce((select id from transition where at < ? order by id desc limit 1), 0)"

_UNEXPLAINED = f"""
    select task.id, task.function, task.posted_at, max(transition.at), task.webhook
    from transition cross join task on task.id = transition.task_id
    where transition.id > ? and transition.id <= ? and to_state = 'ready'
        and (reason = '{Reason.FAILED_DELIVERY}'
             or webhook = '{Webhook.PINGBACK}'
                and reason in ('{Reason.LISTED}', '{Reason.ANSWERED}', '{Reason.AUDITED}'))
        and not exists (select 1 from delivery_failure where task_id = task.id)
    group by task.id
"""

_CAUSES = """
    select webhook, host, http_code, coalesce(took_ms >= ?, 0) as slow, count(*) as count
    from delivery_failure where at >= ?
    group by webhook, host, http_code, slow
    order by count desc, host, http_code, slow
"""

_FAILED = f"""
    select task_id from transition where id > ({_BEFORE}) and reason = ?
    union
    select task_id from delivery_failure where at >= ?
    order by 1
"""
