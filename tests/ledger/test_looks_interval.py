"""What one look writes: who becomes ready, and between which instants it was done."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import Ledger
from ledger.looks import Known, earliest_done_at
from ledger.records import Postponement, Reason, Sighting, State, Webhook

T0 = 1_795_000_000_000
MINUTE = 60_000
LAG = 120_000


def interval(book: Ledger, task_id: str = "a") -> tuple[int | None, int | None, int | None]:
    task = book.tasks.get(task_id)
    assert task is not None
    return task.earliest_done_at, task.latest_done_at, task.ready_at


def test_without_any_earlier_look_it_was_done_since_posting(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    at = T0 + 10 * MINUTE
    outcome = kit.look(book, "a", at=at)
    assert (outcome.ready, outcome.lingering) == (("a",), 0)
    assert interval(book) == (T0, at, at)
    assert kit.rows(book.path, "select to_state, reason, at from transition where task_id = 'a'")[-1] == (
        "ready",
        "listed",
        at,
    )


def test_a_clear_look_without_it_moves_the_earliest_instant_less_the_lag(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    kit.look(book, at=T0 + 20 * MINUTE)
    kit.look(book, "a", at=T0 + 30 * MINUTE)
    assert interval(book)[:2] == (T0 + 20 * MINUTE - LAG, T0 + 30 * MINUTE)


def test_a_look_that_was_not_clear_proves_nothing(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    kit.look(book, at=T0 + 20 * MINUTE, clear=False, saturated=True)
    look = book.polls.looks()[kit.listing]
    assert (look.clear_at, look.saturated) == (None, True)
    kit.look(book, "a", at=T0 + 30 * MINUTE)
    assert interval(book)[0] == T0


def test_an_older_clear_look_still_counts_after_a_full_one(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    kit.look(book, at=T0 + 20 * MINUTE)
    kit.look(book, at=T0 + 25 * MINUTE, clear=False, saturated=True, rows=1000, foreign=7)
    look = book.polls.looks()[kit.listing]
    assert (look.clear_at, look.saturated, look.rows, look.foreign) == (T0 + 20 * MINUTE, True, 1000, 7)
    kit.look(book, "a", at=T0 + 30 * MINUTE)
    assert interval(book)[0] == T0 + 20 * MINUTE - LAG


def test_a_clear_look_of_another_listing_proves_nothing(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    other = "/v3/business_data/tasks_ready"
    poll = book.polls.begin(other, "due", T0)
    book.record_look(
        poll, other, [], [], saturated=False, rows=0, foreign=0, clear=True, lag_ms=0, at=T0 + 20 * MINUTE
    )
    kit.look(book, "a", at=T0 + 30 * MINUTE)
    assert interval(book)[0] == T0


def test_a_look_before_the_task_was_recorded_proves_nothing(book: Ledger, kit: Any) -> None:
    kit.look(book, at=T0 + 20 * MINUTE)
    book.record_posted(kit.answer("a"), T0, now=T0 + 25 * MINUTE)
    kit.look(book, "a", at=T0 + 30 * MINUTE)
    assert interval(book)[0] == T0


def test_a_pending_answer_moves_the_earliest_instant(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    book.postpone([Postponement("a", 1, T0, 40602, None, T0 + 7 * MINUTE)])
    kit.look(book, "a", at=T0 + 30 * MINUTE)
    assert interval(book)[0] == T0 + 7 * MINUTE
    assert book.tasks.get("a").next_try_at is None


def test_the_earliest_instant_is_never_after_the_sighting(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", at=T0 + 9 * MINUTE)
    kit.look(book, "a", at=T0)
    assert interval(book) == (T0, T0, T0)


def test_the_remotes_posting_time_corrects_ours_only_downwards(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", "b")
    rows = [kit.sighting("a", posted_at=T0 - 5 * MINUTE), kit.sighting("b", posted_at=T0 + 5 * MINUTE)]
    kit.look(book, at=T0 + 30 * MINUTE, sightings=rows)
    assert (book.tasks.get("a").posted_at, interval(book, "a")[0]) == (T0 - 5 * MINUTE, T0 - 5 * MINUTE)
    assert (book.tasks.get("b").posted_at, interval(book, "b")[0]) == (T0, T0)


def test_an_endpoint_is_kept_when_given(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", "b")
    kit.look(book, at=T0 + MINUTE, sightings=[kit.sighting("a", endpoint="/v3/x/a"), kit.sighting("b")])
    assert (book.tasks.get("a").endpoint, book.tasks.get("b").endpoint) == ("/v3/x/a", None)


def test_a_listed_postback_task_is_a_failed_delivery_done_since_posting(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", postback_url="https://example.org")
    kit.look(book, at=T0 + 20 * MINUTE)
    kit.look(book, "a", at=T0 + 30 * MINUTE)
    assert interval(book)[0] == T0
    reason = kit.rows(book.path, "select reason from transition order by id desc limit 1")
    assert reason == [("failed delivery",)]


@pytest.mark.parametrize("state", [State.DELIVERED, State.LOST])
def test_a_sighting_refutes_what_was_believed(book: Ledger, kit: Any, state: State) -> None:
    kit.post(book, "a")
    book.settle([kit.settlement("a", State.POSTED, state, reason=Reason.DELIVERED)])
    assert kit.look(book, "a", at=T0 + 30 * MINUTE).ready == ("a",)
    task = book.tasks.get("a")
    assert (task.state, task.settled_at) == (State.READY, None)


def test_tasks_that_are_ready_or_settled_are_not_written_again(book: Ledger, kit: Any) -> None:
    kit.post(book, "ready", "collected", "failed", "absent")
    kit.look(book, "ready", at=T0 + MINUTE)
    kit.collect(book, "collected")
    book.settle([kit.settlement("failed", State.POSTED, State.FAILED)])
    before = kit.rows(book.path, "select * from task"), kit.rows(book.path, "select * from transition")
    outcome = kit.look(book, "ready", "collected", "failed", "foreign", at=T0 + 2 * MINUTE, foreign=1)
    assert (outcome.ready, outcome.lingering) == ((), 1)
    assert (
        kit.rows(book.path, "select * from task"),
        kit.rows(book.path, "select * from transition"),
    ) == before
    poll = kit.rows(
        book.path, "select outcome, rows, saturated, ready, foreign_rows from poll order by id desc"
    )[0]
    assert poll == ("listed", 4, 0, 0, 1)


def test_foreign_rows_stay_out_of_the_ledger(book: Ledger, kit: Any) -> None:
    kit.look(book, "foreign", at=T0, foreign=1)
    assert book.tasks.get("foreign") is None


def test_adopted_tasks_enter_as_posted_and_are_ready_at_once(book: Ledger, kit: Any) -> None:
    kit.look(book, at=T0 + 20 * MINUTE)
    mine = kit.sighting("theirs", posted_at=T0, tag="t", endpoint="/v3/serp/theirs")
    at = T0 + 30 * MINUTE
    outcome = kit.look(book, at=at, sightings=[mine], adopt=(mine,))
    assert outcome.ready == ("theirs",)
    task = book.tasks.get("theirs")
    assert (task.state, task.tag, task.posted_at, task.endpoint) == (State.READY, "t", T0, "/v3/serp/theirs")
    # The clear look at 20 minutes may have shown it as foreign, so it does not bound its completion.
    assert interval(book, "theirs") == (T0, at, at)
    moves = kit.rows(book.path, "select from_state, to_state, reason from transition")
    assert moves == [(None, "posted", "adopted"), ("posted", "ready", "listed")]
    assert kit.look(book, at=at + 1, sightings=[mine], adopt=(mine,)).ready == ()


def test_an_adopted_row_without_time_counts_from_now_and_without_function_stays_foreign(
    book: Ledger, kit: Any
) -> None:
    rows = (kit.sighting("timeless"), kit.sighting("nameless", function=None))
    assert kit.look(book, at=T0, sightings=rows, adopt=rows).ready == ("timeless",)
    assert book.tasks.get("timeless").posted_at == T0
    assert book.tasks.get("nameless") is None


def test_a_row_that_is_shown_twice_moves_once(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    assert kit.look(book, at=T0 + 1, sightings=[kit.sighting("a")] * 3).ready == ("a",)


def test_rows_with_odd_text_are_survived(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    odd = Sighting("a", "f", "\ud800", None, "/v3/\udfff")
    strange = Sighting("\ud800", "f", "\ud800", None, None)
    assert kit.look(book, at=T0 + 1, sightings=[odd, strange]).ready == ("a",)


def test_a_whole_window_becomes_ready_in_one_transaction(book: Ledger, kit: Any) -> None:
    ids = [f"t{number:04d}" for number in range(1000)]
    kit.post(book, *ids)
    assert set(kit.look(book, *ids, at=T0 + MINUTE).ready) == set(ids)
    assert kit.rows(book.path, "select count(*) from task where state = 'ready'") == [(1000,)]


instants = st.integers(0, 10**6)


@given(instants, instants, st.none() | instants, st.none() | instants, instants, instants)
def test_the_earliest_instant_lies_between_posting_and_sighting(
    posted_at: int, recorded_at: int, pending_at: int | None, clear_at: int | None, lag: int, at: int
) -> None:
    task = Known("a", State.POSTED, Webhook.NONE, posted_at, recorded_at, pending_at)
    earliest = earliest_done_at(task, clear_at, lag, at)
    assert earliest <= at
    assert earliest >= min(at, posted_at)
    # Less knowledge never makes it later: alerts that count from it stay early.
    assert earliest_done_at(task, None, lag, at) <= earliest
