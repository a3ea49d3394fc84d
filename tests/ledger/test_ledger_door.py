"""Opening: what a fresh file looks like, which settings it has, and which files are refused with which words."""

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from peewee import sqlite3

from ledger import Ledger, LedgerError, migrate, models, schema
from ledger.database import LedgerDatabase
from ledger.engine import choose, is_safe_for_wal
from ledger.errors import (
    DamagedLedgerError,
    LedgerBusyError,
    LedgerMissingError,
    NewerLedgerError,
    NotALedgerError,
    UnsafeEngineError,
)
from ledger.reader import Reader

SAFE = [(3, 51, 3), (3, 51, 4), (3, 52, 0), (3, 53, 4), (4, 0, 0), (3, 50, 7), (3, 50, 9), (3, 44, 6)]
VULNERABLE = [
    (3, 51, 2),
    (3, 51, 0),
    (3, 50, 6),
    (3, 50, 0),
    (3, 49, 9),
    (3, 45, 9),
    (3, 44, 5),
    (3, 40, 1),
    (3, 37, 0),
]
DEBIAN_12 = (3, 40, 1)

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("version", SAFE)
def test_a_safe_engine_gets_wal_and_full(version: tuple[int, int, int]) -> None:
    engine = choose(version)
    assert is_safe_for_wal(version)
    assert (engine.journal_mode, engine.synchronous, engine.warning) == ("wal", "full", None)


@pytest.mark.parametrize("version", VULNERABLE)
def test_a_vulnerable_engine_gets_delete_and_extra_and_a_warning(version: tuple[int, int, int]) -> None:
    engine = choose(version)
    assert not is_safe_for_wal(version)
    assert (engine.journal_mode, engine.synchronous) == ("delete", "extra")
    assert engine.warning is not None
    assert engine.version in engine.warning


def test_a_new_ledger_has_identity_mode_and_narrow_permissions(tmp_path: Path, kit: Any) -> None:
    path = tmp_path / "new" / "deeper" / "ledger.db"
    with Ledger.open(path) as book:
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
def test_every_pragma_is_set_on_the_connection(book: Ledger, *, readonly: bool) -> None:
    database, _ = schema.open_database(book.path, readonly=readonly)
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

    assert "delete" in refuses(LedgerError, lambda: Ledger.open(path, driver=Stubborn))


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
        assert list(scripts) == list(range(1, kind.version + 1))
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
    assert names == {"open_tasks", "expiring", "blocked", "recent_transitions", "polls", "alerts"}
    assert kit.rows(path, "select * from alerts") == []


# Files that are refused -----------------------------------------------------------------------------


def both(refuses: Callable[..., str], kind: type[Exception], path: Path) -> list[str]:
    """Writers and readers must both refuse."""
    return [refuses(kind, lambda: Ledger.open(path)), refuses(kind, lambda: Reader.open(path))]


def test_another_programs_database_is_refused_and_untouched(path: Path, refuses: Any) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("create table recipe (name)")
        database.commit()
    before = path.read_bytes()
    for text in both(refuses, NotALedgerError, path):
        assert "another program" in text
        assert str(path) in text
    assert path.read_bytes() == before


def test_a_database_with_an_application_id_of_its_own_is_refused(path: Path, refuses: Any) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("pragma application_id = 252006673")
    both(refuses, NotALedgerError, path)


def test_a_results_file_is_no_ledger(path: Path, book: Ledger, kit: Any, refuses: Any) -> None:
    kit.post(book, "a")
    kit.collect(book, "a")
    month = next((path.parent / "results").glob("*.db"))
    for text in both(refuses, NotALedgerError, month):
        assert "results file" in text


@pytest.mark.parametrize("content", [b"x" * 40, b"# notes\n" * 900, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_file_that_is_no_database_is_refused_and_untouched(
    path: Path, content: bytes, refuses: Any
) -> None:
    path.write_bytes(content)
    both(refuses, NotALedgerError, path)
    assert path.read_bytes() == content


def test_an_empty_file_becomes_a_ledger_but_cannot_be_read_before(path: Path, refuses: Any) -> None:
    path.touch()
    assert "empty" in refuses(NotALedgerError, lambda: Reader.open(path))
    Ledger.open(path).close()
    Reader.open(path).close()


def test_a_newer_schema_is_refused_and_untouched(path: Path, refuses: Any) -> None:
    Ledger.open(path).close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("pragma journal_mode = delete")
        database.execute(f"pragma user_version = {schema.SCHEMA_VERSION + 1}")
    before = path.read_bytes()
    for text in both(refuses, NewerLedgerError, path):
        assert "newer readyd" in text
    assert path.read_bytes() == before


def test_an_older_schema_is_refused_by_readers_only_with_the_cure(path: Path, refuses: Any) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"pragma application_id = {schema.APPLICATION_ID}")
    assert "readyd run" in refuses(LedgerError, lambda: Reader.open(path))
    Ledger.open(path).close()
    Reader.open(path).close()


def test_a_ledger_whose_pages_are_garbage_is_damaged(path: Path, kit: Any, refuses: Any) -> None:
    with Ledger.open(path) as book:
        kit.post(book, *(f"task-{number}" for number in range(200)))
    content = bytearray(path.read_bytes())
    content[3 * 4096 : 6 * 4096] = b"\x55" * (3 * 4096)
    path.write_bytes(content)
    for text in both(refuses, DamagedLedgerError, path):
        assert "readyd backup" in text


def test_a_ledger_without_its_tables_is_damaged(path: Path, refuses: Any) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"pragma application_id = {schema.APPLICATION_ID}")
        database.execute(f"pragma user_version = {schema.SCHEMA_VERSION}")
        database.execute("create table something (x)")
    with closing(_opened(lambda: Reader.open(path))) as reader:
        refuses(DamagedLedgerError, reader.counts)


def _opened(act: Callable[[], Any]) -> Any:
    return act()


def test_a_directory_is_refused(tmp_path: Path, refuses: Any) -> None:
    for text in both(refuses, NotALedgerError, tmp_path):
        assert "a directory" in text


def test_a_device_is_refused(refuses: Any) -> None:
    both(refuses, NotALedgerError, Path("/dev/null"))


@pytest.mark.parametrize("name", ["", ".", "a\x00b", "x" * 300])
def test_impossible_names_are_refused(tmp_path: Path, name: str, refuses: Any) -> None:
    for opener in (Ledger.open, Reader.open):
        refuses(LedgerError, lambda opener=opener: opener(os.path.join(tmp_path, name) if name else ""))


def test_reading_a_missing_ledger_creates_nothing(tmp_path: Path, refuses: Any) -> None:
    text = refuses(LedgerMissingError, lambda: Reader.open(tmp_path / "none" / "ledger.db"))
    assert "there is no ledger at" in text
    assert list(tmp_path.iterdir()) == []


def test_a_file_under_a_file_is_refused(path: Path, refuses: Any) -> None:
    path.write_text("I am a file")
    refuses(LedgerError, lambda: Ledger.open(path / "ledger.db"))


def test_a_locked_ledger_is_busy_for_writers_and_readable_for_readers(
    book: Ledger, kit: Any, refuses: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.post(book, "a")
    book._connection.database.timeout = 0
    with closing(sqlite3.connect(book.path, isolation_level=None)) as other:
        other.execute("begin immediate")
        assert "holds the ledger" in refuses(LedgerBusyError, lambda: book.facts.put("name", "value", 1))
        with Reader.open(book.path) as reader:
            assert reader.task("a") is not None
        other.execute("rollback")
    book.facts.put("name", "value", 1)
    assert book.facts.get("name") == "value"


def test_a_closed_ledger_says_so(path: Path, refuses: Any) -> None:
    book = Ledger.open(path)
    book.close()
    book.close()
    assert "was closed" in refuses(LedgerError, lambda: book.facts.get("x"))


def test_names_with_odd_letters_work(tmp_path: Path, kit: Any) -> None:
    path = tmp_path / "a b?c#d%20é" / "lédger & 100%.db"
    with Ledger.open(path) as book:
        kit.post(book, "a")
        with Reader.open(path) as reader:
            assert reader.counts()
    assert path.exists()


def test_a_link_and_its_target_are_one_ledger(path: Path, tmp_path: Path, kit: Any) -> None:
    link = tmp_path / "link.db"
    with Ledger.open(path) as book:
        link.symlink_to(path)
        kit.post(book, "a")
    with Ledger.open(link) as book:
        assert book.path == path.resolve()
        assert book.tasks.get("a") is not None


# Permissions: as a user who is not root -----------------------------------------------------------


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that another user can reach (pytest's own are for the owner alone)."""
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


def as_nobody(act: Callable[[], str]) -> str:
    """Run in a child that is not root, since root may read and write everything."""
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            text = act()
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        os.write(sink, text.encode())
        os._exit(0)
    os.close(sink)
    with os.fdopen(source) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return text


def owned(place: Path) -> None:
    """Give the directory to the user that the child will be."""
    if os.getuid() == 0:
        for file in (place, *place.rglob("*")):
            os.chown(file, 65534, 65534)


def test_a_file_that_may_not_be_read_is_refused(place: Path) -> None:
    Ledger.open(place / "ledger.db").close()
    owned(place)
    (place / "ledger.db").chmod(0)
    for opener in (Ledger, Reader):
        text = as_nobody(lambda opener=opener: str(opener.open(place / "ledger.db")))
        assert text.startswith("LedgerError: ")
        assert "may not be" in text


def test_a_file_that_may_not_be_written_is_refused_by_writers_only(place: Path) -> None:
    Ledger.open(place / "ledger.db").close()
    owned(place)
    (place / "ledger.db").chmod(0o400)
    text = as_nobody(lambda: str(Ledger.open(place / "ledger.db")))
    assert text.startswith("LedgerError: ")
    assert "may not be written" in text
    assert as_nobody(lambda: _counted(place / "ledger.db")) == "{}"


def _counted(path: Path) -> str:
    with Reader.open(path) as reader:
        return str(reader.counts())


def test_a_directory_that_may_not_be_written_is_refused_by_writers_only(place: Path) -> None:
    Ledger.open(place / "ledger.db").close()
    owned(place)
    place.chmod(0o555)
    try:
        assert "may not be written" in as_nobody(lambda: str(Ledger.open(place / "ledger.db")))
        assert "cannot be created" in as_nobody(lambda: str(Ledger.open(place / "other" / "ledger.db")))
        # No -wal file, and none can be created: nobody writes it, so it is read as it lies there.
        assert as_nobody(lambda: _counted(place / "ledger.db")) == "{}"
        assert [file.name for file in place.iterdir()] == ["ledger.db"]
    finally:
        place.chmod(0o755)


# The engine guard on real files ---------------------------------------------------------------------


def test_a_vulnerable_engine_works_in_delete_mode(path: Path, kit: Any) -> None:
    with Ledger.open(path, version=DEBIAN_12) as book:
        assert (book.engine.journal_mode, book.engine.synchronous) == ("delete", "extra")
        kit.post(book, "a")
        kit.collect(book, "a")
        assert book._connection.database.one("pragma synchronous") == 3
    for file in (path, *(path.parent / "results").glob("*.db")):
        assert kit.rows(file, "pragma journal_mode") == [("delete",)]
    kit.check(path)


def test_a_vulnerable_engine_takes_over_a_wal_ledger_that_nobody_has_open(path: Path, kit: Any) -> None:
    with Ledger.open(path) as book:
        kit.post(book, "a")
    with Ledger.open(path, version=DEBIAN_12) as book:
        assert book.tasks.get("a") is not None
        assert kit.rows(path, "pragma journal_mode") == [("delete",)]


def test_a_vulnerable_engine_refuses_a_wal_ledger_that_somebody_has_open(
    book: Ledger, kit: Any, refuses: Any
) -> None:
    kit.post(book, "a")
    text = refuses(UnsafeEngineError, lambda: Ledger.open(book.path, version=DEBIAN_12))
    assert "3.40.1" in text
    assert "pysqlite3" in text
    kit.post(book, "b")
    assert kit.rows(book.path, "pragma journal_mode") == [("wal",)]


def test_a_vulnerable_engine_stops_writing_when_the_ledger_became_wal(
    path: Path, kit: Any, refuses: Any
) -> None:
    with Ledger.open(path, version=DEBIAN_12) as old:
        kit.post(old, "a")
        with Ledger.open(path) as new:
            kit.post(new, "b")
            refuses(UnsafeEngineError, lambda: kit.post(old, "c"))
            assert set(new.tasks.states_of(["a", "b", "c"])) == {"a", "b"}
