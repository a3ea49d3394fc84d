"""Ids that the remote gives to planned tasks: each belongs to one of them, whatever the remote says."""

from contextlib import closing

from peewee import sqlite3

from ledger import Ledger
from ledger.intent_records import Fate, Finding, Intent
from ledger.records import Reason, State

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


def test_tasks_without_an_id_are_settled_each(book: Ledger) -> None:
    call, intents = posting(book, "a", "b")
    fates = [Fate(one.key, State.REJECTED, Reason.REFUSED, message="no") for one in intents]
    book.intents.end(call, fates, outcome="answered", code=20000, why=None, at=T0 + 1)
    assert set(states(book).values()) == {"rejected"}
