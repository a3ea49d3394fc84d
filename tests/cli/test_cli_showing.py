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


# editions


def test_a_re_parsed_task_shows_its_editions_and_writes_the_newest(
    readyd: Run, process: Run, book: Any
) -> None:
    (one,) = book.post(1)
    book.collect([one], hours_ago=0.5)
    assert "edition" not in readyd("show", one).out
    book.reparse([one])
    text = readyd("show", one).out
    assert "ready: parsed anew by the remote; the new result is not here yet, the earlier one is" in text
    assert "on the list" not in text, "nobody says how long"
    assert "\nparsed anew  by 20" in text
    assert "\ndone " not in text
    assert process("show", one, "--result").stdout == book.result(one), "what is here can be had"
    book.collect([one], hours_ago=0.1, edition=2)
    lines = [line.split()[:2] for line in readyd("show", one).out.splitlines() if line.startswith("edition")]
    assert lines == [["edition", "2"], ["edition", "1"]]
    assert process("show", one, "--result").stdout == book.result(one, 2)
    for edition in (1, 2):
        assert process("show", one, "--result", "--edition", str(edition)).stdout == book.result(one, edition)


def test_editions_are_there_for_machines_too(readyd: Run, book: Any) -> None:
    (one,) = book.post(1)
    book.collect([one], variant="html")
    book.reparse([one])
    book.collect([one], hours_ago=0.1, edition=2)
    known = readyd("show", one, "--json").json
    assert [(each["edition"], each["variant"]) for each in known["editions"]] == [
        (2, "advanced"),
        (1, "html"),
    ]
    assert known["result"]["edition"] == 2
    assert readyd("show", one, "--json", "--edition", "1").json["result"]["variant"] == "html"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--edition", "3"], "is here as edition 2 (advanced), edition 1 (html), not as edition 3"),
        (["--edition", "2", "--variant", "html"], "not as edition 2 (html)"),
        (["--variant", "regular"], "is here as advanced, html, not as regular"),
    ],
)
def test_an_edition_that_is_not_here_is_named(readyd: Run, book: Any, words: list[str], said: str) -> None:
    (one,) = book.post(1)
    book.collect([one], variant="html")
    book.reparse([one])
    book.collect([one], hours_ago=0.1, edition=2)
    answer = readyd("show", one, "--result", *words)
    assert (answer.code, answer.out) == (1, "")
    assert said in answer.err
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize("wrong", ["0", "-1", "newest"])
def test_an_edition_is_a_number_from_one_on(readyd: Run, book: Any, wrong: str) -> None:
    (one,) = book.post(1)
    said = readyd("show", one, "--result", "--edition", wrong)
    assert (said.code, said.out) == (2, "")


def test_an_edition_without_the_result_is_said_to_do_nothing(readyd: Run, book: Any) -> None:
    (one,) = book.post(1)
    book.collect([one])
    said = readyd("show", one, "--edition", "1")
    assert said.code == 2
    assert "needs --result" in said.err
