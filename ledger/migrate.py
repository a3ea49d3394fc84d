"""Brings a file's tables and views to what this readyd expects. Does not open files and does not set modes."""

import importlib.resources
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from ledger.database import LedgerDatabase
from ledger.trouble import sqlite


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file that readyd writes."""

    noun: str
    application_id: int  # SQLite's header field that tells whose file it is
    version: int  # `user_version` after the newest migration
    readable_from: int  # the oldest version that a reader, which migrates nothing, still understands
    prefix: str  # of the migrations' names; then comes their number
    views: bool


LEDGER = Kind("ledger", 0x72647964, 6, 2, "", views=True)  # "rdyd"
RESULTS = Kind("results file", 0x72647962, 2, 1, "results_", views=False)  # "rdyb"
KINDS = (LEDGER, RESULTS)


def statements(script: str) -> Iterator[str]:
    """Split an SQL script; the driver's own `executescript` would commit the transaction around it."""
    held = ""
    for line in script.splitlines(keepends=True):
        if not held and (not line.strip() or line.startswith("--")):
            continue
        held += line
        if sqlite.complete_statement(held):
            yield held.strip().removesuffix(";")
            held = ""
    if held.strip():
        yield held.strip()


@cache
def migrations(kind: Kind) -> dict[int, str]:
    """Return the scripts of a kind by the version that each leads to."""
    folder = importlib.resources.files("ledger") / "migrations"
    found = {}
    for entry in folder.iterdir():
        number = entry.name.removeprefix(kind.prefix)[:5]
        if entry.name.startswith(kind.prefix) and number[:4].isdigit() and number.endswith("_"):
            found[int(number[:4])] = entry.read_text(encoding="utf-8")
    return dict(sorted(found.items()))


def migrate(database: LedgerDatabase, kind: Kind) -> None:
    """Apply what is missing, each migration in a transaction of its own; `user_version` is the truth."""
    for version, script in migrations(kind).items():
        if database.one("pragma user_version") >= version:
            continue
        with database.transact():
            # Another process may have done it while this one waited for the lock.
            if database.one("pragma user_version") >= version:
                continue
            for statement in statements(script):
                database.execute_sql(statement)
            database.execute_sql(f"pragma application_id = {kind.application_id}")
            database.execute_sql(f"pragma user_version = {version}")


COPY_MARK = "copy_of"
"""A table that only copies have: of which ledger they are one (`ledger.copies`)."""


@cache
def wanted_views() -> dict[str, str]:
    """Return the views of `ledger/views.sql` by name, as SQLite keeps their text."""
    script = (importlib.resources.files("ledger") / "views.sql").read_text(encoding="utf-8")
    views = {}
    for statement in statements(script):
        text = statement[len("create view ") :]
        views[text.split()[0]] = f"CREATE VIEW {text}"
    return views


def refresh_views(database: LedgerDatabase) -> None:
    """Make the views what `ledger/views.sql` says; they hold no data, so they need no migrations."""
    wanted = wanted_views()
    if _views(database) == wanted:
        return
    with database.transact():
        for name in _views(database):
            database.execute_sql(f'drop view "{name}"')
        for statement in wanted.values():
            database.execute_sql(statement)


def _views(database: LedgerDatabase) -> dict[str, str]:
    return dict(database.rows("select name, sql from sqlite_master where type = 'view' order by rowid"))
