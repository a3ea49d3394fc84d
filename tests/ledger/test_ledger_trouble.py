"""Full disks, failing disks, removed files, forks: each is one sentence, and the next verb works again."""

import os
import sys
import threading
from pathlib import Path
from typing import Any

import peewee
import pytest

from ledger import Ledger, LedgerError
from ledger.database import LedgerDatabase
from ledger.errors import (
    DamagedLedgerError,
    LedgerBusyError,
    LedgerUnavailableError,
    LedgerWriteError,
    NotALedgerError,
)
from ledger.records import State
from ledger.trouble import explained
from tests.driver import sqlite3
from tests.ledger.limits import no_file_larger_than

T0 = 1_795_000_000_000


def test_a_write_that_the_kernel_refuses_is_one_sentence_and_the_next_one_works(
    book: Ledger, kit: Any, refuses: Any
) -> None:
    kit.post(book, "a")
    many = kit.answer(*(f"t{number}" for number in range(3000)))
    with no_file_larger_than(os.path.getsize(book.path)):
        text = refuses(LedgerWriteError, lambda: book.record_posted(many, T0))
        assert str(book.path) in text
        # Reading goes on meanwhile.
        assert book.tasks.states_of(["a"]) == {"a": State.POSTED}
    assert len(book.record_posted(many, T0).accepted) == 3000
    kit.check(book.path)


def test_a_full_disk_is_one_sentence_and_nothing_is_half_done(book: Ledger, kit: Any, refuses: Any) -> None:
    kit.post(book, "a")
    database = book._connection.database
    database.execute_sql(f"pragma max_page_count = {database.one('pragma page_count')}")
    many = kit.answer(*(f"t{number}" for number in range(3000)))
    assert "is full" in refuses(LedgerWriteError, lambda: book.record_posted(many, T0))
    # The new connection has no such limit: the disk has room again.
    assert len(book.record_posted(many, T0).accepted) == 3000
    kit.check(book.path)


def test_results_that_do_not_fit_leave_the_task_as_it_was(book: Ledger, kit: Any, refuses: Any) -> None:
    kit.post(book, "a")
    book.save_bodies([kit.body("a", b"small")])
    size = os.path.getsize(book.path.parent / "results" / "2026-11.db")
    with no_file_larger_than(size):
        text = refuses(LedgerWriteError, lambda: book.save_bodies([kit.body("a", os.urandom(900_000))]))
    assert "results file" in text
    assert book.bodies.load("a", T0).gzip == b"small"
    book.save_bodies([kit.body("a", b"large" * 100_000)])
    kit.collect(book, "a")
    kit.check(book.path)


class Failing(LedgerDatabase):
    """Reports an error from commits although they happened, or instead of them."""

    mode = ""

    def commit(self) -> None:
        if Failing.mode == "unknown":
            super().commit()  # type: ignore[no-untyped-call]
        if Failing.mode:
            raise peewee.OperationalError(_driver_error("disk I/O error", "SQLITE_IOERR_FSYNC"))
        super().commit()  # type: ignore[no-untyped-call]


def _driver_error(message: str, name: str) -> Exception:
    refused = name.startswith("SQLITE_CONSTRAINT")
    error = (sqlite3.IntegrityError if refused else sqlite3.OperationalError)(message)
    error.sqlite_errorname = name
    return error


@pytest.mark.parametrize(("mode", "there"), [("unknown", True), ("refused", False)])
def test_a_commit_that_reported_an_error_is_read_again(
    path: Path, kit: Any, refuses: Any, mode: str, *, there: bool
) -> None:
    with Ledger.open(path, driver=Failing) as book:
        kit.post(book, "a")
        Failing.mode = mode
        try:
            refuses(LedgerWriteError, lambda: book.settle([kit.settlement("a", State.POSTED, State.FAILED)]))
        finally:
            Failing.mode = ""
        assert book.tasks.states_of(["a"]) == {"a": State.FAILED if there else State.POSTED}
        again = book.settle([kit.settlement("a", State.POSTED, State.FAILED)])
        assert again == (() if there else ("a",))
        kit.check(path)


def test_a_removed_or_replaced_file_is_noticed_and_not_created_anew(
    book: Ledger, path: Path, kit: Any, refuses: Any, tmp_path: Path
) -> None:
    kit.post(book, "a")
    with Ledger.open(tmp_path / "other" / "ledger.db"):
        pass
    path.rename(tmp_path / "aside.db")
    assert "removed or replaced" in refuses(LedgerError, lambda: book.facts.put("x", "y", T0))
    assert not path.exists()
    (tmp_path / "other" / "ledger.db").rename(path)
    assert "removed or replaced" in refuses(LedgerError, lambda: kit.post(book, "b"))
    path.unlink()
    (tmp_path / "aside.db").rename(path)
    kit.post(book, "b")


def test_another_thread_is_told_to_open_its_own(book: Ledger, kit: Any) -> None:
    caught: list[BaseException] = []

    def use() -> None:
        try:
            book.facts.get("x")
        except BaseException as error:
            caught.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert isinstance(caught[0], LedgerError)
    assert "in each thread" in str(caught[0])
    kit.post(book, "a")


def test_a_forked_child_is_told_to_open_its_own(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            book.facts.get("x")
        except LedgerError as error:
            os.write(sink, str(error).encode())
        finally:
            os._exit(0)
    os.close(sink)
    with os.fdopen(source) as pipe:
        assert "forked" in pipe.read()
    os.waitpid(child, 0)
    kit.post(book, "b")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("SQLITE_BUSY", LedgerBusyError),
        ("SQLITE_BUSY_SNAPSHOT", LedgerBusyError),
        ("SQLITE_LOCKED", LedgerBusyError),
        ("SQLITE_FULL", LedgerWriteError),
        ("SQLITE_IOERR_WRITE", LedgerWriteError),
        ("SQLITE_READONLY", LedgerWriteError),
        ("SQLITE_NOTADB", NotALedgerError),
        ("SQLITE_CORRUPT_INDEX", DamagedLedgerError),
        ("SQLITE_ERROR", DamagedLedgerError),
        ("SQLITE_CANTOPEN", LedgerUnavailableError),
        ("SQLITE_CONSTRAINT_UNIQUE", LedgerError),
        ("SQLITE_NOMEM", LedgerUnavailableError),
    ],
)
def test_every_complaint_of_sqlite_has_its_sentence(name: str, kind: type[LedgerError]) -> None:
    error = explained(
        _driver_error("something {odd}\nhappened", name), Path("/var/lib/{x}/ledger.db"), "ledger"
    )
    assert type(error) is kind
    assert "/var/lib/{x}/ledger.db" in str(error)
    assert ";" in str(error), "it says what to do"


def test_the_driver_is_the_newest_sqlite_at_hand() -> None:
    assert sqlite3.sqlite_version_info >= (3, 37), "STRICT tables need 3.37"
    if pysqlite3 := sys.modules.get("pysqlite3"):
        assert sqlite3.sqlite_version_info >= pysqlite3.dbapi2.sqlite_version_info
