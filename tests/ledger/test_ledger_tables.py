"""Polls, alerts, facts and bodies, on real files."""

from dataclasses import replace
from typing import Any

import pytest

from ledger import Ledger, LedgerError
from ledger.records import (
    State,
)

T0 = 1_795_000_000_000
MINUTE = 60_000
SERP = "serp/google/organic"


# polls ------------------------------------------------------------------------------------------------


def test_a_call_is_written_before_it_is_made(book: Ledger, kit: Any) -> None:
    poll = book.polls.begin(kit.listing, "due", T0)
    assert kit.rows(book.path, "select id, asked_at, outcome, answered_at from poll") == [
        (poll, T0, None, None)
    ]
    look = book.polls.looks()[kit.listing]
    assert (look.asked_at, look.answered_at, look.clear_at, look.failures) == (T0, None, None, 0)
    assert book.polls.last_answered_at() is None


def test_calls_that_bring_no_list_are_counted_until_one_does(book: Ledger, kit: Any) -> None:
    for number, (outcome, answered_at) in enumerate([("unreachable", None), ("throttled", T0 + 1)]):
        poll = book.polls.begin(kit.listing, "due", T0 + number)
        book.close_poll(poll, kit.listing, outcome=outcome, code=40202 * number or None, at=T0 + number)
        row = kit.rows(book.path, "select outcome, answered_at from poll where id = ?", poll)
        assert row == [(outcome, answered_at)]
        assert book.polls.looks()[kit.listing].failures == number + 1
    kit.look(book, at=T0 + 10)
    look = book.polls.looks()[kit.listing]
    assert (look.failures, look.answered_at, look.asked_at) == (0, T0 + 10, T0 + 10 - 500)
    assert book.polls.last_answered_at() == T0 + 10


def test_a_poll_that_was_never_begun_cannot_end(book: Ledger, kit: Any, refuses: Any) -> None:
    kit.post(book, "a")
    poll = book.polls.begin(kit.listing, "due", T0)
    for number, listing in ((poll + 1, kit.listing), (poll, "/v3/other/tasks_ready")):
        refuses(
            LedgerError, lambda n=number, p=listing: book.close_poll(n, p, outcome="refused", code=1, at=T0)
        )
        refuses(
            LedgerError,
            lambda n=number, p=listing: book.record_look(
                n, p, [kit.sighting("a")], [], saturated=False, rows=1, foreign=0, clear=True, lag_ms=0, at=T0
            ),
        )
    assert book.tasks.states_of(["a"]) == {"a": State.POSTED}


def test_calls_since_an_instant_seed_the_budget_and_old_ones_are_pruned(book: Ledger, kit: Any) -> None:
    for at in (T0 + 30, T0, T0 + 10):
        book.polls.begin(kit.listing, "due", at)
    assert book.polls.asked_since(T0 + 10) == [T0 + 10, T0 + 30]
    assert book.polls.prune(T0 + 10) == 1
    assert book.polls.asked_since(0) == [T0 + 10, T0 + 30]
    assert book.polls.looks()[kit.listing] is not None


# alerts and facts -------------------------------------------------------------------------------------


def test_an_alert_opens_escalates_and_closes(book: Ledger, kit: Any) -> None:
    (opened,) = book.alerts.write([kit.alert()])
    assert opened.id is not None
    assert book.alerts.open() == [opened]

    worse = replace(opened, step="urgent", count=5, escalated_at=T0 + 5, task_ids=("c",))
    assert book.alerts.write([worse]) == [worse]
    assert book.alerts.open() == [worse]
    book.alerts.write([replace(worse, closed_at=T0 + 9)])
    assert book.alerts.open() == []


def test_closing_and_opening_the_same_condition_fits_in_one_write(book: Ledger, kit: Any) -> None:

    (opened,) = book.alerts.write([kit.alert()])
    new, closed = book.alerts.write([kit.alert(step="urgent"), replace(opened, closed_at=T0 + 1)])
    assert (new.step, closed.id) == ("urgent", opened.id)
    assert book.alerts.open() == [new]


def test_a_second_open_alert_of_one_condition_is_refused_whole(book: Ledger, kit: Any, refuses: Any) -> None:
    book.alerts.write([kit.alert()])
    refuses(LedgerError, lambda: book.alerts.write([kit.alert(kind="other"), kit.alert()]))
    assert [one.kind for one in book.alerts.open()] == ["expiring"]
    refuses(LedgerError, lambda: book.alerts.write([kit.alert(id=99)]))
    book.alerts.write([kit.alert(kind="other")])


def test_facts_replace_older_ones(book: Ledger) -> None:
    assert book.facts.get("pid") is None
    book.facts.put("pid", "1", T0)
    book.facts.put("pid", "2", T0 + 1)
    assert book.facts.get("pid") == "2"


# bodies -------------------------------------------------------------------------------------------------


def test_a_body_comes_back_as_it_went_in(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    content = bytes(range(256)) * 9
    body = kit.body("a", content)
    book.save_bodies([body])
    assert book.bodies.load("a", T0) == body
    assert book.bodies.load("a", T0, "html") is None
    assert book.bodies.load("b", T0) is None
    assert book.bodies.count() == 1


def test_a_repeated_body_replaces_the_first(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    book.save_bodies([kit.body("a", b"one")])
    book.save_bodies([kit.body("a", b"two", at=T0 + 1), kit.body("a", b"<html>", variant="html", at=T0 + 2)])
    assert book.bodies.count() == 2
    assert book.bodies.load("a", T0, "advanced").gzip == b"two"
    assert book.bodies.load("a", T0).variant == "html"
    assert book.bodies.variants("a", T0) == ["html", "advanced"]


def test_bodies_lie_in_the_month_of_recording(book: Ledger, kit: Any) -> None:
    month = 31 * 86_400_000
    names = [f"m{number}" for number in range(6)]
    for number, name in enumerate(names):
        kit.post(book, name, at=T0 + number * month)
    book.save_bodies([kit.body(name, name.encode()) for name in names])
    files = sorted(file.name for file in (book.path.parent / "results").glob("*.db"))
    assert files == ["2026-11.db", "2026-12.db", "2027-01.db", "2027-02.db", "2027-03.db", "2027-04.db"]
    assert [book.bodies.load(name, T0 + number * month).gzip for number, name in enumerate(names)] == [
        name.encode() for name in names
    ]
    assert book.bodies.count() == 6
    assert len(book.bodies._open) == 3


def test_a_month_without_results_makes_no_file(book: Ledger) -> None:
    assert book.bodies.load("a", T0) is None
    assert book.bodies.variants("a", T0) == []
    assert book.bodies.count() == 0
    assert not (book.path.parent / "results").exists()


def test_a_body_of_an_unknown_task_is_refused_and_keeps_nothing(book: Ledger, kit: Any, refuses: Any) -> None:
    kit.post(book, "a")
    text = refuses(LedgerError, lambda: book.save_bodies([kit.body("a"), kit.body("ghost")]))
    assert "ghost" in text
    assert book.bodies.count() == 0


def test_maintenance_empties_the_log(book: Ledger, kit: Any) -> None:
    kit.post(book, *(f"t{number}" for number in range(500)))
    book.maintain()
    assert book._connection.database.rows("pragma wal_checkpoint(passive)")[0][0] == 0
    assert book.tasks.get("t499") is not None


@pytest.mark.parametrize("verb", ["begin", "put", "block"])
def test_a_verb_that_fails_inside_leaves_the_ledger_usable(
    book: Ledger, kit: Any, refuses: Any, verb: str
) -> None:
    kit.post(book, "a")
    act = {
        "begin": lambda: book.polls.begin(kit.listing, "due", 10**30),
        "put": lambda: book.facts.put("a", "\ud800", T0),
        "block": lambda: book.tasks.block(["a"], 10**30),
    }[verb]
    refuses(LedgerError, act)
    book.facts.put("a", "fine", T0)
    assert book.facts.get("a") == "fine"
