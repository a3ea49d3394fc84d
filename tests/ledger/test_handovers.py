"""What each target has and still waits for: found through transitions, in order of priority, and never forgotten."""

from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ledger import Ledger
from ledger.handover_records import HandoverTrouble
from ledger.records import Reason, State
from tests.driver import sqlite3
from tests.ledger.test_crash_points import Crash, Mortal

T0 = 1_795_000_000_000
EVER = 2 * T0


def home(book: Ledger, kit: Any, *ids: str, **more: Any) -> None:
    kit.post(book, *ids, **more)
    for task_id in ids:
        kit.collect(book, task_id)


def enrol(book: Ledger, name: str = "t", limit: int = 1000) -> list[str]:
    """Let everything that came home wait for a target."""
    found = []
    while True:
        fresh, seen = book.handovers.fresh(name, limit)
        if not seen:
            return found
        book.handovers.enrol(name, fresh, seen)
        found += [f"{one.task_id}{one.edition}" for one in fresh]


def drain(book: Ledger, name: str = "t") -> list[str]:
    """Take everything that waits, in order."""
    taken = []
    while one := book.handovers.next(name, T0, EVER):
        book.handovers.taken(one, T0)
        taken.append(f"{one.task_id}{one.edition}")
    return taken


def again(book: Ledger, kit: Any, task_id: str, edition: int) -> None:
    assert book.record_fixed([task_id], T0) == (task_id,)
    book.save_bodies([kit.body(task_id, b"anew", edition=edition)])
    assert book.settle([kit.settlement(task_id, State.READY)]) == (task_id,)


def test_a_new_target_begins_where_it_was_first_seen(book: Ledger, kit: Any) -> None:
    home(book, kit, "old")
    book.handovers.begin("t", "directory", T0, backfill=False)
    home(book, kit, "new")
    kit.post(book, "waiting")
    book.handovers.begin("t", "directory", T0 + 9, backfill=False)
    assert enrol(book) == ["new1"]
    target = book.handovers.target("t")
    assert target is not None
    assert target.first_seen_at == T0


@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_a_backfill_walks_through_everything_once_also_when_it_is_wished_for_later(
    book: Ledger, kit: Any, limit: int
) -> None:
    home(book, kit, "a", "b")
    book.handovers.begin("t", "directory", T0, backfill=False)
    home(book, kit, "c")
    assert enrol(book, limit=limit) == ["c1"]
    assert drain(book) == ["c1"]
    book.handovers.begin("t", "directory", T0, backfill=True)
    assert enrol(book, limit=limit) == ["a1", "b1", "c1"]
    assert drain(book) == ["a1", "b1"], "what it has is not handed over again"
    book.handovers.begin("t", "directory", T0, backfill=True)
    assert enrol(book) == []


def test_important_results_go_first_and_equal_ones_in_the_order_they_came_home(
    book: Ledger, kit: Any
) -> None:
    book.handovers.begin("t", "http", T0, backfill=False)
    home(book, kit, "z", "a")
    home(book, kit, "high", priority=2)
    enrol(book)
    assert drain(book) == ["high1", "z1", "a1"]


def test_each_edition_is_handed_over_as_itself(book: Ledger, kit: Any) -> None:
    book.handovers.begin("t", "http", T0, backfill=False)
    home(book, kit, "a")
    again(book, kit, "a", 2)
    assert enrol(book) == ["a1", "a2"]
    assert drain(book) == ["a1", "a2"]
    again(book, kit, "a", 3)
    assert enrol(book) == ["a3"]


def test_a_re_parsed_result_that_cannot_be_had_is_nothing_new(book: Ledger, kit: Any) -> None:
    book.handovers.begin("t", "http", T0, backfill=False)
    home(book, kit, "a")
    book.record_fixed(["a"], T0)
    kept = kit.settlement("a", State.READY, State.COLLECTED, reason=Reason.KEPT, code=40401)
    assert book.settle([kept]) == ("a",)
    assert enrol(book) == ["a1"]


def test_targets_do_not_see_each_other(book: Ledger, kit: Any) -> None:
    for name in ("one", "other"):
        book.handovers.begin(name, "http", T0, backfill=False)
    home(book, kit, "a")
    enrol(book, "one")
    enrol(book, "other")
    assert drain(book, "one") == ["a1"]
    counts = {one.name: (one.waiting, one.handed) for one in book.handovers.targets()}
    assert counts == {"one": (0, 1), "other": (1, 0)}


def trouble(next_try_at: int, **more: Any) -> HandoverTrouble:
    facts: dict[str, Any] = {
        "attempts": 1, "failures": 2, "failing_since": T0, "target_next_try_at": T0 + 5, "problem": "why", **more,
    }  # fmt: skip
    return HandoverTrouble(next_try_at=next_try_at, **facts)


def test_a_result_that_failed_waits_and_others_pass_it(book: Ledger, kit: Any) -> None:
    book.handovers.begin("t", "http", T0, backfill=False)
    home(book, kit, "a", "b")
    enrol(book)
    one = book.handovers.next("t", T0, EVER)
    assert one is not None
    assert one.task_id == "a"
    book.handovers.failed(one, trouble(T0 + 10, attempts=7))
    target = book.handovers.targets()[0]
    assert (target.failures, target.failing_since, target.next_try_at, target.problem) == (
        2,
        T0,
        T0 + 5,
        "why",
    )
    assert (target.waiting, target.stuck) == (2, 1)
    assert drain(book) == ["b1"]
    target = book.handovers.targets()[0]
    assert (target.failures, target.failing_since, target.next_try_at) == (0, None, None)
    assert book.handovers.next_due("t") == T0 + 10
    held = book.handovers.next("t", T0 + 10, EVER)
    assert held is not None
    assert held.attempts == 7
    assert book.handovers.next("t", T0, T0 + 9) == held, "noted before the clock was set back"
    assert book.handovers.retry("t") == 1
    assert drain(book) == ["a1"]
    assert book.handovers.next_due("t") is None


def test_taking_the_same_result_twice_counts_once(book: Ledger, kit: Any) -> None:
    book.handovers.begin("t", "http", T0, backfill=False)
    home(book, kit, "a")
    enrol(book)
    one = book.handovers.next("t", T0, EVER)
    assert one is not None
    for _ in range(2):
        book.handovers.taken(one, T0)
    assert book.handovers.targets()[0].handed == 1


def test_a_crash_at_any_write_repeats_at_most_one_hand_over_and_loses_none(tmp_path: Path, kit: Any) -> None:
    def crash() -> None:
        raise Crash

    Mortal.die = staticmethod(crash)
    for point in count(1):
        path = tmp_path / str(point) / "ledger.db"
        with Ledger.open(path) as book:
            book.handovers.begin("t", "http", T0, backfill=False)
            home(book, kit, "a", "b", "c")
        arrived: list[str] = []

        def work(path: Path, driver: Any, arrived: list[str]) -> None:
            with Ledger.open(path, driver=driver) as book:
                book.handovers.begin("t", "http", T0, backfill=False)
                enrol(book, limit=2)
                while one := book.handovers.next("t", T0, EVER):
                    arrived.append(one.task_id)
                    book.handovers.taken(one, T0)

        Mortal.left = point
        try:
            work(path, Mortal, arrived)
        except Crash:
            died = True
        else:
            died = False
        Mortal.left = 0
        work(path, Mortal, arrived)
        assert sorted(set(arrived)) == ["a", "b", "c"]
        assert len(arrived) <= 4
        with Ledger.open(path) as book:
            assert book.handovers.targets()[0].handed == 3
        kit.check(path)
        if not died:
            break
    assert point > 15


def test_a_new_target_of_a_large_ledger_costs_no_walk_over_it(path: Path, kit: Any) -> None:
    with Ledger.open(path) as book:
        home(book, kit, "a")
        for name in ("t", "old"):
            book.handovers.begin(name, "http", T0, backfill=False)
    steps = [0]
    with closing(sqlite3.connect(path)) as database:
        database.executescript(
            """
            insert into task (id, function, state, posted_at, recorded_at)
            with recursive n (i) as (select 1 union all select i + 1 from n where i < 30000)
            select 'x' || i, 'f', 'collected', 1, 1 from n;
            insert into transition (task_id, to_state, reason, at)
            select id, 'collected', 'fetched', 1 from task where id like 'x%';
            insert into handover (target, task_id, edition, priority, transition_id, handed_at)
            select 'old', task_id, 1, 1, id, 1 from transition where task_id like 'x%';
            """
        )
        database.commit()
    with Ledger.open(path) as book:
        driver = book._connection.database.driver()
        driver.set_progress_handler(lambda: steps.__setitem__(0, steps[0] + 1), 100)
        book.handovers.begin("late", "http", T0, backfill=False)
        home(book, kit, "new")
        assert enrol(book, "late") == ["new1"]
        assert drain(book, "late") == ["new1"]
        assert drain(book, "old") == []
        assert [one.waiting for one in book.handovers.targets()] == [0, 0, 0]
        assert steps[0] < 100, "as many steps as for an empty ledger"
        fresh, seen = book.handovers.fresh("t", 2000)
        assert (len(fresh), seen > 0) == (2000, True)
        assert steps[0] < 4000, "a part of a backfill looks at a part"
