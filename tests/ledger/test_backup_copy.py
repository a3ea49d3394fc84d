"""Copies: whole, usable as a ledger, and never at the expense of an earlier copy or of the ledger itself."""

import stat
from pathlib import Path
from typing import Any

import pytest

from ledger import Ledger, LedgerError
from ledger.database import LedgerDatabase
from ledger.reader import Reader
from ledger.records import State

T0 = 1_795_000_000_000
MONTH = 31 * 86_400_000


@pytest.fixture
def stocked(book: Ledger, kit: Any) -> Ledger:
    kit.post(book, "a")
    kit.post(book, "b", at=T0 + MONTH)
    kit.post(book, "c")
    for name in "ab":
        book.save_bodies([kit.body(name, name.encode() * 5000)])
        book.settle([kit.settlement(name, State.POSTED)])
    return book


def test_a_copy_is_a_ledger_with_all_results(stocked: Ledger, tmp_path: Path, kit: Any) -> None:
    target = tmp_path / "copies" / "today" / "copy.db"
    stocked.backup(target)
    kit.post(stocked, "later")
    files = [target, *(target.parent / "results").iterdir()]
    assert sorted(file.name for file in files) == ["2026-11.db", "2026-12.db", "copy.db"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    kit.check(target)
    with Ledger.open(target) as copy:
        assert copy.tasks.states_of(["a", "b", "c", "later"]) == {
            "a": State.COLLECTED,
            "b": State.COLLECTED,
            "c": State.POSTED,
        }
        assert copy.bodies.load("b", T0 + MONTH).gzip == b"b" * 5000
        kit.collect(copy, "c")
        kit.check(target)
    assert stocked.tasks.states_of(["c"]) == {"c": State.POSTED}


def test_a_copy_into_a_directory_keeps_the_name_and_replaces_the_earlier_copy(
    stocked: Ledger, tmp_path: Path, kit: Any
) -> None:
    (tmp_path / "copies").mkdir()
    stocked.backup(tmp_path / "copies")
    kit.collect(stocked, "c")
    stocked.backup(tmp_path / "copies")
    assert sorted(file.name for file in (tmp_path / "copies").iterdir()) == ["ledger.db", "results"]
    with Reader.open(tmp_path / "copies" / "ledger.db") as copy:
        assert copy.task("c").state is State.COLLECTED
        assert copy.body(copy.task("c")) is not None


def test_a_copy_beside_the_ledger_is_refused(stocked: Ledger, tmp_path: Path, kit: Any, refuses: Any) -> None:
    link = tmp_path / "elsewhere"
    link.symlink_to(tmp_path)
    for target in (stocked.path, tmp_path / "copy.db", tmp_path, link / "copy.db"):
        assert "another directory" in refuses(LedgerError, lambda target=target: stocked.backup(target))
    assert stocked.bodies.load("a", T0) is not None
    kit.check(stocked.path)


def test_a_place_that_cannot_be_written_is_refused(stocked: Ledger, tmp_path: Path, refuses: Any) -> None:
    (tmp_path / "file").write_text("not a directory")
    text = refuses(LedgerError, lambda: stocked.backup(tmp_path / "file" / "copy.db"))
    assert "could not be written" in text
    assert stocked.tasks.get("a") is not None


def test_a_copy_that_fails_halfway_leaves_the_earlier_one_whole(path: Path, tmp_path: Path, kit: Any) -> None:
    class Dying(LedgerDatabase):
        """Dies while the second results file is copied."""

        copied = 0

        def execute_sql(self, sql: str, params: Any = None) -> Any:
            if sql.startswith("vacuum into"):
                Dying.copied += 1
                if Dying.copied == 6:
                    raise KeyboardInterrupt
            return super().execute_sql(sql, params)

    target = tmp_path / "copies" / "ledger.db"
    with Ledger.open(path, driver=Dying) as book:
        kit.post(book, "a")
        kit.post(book, "b", at=T0 + MONTH)
        kit.collect(book, "a")
        kit.collect(book, "b")
        book.backup(target)
        before = {file: file.read_bytes() for file in target.parent.rglob("*.db")}
        assert len(before) == Dying.copied == 3
        kit.post(book, "c")
        kit.collect(book, "c")
        with pytest.raises(KeyboardInterrupt):
            book.backup(target)
        assert {file: file.read_bytes() for file in target.parent.rglob("*") if file.is_file()} == before
        book.backup(target)
    kit.check(target)


def test_a_restored_copy_goes_on_where_it_stood(stocked: Ledger, tmp_path: Path, kit: Any) -> None:
    stocked.backup(tmp_path / "copies" / "ledger.db")
    stocked.close()
    restored = tmp_path / "restored"
    (tmp_path / "copies").rename(restored)
    with Ledger.open(restored / "ledger.db") as book:
        kit.look(book, "c", at=T0 + 60_000)
        kit.collect(book, "c")
        assert book.bodies.count() == 3
    kit.check(restored / "ledger.db")
