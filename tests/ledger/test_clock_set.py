"""What a ledger forgets, and what it dates anew, when somebody has set the clock."""

from typing import Any

import pytest

from ledger import Ledger
from ledger.intent_records import Undated
from ledger.records import Evidence, Postponement

T0 = 1_795_000_000_000
MINUTE = 60_000
HOUR = 60 * MINUTE
BACK = 3 * HOUR
LISTING = "/v3/serp/tasks_ready"


def written_ahead(book: Ledger, kit: Any) -> None:
    """One task in `posted`, one in `ready`, a clear look and a sweep that is through, all by a clock that is ahead."""
    ahead = T0 + BACK
    kit.post(book, "waits", "done", at=ahead - 10 * MINUTE)
    kit.look(book, "done", at=ahead - MINUTE)
    book.postpone([Postponement("waits", 1, ahead + MINUTE, 40602, None, ahead - 2 * MINUTE)])
    kit.audit(book, at=ahead, answered_at=ahead, finished_at=ahead, seen_to=ahead - MINUTE)


def test_set_back_what_was_proven_is_forgotten_and_what_is_worth_knowing_is_dated_anew(
    book: Ledger, kit: Any
) -> None:
    written_ahead(book, kit)
    book.clock_set(-BACK, T0)
    (look,) = book.polls.looks().values()
    assert (look.asked_at, look.answered_at, look.clear_at) == (None, None, None)
    audit = book.audits.all()["serp"]
    assert (audit.asked_at, audit.answered_at, audit.finished_at, audit.seen_to) == (None, None, None, None)
    waits, done = book.tasks.get("waits"), book.tasks.get("done")
    assert waits is not None
    assert done is not None
    assert (waits.posted_at, waits.pending_at) == (T0 - 10 * MINUTE, None)
    assert waits.next_try_at == T0 + MINUTE
    assert done.posted_at == done.earliest_done_at == T0 - 10 * MINUTE


def test_what_was_written_before_now_stays(book: Ledger, kit: Any) -> None:
    written_ahead(book, kit)
    late = T0 + BACK + 10 * MINUTE
    before = book.polls.looks(), book.audits.all(), book.tasks.get("done")
    book.clock_set(-MINUTE, late)
    assert (book.polls.looks(), book.audits.all(), book.tasks.get("done")) == before


@pytest.mark.parametrize("by", [HOUR, 72 * HOUR])
def test_set_ahead_nothing_is_forgotten(book: Ledger, kit: Any, by: int) -> None:
    written_ahead(book, kit)
    before = book.polls.looks(), book.audits.all(), book.tasks.get("done")
    book.clock_set(by, T0 + BACK + by)
    assert (book.polls.looks(), book.audits.all(), book.tasks.get("done")) == before
    assert book.intents.undated().call_id == 0


def test_the_remotes_own_word_of_a_completion_stays(book: Ledger, kit: Any) -> None:
    """Set back wrongly, our clock is behind; what id_list told is right."""
    kit.post(book, "a", at=T0)
    kit.audit(book, Evidence("a", T0 + HOUR, T0), at=T0 + BACK)
    book.clock_set(-BACK, T0 - MINUTE)
    task = book.tasks.get("a")
    assert task is not None
    assert task.earliest_done_at == task.latest_done_at == T0 + HOUR


def test_a_sweep_that_is_under_way_is_given_up(book: Ledger, kit: Any) -> None:
    cursor = {
        "answered_at": T0 + BACK,
        "sweep_at": T0 + BACK,
        "from_at": T0,
        "to_at": T0 + BACK,
        "offset": 1000,
    }
    kit.audit(book, at=T0 + BACK, seen_to=T0 - MINUTE, **cursor)
    book.clock_set(-BACK, T0)
    audit = book.audits.all()["serp"]
    assert (audit.sweep_at, audit.from_at, audit.to_at, audit.offset) == (None, None, None, 0)
    assert audit.seen_to == T0 - MINUTE, "that was seen, by a clock that was right"


def test_calls_until_now_are_without_a_date(book: Ledger, kit: Any) -> None:
    book.plan([{"function": "serp/google/organic", "keyword": "k"}], "b", now=T0)
    (intent,) = book.intents.next("serp/google/organic", T0, T0, 100)
    call = book.intents.begin("serp/google/organic", [intent], T0)
    book.clock_set(-BACK, T0 - BACK)
    assert book.intents.undated() == Undated(call, T0 - BACK)


def test_what_was_dated_anew_wrongly_is_put_right_by_the_remotes_word(book: Ledger, kit: Any) -> None:
    """Our clock was right, is set back and right again: only then was the task posted when id_list says (world 870)."""
    kit.post(book, "a", at=T0)
    book.clock_set(-BACK, T0 - BACK)
    task = book.tasks.get("a")
    assert task is not None
    assert task.posted_at == T0 - BACK
    kit.audit(book, Evidence("a", None, T0 - MINUTE), at=T0 + HOUR)
    task = book.tasks.get("a")
    assert task is not None
    assert task.posted_at == T0 - MINUTE


def test_no_row_says_that_a_task_was_posted_after_it_was_recorded(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", at=T0)
    kit.audit(book, Evidence("a", None, T0 + HOUR), at=T0 + 2 * HOUR)
    task = book.tasks.get("a")
    assert task is not None
    assert task.posted_at == T0


def test_a_clock_that_lost_its_battery_dates_nothing_anew(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", at=T0)
    kit.look(book, at=T0 + MINUTE)
    book.clock_set(10_000 - T0, 10_000)
    task = book.tasks.get("a")
    assert task is not None
    assert task.posted_at == T0
    (look,) = book.polls.looks().values()
    assert look.clear_at is None
    assert book.intents.undated().call_id == 0
