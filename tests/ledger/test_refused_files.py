"""Files that are no ledger, or may not be used: refused in one sentence, and left as they were."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger import Ledger, LedgerError, schema
from ledger.errors import (
    DamagedLedgerError,
    LedgerBusyError,
    LedgerMissingError,
    NewerLedgerError,
    NotALedgerError,
)
from ledger.reader import Reader
from tests.driver import sqlite3


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
