"""`prioritise`, `backup` and `export`: what they change, what they leave alone, and that they can be run again."""

import gzip
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger import Ledger
from ledger.lock import DaemonLock
from ledger.reader import Reader
from ledger.records import Body

Run = Callable[..., Any]
GMB = "business_data/google/my_business_info"


def priorities(book: Any) -> dict[str, int]:
    with sqlite3.connect(f"file:{book.path}?mode=ro", uri=True) as database:
        found = dict(database.execute("select id, priority from task"))
    database.close()
    return found


# prioritise


def test_tasks_get_a_priority_by_id_and_the_others_keep_theirs(readyd: Run, book: Any) -> None:
    ids = book.post(3)
    said = readyd("prioritise", ids[1], "--priority", "9")
    assert (said.code, said.out) == (0, "1 task now has priority 9\n")
    assert priorities(book) == {ids[0]: 1, ids[1]: 9, ids[2]: 1}


def test_tasks_get_a_priority_by_function_and_tag(readyd: Run, book: Any) -> None:
    ids = book.post(12)
    others = book.post(4, GMB)
    assert readyd("prioritise", "--tag", "t:1*", "--function", "serp/*", "--priority", "5").code == 0
    assert [one for one, priority in priorities(book).items() if priority == 5] == [ids[1], ids[10], ids[11]]
    said = readyd("prioritise", "--function", GMB, "--priority", "0", "--json")
    assert said.json == {"priority": 0, "changed": 4, "settled": []}
    assert {priorities(book)[one] for one in others} == {0}


def test_a_settled_task_is_left_alone_and_named(readyd: Run, book: Any) -> None:
    ids = book.post(2)
    book.collect(ids[:1])
    said = readyd("prioritise", *ids, "--priority", "3")
    assert said.code == 1
    assert "1 task now has priority 3" in said.out
    assert f"task {ids[0]} is settled" in said.err
    assert priorities(book) == {ids[0]: 1, ids[1]: 3}


def test_prioritise_works_while_the_daemon_runs(readyd: Run, book: Any) -> None:
    ids = book.post(1)
    with DaemonLock(book.path), Ledger.open(book.path) as ledger:
        assert readyd("prioritise", ids[0], "--priority", "7").code == 0
        task = ledger.tasks.get(ids[0])
    assert task is not None
    assert (task.priority, task.priority_source) == (7, "user")


@pytest.mark.parametrize(
    "words",
    [
        ["--priority", "3"],
        ["--tag", "x", "--priority", "1001"],
        ["--tag", "x", "--priority", "-1"],
        ["--tag", "x", "--priority", "99999999999999999999999"],
        ["--tag", "x"],
        ["nope", "--priority", "3"],
        ["11231402-1535-0066-0000-000000000000", "--tag", "x", "--priority", "3"],
    ],
)
def test_a_wish_that_cannot_be_meant_changes_nothing(readyd: Run, book: Any, words: list[str]) -> None:
    book.post(2)
    said = readyd("prioritise", *words)
    assert said.code == 2
    assert said.err.startswith("readyd: ")
    assert set(priorities(book).values()) == {1}


# backup


@pytest.mark.parametrize("name", ["copy", "copy/", "copy/other.db"])
def test_a_backup_is_a_ledger_like_any_other(readyd: Run, book: Any, tmp_path: Path, name: str) -> None:
    ids = book.post(3)
    book.collect(ids[:1])
    with DaemonLock(book.path), Ledger.open(book.path):
        said = readyd("backup", f"{tmp_path}/{name}")
    assert said.code == 0, said.err
    copy = tmp_path / "copy" / ("other.db" if name.endswith(".db") else "ledger.db")
    assert str(copy) in said.out
    shown = readyd("--ledger", str(copy), "show", ids[0], "--result")
    assert shown.out.encode() == book.result(ids[0])


def test_a_backup_onto_the_ledger_itself_is_refused(readyd: Run, book: Any) -> None:
    book.post(1)
    for place in (book.path, book.path.parent):
        said = readyd("backup", str(place))
        assert said.code == 2
        assert said.err.count("\n") == 1
    assert readyd("tasks", "--json").json["total"] == 1


def test_a_backup_replaces_copies_of_the_ledger_and_nothing_else(
    readyd: Run, book: Any, tmp_path: Path
) -> None:
    book.post(1)
    mine = tmp_path / "tasks.jsonl"
    mine.write_text("my tasks")
    said = readyd("backup", str(mine))
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert f"{mine} is there already and is no copy made by readyd backup" in said.err
    assert mine.read_text() == "my tasks"
    for _ in range(2):
        assert readyd("backup", str(tmp_path / "nightly")).code == 0
    copy = str(tmp_path / "nightly" / "ledger.db")
    for look in (["status"], ["check"], ["tasks"], ["export", "--to", str(tmp_path / "out")]):
        readyd("--ledger", copy, *look)
    assert readyd("backup", str(tmp_path / "nightly")).code == 0, "looking into a copy changes nothing"
    with DaemonLock(copy):
        said = readyd("backup", str(tmp_path / "nightly"))
    assert (said.code, "its lock is held" in said.err) == (2, True)


def test_nothing_is_made_where_no_ledger_is(readyd: Run, book: Any, tmp_path: Path) -> None:
    for words in (["backup", str(tmp_path / "copy")], ["prioritise", "--tag", "x", "--priority", "2"]):
        assert readyd(*words).code == 78
    assert not book.path.parent.exists()
    assert not (tmp_path / "copy").exists()


# export


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_a_directory_gets_one_file_per_result_byte_for_byte(readyd: Run, book: Any, tmp_path: Path) -> None:
    ids = book.post(5)
    book.collect(ids[:3])
    said = readyd("export", "--to", str(tmp_path / "out"))
    assert said.code == 0
    assert "3 results written" in said.out
    found = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert found == {f"{one}.json": book.result(one) for one in ids[:3]}


def test_an_export_to_a_directory_goes_on_where_it_was_cut_off(
    readyd: Run, book: Any, tmp_path: Path
) -> None:
    ids = book.post(6)
    book.collect(ids)
    out = tmp_path / "out"
    readyd("export", "--to", str(out))
    (out / f"{ids[0]}.json").unlink()
    os.truncate(out / f"{ids[1]}.json", 20)
    (out / f".{ids[2]}.json.unfinished").write_text("half a res")
    kept = (out / f"{ids[3]}.json").stat().st_ino
    said = readyd("export", "--to", str(out), "--json")
    assert said.json == {"to": str(out), "written": 2, "kept": 4, "without": 0, "damaged": []}
    assert (out / f"{ids[3]}.json").stat().st_ino == kept
    assert {path.read_bytes() for path in out.glob("[!.]*.json")} == {book.result(one) for one in ids}


def test_an_export_to_lines_goes_on_wherever_it_was_cut_off(readyd: Run, book: Any, tmp_path: Path) -> None:
    ids = book.post(4)
    book.collect(ids)
    file = tmp_path / "out.jsonl"
    readyd("export", "--to", str(file))
    whole = file.read_bytes()
    assert [line["id"] for line in lines(file)] == ids
    for length in (0, 1, 5, 8, 60, len(whole) // 2, len(whole) - 2, len(whole) - 1, len(whole)):
        file.write_bytes(whole[:length])
        assert readyd("export", "--to", str(file)).code == 0
        assert file.read_bytes() == whole, length


def test_a_line_has_what_is_known_and_the_answer(readyd: Run, book: Any, tmp_path: Path) -> None:
    ids = book.post(1, tag='quotes " and \\ and 日本')
    book.collect(ids)
    readyd("export", "--to", str(tmp_path / "out.jsonl"))
    line = lines(tmp_path / "out.jsonl")[0]
    assert line["tag"] == 'quotes " and \\ and 日本'
    assert (line["function"], line["state"], line["variant"]) == (
        "serp/google/organic",
        "collected",
        "advanced",
    )
    assert line["answer"] == json.loads(book.result(ids[0]))


def test_running_it_again_adds_what_came_in_since(readyd: Run, book: Any, tmp_path: Path) -> None:
    ids = book.post(4)
    book.collect(ids[2:])
    for target in ("out.jsonl", "out"):
        readyd("export", "--to", str(tmp_path / target))
    book.collect(ids[:2])
    for target in ("out.jsonl", "out"):
        said = readyd("export", "--to", str(tmp_path / target), "--json")
        assert (said.json["written"], said.json["kept"]) == (2, 2)
    assert sorted(line["id"] for line in lines(tmp_path / "out.jsonl")) == ids


def test_a_result_that_was_fetched_again_is_written_again(readyd: Run, book: Any, tmp_path: Path) -> None:
    ids = book.post(1)
    book.collect(ids)
    readyd("export", "--to", str(tmp_path / "out"))
    newer = book.result(ids[0]).replace(b"1", b"2")
    with Ledger.open(book.path) as ledger:
        body = Body(ids[0], "advanced", gzip.compress(newer), len(newer), 20000, book.now)
        ledger.save_bodies([body])
    readyd("export", "--to", str(tmp_path / "out"))
    assert (tmp_path / "out" / f"{ids[0]}.json").read_bytes() == newer


def test_a_re_parsed_result_is_exported_in_its_newest_edition(readyd: Run, book: Any, tmp_path: Path) -> None:
    (one,) = book.post(1)
    book.collect([one], hours_ago=0.5)
    out, grown = tmp_path / "out", tmp_path / "out.jsonl"
    for target in (out, grown):
        assert readyd("export", "--to", str(target)).code == 0
    book.reparse([one])
    book.collect([one], hours_ago=0.1, edition=2)
    for target in (out, grown):
        said = readyd("export", "--to", str(target), "--json").json
        assert (said["written"], said["kept"]) == (1, 0)
        said = readyd("export", "--to", str(target), "--json").json
        assert (said["written"], said["kept"]) == (0, 1)
    (file,) = out.iterdir()
    assert file.read_bytes() == book.result(one, 2)
    told = [(line["edition"], line["answer"]["tasks"][0]["result"]) for line in lines(grown)]
    assert told == [(1, [{"n": 1}]), (2, [{"n": 2}])], "the newest comes last"


def test_filters_choose_what_is_exported(process: Run, book: Any) -> None:
    ids, others = book.post(3), book.post(2, GMB)
    book.collect([*ids, *others])
    done = process("export", "--to", "-", "--function", "business*")
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == others
    assert done.stderr == b"2 results written to standard output\n"


def test_a_file_of_somebody_else_is_left_alone(readyd: Run, book: Any, tmp_path: Path) -> None:
    ids = book.post(1)
    book.collect(ids)
    for content in (b'{"other": 1}\n', b"text", b'{"id":"x"}\n', b"\x00" * 100, b"\n"):
        file = tmp_path / "mine.json"
        file.write_bytes(content)
        said = readyd("export", "--to", str(file))
        assert (said.code, said.err.count("\n")) == (2, 1)
        assert file.read_bytes() == content


def test_two_exports_do_not_write_one_file(readyd: Run, book: Any, tmp_path: Path) -> None:
    import fcntl

    book.collect(book.post(1))
    file = tmp_path / "out.jsonl"
    with file.open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        said = readyd("export", "--to", str(file))
    assert said.code == 2
    assert "another export" in said.err


def test_a_damaged_result_is_named_and_the_others_are_written(readyd: Run, book: Any, tmp_path: Path) -> None:
    ids = book.post(3)
    book.collect(ids)
    with Ledger.open(book.path) as ledger:
        broken = Body(ids[1], "advanced", gzip.compress(b"x" * 99)[:-6], 99, 20000, book.now)
        ledger.save_bodies([broken])
    said = readyd("export", "--to", str(tmp_path / "out"))
    assert said.code == 1
    assert ids[1] in said.err
    assert len(list((tmp_path / "out").iterdir())) == 2
    assert readyd("show", ids[1], "--result").code == 78


def test_a_task_without_a_result_is_counted(readyd: Run, book: Any, tmp_path: Path) -> None:
    ids = book.post(2)
    book.fail(ids[:1])
    said = readyd("export", "--to", str(tmp_path / "out"))
    assert (said.code, said.out) == (0, f"0 results written to {tmp_path / 'out'}, 1 task without a result\n")


def test_a_place_that_cannot_be_written_is_one_sentence(readyd: Run, book: Any, tmp_path: Path) -> None:
    book.collect(book.post(1))
    (tmp_path / "file").write_text("")
    for place in (
        tmp_path / "file" / "below",
        tmp_path / ("x" * 300),
        "/proc/readyd-out",
        "/dev/full/x.jsonl",
    ):
        for command in (["export", "--to"], ["backup"]):
            said = readyd(*command, str(place))
            assert said.code == 2, said
            assert said.err.count("\n") == 1
    assert readyd("export", "--to", "-", "--json").code == 2


def test_an_id_of_the_remote_cannot_leave_the_directory(readyd: Run, book: Any, tmp_path: Path) -> None:
    from daemon.cli.destinations import Directory

    with Ledger.open(book.path) as ledger:
        ledger.record_posted(book.answer(["plain"]))
    with Reader.open(book.path) as reader:
        task = reader.task("plain")
    assert task is not None
    from dataclasses import replace

    target = Directory(tmp_path / "out")
    for hostile in ("../../evil", "..", "/etc/passwd", ".hidden", "a/b"):
        place = target._file(replace(task, id=hostile))
        assert place.parent == tmp_path / "out"
        assert not place.name.startswith(".")
