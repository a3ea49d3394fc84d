"""`readyd post`, `repost` and `spend`: lines checked, planned once, and paid for."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger import Ledger

LINE = {"function": "serp/google/organic", "keyword": "k", "tag": "t:1"}


def written(path: Path, *lines: object) -> str:
    path.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in lines))
    return str(path)


def test_a_file_is_planned_once_however_often_it_is_given(readyd: Any, tmp_path: Path) -> None:
    file = written(tmp_path / "tasks.jsonl", LINE, "", LINE, {**LINE, "priority": 2})
    first, again = readyd("post", "--json", file), readyd("post", "--json", file)
    assert (first.code, first.json["planned"], first.json["known"]) == (0, 3, 0)
    assert (again.code, again.json["planned"], again.json["known"]) == (0, 0, 3)
    assert readyd("post", "--json", "--batch", "more", file).json["planned"] == 3
    listed = readyd("tasks", "--state", "planned", "--tag", "t:*", "--json").json["tasks"]
    assert len(listed) == 6
    assert {one["tag"] for one in listed} == {"t:1"}
    assert "to post them once more" in readyd("post", file).out


def test_nothing_of_a_bad_file_is_planned_unless_the_bad_lines_are_left_out(
    readyd: Any, tmp_path: Path
) -> None:
    file = written(
        tmp_path / "tasks.jsonl", LINE, "{", [LINE], {**LINE, "function": "serp/gogle/organic"}, LINE
    )
    said = readyd("post", file)
    assert said.code == 1
    assert [line[:17] for line in said.err.splitlines()] == [f"readyd: line {n}: i"[:17] for n in (2, 3)] + [
        "readyd: line 4: t"
    ]
    assert "nothing was planned" in said.out
    skipped = readyd("post", "--json", "--skip-bad", file)
    assert (skipped.code, skipped.json["planned"], skipped.json["bad_count"]) == (1, 2, 3)


def test_a_rehearsal_shows_the_calls_and_touches_nothing(readyd: Any, book: Any, tmp_path: Path) -> None:
    file = written(tmp_path / "tasks.jsonl", *[LINE] * 250, {"function": "on_page", "target": "a.example"})
    said = readyd("post", "--dry-run", "--json", file)
    assert said.json["calls"] == [
        {"path": "/v3/on_page/task_post", "tasks": 1, "calls": 1},
        {"path": "/v3/serp/google/organic/task_post", "tasks": 250, "calls": 3},
    ]
    assert "nothing was planned or sent" in readyd("post", "--dry-run", file).out
    assert not book.path.exists()


def test_standard_input_needs_a_batch_so_that_it_is_planned_once(readyd: Any, book: Any) -> None:
    text = json.dumps(LINE)
    for more in ([], ["--dry-run"], ["--skip-bad", "--json"]):
        said = readyd("post", *more, "-", stdin=text)
        assert (said.code, said.out) == (2, "")
        assert "paid for twice; name their batch: ... | readyd post --batch " in said.err
    assert not book.path.exists()
    named = [readyd("post", "--json", "--batch", "b", "-", stdin=text).json["planned"] for _ in range(2)]
    assert named == [1, 0]


@pytest.mark.parametrize("empty", ["", " "])
def test_a_batch_without_a_name_is_refused_whatever_it_is_of(
    readyd: Any, book: Any, tmp_path: Path, empty: str
) -> None:
    for name in ("-", written(tmp_path / "tasks.jsonl", LINE)):
        said = readyd("post", "--batch", empty, name, stdin=json.dumps(LINE))
        assert said.code == 2
        assert "--batch has an empty name" in said.err
    assert not book.path.exists()
    with Ledger.open(book.path) as ledger, pytest.raises(ValueError, match="the batch has an empty name"):
        ledger.plan([LINE], empty)


@pytest.mark.parametrize(
    "text", [b"\xff\xfe", b'{"a": ' * 9_999, b"NaN", b"1", b'"\\ud800', b'{"function": 1}']
)
def test_nonsense_is_a_sentence(readyd: Any, text: bytes) -> None:
    said = readyd("post", "--batch", "b", "-", stdin=text)
    assert said.code == 1
    assert said.err.startswith("readyd: line 1: it ")
    assert "bug" not in said.err


def test_a_file_that_is_not_there_is_wrong_use(readyd: Any, tmp_path: Path) -> None:
    assert readyd("post", str(tmp_path / "none")).code == 2
    assert readyd("post", str(tmp_path)).code == 2


def test_a_large_file_does_not_lie_in_memory(
    process: Callable[..., subprocess.CompletedProcess[bytes]], environ: dict[str, str], tmp_path: Path
) -> None:
    """A process that plans 20,000 lines of 2 kB needs hardly more than one that plans a single line."""
    peaks = []
    for count in (1, 20_000):
        file = tmp_path / f"{count}.jsonl"
        with file.open("w") as lines:
            lines.writelines(
                json.dumps({**LINE, "keyword": f"k{n}", "x": "y" * 2_000}) + "\n" for n in range(count)
            )
        code = (
            "import resource, sys; from daemon.cli.main import run\n"
            "code = run(['post', '--dry-run', sys.argv[1]]) or run(['post', sys.argv[1]])\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss); sys.exit(code)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(file)], env=environ, capture_output=True, timeout=110, check=True
        )
        peaks.append(int(done.stdout.split()[-1]))
    assert peaks[1] - peaks[0] < 25_000, "kB; the file has 40 MB"


def test_a_task_in_doubt_is_decided_by_a_person(readyd: Any, book: Any) -> None:
    with Ledger.open(book.path) as ledger:
        ledger.plan([LINE, {**LINE, "keyword": "l"}], "b", now=book.ago(1))
        intents = ledger.intents.next(LINE["function"], book.now, book.now, 2)
        ledger.intents.begin(LINE["function"], intents[:1], book.ago(0.5))
        ledger.intents.begin(LINE["function"], intents[1:], book.now)
    old, young = (one.task_id for one in intents)
    assert "until then it is not posted again" in readyd("explain", old).out
    said = readyd("repost", "--json", old, young)
    assert (said.code, said.json) == (1, {"moved": [old], "left": [young]})
    assert readyd("show", "--json", old).json["state"] == "planned"


def test_spending_is_added_up_as_the_api_said_it(readyd: Any, book: Any) -> None:
    book.post(3, hours_ago=1, tag="a")
    book.post(2, "merchant/amazon/products", hours_ago=1, tag="b")
    by_function = readyd("spend", "--by", "function", "--json").json
    assert [(one["function"], one["tasks"], one["cost"]) for one in by_function["groups"]] == [
        ("serp/google/organic", 3, 0.0018),
        ("merchant/amazon/products", 2, 0.0012),
    ]
    assert by_function["cost"] == 0.003
    assert {one["tag"] for one in readyd("spend", "--by", "tag", "--json").json["groups"]} == {"a", "b"}
    assert "refunds later" in readyd("spend").out
    assert readyd("spend", "--since", "tomorrow").code == 2


@pytest.mark.parametrize("columns", ["80", "100"])
def test_the_help_shows_a_line_that_can_be_copied(
    readyd: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    said = readyd("post", "--help").out
    assert "\\b" not in said
    (line,) = (one.strip() for one in said.splitlines() if one.strip().startswith("{"))
    assert readyd("post", "--dry-run", written(tmp_path / "tasks.jsonl", line)).code == 0


@pytest.mark.parametrize("command", [["post", "--batch", "b"], ["record"]], ids=lambda words: words[0])
def test_what_is_no_json_is_said_with_its_own_line_and_column(readyd: Any, command: list[str]) -> None:
    said = readyd(*command, "-", stdin=f'{json.dumps(LINE)}\n{{"a":,}}\n{{\n')
    second, third = said.err.splitlines()[-2:]
    assert "line 2" in second
    assert second.endswith("no JSON: Expecting value at column 6")
    assert "line 3" in third
    assert third.endswith("at column 2")
