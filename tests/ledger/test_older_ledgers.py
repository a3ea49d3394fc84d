"""A ledger that an older readyd left behind: brought up to date with all its rows, by itself, on either engine."""

import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger import Ledger, LedgerError, migrate
from ledger.database import LedgerDatabase
from ledger.engine import choose
from ledger.reader import Reader
from ledger.records import Evidence, State
from tests.driver import sqlite3

T0 = 1_795_000_000_000
MINUTE = 60_000
TABLES = ("task", "transition", "poll", "look", "alert", "fact")
ENGINES = pytest.mark.parametrize("version", [(3, 53, 4), (3, 40, 1)], ids=["wal", "delete"])


def older(path: Path, kind: migrate.Kind, mode: str) -> None:
    """Turn a file of today into one of the first schema, with the rows that it has."""
    with closing(sqlite3.connect(path)) as now, closing(sqlite3.connect(path.with_suffix(".old"))) as old:
        old.execute(f"pragma journal_mode = {mode}")
        old.executescript(migrate.migrations(kind)[1])
        if kind.views:
            old.executescript(
                "create view alerts as select 1 as outdated; create view gone as select 2 as two;"
            )
        old.execute(f"pragma application_id = {kind.application_id}")
        old.execute("pragma user_version = 1")
        for table in TABLES if kind is migrate.LEDGER else ("body",):
            found = now.execute(f"select * from {table}").fetchall()
            if found:
                old.executemany(f"insert into {table} values ({', '.join('?' * len(found[0]))})", found)
        old.commit()
    path.with_suffix(".old").replace(path)


@pytest.fixture
def left(path: Path, kit: Any, version: tuple[int, int, int]) -> Path:
    """A stocked ledger of the first schema, with two months of results."""
    with Ledger.open(path, version=version) as book:
        kit.post(book, "collected", "listed", "waiting", tag="t", priority=2)
        kit.post(book, "later", at=T0 + 40 * 86_400_000)
        kit.look(book, "listed", at=T0 + MINUTE)
        kit.collect(book, "collected")
        kit.collect(book, "later")
        book.alerts.write([kit.alert()])
        book.facts.put("general_limit", "2000", T0)
    mode = choose(version).journal_mode
    older(path, migrate.LEDGER, mode)
    for month in (path.parent / "results").glob("*.db"):
        older(month, migrate.RESULTS, mode)
    return path


def content(path: Path, kit: Any) -> list[Any]:
    return [kit.rows(path, f"select * from {table} order by 1") for table in TABLES]


@ENGINES
def test_an_older_ledger_migrates_by_itself_and_keeps_every_row(
    left: Path, kit: Any, version: tuple[int, int, int]
) -> None:
    before = content(left, kit)
    assert all(before)
    with Ledger.open(left, version=version) as book:
        assert content(left, kit) == before
        assert book.audits.all() == {}
        assert book.audits.unknown_minutes("serp/", T0 * 2, T0 * 2, MINUTE) == [T0 // MINUTE * MINUTE]
        page = [Evidence("waiting", T0 + MINUTE, None), Evidence("listed", T0 + 1, None)]
        assert kit.audit(book, *page, at=T0 + 9 * MINUTE).ready == ("waiting",)
        assert book.failures.of(["waiting"]) == {}
        assert book.record_fixed(["collected"], T0 + 9 * MINUTE) == ("collected",)
        book.save_bodies([kit.body("collected", b"second", edition=2)])
        assert book.bodies.load("collected", T0).gzip == b"second"
        assert book.bodies.load("collected", T0, edition=1).gzip == b"gzip"
    assert kit.rows(left, "pragma user_version") == [(migrate.LEDGER.version,)]
    views = {name for (name,) in kit.rows(left, "select name from sqlite_master where type = 'view'")}
    assert views == set(migrate.wanted_views())
    kit.check(left)


@ENGINES
def test_a_migrated_ledger_has_the_schema_of_a_new_one(
    left: Path, kit: Any, tmp_path: Path, version: tuple[int, int, int]
) -> None:
    with Ledger.open(left, version=version) as book:
        book.save_bodies([kit.body("collected")])
    new = tmp_path / "new" / "ledger.db"
    with Ledger.open(new, version=version) as book:
        kit.post(book, "a")
        kit.collect(book, "a")
    names = "select type, name, tbl_name, sql from sqlite_master order by type, name"
    for one, other in (
        (left, new),
        *((left.parent / "results" / "2026-11.db", month) for month in months(new)),
    ):
        assert kit.rows(one, names) == kit.rows(other, names)


def months(path: Path) -> list[Path]:
    return sorted((path.parent / "results").glob("*.db"))


@ENGINES
def test_months_that_nobody_wrote_since_are_read_and_copied_as_they_are(
    left: Path, kit: Any, tmp_path: Path, version: tuple[int, int, int]
) -> None:
    with Ledger.open(left, version=version) as book:
        book.backup(tmp_path / "copies" / "ledger.db")
    for place in (left, tmp_path / "copies" / "ledger.db"):
        with Reader.open(place) as reader:
            task = reader.task("later")
            assert reader.body(task) == kit.body("later")
            assert reader.body(task, "advanced", 1) == kit.body("later")
            assert reader.body(task, edition=2) is None
            assert [(one.variant, one.edition) for one in reader.editions("later")] == [("advanced", 1)]
            assert reader.variants(task) == ["advanced"]
            assert reader.totals().bodies == 2
        assert {kit.rows(month, "pragma user_version")[0] for month in months(place)} == {(1,)}
    with Ledger.open(left, version=version) as book:
        book.save_bodies([kit.body("later")])
    assert [kit.rows(month, "pragma user_version")[0] for month in months(left)] == [(1,), (2,)]


@ENGINES
def test_a_migration_that_dies_at_any_statement_is_done_at_the_next_start(
    left: Path, kit: Any, tmp_path: Path, version: tuple[int, int, int]
) -> None:
    class Dying(LedgerDatabase):
        """Dies before the n-th statement that writes."""

        at = 0

        def execute_sql(self, sql: str, params: Any = None) -> Any:
            if sql.lower().startswith(("create", "drop", "pragma user_version =", "pragma application_id =")):
                Dying.at -= 1
                if Dying.at == 0:
                    raise KeyboardInterrupt
            return super().execute_sql(sql, params)

    before = content(left, kit)
    place = tmp_path / "dying"
    for point in range(1, 99):
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(left.parent, place, ignore=shutil.ignore_patterns("dying"))
        Dying.at = point
        try:
            Ledger.open(place / left.name, version=version, driver=Dying).close()
        except KeyboardInterrupt:
            ((reached,),) = kit.rows(place / left.name, "pragma user_version")
            assert reached in migrate.migrations(migrate.LEDGER)
            assert content(place / left.name, kit) == before
            Ledger.open(place / left.name, version=version).close()
        else:
            break
        assert kit.rows(place / left.name, "pragma integrity_check") == [("ok",)]
    assert point > 15


@ENGINES
def test_a_reader_asks_for_a_start_before_it_reads_an_older_ledger(left: Path, refuses: Any) -> None:
    text = refuses(LedgerError, lambda: Reader.open(left))
    assert "older readyd" in text
    assert f"schema 1, this one reads {migrate.LEDGER.readable_from}" in text
    Ledger.open(left).close()
    with Reader.open(left) as reader:
        assert reader.task("listed").state is State.READY
