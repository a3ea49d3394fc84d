"""`readyd record` takes what the remote accepted, once, and says why it does not take the rest."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger import Ledger
from ledger.reader import Reader
from ledger.times import HOUR_MS

Run = Callable[..., Any]
IDS = [f"11231402-1535-0066-0000-{number:012d}" for number in range(6)]


def write(path: Path, *answers: object) -> str:
    path.write_text("\n".join(json.dumps(one) for one in answers))
    return str(path)


def test_answers_are_recorded_once(readyd: Run, book: Any, tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", book.answer(IDS[:3]), book.answer(IDS[3:]))
    first = readyd("record", "--json", file)
    assert (first.code, first.json["accepted"]) == (0, IDS)
    again = readyd("record", "--json", file)
    assert (again.code, again.json) == (0, {"accepted": [], "known": IDS, "rejected": []})
    assert "0 tasks recorded, 6 known already" in readyd("record", file).out


def test_several_files_and_standard_input(readyd: Run, book: Any, tmp_path: Path) -> None:
    one = write(tmp_path / "1.json", book.answer(IDS[:1]))
    two = tmp_path / "2.json"
    two.write_text(json.dumps(book.answer(IDS[1:2]), indent=2))
    said = readyd("record", "--json", one, "-", str(two), stdin=json.dumps(book.answer(IDS[2:4])))
    assert said.json["accepted"] == [IDS[0], IDS[2], IDS[3], IDS[1]]
    assert readyd("record", "--json", stdin=json.dumps(book.answer(IDS[4:]))).json["accepted"] == IDS[4:]


def test_each_rejected_entry_has_its_place_and_a_reason(readyd: Run, book: Any, tmp_path: Path) -> None:
    mixed = book.answer(IDS[:2])
    mixed["tasks"].append({"id": IDS[2], "status_code": 40501, "status_message": "Invalid Field: 'keyword'."})
    file = write(tmp_path / "a.jsonl", book.answer(IDS[3:]), mixed)
    said = readyd("record", file)
    assert said.code == 1
    assert "5 tasks recorded, 1 rejected" in said.out
    assert f"readyd: {file} line 2, entry 2: " in said.err
    rejected = readyd("record", "--json", file).json["rejected"]
    assert [(one["file"], one["line"], one["position"], one["code"]) for one in rejected] == [
        (file, 2, 2, 40501)
    ]


def test_a_broken_line_costs_only_itself(readyd: Run, book: Any, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps(book.answer(IDS[:2])) + '\n{"tasks": [\n' + json.dumps(book.answer(IDS[2:])))
    said = readyd("record", "--json", str(file))
    assert said.code == 1
    assert said.json["accepted"] == IDS
    assert [one["line"] for one in said.json["rejected"]] == [2]


def test_tasks_count_as_posted_when_their_file_was_last_changed(
    readyd: Run, book: Any, tmp_path: Path
) -> None:
    file = write(tmp_path / "old.json", book.answer(IDS[:1]))
    at = book.ago(30)
    os.utime(file, (at / 1000, at / 1000))
    readyd("record", file)
    with Reader.open(book.path) as reader:
        task = reader.task(IDS[0])
    assert task is not None
    assert abs(task.posted_at - at) < 1000


@pytest.mark.parametrize("seconds", [0, 315532800, 4102444800])
def test_a_file_with_an_impossible_date_counts_as_now(
    readyd: Run, book: Any, tmp_path: Path, seconds: int
) -> None:
    file = write(tmp_path / "odd.json", book.answer(IDS[:1]))
    os.utime(file, (seconds, seconds))
    readyd("record", file)
    with Reader.open(book.path) as reader:
        task = reader.task(IDS[0])
    assert task is not None
    assert 0 <= task.posted_at - book.now < HOUR_MS


def test_posted_at_wins_over_the_file(readyd: Run, book: Any, tmp_path: Path) -> None:
    file = write(tmp_path / "a.json", book.answer(IDS[:1]))
    assert readyd("record", "--posted-at", "2026-01-02T03:04:05Z", file).code == 0
    with Reader.open(book.path) as reader:
        task = reader.task(IDS[0])
    assert task is not None
    assert task.posted_at == 1_767_323_045_000


@pytest.mark.parametrize("text", ["noon", "2026-01-02", "2999-01-01T00:00Z"])
def test_an_impossible_time_is_refused_before_anything_is_recorded(
    readyd: Run, book: Any, tmp_path: Path, text: str
) -> None:
    said = readyd("record", "--posted-at", text, write(tmp_path / "a.json", book.answer(IDS)))
    assert said.code == 2
    assert text in said.err
    assert readyd("tasks", "--json").json["total"] == 0


def test_a_typo_in_the_last_name_records_nothing(readyd: Run, book: Any, tmp_path: Path) -> None:
    good = write(tmp_path / "a.json", book.answer(IDS))
    said = readyd("record", good, str(tmp_path / "b.json"))
    assert said.code == 2
    assert "b.json cannot be read: No such file" in said.err
    assert not book.path.exists()


def test_recording_works_while_a_daemon_holds_the_ledger(readyd: Run, book: Any, tmp_path: Path) -> None:
    from ledger.lock import DaemonLock

    with DaemonLock(book.path), Ledger.open(book.path):
        said = readyd("record", "--json", write(tmp_path / "a.json", book.answer(IDS)))
    assert said.json["accepted"] == IDS


def test_many_reasons_are_summed_up(readyd: Run, book: Any) -> None:
    said = readyd("record", stdin='{"x": 1}\n' * 80)
    assert said.code == 1
    assert said.err.count("\n") == 51
    assert "30 more" in said.err


def test_what_a_rejected_entry_holds_cannot_act_on_the_terminal(readyd: Run, book: Any) -> None:
    entry = {"id": "\x1b[2J", "status_code": 40501, "status_message": "\x1b]0;title\x07"}
    said = readyd("record", stdin=json.dumps({"tasks": [entry]}))
    assert said.code == 1
    assert "\x1b" not in said.err
