"""`readyd post` and the batch of a file: what is planned already, and a file that has changed since."""

import json
import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger import Ledger

Run = Callable[..., Any]
LINE = {"function": "serp/google/organic", "keyword": "k", "tag": "t:1"}


def add(path: Path, *keywords: str) -> str:
    with path.open("a") as file:
        file.writelines(json.dumps({**LINE, "keyword": one}) + "\n" for one in keywords)
    return str(path)


def counts(said: Any) -> tuple[int, int, int]:
    return said.code, said.json["planned"], said.json["known"]


@pytest.fixture
def changed(readyd: Run, tmp_path: Path) -> str:
    """A file of three lines, of which two were planned before the third was written."""
    file = add(tmp_path / "tasks.jsonl", "a", "b")
    assert counts(readyd("post", "--json", file)) == (0, 2, 0)
    return add(tmp_path / "tasks.jsonl", "c")


def test_a_file_that_has_changed_since_it_was_planned_is_refused(
    readyd: Run, book: Any, changed: str
) -> None:
    said = readyd("post", changed)
    assert (said.code, said.out) == (2, "")
    assert "has changed since 2 lines of it were planned" in said.err
    assert "paid for again; --again plans them all" in said.err
    assert readyd("tasks", "--json").json["total"] == 2


def test_one_that_was_only_touched_has_changed_too(readyd: Run, tmp_path: Path) -> None:
    file = add(tmp_path / "tasks.jsonl", "a")
    readyd("post", file)
    os.utime(file, (1_795_000_000, 1_795_000_000))
    said = readyd("post", file)
    assert said.code == 2
    assert "1 line of it was planned" in said.err


def test_again_plans_all_its_lines_once_more_and_need_not_be_said_twice(readyd: Run, changed: str) -> None:
    assert counts(readyd("post", "--json", "--again", changed)) == (0, 3, 0)
    for words in (["--again"], []):
        assert counts(readyd("post", "--json", *words, changed)) == (0, 0, 3)
    assert readyd("post", "--again", "--batch", "b", changed).code == 2


def test_the_batch_that_is_named_then_ties_the_file_to_what_was_planned(readyd: Run, changed: str) -> None:
    told = re.search(r"--batch ('[^']+')", readyd("post", changed).err)
    assert told is not None
    (batch,) = shlex.split(told[1])
    rehearsed = readyd("post", "--dry-run", "--json", "--batch", batch, changed).json
    assert (rehearsed["known"], rehearsed["calls"][0]["tasks"]) == (2, 1)
    assert counts(readyd("post", "--json", "--batch", batch, changed)) == (0, 1, 2)


def test_the_newest_batch_of_a_file_is_the_one_that_is_named(readyd: Run, book: Any, changed: str) -> None:
    newest = readyd("post", "--json", "--again", changed).json["batch"]
    add(Path(changed), "d")
    said = readyd("post", changed).err
    assert shlex.quote(newest) in said
    assert "3 lines of it" in said


def test_a_name_that_no_terminal_shows_can_be_named_again(readyd: Run, tmp_path: Path) -> None:
    file = Path(os.fsdecode(os.fsencode(tmp_path) + b"/it's \x1b[1m \xff.jsonl"))
    add(file, "a")
    readyd("post", str(file))
    add(file, "b")
    told = re.search(r"--batch (.+) only those", readyd("post", str(file)).err)
    assert told is not None
    (batch,) = shlex.split(told[1])
    assert counts(readyd("post", "--json", "--batch", batch, str(file))) == (0, 1, 1)


def test_a_copy_and_a_file_of_that_name_elsewhere_are_other_files(readyd: Run, tmp_path: Path) -> None:
    readyd("post", add(tmp_path / "tasks.jsonl", "a"))
    (tmp_path / "below").mkdir()
    for name in ("copy.jsonl", "below/tasks.jsonl"):
        assert counts(readyd("post", "--json", add(tmp_path / name, "a"))) == (0, 1, 0)


def test_what_was_withdrawn_before_the_file_was_corrected_does_not_count(readyd: Run, tmp_path: Path) -> None:
    file = add(tmp_path / "tasks.jsonl", "tpyo")
    first = readyd("post", "--json", file).json["batch"]
    add(tmp_path / "tasks.jsonl", "b")
    second = readyd("post", "--json", "--again", file).json["batch"]
    add(tmp_path / "tasks.jsonl", "c")
    readyd("withdraw", "--batch", second)
    assert shlex.quote(first) in readyd("post", file).err
    readyd("withdraw", "--batch", first)
    assert counts(readyd("post", "--json", file)) == (0, 3, 0)


# rehearsals


def test_a_rehearsal_says_what_is_planned_already_and_calls_for_the_rest(
    readyd: Run, book: Any, tmp_path: Path
) -> None:
    file = add(tmp_path / "tasks.jsonl", *map(str, range(150)))
    with Ledger.open(book.path) as ledger:
        ledger.plan([{**LINE, "keyword": str(number)} for number in range(60)], "b")
    said = readyd("post", "--dry-run", "--batch", "b", file)
    assert said.code == 0
    assert "POST /v3/serp/google/organic/task_post  90 tasks in 1 call\n" in said.out
    assert "60 lines of this batch were planned before, batch b\n" in said.out
    assert readyd("post", "--batch", "b", file).code == 0
    said = readyd("post", "--dry-run", "--json", "--batch", "b", file).json
    assert (said["calls"], said["known"], said["batch"]) == ([], 150, "b")
    assert readyd("tasks", "--json").json["total"] == 150


def test_a_rehearsal_of_a_changed_file_says_that_it_would_be_refused(readyd: Run, changed: str) -> None:
    said = readyd("post", "--dry-run", changed)
    assert said.code == 1
    assert "has changed since 2 lines" in said.err
    assert "3 tasks in 1 call" in said.out
    assert readyd("post", "--dry-run", "--json", changed).json["earlier"]["lines"] == 2
    again = readyd("post", "--dry-run", "--json", "--again", changed)
    assert (again.code, again.json["earlier"], again.json["known"]) == (0, None, 0)


# words


def test_one_line_was_and_two_lines_were(readyd: Run, tmp_path: Path) -> None:
    one, two = add(tmp_path / "one.jsonl", "a"), add(tmp_path / "two.jsonl", "a", "b")
    for file, words in ((one, "1 line of this batch was"), (two, "2 lines of this batch were")):
        readyd("post", file)
        assert (
            f"{words} planned before; to post them once more, name another --batch"
            in readyd("post", file).out
        )


def test_whoever_skips_bad_lines_hears_where_to_post_them(readyd: Run, tmp_path: Path) -> None:
    file = add(tmp_path / "tasks.jsonl", "a")
    with open(file, "a") as lines:
        lines.write("{\n")
    last = readyd("post", "--skip-bad", file).out.splitlines()[-1]
    assert last == (
        "post the corrected lines in a file of their own: of this one, once corrected, all lines would count as new"
    )
    last = readyd("post", "--skip-bad", "--batch", "b", file).out.splitlines()[-1]
    assert last == "post the corrected lines in a file of their own"


def test_the_help_says_what_a_change_is(readyd: Run) -> None:
    said = " ".join(readyd("post", "--help").out.split())
    assert "(touched, appended to, copied, moved), all its lines are new tasks, to be paid for again" in said
