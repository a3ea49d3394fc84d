"""Ids that the remote gives to planned tasks: each belongs to one of them, whatever the remote says."""

from contextlib import closing
from typing import Any

from ledger import Ledger
from ledger.intent_records import Fate, Finding, Intent
from ledger.records import Reason, State
from tests.driver import sqlite3

FUNCTION = "serp/google/organic"
T0 = 1_795_000_000_000


def posting(book: Ledger, *keywords: str) -> tuple[int, list[Intent]]:
    """Plan tasks, and begin a call with them."""
    book.plan([{"function": FUNCTION, "keyword": one} for one in keywords], " ".join(keywords), now=T0)
    intents = book.intents.next(FUNCTION, T0, T0, len(keywords))
    return book.intents.begin(FUNCTION, intents, T0), intents


def accept(book: Ledger, call: int, *given: tuple[Intent, str]) -> None:
    fates = [Fate(one.key, State.POSTED, Reason.ACCEPTED, task_id) for one, task_id in given]
    book.intents.end(call, fates, outcome="answered", code=20000, why=None, at=T0 + 1)


def states(book: Ledger) -> dict[str, str]:
    with closing(sqlite3.connect(book.path)) as reader:
        return dict(reader.execute("select id, state from task"))


def test_an_id_that_another_planned_task_has_leaves_the_task_in_doubt_and_costs_nobody_else_anything(
    book: Ledger,
) -> None:
    first, (a,) = posting(book, "a")
    accept(book, first, (a, "remote-1"))
    second, (b, c) = posting(book, "b", "c")
    accept(book, second, (b, "remote-1"), (c, "remote-2"))
    assert states(book) == {"remote-1": "posted", "remote-2": "posted", b.task_id: "posting"}


def test_a_list_that_shows_one_id_for_two_planned_tasks_tells_of_one(book: Ledger) -> None:
    _, (a, b) = posting(book, "a", "b")
    shown = [Finding(one.key, "remote-1", T0) for one in (a, b)]
    assert book.intents.found(shown, T0 + 1) == ("remote-1",)
    assert states(book) == {"remote-1": "posted", b.task_id: "posting"}
    assert book.intents.found(shown, T0 + 2) == (), "and of the other nothing new"


def test_the_same_finding_twice_is_one(book: Ledger) -> None:
    _, (a,) = posting(book, "a")
    shown = Finding(a.key, "remote-1", T0)
    assert book.intents.found([shown, shown], T0 + 1) == ("remote-1",)


def merged(book: Ledger) -> int:
    """A task whose first call was answered to somebody else becomes one with its plan, whose moves are the newest of
    the ledger; return the number of the newest one that anybody saw."""
    _, (a,) = posting(book, "a")
    answer = {
        "id": "remote-1",
        "status_code": 20100,
        "path": ["v3", *FUNCTION.split("/"), "task_post"],
        "data": {},
    }
    assert book.record_posted({"status_code": 20000, "tasks": [answer]}, T0, now=T0).accepted == ("remote-1",)
    book.intents.resolve([a.task_id], {State.PLANNED: Reason.REPOSTED}, T0 + 1, T0 + 1)
    book.intents.begin(FUNCTION, book.intents.next(FUNCTION, T0 + 1, T0 + 1, 1), T0 + 1)
    seen = book.changes.here().transition
    assert book.intents.found([Finding(a.key, "remote-1", T0)], T0 + 2) == ("remote-1",)
    assert states(book) == {"remote-1": "posted"}
    assert book.changes.here().transition < seen, "the history of the plan is gone"
    return seen


def test_what_comes_home_after_two_tasks_became_one_is_handed_over(book: Ledger, kit: Any) -> None:
    book.handovers.begin("target", "directory", T0, backfill=True)
    seen = merged(book)
    book.handovers.enrol("target", [], seen)
    mark = book.changes.here()._replace(transition=seen)
    kit.collect(book, "remote-1")
    (home,), _ = book.handovers.fresh("target", 500)
    assert home.task_id == "remote-1"
    assert set(book.changes.since(mark, 500)[0]) == {"remote-1"}
    kit.check(book.path)


def test_a_second_pair_that_becomes_one_lets_no_number_come_again(book: Ledger, kit: Any) -> None:
    seen = merged(book)
    kit.post(book, "x")
    kit.post(book, "remote-2")
    _, (b,) = posting(book, "b")
    assert book.intents.found([Finding(b.key, "remote-2", T0)], T0 + 3) == ("remote-2",)
    kit.collect(book, "x")
    numbers = [number for (number,) in kit.rows(book.path, "select id from transition order by id")]
    assert numbers[-1] > seen + 5, "two tasks posted, and three moves of the plan that are gone"
    kit.check(book.path)


def test_tasks_without_an_id_are_settled_each(book: Ledger) -> None:
    call, intents = posting(book, "a", "b")
    fates = [Fate(one.key, State.REJECTED, Reason.REFUSED, message="no") for one in intents]
    book.intents.end(call, fates, outcome="answered", code=20000, why=None, at=T0 + 1)
    assert set(states(book).values()) == {"rejected"}
