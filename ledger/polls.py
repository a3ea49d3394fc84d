"""Calls of listings, and the newest answers of each. Does not hold windows (`ledger.looks` writes what they showed).

Two kinds of lists are kept here, because they share a budget of calls: those of Tasks Ready, and those of re-parsed
tasks (`tasks_fixed`). Only the first kind says what is done, so nobody gets both at once.
"""

from ledger import rows
from ledger.connection import Connection
from ledger.errors import LedgerError
from ledger.records import Look

READY_LISTS = "listing not glob '*/tasks_fixed'"
FIXED_LISTS = "listing glob '*/tasks_fixed'"


class PollTable:
    """The tables `poll` and `look`."""

    def __init__(self, connection: Connection) -> None:
        """Use the ledger's connection."""
        self._connection = connection

    def begin(self, listing: str, why: str, at: int) -> int:
        """Write down a call before it is made, so that the budget of calls survives a restart; return its id."""
        with self._connection.writing() as database:
            cursor = database.execute_sql(
                "insert into poll (listing, asked_at, why) values (?, ?, ?)", [listing, at, str(why)]
            )
            database.change(
                """insert into look (listing, asked_at) values (?, ?)
                   on conflict (listing) do update set asked_at = excluded.asked_at""",
                [listing, at],
            )
            return int(cursor.lastrowid)

    def close(self, poll_id: int, listing: str, *, outcome: str, code: int | None, at: int) -> None:
        """Write down how a call ended that brought no list.

        Raises:
            LedgerError: this call was never begun.
        """
        answered_at = None if outcome == "unreachable" else at
        with self._connection.writing() as database:
            closed = database.change(
                "update poll set outcome = ?, code = ?, answered_at = ? where id = ? and listing = ?",
                [outcome, code, answered_at, poll_id, listing],
            )
            if closed != 1:
                raise LedgerError(f"poll {poll_id} of {listing} was never begun; nothing was changed")
            database.change("update look set failures = failures + 1 where listing = ?", [listing])

    def looks(self) -> dict[str, Look]:
        """Return the newest answers of every listing of Tasks Ready that was ever asked."""
        return self._looks(READY_LISTS)

    def fixed_looks(self) -> dict[str, Look]:
        """Return the newest answers of every list of re-parsed tasks that was ever asked."""
        return self._looks(FIXED_LISTS)

    def fruitful_since(self, at: int) -> frozenset[str]:
        """Return the lists of re-parsed tasks of which a call made since `at` brought tasks back."""
        with self._connection.reading() as database:
            found = database.rows(
                f"select distinct listing from poll where asked_at >= ? and ready > 0 and {FIXED_LISTS}", [at]
            )
            return frozenset(listing for (listing,) in found)

    def asked_since(self, at: int) -> list[int]:
        """Return when calls of lists of both kinds were made since `at`, the oldest first."""
        with self._connection.reading() as database:
            found = database.rows("select asked_at from poll where asked_at >= ? order by asked_at", [at])
            return [asked_at for (asked_at,) in found]

    def last_answered_at(self) -> int | None:
        """Return when a listing of Tasks Ready was last read."""
        with self._connection.reading() as database:
            answered_at: int | None = database.one(f"select max(answered_at) from look where {READY_LISTS}")
            return answered_at

    def prune(self, before: int) -> int:
        """Forget calls made before an instant; what they showed stays. Return how many."""
        with self._connection.writing() as database:
            return database.change("delete from poll where asked_at < ?", [before])

    def _looks(self, which: str) -> dict[str, Look]:
        with self._connection.reading() as database:
            # Asked for before every plan, so without models.
            found = database.rows(f"select {_COLUMNS} from look where {which} order by listing")
            return {row[0]: rows.look_of_columns(row) for row in found}


_COLUMNS = "listing, asked_at, answered_at, clear_at, saturated, rows, foreign_rows, failures"
"""Those of `Look`, in its order."""
