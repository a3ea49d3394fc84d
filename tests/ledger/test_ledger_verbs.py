"""Every verb of the ledger on a real file."""

from typing import Any

import pytest

from ledger import Ledger, LedgerError
from ledger.records import (
    Band,
    Candidate,
    Outstanding,
    Postponement,
    PrioritySource,
    Reason,
    State,
    Webhook,
)

T0 = 1_795_000_000_000
MINUTE = 60_000
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


# postpone, candidates, next_due -----------------------------------------------------------------------


def test_a_postponed_task_waits_its_time_and_comes_back(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", "b")
    book.postpone([Postponement("a", 2, T0 + 500, 40602, "Task In Queue.", T0 + 100)])
    assert [one.id for one in book.tasks.candidates(T0 + 499)] == ["b"]
    assert book.tasks.next_due(T0 + 499) == T0 + 500
    assert {one.id for one in book.tasks.candidates(T0 + 500)} == {"a", "b"}
    assert book.tasks.next_due(T0 + 500) is None
    task = book.tasks.get("a")
    assert (task.state, task.attempts, task.code, task.message) == (State.POSTED, 2, 40602, "Task In Queue.")


def test_a_later_postponement_keeps_the_last_pending_answer(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    book.postpone([Postponement("a", 1, T0 + 500, 40602, None, T0 + 100)])
    book.postpone([Postponement("a", 2, T0 + 900, None, "no answer", None)])
    task = book.tasks.get("a")
    assert (task.pending_at, task.attempts, task.next_try_at) == (T0 + 100, 2, T0 + 900)


def test_a_settled_task_is_not_postponed(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    kit.collect(book, "a")
    book.postpone([Postponement("a", 5, T0 + 500, 1, "late", None)])
    assert book.tasks.get("a").attempts == 0
    assert book.tasks.next_due(0) is None
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
    )


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
    assert book.tasks.unblock(["a", "c"]) == 1
    assert [one.id for one in book.tasks.blocked()] == ["b"]


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
    from dataclasses import replace

    worse = replace(opened, step="urgent", count=5, escalated_at=T0 + 5, task_ids=("c",))
    assert book.alerts.write([worse]) == [worse]
    assert book.alerts.open() == [worse]
    book.alerts.write([replace(worse, closed_at=T0 + 9)])
    assert book.alerts.open() == []


def test_closing_and_opening_the_same_condition_fits_in_one_write(book: Ledger, kit: Any) -> None:
    from dataclasses import replace

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
