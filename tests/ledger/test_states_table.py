"""The transition table: what it holds is allowed, everything else is refused and changes nothing."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from ledger import Ledger, LedgerError
from ledger.moves import Move, apply
from ledger.records import Reason, State
from ledger.states import (
    ENTRY,
    OUTSTANDING,
    SETTLED,
    TRANSITIONS,
    IllegalTransitionError,
    diagram,
    require,
)

PAIRS = list(product(State, State))


def put(book: Ledger, kit: Any, state: State) -> None:
    """Bring task `a` into a state behind the ledger's back."""
    kit.post(book, "a")
    with book._connection.writing() as database:
        database.change("update task set state = ? where id = 'a'", [str(state)])


def dump(path: Path, kit: Any) -> list[Any]:
    return [kit.rows(path, "select * from task"), kit.rows(path, "select * from transition")]


@pytest.mark.parametrize(("origin", "to"), PAIRS)
def test_every_pair_outside_the_table_is_refused(origin: State, to: State) -> None:
    if to in TRANSITIONS[origin]:
        require("a", origin, to)
    else:
        with pytest.raises(IllegalTransitionError, match="the ledger is unchanged"):
            require("a", origin, to)


@pytest.mark.parametrize("to", list(State))
def test_a_task_enters_only_where_the_table_lets_it(to: State) -> None:
    if to in ENTRY:
        require("a", None, to)
    else:
        with pytest.raises(IllegalTransitionError):
            require("a", None, to)


def test_the_real_ledger_refuses_every_other_pair_and_stays_as_it_was(tmp_path: Path, kit: Any) -> None:
    for number, (origin, to) in enumerate(PAIRS):
        through_ready = origin is State.POSTED and to is State.COLLECTED
        if to in TRANSITIONS[origin] or through_ready:
            continue
        path = tmp_path / f"{number}.db" if number == 0 else tmp_path / "one.db"
        with Ledger.open(path) as book:
            if not book.tasks.states_of(["a"]):
                kit.post(book, "a")
            with book._connection.writing() as database:
                database.change("update task set state = ? where id = 'a'", [str(origin)])
            before = dump(path, kit)
            with pytest.raises(IllegalTransitionError):
                book.settle([kit.settlement("a", origin, to)])
            assert dump(path, kit) == before


@pytest.mark.parametrize(
    ("origin", "to"), [(origin, to) for origin in State for to in sorted(TRANSITIONS[origin])]
)
def test_the_real_ledger_makes_every_allowed_move_and_remembers_it(
    book: Ledger, kit: Any, origin: State, to: State
) -> None:
    put(book, kit, origin)
    assert book.settle([kit.settlement("a", origin, to, reason=Reason.FIXED)]) == ("a",)
    assert book.tasks.states_of(["a"]) == {"a": to}
    last = kit.rows(book.path, "select from_state, to_state, reason from transition order by id desc")[0]
    assert last == (str(origin), str(to), "fixed")


def test_one_illegal_move_takes_the_whole_batch_back(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", "b")
    with pytest.raises(IllegalTransitionError, match="task b cannot move from 'posted' to 'rejected'"):
        book.settle(
            [
                kit.settlement("a", State.POSTED, State.FAILED),
                kit.settlement("b", State.POSTED, State.REJECTED),
            ]
        )
    assert set(book.tasks.states_of(["a", "b"]).values()) == {State.POSTED}


def test_final_states_lead_nowhere_and_every_state_is_placed() -> None:
    assert {state for state in State if not TRANSITIONS[state]} == {State.FAILED, State.REJECTED}
    assert OUTSTANDING.isdisjoint(SETTLED)
    assert OUTSTANDING | SETTLED | {State.PLANNED, State.POSTING} == set(State)


def test_the_diagram_draws_every_move_once() -> None:
    lines = diagram().splitlines()
    arrows = [line for line in lines if " --> " in line and "[*]" not in line]
    assert len(arrows) == len(set(arrows)) == sum(len(targets) for targets in TRANSITIONS.values())


def test_the_schema_knows_the_same_states_as_the_table(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    for state in State:
        with book._connection.writing() as database:
            database.change("update task set state = ? where id = 'a'", [str(state)])


def test_a_row_that_is_not_where_it_was_read_takes_the_whole_move_back(
    book: Ledger, kit: Any, path: Path
) -> None:
    kit.post(book, "a", "b")
    kit.look(book, "b", at=1_795_000_060_000)
    before = dump(path, kit)
    stale = [
        Move(name, State.POSTED, State.LOST, Reason.EXPIRED, 1_795_000_090_000, (None,))
        for name in ("a", "b", "ghost")
    ]
    with pytest.raises(LedgerError, match="1 of 3 tasks"), book._connection.writing() as database:
        apply(database, "message = ?", stale)
    assert dump(path, kit) == before


def test_the_docs_show_the_diagram_of_this_table() -> None:
    architecture = Path(__file__).parents[2] / "docs" / "architecture.md"
    assert diagram() in architecture.read_text(encoding="utf-8")
