"""`readyd targets`: what each target has, waits for and says, and another try at a person's word."""

from pathlib import Path
from typing import Any

import pytest

from ledger import Ledger
from ledger.handover_records import HandoverTrouble

CANARY = "cAn4ry"


@pytest.fixture
def config(tmp_path: Path) -> str:
    """Settings with two targets."""
    file = tmp_path / "readyd.toml"
    file.write_text(
        '[[target]]\nname = "files"\nkind = "directory"\npath = "/srv/results"\n'
        f'[[target]]\nname = "app"\nkind = "http"\nurl = "https://example.com/in?key={CANARY}"\n'
    )
    return str(file)


@pytest.fixture
def handed(book: Any) -> None:
    """Three results: one handed over to `app`, one that failed, one that waits; `old` left the settings."""
    ids = book.post(3)
    with Ledger.open(book.path) as ledger:
        for name in ("app", "old"):
            ledger.handovers.begin(name, "http", book.ago(1), backfill=False)
    book.collect(ids)
    with Ledger.open(book.path) as ledger:
        ledger.handovers.enrol("app", *ledger.handovers.fresh("app", 100))
        first = ledger.handovers.next("app", book.now, book.now)
        assert first
        ledger.handovers.taken(first, book.ago(0.1))
        second = ledger.handovers.next("app", book.now, book.now)
        assert second
        later = book.now + 300_000
        trouble = HandoverTrouble(1, later, 2, book.ago(0.05), later, "it answered 503")
        ledger.handovers.failed(second, trouble)


def test_targets_are_shown_with_what_waits_and_what_went_wrong(
    readyd: Any, book: Any, handed: None, config: str
) -> None:
    said = readyd("targets", "--config", config)
    assert said.code == 1
    lines = {line.split()[0]: line for line in said.out.splitlines()}
    assert lines["app"].split()[:4] == ["app", "http", "2", "1"]
    assert "it answered 503" in lines["app"]
    assert "in 4m" in lines["app"] or "in 5m" in lines["app"]
    assert lines["files"].split()[:4] == ["files", "directory", "0", "0"]
    assert "not in the settings" in lines["old"]
    assert CANARY not in said.out + said.err


def test_targets_as_json(readyd: Any, book: Any, handed: None, config: str) -> None:
    said = readyd("targets", "--json", "--config", config)
    app, files, old = said.json
    assert (app["name"], app["waiting"], app["handed"], app["failures"]) == ("app", 2, 1, 2)
    assert (app["problem"], app["configured"]) == ("it answered 503", True)
    assert (files["first_seen_at"], files["configured"]) == (None, True)
    assert old["configured"] is False


def test_a_person_may_ask_for_another_try(readyd: Any, book: Any, handed: None, config: str) -> None:
    said = readyd("targets", "retry", "app", "--config", config)
    assert (said.code, said.out) == (0, "2 results for app may be tried now\n")
    with Ledger.open(book.path) as ledger:
        target = ledger.handovers.target("app")
        assert target is not None
        assert target.next_try_at is None
        assert ledger.handovers.next_due("app") is None


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["retry"], "name the target"),
        (["retry", "nobody"], "known are app, old"),
        (["again", "app"], "targets cannot 'again'; give it retry NAME, or nothing"),
    ],
)
def test_a_wrong_word_is_explained(readyd: Any, book: Any, handed: None, words: list[str], part: str) -> None:
    said = readyd("targets", *words)
    assert said.code == 2
    assert part in said.err


def test_without_targets_the_way_to_one_is_told(readyd: Any, book: Any) -> None:
    book.post(1)
    said = readyd("targets")
    assert (said.code, said.out) == (0, "")
    assert "[[target]]" in said.err
