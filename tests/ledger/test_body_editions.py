"""Re-parsed tasks: they come back, and their new results are kept beside the old ones."""

from pathlib import Path
from typing import Any

import pytest

from ledger import Ledger, LedgerError
from ledger.reader import Reader
from ledger.records import Evidence, Reason, Sighting, State

T0 = 1_795_000_000_000
MINUTE = 60_000
COLLECTED = T0 + 15 * MINUTE
FIXED = T0 + 60 * MINUTE


def collected(book: Ledger, kit: Any, *ids: str) -> None:
    kit.post(book, *ids)
    for task_id in ids:
        kit.collect(book, task_id, at=COLLECTED)


# record_fixed -----------------------------------------------------------------------------------------


def test_a_collected_task_that_was_parsed_anew_is_ready_again(book: Ledger, kit: Any) -> None:
    collected(book, kit, "a")
    assert book.record_fixed(["a", "a"], FIXED) == ("a",)
    task = book.tasks.get("a")
    assert (task.state, task.ready_at, task.earliest_done_at, task.latest_done_at) == (
        State.READY,
        FIXED,
        FIXED,
        FIXED,
    )
    assert (task.settled_at, task.attempts, task.next_try_at) == (None, 0, None)
    last = kit.rows(book.path, "select from_state, to_state, reason, at from transition order by id desc")[0]
    assert last == ("collected", "ready", "fixed", FIXED)
    assert [one.id for one in book.tasks.candidates(FIXED)] == ["a"]
    kit.check(book.path)


def test_a_delivered_task_that_was_parsed_anew_is_ready_again(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", postback_url="https://example.org")
    book.settle([kit.settlement("a", State.POSTED, State.DELIVERED, reason=Reason.DELIVERED)])
    assert book.record_fixed(["a"], FIXED) == ("a",)
    assert book.tasks.editions_of(["a"]) == {"a": 2}


def test_other_tasks_that_were_parsed_anew_stay_what_they_are(book: Ledger, kit: Any) -> None:
    kit.post(book, "posted", "ready", "failed", "lost")
    kit.look(book, "ready", at=T0 + MINUTE)
    for name in ("failed", "lost"):
        book.settle([kit.settlement(name, State.POSTED, State(name))])
    before = [kit.rows(book.path, f"select * from {table}") for table in ("task", "transition")]
    ids = ["posted", "ready", "failed", "lost", "nobody", "\ud800"]
    assert book.record_fixed(ids, FIXED) == ()
    assert book.record_fixed([], FIXED) == ()
    assert [kit.rows(book.path, f"select * from {table}") for table in ("task", "transition")] == before


def test_hearing_of_the_same_re_parse_twice_moves_once(book: Ledger, kit: Any) -> None:
    collected(book, kit, "a")
    assert book.record_fixed(["a"], FIXED) == ("a",)
    assert book.record_fixed(["a"], FIXED + 1) == ()
    assert book.tasks.editions_of(["a"]) == {"a": 2}


def test_looks_and_audits_keep_the_time_of_the_re_parse(book: Ledger, kit: Any) -> None:
    collected(book, kit, "a")
    kit.audit(book, Evidence("a", T0 + MINUTE, None), at=COLLECTED + 1)
    book.record_fixed(["a"], FIXED)
    kit.look(book, sightings=[Sighting("a", None, None, None, None)], at=FIXED + MINUTE)
    for done_at in (T0 + MINUTE, COLLECTED):
        assert kit.audit(book, Evidence("a", done_at, None), at=FIXED + 2 * MINUTE).exact == 0
    assert book.tasks.get("a").earliest_done_at == book.tasks.get("a").latest_done_at == FIXED
    # A completion after the earlier result was settled can only be that of the re-parse.
    assert kit.audit(book, Evidence("a", COLLECTED + 1, None), at=FIXED + 3 * MINUTE).exact == 1
    assert book.tasks.get("a").earliest_done_at == book.tasks.get("a").latest_done_at == COLLECTED + 1


# editions_of ------------------------------------------------------------------------------------------


def test_the_edition_counts_re_parses_and_nothing_else(book: Ledger, kit: Any) -> None:
    collected(book, kit, "a", "b")
    kit.post(book, "c", "delivery", postback_url="https://example.org")
    book.settle([kit.settlement("delivery", State.POSTED, State.DELIVERED, reason=Reason.DELIVERED)])
    kit.look(book, "delivery", at=FIXED)
    for number in range(2):
        book.record_fixed(["a"], FIXED + number)
        book.save_bodies([kit.body("a", edition=2 + number)])
        book.settle([kit.settlement("a", State.READY, done_at=FIXED + number)])
    ids = ["a", "b", "c", "delivery", "nobody", "\ud800", "a"]
    assert book.tasks.editions_of(ids) == {"a": 3, "b": 1, "c": 1, "delivery": 1}
    assert book.tasks.editions_of([]) == {}


def test_a_crash_between_body_and_state_leads_to_the_same_edition(book: Ledger, kit: Any) -> None:
    collected(book, kit, "a")
    book.record_fixed(["a"], FIXED)
    for content in (b"fetched, then a crash", b"fetched again"):
        (edition,) = book.tasks.editions_of(["a"]).values()
        book.save_bodies([kit.body("a", content, edition=edition)])
    book.settle([kit.settlement("a", State.READY, done_at=FIXED)])
    assert book.tasks.editions_of(["a"]) == {"a": 2}
    assert [book.bodies.load("a", T0, edition=number).gzip for number in (1, 2)] == [
        b"gzip",
        b"fetched again",
    ]


# bodies -----------------------------------------------------------------------------------------------


def test_editions_lie_beside_each_other_and_the_newest_comes_first(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", "b")
    first = kit.body("a", b"one", at=T0)
    late = kit.body("a", b"<html>", variant="html", at=T0 + 9)
    second = kit.body("a", b"second", at=T0 + 5, edition=2)
    third = kit.body("a", b"3", at=T0 + 4, edition=3)
    book.save_bodies([third, first, late, second, kit.body("b")])
    with Reader.open(book.path) as reader:
        task = reader.task("a")
        assert reader.body(task) == third
        assert reader.body(task, "advanced") == third
        assert reader.body(task, "html") == late
        assert reader.body(task, edition=1) == late
        assert reader.body(task, "advanced", 1) == first
        assert reader.body(task, "advanced", 2) == second
        assert reader.body(task, "html", 2) is None
        assert reader.variants(task) == ["advanced", "html"]
        editions = reader.editions("a")
        assert editions == [
            ("advanced", 3, 20000, 1, T0 + 4),
            ("advanced", 2, 20000, 6, T0 + 5),
            ("html", 1, 20000, 6, T0 + 9),
            ("advanced", 1, 20000, 3, T0),
        ]
        assert (editions[0].variant, editions[0].edition, editions[0].fetched_at) == ("advanced", 3, T0 + 4)
        assert reader.editions("nobody") == []
        assert reader.totals().bodies == 5
    assert book.bodies.count() == 5


def test_a_repeated_edition_replaces_itself_alone(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    book.save_bodies([kit.body("a", b"one"), kit.body("a", b"two", edition=2)])
    book.save_bodies([kit.body("a", b"two again", at=T0 + 1, edition=2)])
    book.save_bodies([kit.body("a", b"one again", at=T0 + 2)])
    assert book.bodies.count() == 2
    assert book.bodies.load("a", T0).gzip == b"two again"
    assert book.bodies.load("a", T0, edition=1).gzip == b"one again"


@pytest.mark.parametrize("edition", [0, -1])
def test_an_edition_below_the_first_is_refused(book: Ledger, kit: Any, refuses: Any, edition: int) -> None:
    kit.post(book, "a")
    refuses(LedgerError, lambda: book.save_bodies([kit.body("a"), kit.body("a", edition=edition)]))
    assert book.bodies.count() == 0


def test_a_result_that_only_a_re_parse_brought_counts_as_here(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", postback_url="https://example.org")
    book.settle([kit.settlement("a", State.POSTED, State.DELIVERED, reason=Reason.DELIVERED)])
    book.record_fixed(["a"], FIXED)
    book.save_bodies([kit.body("a", edition=2)])
    book.settle([kit.settlement("a", State.READY, done_at=FIXED)])
    kit.check(book.path)
    assert book.bodies.variants("a", T0) == ["advanced"]


def test_a_copy_holds_every_edition(book: Ledger, kit: Any, tmp_path: Path) -> None:
    collected(book, kit, "a")
    book.save_bodies([kit.body("a", b"second", edition=2)])
    book.backup(tmp_path / "copies" / "ledger.db")
    with Reader.open(tmp_path / "copies" / "ledger.db") as copy:
        assert [(one.edition, one.size) for one in copy.editions("a")] == [(2, 6), (1, 4)]
        assert copy.body(copy.task("a")).gzip == b"second"
