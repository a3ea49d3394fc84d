"""Which SQLite may use WAL, and what happens when a vulnerable one meets a ledger."""

from pathlib import Path
from typing import Any

import pytest

from ledger import Ledger, LedgerError
from ledger.engine import choose, is_safe_for_wal
from ledger.errors import UnsafeEngineError

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
GOOD = (3, 53, 4)


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
    with Ledger.open(path, version=GOOD) as book:
        kit.post(book, "a")
    with Ledger.open(path, version=DEBIAN_12) as book:
        assert book.tasks.get("a") is not None
        assert kit.rows(path, "pragma journal_mode") == [("delete",)]


def test_a_vulnerable_engine_refuses_a_wal_ledger_that_somebody_has_open(
    path: Path, kit: Any, refuses: Any
) -> None:
    with Ledger.open(path, version=GOOD) as book:
        kit.post(book, "a")
        text = refuses(UnsafeEngineError, lambda: Ledger.open(path, version=DEBIAN_12))
        assert "3.40.1" in text
        assert "pysqlite3" in text
        kit.post(book, "b")
        assert kit.rows(path, "pragma journal_mode") == [("wal",)]


def test_a_vulnerable_engine_stops_writing_when_the_ledger_became_wal(
    path: Path, kit: Any, refuses: Any
) -> None:
    with Ledger.open(path, version=DEBIAN_12) as old:
        kit.post(old, "a")
        with Ledger.open(path, version=GOOD) as new:
            kit.post(new, "b")
            refuses(UnsafeEngineError, lambda: kit.post(old, "c"))
            assert set(new.tasks.states_of(["a", "b", "c"])) == {"a", "b"}


def test_an_engine_without_strict_tables_is_refused(path: Path, refuses: Any) -> None:
    text = refuses(LedgerError, lambda: Ledger.open(path, version=(3, 36, 0)))
    assert "3.36.0" in text
    assert not path.exists()
