"""A copy replaces earlier copies of the same ledger, and nothing else: whatever lies there stays as it is."""

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger import Ledger, LedgerError
from ledger.errors import CopyRefusedError, LedgerWriteError
from ledger.lock import DaemonLock
from ledger.records import State
from tests.driver import sqlite3
from tests.ledger.limits import no_file_larger_than
from tests.power.loop import small

T0 = 1_795_000_000_000


@pytest.fixture
def stocked(book: Ledger, kit: Any) -> Ledger:
    kit.post(book, "a")
    kit.collect(book, "a")
    return book


@pytest.fixture
def copy(stocked: Ledger, tmp_path: Path) -> Path:
    target = tmp_path / "copies" / "ledger.db"
    stocked.backup(target)
    return target


def contents(directory: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in directory.rglob("*") if file.is_file()}


@pytest.fixture
def refused(stocked: Ledger, refuses: Any) -> Callable[..., None]:
    """Expect that a copy is refused with these words, and that nothing there was changed."""

    def check(target: Path, words: str) -> None:
        before = contents(target.parent)
        text = refuses(CopyRefusedError, lambda: stocked.backup(target))
        assert words in text
        assert text.endswith("name another directory")
        assert contents(target.parent) == before

    return check


def other_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("create table theirs (x)")
        database.commit()


def other_ledger(path: Path) -> None:
    with Ledger.open(path) as ledger:
        ledger.record_posted({"tasks": []}, T0)
    # SQLite empties and removes these at the next close of a writer; here they would hide what is tested.
    assert not path.with_name(path.name + "-wal").exists()


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.write_text('{"function": "serp/google/organic"}\n'),
        lambda path: path.write_bytes(b""),
        lambda path: path.mkdir(),
        os.mkfifo,
        other_program,
    ],
    ids=["text", "empty", "directory", "pipe", "another program's"],
)
@pytest.mark.parametrize("name", ["mine/ledger.db", "mine/results/2026-11.db", "mine/results/2020-01.db"])
def test_what_somebody_else_wrote_is_never_replaced(
    tmp_path: Path, refused: Any, name: str, make: Callable[[Path], Any]
) -> None:
    place = tmp_path / name
    place.parent.mkdir(parents=True)
    make(place)
    target = tmp_path / "mine" / "ledger.db"
    if place == target and place.is_dir():
        target = place / "ledger.db"
        (place / "ledger.db").write_text("x")
    refused(target, "is there already and is no copy made by readyd backup")


def test_another_ledger_is_never_replaced(tmp_path: Path, refused: Any) -> None:
    other = tmp_path / "other" / "ledger.db"
    other_ledger(other)
    with DaemonLock(other):
        refused(other, f"{other} is a ledger in use (its lock is held)")
    refused(other, "is no copy made by readyd backup")


def test_a_ledger_that_is_open_or_was_left_open_is_never_replaced(tmp_path: Path, refused: Any) -> None:
    other = tmp_path / "other" / "ledger.db"
    with Ledger.open(other) as ledger:
        ledger.record_posted({"tasks": []}, T0)
        refused(other, f"{other}-wal is there already")
    for left in ("ledger.db-wal", "ledger.db-journal", "results/2026-11.db-wal"):
        place = tmp_path / f"beside {Path(left).name}" / left
        place.parent.mkdir(parents=True)
        place.write_bytes(b"a log without its file")
        refused(place.parents[left.count("/")] / "ledger.db", f"{place} is there already")


def test_a_copy_of_another_ledger_is_never_replaced(tmp_path: Path, copy: Path, refuses: Any) -> None:
    # It even has the same path: somebody lost the ledger and began a new one.
    (tmp_path / "ledger.db").rename(tmp_path / "lost.db")
    before = contents(copy.parent)
    with Ledger.open(tmp_path / "ledger.db") as fresh:
        text = refuses(CopyRefusedError, lambda: fresh.backup(copy))
        assert f"{copy} is a copy of another ledger" in text
        # Of another name, it would still replace the other copy's results.
        text = refuses(CopyRefusedError, lambda: fresh.backup(copy.with_name("fresh.db")))
        assert "2026-11.db is a copy of another ledger" in text
    assert contents(copy.parent) == before


def test_a_copy_on_which_somebody_worked_is_no_copy_any_more(copy: Path, kit: Any, refused: Any) -> None:
    with Ledger.open(copy) as restored:
        kit.post(restored, "new")
        kit.collect(restored, "new")
    refused(copy, "or one that was written to since")
    # The month of the new result is its own now, too.
    refused(copy.with_name("second.db"), "2026-11.db is there already")


def test_a_copy_that_was_only_read_is_still_a_copy(stocked: Ledger, copy: Path, kit: Any) -> None:
    from ledger.reader import Reader

    with Reader.open(copy) as reader:
        assert reader.body(reader.task("a")) is not None
    kit.post(stocked, "later")
    stocked.backup(copy)
    assert kit.rows(copy, "select count(*) from task") == [(2,)]


def test_a_restored_ledger_goes_on_replacing_its_copies(
    stocked: Ledger, copy: Path, tmp_path: Path, kit: Any
) -> None:
    stocked.close()
    restored = tmp_path / "restored"
    restored.mkdir()
    for file in contents(copy.parent):
        place = restored / file.relative_to(copy.parent)
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(file.read_bytes())
    with Ledger.open(restored / "ledger.db") as ledger:
        kit.post(ledger, "later")
        ledger.backup(copy)
        ledger.backup(copy)
    assert kit.rows(copy, "select count(*) from task") == [(2,)]


def test_results_that_are_a_link_to_the_ledgers_own_are_left_alone(
    stocked: Ledger, tmp_path: Path, refused: Any
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "results").symlink_to(stocked.path.parent / "results")
    refused(tmp_path / "elsewhere" / "ledger.db", "lies beside the ledger")


def test_what_appears_while_it_is_copied_is_not_replaced(
    stocked: Ledger, tmp_path: Path, refuses: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ledger import files

    target, sync = tmp_path / "copies" / "ledger.db", files.sync_file

    def appears(path: Path) -> None:
        sync(path)
        target.write_text("theirs")

    monkeypatch.setattr(files, "sync_file", appears)
    assert "is there already" in refuses(CopyRefusedError, lambda: stocked.backup(target))
    assert contents(target.parent) == {target: b"theirs"}


def test_a_first_copy_that_died_between_its_renames_can_be_made_again(
    stocked: Ledger, tmp_path: Path, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, rename = tmp_path / "copies" / "ledger.db", Path.replace

    def dying(self: Path, to: Path) -> Any:
        if to == target:
            raise KeyboardInterrupt
        return rename(self, to)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", dying)
        with pytest.raises(KeyboardInterrupt):
            stocked.backup(target)
    assert [file.name for file in contents(target.parent)] == ["2026-11.db"]
    stocked.backup(target)
    kit.check(target)


@pytest.mark.parametrize("size", [0, 4096, 100_000])
def test_when_the_disk_of_the_copy_refuses_the_copy_is_named(
    stocked: Ledger, copy: Path, kit: Any, refuses: Any, size: int
) -> None:
    before = contents(copy.parent)
    with no_file_larger_than(size):
        text = refuses(LedgerWriteError, lambda: stocked.backup(copy))
    assert text.startswith((f"the copy {copy}", f"the copy {copy.parent}"))
    assert contents(copy.parent) == before
    # The ledger was only read, and its connection is as good as before.
    assert stocked.tasks.states_of(["a"]) == {"a": State.COLLECTED}
    stocked.backup(copy)
    kit.check(copy)


def test_a_full_disk_is_the_copys_and_not_the_ledgers(
    stocked: Ledger, tmp_path: Path, kit: Any, refuses: Any
) -> None:
    kit.post(stocked, *(f"t{number}" for number in range(2000)))
    with small(tmp_path / "small", "100k") as disk:
        text = refuses(LedgerWriteError, lambda: stocked.backup(disk / "ledger.db"))
        assert text.startswith(f"the disk of the copy {disk / 'ledger.db'} is full; free some space")
        assert contents(disk) == {}


def test_a_damaged_ledger_is_blamed_on_the_ledger(
    stocked: Ledger, copy: Path, kit: Any, refuses: Any
) -> None:
    kit.post(stocked, *(f"t{number}" for number in range(2000)))
    stocked.maintain()
    with stocked.path.open("r+b") as file:
        file.seek(-40 * 4096, os.SEEK_END)
        file.write(os.urandom(30 * 4096))
    before = contents(copy.parent)
    stocked._connection.database.disconnect()
    text = refuses(LedgerError, lambda: stocked.backup(copy))
    assert f"the ledger {stocked.path} is damaged" in text
    assert contents(copy.parent) == before
