"""Opening a ledger: what a fresh file looks like, which settings it has, how it is brought up to date."""

import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger import Ledger, LedgerError, migrate, models, schema
from ledger.database import LedgerDatabase
from tests.driver import sqlite3

GOOD = (3, 53, 4)
"""A version that is safe for WAL, whatever runs here."""


def test_a_new_ledger_has_identity_mode_and_narrow_permissions(tmp_path: Path, kit: Any) -> None:
    path = tmp_path / "new" / "deeper" / "ledger.db"
    with Ledger.open(path, version=GOOD) as book:
        kit.post(book, "a")
        kit.collect(book, "a")
        results = list((path.parent / "results").glob("*.db"))
        modes = {stat.S_IMODE(file.stat().st_mode) for file in (path, *results)}
        assert modes == {0o600}
        for directory in (path.parent, path.parent.parent, results[0].parent):
            assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert kit.rows(path, "pragma application_id") == [(schema.APPLICATION_ID,)]
        assert kit.rows(path, "pragma user_version") == [(schema.SCHEMA_VERSION,)]
        assert kit.rows(path, "pragma journal_mode") == [("wal",)]
        assert kit.rows(results[0], "pragma application_id") != [(schema.APPLICATION_ID,)]
        assert (book.engine.journal_mode, book.engine.synchronous) == ("wal", "full")


@pytest.mark.parametrize("readonly", [False, True])
def test_every_pragma_is_set_on_the_connection(path: Path, *, readonly: bool) -> None:
    Ledger.open(path, version=GOOD).close()
    database, _ = schema.open_database(path, readonly=readonly, version=GOOD)
    try:
        for name, wanted in {
            "foreign_keys": 1,
            "trusted_schema": 0,
            "cell_size_check": 1,
            "mmap_size": 0,
        }.items():
            assert (database.one(f"pragma {name}") or 0) == wanted
        if not readonly:
            assert database.one("pragma synchronous") == 2
            assert database.one("pragma journal_size_limit") == 8 << 20
    finally:
        database.close()


def test_a_pragma_that_does_not_stick_is_refused(path: Path, refuses: Callable[..., str]) -> None:
    class Deaf(LedgerDatabase):
        """An engine that ignores a setting, as one built without memory mapping may."""

        def one(self, sql: str, parameters: Any = ()) -> Any:
            return 0 if sql == "pragma foreign_keys" else super().one(sql, parameters)

    text = refuses(LedgerError, lambda: Ledger.open(path, driver=Deaf))
    assert "foreign_keys" in text


def test_a_journal_mode_that_does_not_stick_is_refused(path: Path, refuses: Callable[..., str]) -> None:
    class Stubborn(LedgerDatabase):
        """A file system without shared memory: SQLite answers with the mode it kept."""

        def one(self, sql: str, parameters: Any = ()) -> Any:
            return "delete" if sql.startswith("pragma journal_mode") else super().one(sql, parameters)

    assert "delete" in refuses(LedgerError, lambda: Ledger.open(path, driver=Stubborn, version=GOOD))


def test_tables_are_strict_and_states_are_checked(book: Ledger) -> None:
    with pytest.raises(LedgerError, match="refused a row"), book._connection.writing() as database:
        database.change("insert into poll (listing, asked_at, why) values ('l', 'noon', 'w')")
    with pytest.raises(LedgerError, match="refused a row"), book._connection.writing() as database:
        database.change(
            "insert into task (id, function, state, posted_at, recorded_at) values ('a', 'f', 'sleeping', 1, 1)"
        )


def test_a_fresh_schema_is_the_sum_of_the_migrations(tmp_path: Path, kit: Any) -> None:
    for kind, tables in ((migrate.LEDGER, 5), (migrate.RESULTS, 1)):
        scripts = migrate.migrations(kind)
        assert list(scripts) == sorted(scripts)
        assert max(scripts) == kind.version
        database, _ = schema.open_database(tmp_path / f"{kind.noun}.db", kind=kind)
        database.close()
        with closing(sqlite3.connect(":memory:")) as summed:
            for script in scripts.values():
                summed.executescript(script)
            if kind.views:
                summed.executescript("".join(f"{view};" for view in migrate.wanted_views().values()))
            wanted = summed.execute("select type, name, sql from sqlite_master order by name").fetchall()
        found = kit.rows(
            tmp_path / f"{kind.noun}.db", "select type, name, sql from sqlite_master order by name"
        )
        assert found == wanted
        assert len(found) > tables


def test_the_models_have_the_columns_of_the_schema(book: Ledger, kit: Any) -> None:
    rows = [
        models.TaskRow,
        models.TransitionRow,
        models.PollRow,
        models.LookRow,
        models.AlertRow,
        models.FactRow,
    ]
    for model in rows:
        table = model._meta.table_name
        columns = {
            name: (kind, not required and not key)
            for _, name, kind, required, _, key in kit.rows(book.path, f"pragma table_info({table})")
        }
        kinds = {"TextField": "TEXT", "IntegerField": "INTEGER", "FloatField": "REAL"}
        assert columns == {
            field.column_name: (kinds[type(field).__name__], field.null)
            for field in model._meta.sorted_fields
        }


def test_opening_again_changes_nothing(path: Path, kit: Any) -> None:
    with Ledger.open(path) as book:
        kit.post(book, "a")
    before = kit.rows(path, "select * from sqlite_master"), kit.rows(path, "pragma schema_version")
    Ledger.open(path).close()
    assert (kit.rows(path, "select * from sqlite_master"), kit.rows(path, "pragma schema_version")) == before


def test_a_migration_that_dies_leaves_the_old_version(path: Path, kit: Any) -> None:
    class Dying(LedgerDatabase):
        def execute_sql(self, sql: str, params: Any = None) -> Any:
            if sql.startswith("create table alert"):
                raise KeyboardInterrupt
            return super().execute_sql(sql, params)

    with pytest.raises(KeyboardInterrupt):
        Ledger.open(path, driver=Dying)
    assert kit.rows(path, "select count(*) from sqlite_master") == [(0,)]
    assert kit.rows(path, "pragma user_version") == [(0,)]
    with Ledger.open(path) as book:
        kit.post(book, "a")


def test_views_are_put_right_when_they_differ(path: Path, kit: Any) -> None:
    Ledger.open(path).close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("drop view blocked")
        database.execute("drop view alerts")
        database.execute("create view alerts as select 1 as one")
        database.execute("create view strange as select 1 as one")
        database.commit()
    Ledger.open(path).close()
    names = {name for (name,) in kit.rows(path, "select name from sqlite_master where type = 'view'")}
    assert names == set(migrate.wanted_views())
    assert names >= {"open_tasks", "expiring", "blocked", "recent_transitions", "polls", "audits", "alerts"}
    assert kit.rows(path, "select * from alerts") == []
