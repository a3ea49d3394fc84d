"""Calls of id_list as they are kept: the budget, the cursor, and which minutes are worth asking about."""

import random
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import Ledger, LedgerError
from ledger.audits import _OVERTAKEN, _UNKNOWN
from ledger.reader import Reader
from ledger.records import Audit, Evidence, State, Task

MINUTE = 60_000
HOUR = 60 * MINUTE
T0 = 1_795_000_020_000  # the start of a minute
SERP = "serp/google/organic"


def begin(book: Ledger, at: int = T0, api: str = "serp", **more: int) -> int:
    page = {"from_at": T0 - 9 * MINUTE, "to_at": T0, "offset": 0, **more}
    return book.audits.begin(api, "known tasks", at, **page)


# calls ------------------------------------------------------------------------------------------------


def test_a_call_of_id_list_is_written_before_it_is_made(book: Ledger, kit: Any) -> None:
    call = begin(book, offset=1000)
    assert kit.rows(
        book.path,
        "select id, api, asked_at, answered_at, outcome, from_at, to_at, page_offset, why from audit_call",
    ) == [(call, "serp", T0, None, None, T0 - 9 * MINUTE, T0, 1000, "known tasks")]
    audit = book.audits.all()["serp"]
    assert audit == Audit(**{**kit.cursor, "asked_at": T0})


def test_an_audit_nobody_began_is_not_there(book: Ledger) -> None:
    assert book.audits.all() == {}
    with Reader.open(book.path) as reader:
        assert reader.audits() == []
        assert reader.audit_of("serp") is None


def test_calls_that_bring_no_page_are_counted_and_keep_the_cursor(book: Ledger, kit: Any) -> None:
    kit.audit(book, at=T0, sweep_at=T0, from_at=T0 - MINUTE, to_at=T0, offset=2000, seen_to=T0 - 5, rows=2000)
    before = book.audits.all()["serp"]
    for number, (outcome, answered_at) in enumerate([("unreachable", None), ("throttled", T0 + 3)], 1):
        call = begin(book, T0 + 2)
        book.audits.close(call, "serp", outcome=outcome, code=40202, at=T0 + 3)
        row = kit.rows(book.path, "select outcome, code, answered_at from audit_call where id = ?", call)
        assert row == [(outcome, 40202, answered_at)]
        audit = book.audits.all()["serp"]
        assert (audit.failures, audit.asked_at, audit.answered_at) == (number, T0 + 2, T0)
        assert (audit.sweep_at, audit.from_at, audit.to_at, audit.offset, audit.seen_to, audit.rows) == (
            before.sweep_at,
            before.from_at,
            before.to_at,
            2000,
            T0 - 5,
            2000,
        )
    kit.audit(book, at=T0 + 9)
    assert book.audits.all()["serp"].failures == 0


def test_a_call_of_id_list_that_was_never_begun_cannot_end(book: Ledger, kit: Any, refuses: Any) -> None:
    kit.post(book, "a")
    call = begin(book)
    begin(book, api="merchant")
    before = [kit.rows(book.path, f"select * from {table}") for table in ("task", "audit", "audit_call")]
    for number, api in ((call + 9, "serp"), (call, "merchant"), (call, "nobody")):
        close = refuses(
            LedgerError, lambda n=number, a=api: book.audits.close(n, a, outcome="refused", code=1, at=T0)
        )
        cursor = Audit(**{**kit.cursor, "api": api, "offset": 1000})
        record = refuses(
            LedgerError,
            lambda n=number, c=cursor: book.record_audit(
                n, c, [Evidence("a", T0, None)], [kit.newcomer("new")], rows=1, foreign=0, at=T0
            ),
        )
        assert "never begun" in close
        assert "never begun" in record
    after = [kit.rows(book.path, f"select * from {table}") for table in ("task", "audit", "audit_call")]
    assert after == before


def test_calls_of_all_apis_seed_one_budget_and_old_ones_are_pruned(book: Ledger) -> None:
    begin(book, T0 + 30)
    begin(book, T0)
    begin(book, T0 + 10, api="merchant")
    assert [one.asked_at for one in book.audits.calls_since(T0 + 10).calls] == [T0 + 10, T0 + 30]
    assert book.audits.prune(T0 + 10) == 1
    assert [one.asked_at for one in book.audits.calls_since(0).calls] == [T0 + 10, T0 + 30]
    assert set(book.audits.all()) == {"merchant", "serp"}


def test_a_call_is_only_written_if_nobody_called_since_the_calls_were_counted(book: Ledger, kit: Any) -> None:
    calls, newest = book.audits.calls_since(0)
    assert (calls, newest) == ((), 0)
    page = {"from_at": T0 - MINUTE, "to_at": T0, "offset": 0}
    first = book.audits.begin("serp", "mine", T0, **page, newest=newest)
    assert first is not None
    assert book.audits.begin("merchant", "another's", T0 + 1, **page, newest=newest) is None
    assert kit.rows(book.path, "select api from audit_call") == [("serp",)]
    assert set(book.audits.all()) == {"serp"}
    calls, newest = book.audits.calls_since(T0 + MINUTE)
    assert (calls, newest) == ((), first), "an old call is the newest one all the same"
    assert book.audits.begin("merchant", "another's", T0 + 1, **page, newest=newest) is not None
    assert [one.why for one in book.audits.calls_since(T0).calls] == ["mine", "another's"]


def test_a_call_beside_the_sweeps_leaves_every_cursor_alone(book: Ledger, kit: Any) -> None:
    kit.audit(book, at=T0, sweep_at=T0, from_at=T0 - MINUTE, to_at=T0, offset=2000, seen_to=T0 - 5, rows=2000)
    kit.post(book, "known")
    before = book.audits.all()
    page = {"from_at": T0 - MINUTE, "to_at": T0, "offset": 0}
    for api in ("serp", "merchant"):
        call = book.audits.begin(api, "by hand", T0 + 9, **page, sweep=False)
        assert call is not None
        done = [Evidence(one, T0 + 1, None) for one in ("known", api)]
        outcome = book.record_adoption(
            call, api, done, [kit.newcomer(api)], rows=5, foreign=3, at=T0 + MINUTE
        )
        assert outcome.adopted == 1
    refused = book.audits.begin("serp", "by hand", T0 + 10, **page, sweep=False)
    assert refused is not None
    book.audits.close(refused, "serp", outcome="throttled", code=40202, at=T0 + 11, failed=False)
    assert book.audits.all() == before
    assert book.tasks.states_of(["known", "serp", "merchant"]) == dict.fromkeys(
        ["known", "serp", "merchant"], State.READY
    )
    told = (
        "select api, outcome, rows, adopted, foreign_rows from audit_call where why = 'by hand' order by id"
    )
    assert kit.rows(book.path, told) == [
        ("serp", "listed", 5, 1, 3),
        ("merchant", "listed", 5, 1, 3),
        ("serp", "throttled", None, 0, 0),
    ]


def test_the_cursor_comes_back_field_by_field(book: Ledger, kit: Any) -> None:
    names = [field.name for field in fields(Audit) if field.name not in ("api", "asked_at")]
    numbers = {name: number for number, name in enumerate(names, 100)}
    kit.audit(book, at=T0, **numbers)
    kit.audit(book, at=T0 + 1, api="merchant")
    wanted = Audit(**{**numbers, "api": "serp", "asked_at": T0 - 500, "answered_at": T0, "failures": 0})
    assert book.audits.all()["serp"] == wanted
    assert list(book.audits.all()) == ["merchant", "serp"]
    with Reader.open(book.path) as reader:
        assert reader.audits() == list(book.audits.all().values())
        assert reader.audit_of("serp") == wanted
        assert reader.audit_of("on_page") is None


def test_a_cursor_that_makes_no_sense_is_refused_with_its_page(book: Ledger, kit: Any, refuses: Any) -> None:
    kit.post(book, "a")
    refuses(LedgerError, lambda: kit.audit(book, Evidence("a", T0 + 1, None), at=T0 + MINUTE, offset=-1))
    assert book.tasks.states_of(["a"]) == {"a": State.POSTED}
    assert kit.rows(book.path, "select outcome from audit_call") == [(None,)]


# which minutes ----------------------------------------------------------------------------------------


def test_minutes_are_those_of_outstanding_tasks_without_an_exact_time(book: Ledger, kit: Any) -> None:
    kit.post(book, "waiting", at=T0 + 1)
    kit.post(book, "same minute", at=T0 + MINUTE - 1)
    kit.post(book, "listed", at=T0 + 2 * MINUTE)
    kit.post(book, "exact", at=T0 + 3 * MINUTE)
    kit.post(book, "collected", at=T0 + 4 * MINUTE)
    kit.post(book, "delivery", at=T0 + 5 * MINUTE, postback_url="https://example.org")
    kit.look(book, "listed", at=T0 + 9 * MINUTE)
    done = [Evidence("exact", T0 + 4 * MINUTE, None), Evidence("delivery", T0 + 6 * MINUTE, None)]
    kit.audit(book, *done, at=T0 + 10 * MINUTE)
    kit.collect(book, "collected")
    assert book.audits.unknown_minutes("serp/", T0 * 2, T0 * 2, HOUR) == [T0, T0 + 2 * MINUTE]


def test_minutes_stop_where_they_are_told(book: Ledger, kit: Any) -> None:
    for number in range(4):
        kit.post(book, f"posted-{number}", at=T0 + number * MINUTE)
        kit.post(book, f"ready-{number}", at=T0 + (10 + number) * MINUTE)
        kit.look(book, f"ready-{number}", at=T0 + (20 + number) * MINUTE)
    minutes = [T0 + number * MINUTE for number in (0, 1, 10, 11)]
    assert book.audits.unknown_minutes("serp/", T0 + 2 * MINUTE, T0 + 22 * MINUTE, HOUR) == minutes
    more = book.audits.unknown_minutes("serp/", T0 + 2 * MINUTE + 1, T0 + 22 * MINUTE + 1, HOUR)
    assert more == sorted([*minutes, T0 + 2 * MINUTE, T0 + 12 * MINUTE])
    assert book.audits.unknown_minutes("serp/", 0, 0, HOUR) == []


def test_minutes_are_those_of_one_api(book: Ledger, kit: Any) -> None:
    paths = ["on_page", "serp/bing/organic", SERP, "serp/yahoo/organic", "serp_x", "a", "z/last"]
    for number, path in enumerate(paths):
        kit.post(book, f"t{number}", at=T0 + number * MINUTE, path=path)

    def found(prefix: str) -> list[str]:
        minutes = book.audits.unknown_minutes(prefix, T0 * 2, T0 * 2, HOUR)
        return [paths[(minute - T0) // MINUTE] for minute in minutes]

    assert found("serp/") == ["serp/bing/organic", SERP, "serp/yahoo/organic"]
    assert found("on_page") == ["on_page"]
    assert found("merchant/") == []
    assert found("z/") == ["z/last"]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(0, 12), st.integers(0, 30), st.integers(1, 9))
def test_minutes_are_what_a_plain_look_at_every_task_finds(
    seed: int, before: int, ready_before: int, wide: int
) -> None:
    choice, limits = (
        random.Random(seed),
        {"posted": T0 + before * MINUTE, "ready": T0 + ready_before * MINUTE},
    )
    with TemporaryDirectory() as place, Ledger.open(Path(place, "ledger.db")) as book:
        tasks = [_task(book, choice, number) for number in range(40)]
        wanted = {
            task.posted_at // MINUTE * MINUTE
            for task in tasks
            if task.function.startswith("serp/") and _is_wanted(task, limits, wide * MINUTE)
        }
        found = book.audits.unknown_minutes("serp/", limits["posted"], limits["ready"], wide * MINUTE)
    assert found == sorted(wanted)


def test_overtaken_are_the_tasks_that_are_home_and_no_list_told_nearly_when_they_were_done(
    book: Ledger, kit: Any
) -> None:
    names = ["wide", "narrow", "exact", "failed", "failed soon", "lost", "outstanding", "earlier"]
    for number, name in enumerate(names):
        kit.post(book, name, at=T0 + number * MINUTE)
    home_at = T0 + 3 * HOUR
    kit.collect(book, "earlier", at=home_at - 1)
    kit.look(book, "narrow", "exact", "outstanding", at=home_at - 1)
    with book._connection.writing() as database:
        database.change("update task set earliest_done_at = ? where id = 'narrow'", [home_at - HOUR])
        database.change("update task set earliest_done_at = latest_done_at where id = 'exact'")
        database.change("update task set posted_at = ? where id = 'failed soon'", [home_at - HOUR + 1])
    for name in ("wide", "narrow", "exact"):
        kit.collect(book, name, at=home_at)
    ends = {"failed": State.FAILED, "failed soon": State.FAILED, "lost": State.LOST}
    book.settle([kit.settlement(name, State.POSTED, state, done_at=home_at) for name, state in ends.items()])
    found = book.audits.overtaken_minutes(home_at, HOUR)
    assert sorted(found) == [(SERP, T0), (SERP, T0 + 3 * MINUTE)]
    assert book.audits.overtaken_minutes(home_at + 1, HOUR) == []


def test_overtaken_are_found_among_what_was_settled_lately_only(book: Ledger) -> None:
    (line,) = (
        row[3]
        for row in book._connection.database.rows(f"explain query plan {_OVERTAKEN}", [1, 1])
        if "SEARCH" in row[3] or "SCAN" in row[3]
    )
    assert line.startswith("SEARCH task USING INDEX task_settled (settled_at>")


def _is_wanted(task: Task, limits: dict[str, int], wide_ms: int) -> bool:
    since = task.posted_at if task.state is State.POSTED else task.ready_at
    width = None if task.earliest_done_at is None else (task.latest_done_at or 0) - task.earliest_done_at
    wide = task.state is State.READY and width is not None and width >= wide_ms
    return width != 0 and since is not None and (since < limits.get(task.state, 0) or wide)


def _task(book: Ledger, choice: random.Random, number: int) -> Task:
    """Write a task in any state, as no verb would, with odd combinations too."""
    posted_at = T0 + choice.randrange(12 * MINUTE)
    done_at = posted_at + choice.randrange(9 * MINUTE)
    state = choice.choice(["posted", "ready", "collected"])
    dated = state != "posted" or choice.random() < 0.2
    columns = {
        "id": str(number),
        "function": choice.choice([SERP, "serp/bing/organic", "on_page"]),
        "state": state,
        "posted_at": posted_at,
        "recorded_at": posted_at,
        "ready_at": done_at if dated else None,
        "earliest_done_at": choice.choice([posted_at, done_at]) if dated else None,
        "latest_done_at": done_at if dated else None,
    }
    with book._connection.writing() as database:
        marks = ", ".join("?" * len(columns))
        database.change(f"insert into task ({', '.join(columns)}) values ({marks})", list(columns.values()))
    task = book.tasks.get(str(number))
    assert task is not None
    return task


def test_minutes_are_found_in_the_index_alone(book: Ledger) -> None:
    plan = [
        row[3] for row in book._connection.database.rows(f"explain query plan {_UNKNOWN}", ["serp/", 1, 1, 1])
    ]
    searches = [line for line in plan if " task " in line or line.endswith(" task")]
    assert len(searches) == 3
    assert all(
        line.startswith("SEARCH task USING COVERING INDEX task_outstanding (function") for line in searches
    )
    assert any("posted_at>" in line for line in searches)
