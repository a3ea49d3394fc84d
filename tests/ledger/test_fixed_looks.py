"""Calls of the lists of re-parsed tasks: beside those of Tasks Ready, and never taken for them."""

from typing import Any

import pytest

from ledger import Ledger, LedgerError
from ledger.looks import Window
from ledger.reader import Reader
from ledger.records import Reason, Settled, State

T0 = 1_795_000_000_000
MINUTE = 60_000
HOUR = 60 * MINUTE
FIXED = "/v3/serp/google/organic/tasks_fixed"


def ask(book: Ledger, *ids: str, at: int, rows: int | None = None, foreign: int = 0) -> tuple[str, ...]:
    """One whole call of the list that showed these ids."""
    poll = book.polls.begin(FIXED, "usual pace", at - 500)
    seen = Window(poll, FIXED, False, len(ids) if rows is None else rows, foreign, True, at)
    return book.record_fixed(ids, at, window=seen)


def test_the_two_kinds_of_lists_are_never_mixed_up(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    kit.look(book, "a", at=T0 + MINUTE)
    ask(book, at=T0 + HOUR, rows=7, foreign=7)
    assert set(book.polls.looks()) == {kit.listing}
    assert set(book.polls.fixed_looks()) == {FIXED}
    assert book.polls.last_answered_at() == T0 + MINUTE
    assert book.polls.asked_since(T0) == [T0 + MINUTE - 500, T0 + HOUR - 500], "they share the budget"
    with Reader.open(book.path) as reader:
        assert [look.listing for look in reader.looks()] == [kit.listing]
        assert reader.totals().last_answered_at == T0 + MINUTE
        assert [poll.listing for poll in reader.polls(9)] == [FIXED, kit.listing]


def test_what_a_list_showed_and_the_tasks_that_came_back_are_one_commit(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", "b")
    kit.collect(book, "a")
    assert ask(book, "a", "b", at=T0 + HOUR, foreign=3) == ("a",)
    (look,) = book.polls.fixed_looks().values()
    assert (look.asked_at, look.answered_at, look.rows, look.foreign, look.failures) == (
        T0 + HOUR - 500,
        T0 + HOUR,
        2,
        3,
        0,
    )
    assert kit.rows(book.path, "select outcome, ready from poll") == [("listed", 1)]
    never_begun = Window(99, FIXED, False, 0, 0, True, T0)
    kit.collect(book, "a", at=T0 + 2 * HOUR)
    with pytest.raises(LedgerError, match="never begun"):
        book.record_fixed(["a"], T0 + 3 * HOUR, window=never_begun)
    assert book.tasks.states_of(["a"]) == {"a": State.COLLECTED}, "nothing of it was written"


def test_a_list_is_fruitful_while_it_brought_something_back_lately(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    kit.collect(book, "a")
    kit.look(book, at=T0 + HOUR)
    ask(book, "a", at=T0 + HOUR)
    ask(book, "a", at=T0 + 2 * HOUR)
    assert book.polls.fruitful_since(T0 + HOUR - 500) == {FIXED}
    assert book.polls.fruitful_since(T0 + HOUR - 499) == frozenset()


def test_a_call_that_brought_no_list_counts_as_a_failure_of_its_list_alone(book: Ledger, kit: Any) -> None:
    kit.look(book, at=T0)
    poll = book.polls.begin(FIXED, "usual pace", T0 + MINUTE)
    book.close_poll(poll, FIXED, outcome="refused", code=40400, at=T0 + MINUTE)
    assert book.polls.fixed_looks()[FIXED].failures == 1
    assert book.polls.looks()[kit.listing].failures == 0


def test_how_a_task_stands_tells_its_edition(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", "b")
    kit.collect(book, "a", at=T0 + MINUTE)
    ids = ["a", "b", "nobody"]
    assert book.tasks.settled_of(ids) == {
        "a": Settled(State.COLLECTED, T0 + MINUTE, 1),
        "b": Settled(State.POSTED, None, 1),
    }
    book.record_fixed(["a"], T0 + HOUR)
    assert book.tasks.settled_of(["a"]) == {"a": Settled(State.READY, None, 2)}


def test_results_tell_their_functions_and_the_newest_posting_time(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", at=T0)
    kit.post(book, "b", at=T0 + MINUTE)
    kit.post(book, "c", path="serp/bing/organic")
    kit.post(book, "d", path="serp/google/maps")
    kit.post(book, "e", path="serp/google/news")
    for name, at in (("a", 3), ("b", 2), ("c", 1)):
        kit.collect(book, name, at=T0 + at * HOUR)
    book.settle([kit.settlement("d", State.POSTED, State.FAILED, done_at=T0 + HOUR)])
    assert book.tasks.results_since(T0 + HOUR) == {
        "serp/google/organic": T0 + MINUTE,
        "serp/bing/organic": T0,
    }
    assert book.tasks.results_since(T0 + HOUR + 1) == {"serp/google/organic": T0 + MINUTE}
    assert book.tasks.results_since(T0 + 3 * HOUR) == {"serp/google/organic": T0}


def test_tasks_that_became_ready_later_are_not_among_those_that_were(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", "b", "c")
    kit.post(book, "other", path="serp/bing/organic")
    kit.look(book, "a", "other", at=T0 + MINUTE)
    kit.look(book, "b", at=T0 + 2 * MINUTE)
    functions = ["serp/google/organic", "serp/google/maps"]
    assert [book.tasks.ready_by(functions, T0 + at) for at in (MINUTE - 1, MINUTE, 2 * MINUTE)] == [0, 1, 2]
    kit.collect(book, "a")
    assert book.tasks.ready_by(functions, T0 + HOUR) == 1


def test_moves_of_one_reason_are_found_back_to_an_instant(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", "b", postback_url="https://example.org")
    kit.post(book, "c")
    kit.look(book, "a", "c", at=T0 + MINUTE)
    kit.look(book, "b", at=T0 + 2 * MINUTE)
    assert book.tasks.moved_since(Reason.FAILED_DELIVERY, T0) == ("b", "a")
    assert book.tasks.moved_since(Reason.FAILED_DELIVERY, T0 + MINUTE) == ("b", "a")
    assert book.tasks.moved_since(Reason.FAILED_DELIVERY, T0 + MINUTE + 1) == ("b",)
    assert book.tasks.moved_since(Reason.FIXED, T0) == ()
