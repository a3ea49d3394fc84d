"""Who keeps outstanding tasks in mind meets all of them once, and then hears of every change that matters."""

import itertools
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import Ledger
from ledger.changes import Mark
from ledger.records import Evidence, Postponement, PrioritySource, State
from tests.driver import sqlite3

T0 = 1_795_000_000_000
FUNCTIONS = ("serp/google/organic", "serp/google/maps", "merchant/google/products")


def news(book: Ledger, mark: Mark, most: int = 99) -> set[str]:
    return set(book.changes.since(mark, most)[0])


# changes ------------------------------------------------------------------------------------------------


def test_whatever_makes_a_task_more_urgent_is_told(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", "b", "c", "d")
    kit.collect(book, "d")
    mark = book.changes.here()
    assert news(book, mark) == set()
    steps: dict[str, Any] = {
        "new": lambda: kit.post(book, "new"),
        "a": lambda: kit.look(book, "a", at=T0 + 1),
        "b": lambda: kit.audit(book, Evidence("b", T0 + 1, None), at=T0 + 1),
        "c": lambda: book.tasks.block(["c"], T0 + 1),
        "d": lambda: book.record_fixed(["d"], T0 + 2),
    }
    for name, step in steps.items():
        step()
        found, mark = book.changes.since(mark, 99)
        assert set(found) == {name}
        assert book.changes.since(mark, 99) == ([], mark), "told once"


def test_a_priority_is_told_whoever_changes_it_and_only_when_it_changes(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", "b", "c", "d", "home")
    kit.collect(book, "home")
    mark = book.changes.here()
    book.tasks.set_priorities([("a", 9), ("b", 1), ("home", 9)], PrioritySource.RULE)
    assert news(book, mark) == {"a"}
    with Ledger.open(book.path) as other:
        other.tasks.set_priorities([("b", 5)], PrioritySource.USER)
    with closing(sqlite3.connect(book.path)) as hand:
        hand.execute("update task set priority = 7 where id in ('c', 'home')")
        hand.commit()
    assert news(book, mark) == {"a", "b", "c"}


def test_what_makes_a_task_less_urgent_costs_no_note(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", "b")
    book.tasks.block(["a"], T0)
    mark = book.changes.here()
    book.postpone([Postponement("a", 1, T0 + 500, 40602, None, T0)])
    book.tasks.unblock_except([])
    kit.audit(book, Evidence("b", None, None), at=T0 + 5)
    assert news(book, mark) == set()


@pytest.mark.parametrize("most", [1, 2, 7])
def test_many_changes_are_told_in_parts_and_none_is_left_out(book: Ledger, kit: Any, most: int) -> None:
    mark = book.changes.here()
    names = [f"t{number}" for number in range(9)]
    kit.post(book, *names)
    book.tasks.block(names[:5], T0)  # all at the same instant
    book.tasks.set_priorities([(name, 5) for name in names[2:]], PrioritySource.USER)
    told: list[str] = []
    for _ in range(30):
        found, after = book.changes.since(mark, most)
        told += found
        if after == mark:
            break
        mark = after
    assert sorted(told) == sorted([*names, *names[:5], *names[2:]])
    assert mark == book.changes.here()


def test_notes_that_were_read_are_dropped_and_later_ones_are_told_all_the_same(
    book: Ledger, kit: Any
) -> None:
    kit.post(book, "a", "b", "c")
    book.tasks.set_priorities([("a", 5), ("b", 5)], PrioritySource.USER)
    mark = book.changes.here()
    book.tasks.set_priorities([("c", 5)], PrioritySource.USER)
    book.changes.forget(mark)
    book.changes.forget(mark)
    assert kit.rows(book.path, "select task_id from reprioritised order by id") == [("b",), ("c",)]
    assert news(book, mark) == {"c"}
    mark = book.changes.here()
    book.changes.forget(mark)
    book.tasks.set_priorities([("a", 6)], PrioritySource.USER)
    assert news(book, mark) == {"a"}


# walks --------------------------------------------------------------------------------------------------


def walked(book: Ledger, most: int) -> list[list[str]]:
    walk = book.walk()
    return [[one.id for one in page] for page in iter(lambda: walk.page(most), [])]


ROWS = st.lists(
    st.tuples(
        st.sampled_from(FUNCTIONS),
        st.sampled_from(["posted", "ready", "collected"]),
        st.integers(0, 1),  # posted at
        st.sampled_from(["none", "postback"]),
        st.integers(1, 2),  # priority
        *[st.none() | st.integers(0, 1)] * 4,  # blocked, ready, earliest, latest
    ),
    max_size=40,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("walks") / "ledger.db"
    Ledger.open(path).close()
    return path


@settings(max_examples=60, deadline=None)
@given(made=ROWS, most=st.integers(1, 9))
def test_a_walk_meets_every_outstanding_task_once_however_many_are_alike(
    shared: Path, made: list[tuple[object, ...]], most: int
) -> None:
    with Ledger.open(shared) as book:
        with book._connection.writing() as database:
            database.change("delete from task")
            database.executemany(
                """insert into task (id, recorded_at, function, state, posted_at, webhook, priority, blocked_at,
                                     ready_at, earliest_done_at, latest_done_at)
                   values (?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                [(f"t{number:02}", *row) for number, row in enumerate(made)],
            )
        pages = walked(book, most)
        met = [*itertools.chain(*pages)]
        states = [str(one.state) for one in book.tasks.still_outstanding(met).values()]
        assert sorted(met) == [f"t{n:02}" for n, row in enumerate(made) if row[1] != "collected"]
        assert [states[met.index(one)] for one in met] == sorted(states, reverse=True), "the ready ones first"
        assert all(len(page) <= most for page in pages)


def test_functions_take_turns(book: Ledger, kit: Any) -> None:
    for function in FUNCTIONS:
        names = [f"{function}-{number}" for number in range(5)]
        kit.post(book, *names, path=function)
        kit.look(book, *names, at=T0)
    first = [one.rpartition("-")[0] for page in walked(book, 2)[:3] for one in page]
    assert {one: first.count(one) for one in first} == dict.fromkeys(FUNCTIONS, 2)


def test_what_changes_during_a_walk_is_met_or_told(book: Ledger, kit: Any) -> None:
    names = [f"t{number:02}" for number in range(30)]
    kit.post(book, *names)
    for page in range(10):
        mark, walk = book.changes.here(), book.walk()
        met = {one.id for _ in range(page) for one in walk.page(3)}
        changed = names[page * 2 :: 7]
        kit.look(book, *changed[:2], at=T0 + page + 1)
        book.tasks.set_priorities([(name, page + 2) for name in changed[2:]], PrioritySource.USER)
        book.tasks.block(names[page::9], T0 + page)
        book.tasks.unblock_except([]) if page % 3 == 2 else None
        kit.post(book, f"new{page}", at=T0 - 9)
        names.append(f"new{page}")
        met |= {one.id for one in itertools.chain(*iter(lambda walk=walk: walk.page(3), []))}
        assert met | news(book, mark) == set(names)


def test_what_is_settled_is_outstanding_no_more(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", "b")
    kit.collect(book, "a")
    found = book.tasks.still_outstanding(["a", "b", "nobody"])
    assert {name: one.state for name, one in found.items()} == {"b": State.POSTED}
