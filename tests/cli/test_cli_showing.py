"""`show` tells all that is known of one task, or writes its result, byte for byte."""

from collections.abc import Callable
from typing import Any

import pytest

from ledger import Ledger

Run = Callable[..., Any]
GMB = "business_data/google/my_business_info"


# show


def test_show_tells_all_that_is_known(readyd: Run, book: Any) -> None:
    ids = book.post(2, tag="urgent:1", priority=2)
    book.look(ids)
    book.collect(ids[:1])
    ready, collected = readyd("show", ids[1]).out, readyd("show", ids[0]).out
    assert "ready: done at the remote" in ready
    assert "left: fresh" in ready
    assert "urgent:1" in ready
    assert "collected: its result is here" in collected
    assert "advanced, " in collected
    assert [line.split("  ")[-1] for line in collected.splitlines()[-3:]] == [
        "posted: recorded",
        "posted to ready: listed",
        "ready to collected: fetched",
    ]


def test_the_beginning_of_an_id_is_enough_when_it_is_the_only_one(readyd: Run, book: Any) -> None:
    ids = book.post(20)
    assert ids[0] in readyd("show", ids[0]).out
    said = readyd("show", ids[0][:30])
    assert said.code == 2
    assert ids[0] in said.err
    assert "and more" in said.err
    assert said.err.count("\n") == 1


def test_a_prefix_of_one_task_finds_it_among_others(readyd: Run, book: Any) -> None:
    ids = book.post(0x11)
    only = ids[0x10]
    assert readyd("show", only[:35], "--json").json["id"] == only


def test_an_exact_id_wins_over_longer_ones(readyd: Run, book: Any) -> None:
    answer = {
        "tasks": [
            {
                "id": one,
                "status_code": 20100,
                "path": ["v3", "serp", "google", "organic", "task_post"],
                "data": {},
            }
            for one in ("abc", "abcd")
        ]
    }
    with Ledger.open(book.path) as ledger:
        assert len(ledger.record_posted(answer).accepted) == 2
    assert readyd("show", "abc", "--json").json["id"] == "abc"


@pytest.mark.parametrize(
    "wrong", ["zzz", "1" * 200, "*", "%", "", " ", "\x00", "11231402-1535-0066-0000-0000000000001"]
)
def test_an_unknown_id_is_one_sentence(readyd: Run, book: Any, wrong: str) -> None:
    book.post(1)
    said = readyd("show", wrong)
    assert said.code == 2
    assert said.err.startswith("readyd: ")
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_a_result_is_written_byte_for_byte(process: Run, book: Any) -> None:
    ids = book.post(1)
    book.collect(ids)
    done = process("show", ids[0], "--result")
    assert (done.returncode, done.stdout, done.stderr) == (0, book.result(ids[0]), b"")


def test_a_variant_that_is_not_here_is_named(readyd: Run, book: Any) -> None:
    ids = book.post(1)
    book.collect(ids, variant="html")
    assert readyd("show", ids[0], "--result", "--variant", "html").code == 0
    said = readyd("show", ids[0], "--result", "--variant", "regular")
    assert said.code == 1
    assert "is here as html, not as regular" in said.err


def test_a_result_that_is_not_here_is_said_and_stdout_stays_empty(readyd: Run, book: Any) -> None:
    ids = book.post(1)
    said = readyd("show", ids[0], "--result")
    assert (said.code, said.out) == (1, "")
    assert "posted" in said.err


def test_show_as_json_has_history_and_result(readyd: Run, book: Any) -> None:
    ids = book.post(1)
    book.collect(ids)
    known = readyd("show", ids[0], "--json").json
    assert [move["to_state"] for move in known["history"]] == ["posted", "ready", "collected"]
    assert known["result"]["variant"] == "advanced"
    assert known["variants"] == ["advanced"]
    assert known["band"] is None
