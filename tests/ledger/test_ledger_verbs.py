"""Settling, postponing, counting, blocking, prioritising: on a real file."""

from typing import Any

import pytest

from ledger import Ledger, LedgerError
from ledger.deliveries import Arrival
from ledger.records import (
    Band,
    Candidate,
    Evidence,
    Outstanding,
    Postponement,
    PrioritySource,
    Reason,
    State,
    Webhook,
)

T0 = 1_795_000_000_000
MINUTE = 60_000
DAY = 24 * 60 * MINUTE
SERP = "serp/google/organic"


def history(book: Ledger, kit: Any, task_id: str) -> list[tuple[Any, ...]]:
    sql = "select from_state, to_state, reason, at from transition where task_id = ? order by id"
    return kit.rows(book.path, sql, task_id)


# settle ---------------------------------------------------------------------------------------------


def test_a_listed_task_is_collected_after_its_body(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    kit.look(book, "a", at=T0 + MINUTE)
    book.save_bodies([kit.body("a", b"payload")])
    done = kit.settlement("a", State.READY, message="Ok.", done_at=T0 + 2 * MINUTE)
    assert book.settle([done]) == ("a",)
    task = book.tasks.get("a")
    assert (task.state, task.settled_at, task.code, task.message) == (
        State.COLLECTED,
        T0 + 2 * MINUTE,
        20000,
        "Ok.",
    )
    assert history(book, kit, "a")[-1] == ("ready", "collected", "fetched", T0 + 2 * MINUTE)
    kit.check(book.path)


def test_a_result_before_any_sighting_goes_through_ready(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    book.postpone([Postponement("a", 1, T0 + 9, 40602, "Task In Queue.", T0 + MINUTE)])
    at = T0 + 5 * MINUTE
    assert book.settle([kit.settlement("a", State.POSTED, done_at=at)]) == ("a",)
    assert history(book, kit, "a")[1:] == [
        ("posted", "ready", "answered", at),
        ("ready", "collected", "fetched", at),
    ]
    task = book.tasks.get("a")
    assert (task.ready_at, task.earliest_done_at, task.latest_done_at) == (at, T0 + MINUTE, at)
    assert (task.attempts, task.next_try_at, task.pending_at) == (0, None, T0 + MINUTE)


def test_an_answer_in_the_past_of_the_last_pending_one_keeps_the_interval_ordered(
    book: Ledger, kit: Any
) -> None:
    kit.post(book, "a")
    book.postpone([Postponement("a", 1, T0 + 9, 40602, None, T0 + 9 * MINUTE)])
    book.settle([kit.settlement("a", State.POSTED, done_at=T0 + MINUTE)])
    task = book.tasks.get("a")
    assert task.earliest_done_at == task.latest_done_at == T0 + MINUTE


def test_settling_twice_moves_once(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    done = kit.settlement("a", State.POSTED)
    assert book.settle([done, done]) == ("a",)
    assert book.settle([done]) == ()
    assert len(history(book, kit, "a")) == 3


def test_a_task_that_moved_meanwhile_is_skipped_and_the_others_are_not(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", "b")
    kit.look(book, "a", at=T0 + MINUTE)
    ends = [kit.settlement(name, State.POSTED, State.FAILED, reason=Reason.FAILED_REMOTELY) for name in "abx"]
    assert book.settle(ends) == ("b",)
    assert book.tasks.states_of(["a", "b", "x"]) == {"a": State.READY, "b": State.FAILED}


def test_an_end_clears_what_only_waiting_tasks_have(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    book.tasks.block(["a"], T0)
    book.tasks.set_bands([("a", Band.URGENT, T0 + 5)])
    book.postpone([Postponement("a", 4, T0 + 9, 50000, "Internal Error.", None)])
    book.settle(
        [kit.settlement("a", State.POSTED, State.LOST, reason=Reason.EXPIRED, code=40403, message="gone")]
    )
    task = book.tasks.get("a")
    assert (task.attempts, task.next_try_at, task.blocked_at) == (0, None, None)
    assert (task.band, task.expires_at, task.code, task.message) == (Band.FRESH, None, 40403, "gone")
    assert task.ready_at is None


def test_a_collected_task_can_come_back_and_be_collected_again(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    kit.collect(book, "a")
    assert book.settle([kit.settlement("a", State.COLLECTED, State.READY, reason=Reason.FIXED)]) == ("a",)
    task = book.tasks.get("a")
    assert (task.state, task.settled_at) == (State.READY, None)
    kit.collect(book, "a", at=T0 + 3_000_000)
    assert book.tasks.get("a").settled_at == T0 + 3_000_000
    kit.check(book.path)


def test_a_settlement_of_nothing_is_nothing(book: Ledger) -> None:
    assert book.settle([]) == ()
    book.postpone([])
    book.save_bodies([])


def test_text_that_is_no_text_is_kept_as_far_as_it_is(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    book.settle([kit.settlement("a", State.POSTED, State.FAILED, message="x\ud800" + "y" * 9000)])
    assert book.tasks.get("a").message.startswith("x?y")
    assert len(book.tasks.get("a").message) == 500


def test_a_number_too_large_is_refused_in_a_sentence(book: Ledger, kit: Any, refuses: Any) -> None:
    kit.post(book, "a")
    bad = kit.settlement("a", State.POSTED, State.FAILED, code=10**30)
    assert "cannot hold a value" in refuses(LedgerError, lambda: book.settle([bad]))
    assert book.tasks.states_of(["a"]) == {"a": State.POSTED}


# postpone, candidates -----------------------------------------------------------------------


def test_a_postponed_task_waits_its_time_and_comes_back(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", "b")
    book.postpone([Postponement("a", 2, T0 + 500, 40602, "Task In Queue.", T0 + 100)])
    assert [one.id for one in book.tasks.candidates(T0 + 499)] == ["b"]
    assert {one.id for one in book.tasks.candidates(T0 + 500)} == {"a", "b"}
    task = book.tasks.get("a")
    assert (task.state, task.attempts, task.code, task.message) == (State.POSTED, 2, 40602, "Task In Queue.")


def test_a_later_postponement_keeps_the_last_pending_answer(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    book.postpone([Postponement("a", 1, T0 + 500, 40602, None, T0 + 100)])
    book.postpone([Postponement("a", 2, T0 + 900, None, "no answer", None)])
    task = book.tasks.get("a")
    assert (task.pending_at, task.attempts, task.next_try_at) == (T0 + 100, 2, T0 + 900)


@pytest.mark.parametrize("sign", ["listed", "pingback", "audited"])
def test_a_task_that_becomes_ready_begins_its_count_of_tries_anew(book: Ledger, kit: Any, sign: str) -> None:
    """Its answers before say nothing of how long to wait from now on (world 8505)."""
    kit.post(book, "a")
    book.postpone([Postponement("a", 16, T0 + DAY, 40602, "Task In Queue.", T0 + 100)])
    if sign == "listed":
        kit.look(book, "a", at=T0 + MINUTE)
    elif sign == "audited":
        kit.audit(book, Evidence("a", T0 + 30_000, T0), at=T0 + MINUTE)
    else:
        book.record_arrivals([Arrival("a", Reason.PINGBACK, None, T0 + MINUTE)], [], lag_ms=0)
    task = book.tasks.get("a")
    assert (task.state, task.attempts, task.next_try_at) == (State.READY, 0, None)
    assert (task.code, task.message) == (40602, "Task In Queue."), "what the remote said last stays"


def test_a_settled_task_is_not_postponed(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    kit.collect(book, "a")
    book.postpone([Postponement("a", 5, T0 + 500, 1, "late", None)])
    assert book.tasks.get("a").attempts == 0
    assert book.tasks.candidates(T0 * 2) == []


def test_a_candidate_carries_what_ordering_and_probing_need(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", priority=2, tag="t", postback_url="https://example.org", postback_data="html")
    (one,) = book.tasks.candidates(T0)
    assert one == Candidate(
        id="a",
        function=SERP,
        state=State.POSTED,
        tag="t",
        priority=2,
        webhook=Webhook.POSTBACK,
        variant="html",
        endpoint=None,
        posted_at=T0,
        earliest_done_at=None,
        pending_at=None,
        blocked_at=None,
        attempts=0,
        next_try_at=None,
        code=None,
        recorded_at=one.recorded_at,
    )
    assert one.recorded_at == book.tasks.get("a").recorded_at > 0


# counting and looking up ------------------------------------------------------------------------------


def test_outstanding_counts_per_function(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", at=T0 + 5)
    kit.post(book, "b", at=T0 + 3, priority=2)
    kit.post(book, "c", at=T0, postback_url="https://example.org")
    kit.post(book, "d", at=T0 + 1)
    kit.post(book, "e", at=T0 + 2)
    kit.post(book, "x", at=T0, path="on_page", postback_url="https://example.org")
    kit.look(book, "d", at=T0 + MINUTE)
    kit.collect(book, "e")
    book.tasks.block(["a"], T0 + MINUTE)
    assert book.tasks.outstanding() == [
        Outstanding("on_page", posted=1, ready=0, blocked=0, hurried=0, oldest_posted_at=T0, expected=0),
        Outstanding(SERP, posted=3, ready=1, blocked=1, hurried=1, oldest_posted_at=T0 + 3, expected=2),
    ]


def test_states_of_leaves_unknown_ids_out_and_takes_any_text(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", "é'\"%")
    assert book.tasks.states_of(["a", "é'\"%", "", "b", "a", "\ud800", "x" * 999]) == {
        "a": State.POSTED,
        "é'\"%": State.POSTED,
    }
    assert book.tasks.states_of([]) == {}
    assert book.tasks.get("nobody") is None


# blocked, bands, priorities -----------------------------------------------------------------------------


def test_blocking_marks_only_outstanding_tasks_and_only_once(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", "b", "c")
    kit.collect(book, "c")
    assert book.tasks.block(["a", "c", "nobody"], T0 + 1) == 1
    assert book.tasks.block(["a", "b"], T0 + 2) == 1
    assert {one.id: one.blocked_at for one in book.tasks.blocked()} == {"a": T0 + 1, "b": T0 + 2}
    assert book.tasks.unblock_except(["serp/google/organic"]) == 0
    assert book.tasks.unblock_except([]) == 2
    assert book.tasks.blocked() == []


def test_a_sighting_frees_a_blocked_task(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    book.tasks.block(["a"], T0 + 1)
    kit.look(book, "a", at=T0 + MINUTE)
    assert book.tasks.blocked() == []


def test_near_expiry_finds_the_old_and_the_banded(book: Ledger, kit: Any) -> None:
    kit.post(book, "old", at=T0)
    kit.post(book, "new", at=T0 + 100)
    kit.post(book, "banded", at=T0 + 200)
    kit.post(book, "settled", at=T0)
    kit.collect(book, "settled")
    book.tasks.set_bands(
        [("banded", Band.CRITICAL, T0 + 300), ("settled", Band.URGENT, 5), ("nobody", Band.PAST, 1)]
    )
    assert {one.id for one in book.tasks.near_expiry(T0)} == {"old", "banded"}
    assert {one.id for one in book.tasks.near_expiry(T0 + 100)} == {"old", "new", "banded"}
    assert book.tasks.get("banded").expires_at == T0 + 300
    assert book.tasks.get("settled").band is Band.FRESH


def test_rules_set_priorities_and_can_be_forgotten(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", tag="t", priority=2)
    kit.post(book, "b", "c")
    kit.collect(book, "c")
    assert book.tasks.unruled() == [("a", SERP, "t", 2), ("b", SERP, None, 1)]
    assert book.tasks.set_priorities([("a", 9), ("b", 1), ("c", 9)], PrioritySource.RULE) == 2
    assert book.tasks.unruled() == []
    assert book.tasks.set_priorities([("b", 50), ("nobody", 1)], PrioritySource.USER) == 1
    assert book.tasks.set_priorities([("b", 2)], PrioritySource.RULE) == 0
    assert (book.tasks.get("a").priority, book.tasks.get("b").priority) == (9, 50)
    book.tasks.reset_rules()
    assert book.tasks.unruled() == [("a", SERP, "t", 2)]
    assert (book.tasks.get("a").priority, book.tasks.get("a").priority_source) == (2, PrioritySource.POSTED)
    assert book.tasks.get("b").priority == 50
    assert book.tasks.set_priorities([], PrioritySource.RULE) == 0
