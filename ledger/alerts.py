"""Alerts and facts as they are kept. Does not decide what opens, escalates or closes."""

from collections.abc import Sequence
from dataclasses import fields, replace

from ledger import rows
from ledger.connection import Connection
from ledger.database import LedgerDatabase
from ledger.errors import LedgerError
from ledger.models import AlertRow, FactRow
from ledger.records import Alert


class AlertTable:
    """The table `alert`."""

    def __init__(self, connection: Connection) -> None:
        """Use the ledger's connection."""
        self._connection = connection

    def open(self) -> list[Alert]:
        """Return the alerts that are open, the oldest first."""
        with self._connection.reading() as database:
            # Asked for at every review, so without models.
            found = database.rows(_OPEN)
            return [rows.alert(dict(zip(_COLUMNS, row, strict=True))) for row in found]

    def write(self, alerts: Sequence[Alert]) -> list[Alert]:
        """Insert alerts without an id and update the others; return them, in order, with ids.

        Raises:
            LedgerError: an id is unknown, or a second alert of one kind and subject would be open.
        """
        with self._connection.writing() as database:
            for one in alerts:
                if one.id is not None:
                    _update(database, one)
            # Updates first: one of them may close what an insert opens anew.
            return [one if one.id is not None else _insert(database, one) for one in alerts]


class FactTable:
    """The table `fact`: small facts about the ledger itself."""

    def __init__(self, connection: Connection) -> None:
        """Use the ledger's connection."""
        self._connection = connection

    def get(self, name: str) -> str | None:
        """Return a fact's value."""
        with self._connection.reading() as database:
            return fact(database, name)

    def put(self, name: str, value: str, at: int) -> None:
        """Note a fact as of `at`; it replaces the older one."""
        with self._connection.writing() as database:
            FactRow.insert(name=name, value=value, at=at).on_conflict_replace().execute(database)


def fact(database: LedgerDatabase, name: str) -> str | None:
    """Read one fact's value."""
    # Asked for at every look at the account, so without models.
    value = database.one("select value from fact where name = ?", [name])
    return None if value is None else str(value)


def _insert(database: LedgerDatabase, one: Alert) -> Alert:
    return replace(one, id=int(AlertRow.insert(rows.alert_columns(one)).execute(database)))


def _update(database: LedgerDatabase, one: Alert) -> None:
    query = AlertRow.update(rows.alert_columns(one)).where(AlertRow.id == one.id)
    if query.execute(database) != 1:
        raise LedgerError(f"there is no alert {one.id} in the ledger; nothing was changed")


_COLUMNS = tuple(field.name for field in fields(Alert))
_OPEN = f"select {', '.join(_COLUMNS)} from alert where closed_at is null order by id"
