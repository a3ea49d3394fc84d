"""Planned tasks of a copy that is worked on are in doubt: they may have been posted since it was made."""

from pathlib import Path
from typing import Any

import pytest

from ledger import Ledger
from ledger.reader import Reader, TaskFilter
from ledger.records import State
from ledger.restored import PROOFS

T0 = 1_795_000_000_000
SERP = "serp/google/organic"
VOLUME = "keywords_data/google_ads/search_volume"


@pytest.fixture
def copy(book: Ledger, tmp_path: Path) -> Path:
    lines = [
        {"function": SERP, "keyword": "tea"},
        {"function": SERP, "keyword": "cup"},
        {"function": VOLUME, "keywords": ["a"]},
    ]
    book.plan(lines, "batch", now=T0)
    target = tmp_path / "copies" / "ledger.db"
    book.backup(target, T0 + 5)
    return target


def states(path: Path) -> set[State]:
    with Reader.open(path) as reader:
        return {task.state for task in reader.tasks(TaskFilter())}


def test_a_copy_that_is_opened_to_write_is_not_sure_of_its_plans(copy: Path, kit: Any) -> None:
    assert states(copy) == {State.PLANNED}, "looking at it changes nothing"
    with Ledger.open(copy) as ledger:
        calls = ledger.intents.unknown()
        assert [(one.function, one.begun_at, one.tasks) for one in calls] == [
            (VOLUME, T0 + 5, 1),
            (SERP, T0 + 5, 2),
        ]
        assert ledger.intents.next(SERP, T0 + 10, T0 + 10, 100) == []
    assert states(copy) == {State.POSTING}
    kit.check(copy)


def test_it_is_put_in_doubt_once(copy: Path) -> None:
    with Ledger.open(copy) as ledger:
        (volume, serp) = ledger.intents.unknown()
        ledger.intents.absent([volume.call_id, serp.call_id], T0 + 10)
    with Ledger.open(copy) as ledger:
        assert ledger.intents.unknown() == []
    assert states(copy) == {State.PLANNED}


def test_the_ledger_that_was_copied_stays_sure(book: Ledger, copy: Path) -> None:
    assert copy.exists()
    assert len(book.intents.next(SERP, T0 + 10, T0 + 10, 100)) == 2
    assert states(book.path) == {State.PLANNED}


def test_a_half_finished_proof_of_absence_is_not_restored(book: Ledger, tmp_path: Path) -> None:
    """What was posted since would count for nothing in it."""
    book.facts.put(PROOFS, '{"noticed": {"1": 5}}', T0)
    book.backup(tmp_path / "copies" / "ledger.db", T0 + 5)
    with Ledger.open(tmp_path / "copies" / "ledger.db") as ledger:
        assert ledger.facts.get(PROOFS) is None
    assert book.facts.get(PROOFS) is not None
