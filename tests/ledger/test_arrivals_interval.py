"""What a webhook writes: the completion interval, both moves in one commit, and nothing for who is not waited for."""

from typing import Any

import pytest

from ledger.deliveries import Arrival
from ledger.records import Reason, Settlement, State

T0 = 1_795_000_000_000
MINUTE = 60_000
LAG = 2 * MINUTE
AT = T0 + 20 * MINUTE


def arrival(one: str = "a", reason: Reason = Reason.PINGBACK, clear_at: int | None = None) -> Arrival:
    return Arrival(one, reason, clear_at, AT)


def interval(book: Any, one: str = "a") -> tuple[int | None, int | None]:
    task = book.tasks.get(one)
    return task.earliest_done_at, task.latest_done_at


@pytest.mark.parametrize(
    ("clear_at", "earliest"),
    [
        (None, T0),
        (T0 + 10 * MINUTE, T0 + 8 * MINUTE),  # the look did not show it, give or take the list's lag
        (T0 - 5 * MINUTE, T0),  # that look was before it was recorded
        (AT + 5 * MINUTE, AT),
    ],
)
def test_a_pingback_is_the_late_end_of_the_interval(
    book: Any, kit: Any, clear_at: int | None, earliest: int
) -> None:
    kit.post(book, "a", pingback_url="x")
    outcome = book.record_arrivals([arrival(clear_at=clear_at)], [], lag_ms=LAG)
    assert outcome.ready == ("a",)
    task = book.tasks.get("a")
    assert (task.state, task.ready_at) == (State.READY, AT)
    assert interval(book) == (earliest, AT)


def test_of_a_postback_task_a_clear_look_proves_nothing(book: Any, kit: Any) -> None:
    kit.post(book, "a", postback_url="x")
    book.record_arrivals([arrival(clear_at=AT - MINUTE)], [], lag_ms=LAG)
    assert interval(book) == (T0, AT)


def test_a_result_moves_its_task_twice_in_one_commit(book: Any, kit: Any) -> None:
    kit.post(book, "a", postback_url="x")
    end = Settlement("a", State.READY, State.COLLECTED, Reason.POSTBACK, 20000, "Ok.", AT)
    outcome = book.record_arrivals([arrival(reason=Reason.POSTBACK)], [end], lag_ms=LAG)
    assert (outcome.ready, outcome.settled) == (("a",), ("a",))
    task = book.tasks.get("a")
    assert (task.state, task.settled_at, task.code) == (State.COLLECTED, AT, 20000)
    again = book.record_arrivals([arrival(reason=Reason.POSTBACK)], [end], lag_ms=LAG)
    assert (again.ready, again.settled) == ((), ())


def test_only_who_is_waited_for_moves(book: Any, kit: Any) -> None:
    kit.post(book, "gone", "failed", "delivered")
    ends = [("gone", State.LOST), ("failed", State.FAILED), ("delivered", State.DELIVERED)]
    book.settle([kit.settlement(one, State.POSTED, to, reason=Reason.EXPIRED) for one, to in ends])
    signs = [arrival(one) for one in ("gone", "failed", "delivered", "stranger")]
    assert book.record_arrivals(signs, [], lag_ms=LAG).ready == ("gone",)
    assert book.tasks.get("gone").settled_at is None
