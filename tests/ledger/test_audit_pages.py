"""What one page of id_list writes: exact completion times, tasks still pending, newcomers; and what it leaves alone."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import Ledger, LedgerError
from ledger.evidence import AuditOutcome, Known, learn
from ledger.records import Evidence, Postponement, PrioritySource, Reason, State, Webhook

T0 = 1_795_000_000_000
MINUTE = 60_000
DONE = T0 + 5 * MINUTE
AT = T0 + 30 * MINUTE
POSTBACK = {"postback_url": "https://example.org"}


def history(book: Ledger, kit: Any, task_id: str) -> list[tuple[Any, ...]]:
    sql = "select from_state, to_state, reason, at from transition where task_id = ? order by id"
    return kit.rows(book.path, sql, task_id)


def dump(book: Ledger, kit: Any) -> list[Any]:
    return [kit.rows(book.path, f"select * from {table} order by 1") for table in ("task", "transition")]


def interval(book: Ledger, task_id: str = "a") -> tuple[int | None, int | None, int | None]:
    task = book.tasks.get(task_id)
    assert task is not None
    return task.earliest_done_at, task.latest_done_at, task.ready_at


# completion times -------------------------------------------------------------------------------------


def test_a_named_completion_time_makes_a_task_ready_and_exact(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    book.postpone([Postponement("a", 3, AT + 9, 40602, "Task In Queue.", T0 + MINUTE)])
    book.tasks.block(["a"], T0 + 2 * MINUTE)
    assert kit.audit(book, Evidence("a", DONE, None), at=AT) == AuditOutcome(("a",), 1, 0)
    assert interval(book) == (DONE, DONE, AT)
    task = book.tasks.get("a")
    assert (task.state, task.blocked_at, task.next_try_at, task.pending_at) == (
        State.READY,
        T0 + 2 * MINUTE,
        None,
        T0 + MINUTE,
    )
    assert history(book, kit, "a")[-1] == ("posted", "ready", "audited", AT)
    assert [one.id for one in book.tasks.candidates(AT)] == ["a"]


def test_the_page_and_what_it_changed_are_kept_with_the_call(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", "b", "listed", "d", **POSTBACK)
    kit.look(book, "listed", at=T0 + 9 * MINUTE)
    call = book.audits.begin("serp", "why", AT - 700, from_at=1, to_at=2, offset=3)
    rows = [Evidence(name, DONE, None) for name in ("a", "listed", "new", "stranger")]
    audit = replace(book.audits.all()["serp"], offset=1003, rows=17, foreign=5)
    outcome = book.record_audit(call, audit, rows, [kit.newcomer("new")], rows=999, foreign=1, at=AT)
    assert outcome == AuditOutcome(("new",), 3, 1, ("a", "listed"))
    sql = "select outcome, code, asked_at, answered_at, rows, exact, ready, adopted, foreign_rows, why from audit_call"
    assert kit.rows(book.path, sql) == [("listed", None, AT - 700, AT, 999, 3, 1, 1, 1, "why")]
    assert book.audits.all()["serp"] == replace(audit, answered_at=AT)
    assert book.tasks.get("stranger") is None


def test_a_listed_task_becomes_exact_and_nothing_else_of_it_changes(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    kit.look(book, "a", at=T0 + 20 * MINUTE)
    book.postpone([Postponement("a", 2, AT + 9, 50000, "Internal Error.", None)])
    before = book.tasks.get("a")
    assert kit.audit(book, Evidence("a", DONE, None), at=AT) == AuditOutcome((), 1, 0, ("a",))
    assert book.tasks.get("a") == replace(before, earliest_done_at=DONE, latest_done_at=DONE)
    assert len(history(book, kit, "a")) == 2


@pytest.mark.parametrize(("done_at", "kept"), [(T0 - 9, T0), (AT + 9, AT), (T0, T0), (AT, AT)])
def test_a_completion_time_lies_between_posting_and_now(
    book: Ledger, kit: Any, done_at: int, kept: int
) -> None:
    kit.post(book, "a")
    kit.audit(book, Evidence("a", done_at, None), at=AT)
    assert interval(book) == (kept, kept, AT)


def test_the_remotes_earlier_posting_time_is_believed(book: Ledger, kit: Any) -> None:
    kit.post(book, "done", "pending", "later", "listed")
    kit.look(book, "listed", at=T0 + 1)
    rows = [
        Evidence("done", T0 - 2 * MINUTE, T0 - 3 * MINUTE),
        Evidence("pending", None, T0 - MINUTE),
        Evidence("later", DONE, T0 + MINUTE),
        Evidence("listed", None, T0 - 4 * MINUTE),
    ]
    kit.audit(book, *rows, at=AT)
    posted = {name: book.tasks.get(name).posted_at for name in ("done", "pending", "later", "listed")}
    assert posted == {
        "done": T0 - 3 * MINUTE,
        "pending": T0 - MINUTE,
        "later": T0,
        "listed": T0 - 4 * MINUTE,
    }
    assert interval(book, "done")[:2] == (T0 - 2 * MINUTE,) * 2


def test_a_postback_task_stays_posted_and_is_looked_at_soon(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", **POSTBACK)
    book.postpone([Postponement("a", 1, AT + 99 * MINUTE, 40602, None, None)])
    assert kit.audit(book, Evidence("a", DONE, None), at=AT) == AuditOutcome((), 1, 0, ("a",))
    task = book.tasks.get("a")
    assert (task.state, task.next_try_at, interval(book)) == (State.POSTED, None, (DONE, DONE, AT))
    assert len(history(book, kit, "a")) == 1
    # The same word a second time does not undo what was decided since.
    book.postpone([Postponement("a", 2, AT + 99 * MINUTE, None, None, None)])
    assert kit.audit(book, Evidence("a", DONE, None), at=AT + MINUTE) == AuditOutcome((), 0, 0)
    assert book.tasks.get("a").next_try_at == AT + 99 * MINUTE


def test_a_postback_task_whose_delivery_failed_becomes_exact_and_stays_ready(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", **POSTBACK)
    kit.look(book, "a", at=T0 + 20 * MINUTE)
    assert kit.audit(book, Evidence("a", DONE, None), at=AT).ready == ()
    assert (book.tasks.get("a").state, interval(book)) == (State.READY, (DONE, DONE, T0 + 20 * MINUTE))


# pending ----------------------------------------------------------------------------------------------


def test_a_task_without_a_completion_time_was_pending_when_it_was_asked_for(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", "asked", "ready")
    book.postpone([Postponement("asked", 1, AT + 9, 40602, None, AT)])
    kit.look(book, "ready", at=T0 + 1)
    rows = [Evidence(name, None, None) for name in ("a", "asked", "ready")]
    assert kit.audit(book, *rows, at=AT, asked_at=AT - 700) == AuditOutcome((), 0, 0)
    pending = {name: book.tasks.get(name).pending_at for name in ("a", "asked", "ready")}
    assert pending == {"a": AT - 700, "asked": AT, "ready": None}
    assert book.tasks.get("asked").next_try_at == AT + 9
    kit.look(book, "a", at=AT + MINUTE)
    assert interval(book) == (AT - 700, AT + MINUTE, AT + MINUTE)


def test_a_completion_that_was_named_is_not_taken_back(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", "b", **POSTBACK)
    kit.audit(book, Evidence("a", DONE, None), Evidence("b", DONE, None), Evidence("b", None, None), at=AT)
    before = dump(book, kit)
    kit.audit(book, Evidence("a", None, None), at=AT + MINUTE)
    assert dump(book, kit) == before
    assert interval(book, "b")[:2] == (DONE, DONE)


# what is left alone -----------------------------------------------------------------------------------


def test_of_tasks_that_are_home_only_the_completion_time_is_told(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    kit.look(book, "a", at=T0 + 20 * MINUTE)
    book.settle([kit.settlement("a", State.READY, State.COLLECTED)])
    before = book.tasks.get("a")
    assert before is not None
    assert kit.audit(book, Evidence("a", None, None), at=AT) == AuditOutcome((), 0, 0)
    assert book.tasks.get("a") == before
    assert kit.audit(book, Evidence("a", DONE, None), at=AT) == AuditOutcome((), 1, 0)
    assert book.tasks.get("a") == replace(before, earliest_done_at=DONE, latest_done_at=DONE)
    assert kit.audit(book, Evidence("a", DONE + MINUTE, None), at=AT) == AuditOutcome((), 0, 0), (
        "exact is exact"
    )


def test_of_a_failed_task_too_the_completion_time_is_told(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    book.settle([kit.settlement("a", State.POSTED, State.FAILED)])
    before = book.tasks.get("a")
    assert before is not None
    assert before.latest_done_at is None, "a GET that brings no result says nothing of when"
    assert kit.audit(book, Evidence("a", DONE, None), at=AT) == AuditOutcome((), 1, 0)
    assert book.tasks.get("a") == replace(before, earliest_done_at=DONE, latest_done_at=DONE)


def test_lost_tasks_are_left_alone(book: Ledger, kit: Any) -> None:
    kit.post(book, "a")
    book.settle([kit.settlement("a", State.POSTED, State.LOST)])
    before = dump(book, kit)
    for row in (Evidence("a", DONE, T0 - 1), Evidence("a", None, T0 - 1)):
        assert kit.audit(book, row, at=AT) == AuditOutcome((), 0, 0)
    assert dump(book, kit) == before


def test_the_same_page_again_changes_no_task(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", "b", "c")
    page = [Evidence("a", DONE, T0 - 1), Evidence("b", None, T0 - 1), Evidence("c", DONE, None)]
    new = (kit.newcomer("new"),)
    assert kit.audit(book, *page, at=AT, asked_at=AT - 1, adopt=new).adopted == 1
    before = dump(book, kit)
    assert kit.audit(book, *page, at=AT + 1, asked_at=AT - 1, adopt=new) == AuditOutcome((), 0, 0)
    assert dump(book, kit) == before


def test_only_what_changed_is_written(book: Ledger, kit: Any) -> None:
    kit.post(book, *(f"t{number}" for number in range(50)))
    page = [Evidence(f"t{number}", DONE, None) for number in range(50)]
    kit.audit(book, *page, at=AT)
    database = book._connection.database
    before = database.one("select total_changes()")
    kit.audit(book, *page[:-1], Evidence("t49", DONE + 1, None), at=AT + 1)
    # The call twice, the cursor twice, and one task.
    assert database.one("select total_changes()") - before == 5


def test_a_whole_page_is_one_transaction(book: Ledger, kit: Any, refuses: Any) -> None:
    ids = [f"t{number:04d}" for number in range(1000)]
    kit.post(book, *ids)
    before = dump(book, kit), book.audits.all()
    call = book.audits.begin("serp", "why", AT, from_at=1, to_at=2, offset=0)
    page = [Evidence(task_id, DONE, None) for task_id in ids]
    cursor = book.audits.all()["serp"]
    bad = [kit.newcomer("fine"), kit.newcomer("bad", posted_at=-(10**30))]
    refuses(LedgerError, lambda: book.record_audit(call, cursor, page, bad, rows=1000, foreign=0, at=AT))
    assert dump(book, kit) == before[0]
    assert kit.rows(book.path, "select outcome from audit_call") == [(None,)]
    assert book.audits.all()["serp"] == cursor
    outcome = book.record_audit(call, cursor, page, [], rows=1000, foreign=0, at=AT)
    assert (set(outcome.ready), outcome.exact) == (set(ids), 1000)


# newcomers --------------------------------------------------------------------------------------------


def test_a_newcomer_enters_with_what_its_poster_asked_for(book: Ledger, kit: Any) -> None:
    one = kit.newcomer(
        "new", function="merchant/google/products", tag="shop", priority=2, webhook=Webhook.PINGBACK,
        variant="html", posted_at=T0 - MINUTE, cost=0.0012,
    )  # fmt: skip
    assert kit.audit(book, Evidence("new", None, T0 - MINUTE), at=AT, adopt=(one,)) == AuditOutcome((), 0, 1)
    task = book.tasks.get("new")
    assert (task.state, task.function, task.tag, task.priority, task.priority_source) == (
        State.POSTED,
        "merchant/google/products",
        "shop",
        2,
        PrioritySource.POSTED,
    )
    assert (task.webhook, task.variant, task.cost) == (Webhook.PINGBACK, "html", 0.0012)
    assert (task.posted_at, task.recorded_at, task.pending_at) == (T0 - MINUTE, AT, AT - 500)
    assert book.tasks.unruled() == [("new", "merchant/google/products", "shop", 2)]
    assert history(book, kit, "new") == [(None, "posted", "adopted", AT)]


def test_a_newcomer_that_is_done_is_ready_in_the_same_transaction(book: Ledger, kit: Any) -> None:
    new = (
        kit.newcomer("done"),
        kit.newcomer("done"),
        kit.newcomer("delivery", webhook=Webhook.POSTBACK),
        kit.newcomer("future", posted_at=AT + MINUTE),
    )
    page = [Evidence(one.task_id, DONE, None) for one in new]
    outcome = kit.audit(book, *page, at=AT, adopt=new)
    assert (set(outcome.ready), outcome.exact, outcome.adopted) == ({"done", "future"}, 3, 3)
    assert history(book, kit, "done") == [
        (None, "posted", "adopted", AT),
        ("posted", "ready", "audited", AT),
    ]
    assert (book.tasks.get("delivery").state, interval(book, "delivery")) == (State.POSTED, (DONE, DONE, AT))
    assert (book.tasks.get("future").posted_at, interval(book, "future")) == (AT, (AT, AT, AT))


def test_a_newcomer_that_is_known_stays_what_it_is(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", tag="mine", priority=2)
    before = dump(book, kit)
    assert kit.audit(book, at=AT, adopt=(kit.newcomer("a", tag="theirs"),)).adopted == 0
    assert dump(book, kit) == before


def test_odd_text_of_others_is_survived(book: Ledger, kit: Any) -> None:
    odd = kit.newcomer("new", tag="\ud800" + "x" * 9000)
    assert kit.audit(book, Evidence("\ud800", DONE, None), at=AT, adopt=(odd,)).adopted == 1
    assert len(book.tasks.get("new").tag) == 1000


# later sightings --------------------------------------------------------------------------------------


def test_a_later_look_keeps_what_is_exact(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", "inexact", **POSTBACK)
    kit.audit(book, Evidence("a", DONE, None), at=AT)
    assert set(kit.look(book, "a", "inexact", at=AT + 9 * MINUTE).ready) == {"a", "inexact"}
    assert interval(book) == (DONE, DONE, AT)
    assert interval(book, "inexact") == (T0, AT + 9 * MINUTE, AT + 9 * MINUTE)
    assert history(book, kit, "a")[-1][:3] == ("posted", "ready", "failed delivery")


@pytest.mark.parametrize("state", [State.DELIVERED, State.LOST])
def test_a_sighting_that_refutes_keeps_the_completion_time(book: Ledger, kit: Any, state: State) -> None:
    kit.post(book, "a", **POSTBACK)
    kit.audit(book, Evidence("a", DONE, None), at=AT)
    book.settle([kit.settlement("a", State.POSTED, state, reason=Reason.DELIVERED, done_at=AT + MINUTE)])
    kit.look(book, "a", at=AT + 9 * MINUTE)
    assert interval(book)[:2] == (DONE, DONE)


def test_a_result_fetched_later_keeps_what_is_exact(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", **POSTBACK)
    kit.audit(book, Evidence("a", DONE, None), at=AT)
    kit.collect(book, "a", at=AT + 9 * MINUTE)
    assert interval(book) == (DONE, DONE, AT)


# a row and a task, in general -------------------------------------------------------------------------

instants = st.integers(0, 1000)
maybe = st.none() | instants
long = st.integers(0, 3 * MINUTE)


@st.composite
def tasks(draw: Any) -> Known:
    state, webhook = draw(st.sampled_from([State.POSTED, State.READY])), draw(st.sampled_from(Webhook))
    known = state is State.READY or (webhook is Webhook.POSTBACK and draw(st.booleans()))
    earliest, latest = sorted([draw(instants), draw(instants)]) if known else (None, None)
    return Known(
        "a", state, webhook, draw(instants), draw(long), draw(instants) if known else None, earliest, latest,
        draw(maybe), draw(maybe), draw(maybe) if state is State.READY else None,
    )  # fmt: skip


rows = st.builds(Evidence, st.just("a"), maybe, maybe | long)


@given(tasks(), rows, instants, instants)
def test_learning_the_same_twice_is_learning_it_once(task: Known, row: Evidence, asked: int, at: int) -> None:
    once = learn(task, row, asked, at)
    assert learn(once, row, asked, at) == once


@given(tasks(), rows, instants, instants)
def test_learning_never_goes_backwards(task: Known, row: Evidence, asked: int, at: int) -> None:
    now = learn(task, row, asked, at)
    assert now.posted_at <= task.posted_at or task.posted_at + MINUTE <= now.posted_at <= task.recorded_at
    assert (now.pending_at or 0) >= (task.pending_at or 0)
    assert (now.state, task.state) != (State.POSTED, State.READY)
    assert task.ready_at is None or now.ready_at == task.ready_at
    assert now.next_try_at in (None, task.next_try_at)
    if row.done_at is None:
        assert (now.state, now.earliest_done_at, now.latest_done_at) == (
            task.state,
            task.earliest_done_at,
            task.latest_done_at,
        )
    elif now != replace(task, posted_at=now.posted_at):
        assert now.done_at == min(at, max(now.posted_at, row.done_at))
        assert task.settled_at is None or now.done_at > task.settled_at
    if now.state is not task.state:
        assert row.done_at is not None
        assert now.webhook is not Webhook.POSTBACK
