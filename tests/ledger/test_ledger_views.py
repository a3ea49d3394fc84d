"""The views, through the SQLite that comes with Python (3.40.1 on Debian 12): what a person sees in the shell."""

import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger import Ledger
from ledger.records import Band, Evidence, Postponement, Reason, State

T0 = 1_795_000_000_000  # 2026-11-18 12:26:40 UTC
MINUTE = 60_000
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ")

COLUMNS = {
    "open_tasks": "id function tag state priority waiting_since band done_between tries next_try last_answer"
    " blocked_since",
    "expiring": "id function tag state priority band time_left listed_until done_between tries last_answer",
    "blocked": "id function tag priority blocked_since for_how_long tries next_try last_answer",
    "recent_transitions": "at id function tag from_state to_state reason",
    "polls": "id asked listing why outcome code rows window ready foreign_rows took_s",
    "audits": "api sweep last_whole_sweep all_seen_posted_before asked answered failures rows foreign_rows",
    "audit_calls": "id asked api why posted_between from_row outcome code rows exact ready adopted foreign_rows"
    " took_s",
    "intents": "key id function tag state batch line call_id next_try last_answer",
    "post_calls": "id begun function outcome code tasks posted rejected why took_s",
    "failed_deliveries": "id function tag state webhook failed host answered took_s answer remote_says",
    "alerts": "id kind subject step count opened closed nearest_deadline detail command",
}

Show = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def show(path: Path) -> Show:
    """Read a view with the standard library; the ledger must be closed (see conftest)."""

    def read(view: str) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(path)) as database:
            cursor = database.execute(f"select * from {view}")
            names = [column[0] for column in cursor.description]
            assert " ".join(names) == COLUMNS[view]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    return read


def test_every_view_runs_on_an_empty_ledger(path: Path, show: Show) -> None:
    Ledger.open(path).close()
    for view in COLUMNS:
        assert show(view) == []


def test_open_tasks_tell_what_is_waited_for(path: Path, kit: Any, show: Show) -> None:
    with Ledger.open(path) as book:
        kit.post(book, "old", tag="t", priority=2)
        kit.post(book, "new", at=T0 + MINUTE)
        kit.post(book, "done", at=T0 + 2 * MINUTE)
        kit.collect(book, "done")
        book.postpone([Postponement("old", 3, T0 + 9 * MINUTE, 40602, "Task In Queue.", T0)])
        kit.look(book, "new", at=T0 + 5 * MINUTE)
    new, old = show("open_tasks")
    assert (new["id"], new["state"], new["done_between"]) == ("new", "ready", "11-18 11:07 .. 11-18 11:11")
    assert old == {
        "id": "old",
        "function": "serp/google/organic",
        "tag": "t",
        "state": "posted",
        "priority": 2,
        "waiting_since": "2026-11-18 11:06:40Z",
        "band": "fresh",
        "done_between": None,
        "tries": 3,
        "next_try": "2026-11-18 11:15:40Z",
        "last_answer": "40602 Task In Queue.",
        "blocked_since": None,
    }


def test_expiring_tasks_say_how_long_is_left_the_nearest_first(path: Path, kit: Any, show: Show) -> None:
    now = int(time.time() * 1000)  # noqa: TID251  the view compares with SQLite's own clock
    with Ledger.open(path) as book:
        kit.post(book, "past", "near", "far", "fresh", "settled")
        book.tasks.set_bands(
            [
                ("far", Band.EXPIRING, now + 30 * 60 * MINUTE + 30_000),
                ("near", Band.CRITICAL, now + 65 * MINUTE + 30_000),
                ("past", Band.PAST, now - 125 * MINUTE - 30_000),
                ("settled", Band.PAST, now),
            ]
        )
        kit.collect(book, "settled")
    rows = show("expiring")
    assert [(row["id"], row["time_left"]) for row in rows] == [
        ("past", "past by 2 h 5 min"),
        ("near", "1 h 5 min"),
        ("far", "30 h 0 min"),
    ]
    assert all(TIME.fullmatch(row["listed_until"]) for row in rows)


def test_blocked_tasks_say_since_when(path: Path, kit: Any, show: Show) -> None:
    now = int(time.time() * 1000)  # noqa: TID251  as above
    with Ledger.open(path) as book:
        kit.post(book, "later", "earlier", "free")
        book.tasks.block(["later"], now - 5 * MINUTE - 30_000)
        book.tasks.block(["earlier"], now - 61 * MINUTE - 30_000)
    assert [(row["id"], row["for_how_long"]) for row in show("blocked")] == [
        ("earlier", "1 h 1 min"),
        ("later", "0 h 5 min"),
    ]


def test_transitions_tell_each_story_the_newest_first(path: Path, kit: Any, show: Show) -> None:
    with Ledger.open(path) as book:
        kit.post(book, "a", tag="t")
        kit.look(book, "a", at=T0 + MINUTE)
        kit.collect(book, "a")
    rows = show("recent_transitions")
    assert [(row["from_state"], row["to_state"], row["reason"]) for row in rows] == [
        ("ready", "collected", "fetched"),
        ("posted", "ready", "listed"),
        (None, "posted", "recorded"),
    ]
    assert rows[1]["at"] == "2026-11-18 11:07:40Z"
    assert {(row["id"], row["function"], row["tag"]) for row in rows} == {("a", "serp/google/organic", "t")}


def test_polls_show_full_windows_and_missing_answers(path: Path, kit: Any, show: Show) -> None:
    with Ledger.open(path) as book:
        kit.look(book, at=T0, saturated=True, clear=False, rows=1000, foreign=12)
        book.polls.begin(kit.listing, "drill down", T0 + MINUTE)
    unanswered, full = show("polls")
    assert (unanswered["outcome"], unanswered["why"], unanswered["took_s"]) == (
        "no answer",
        "drill down",
        None,
    )
    assert (full["outcome"], full["window"], full["rows"], full["foreign_rows"]) == (
        "listed",
        "full",
        1000,
        12,
    )
    assert full["took_s"] == 0.5


def test_audits_say_how_far_each_has_come(path: Path, kit: Any, show: Show) -> None:
    with Ledger.open(path) as book:
        kit.audit(book, at=T0, api="on_page", finished_at=T0, seen_to=T0 - MINUTE, rows=7, foreign=2)
        more = {"sweep_at": T0, "from_at": T0 - 90 * MINUTE, "to_at": T0, "offset": 2000}
        kit.audit(book, at=T0 + MINUTE, **more)
        call = book.audits.begin("serp", "due", T0 + 2 * MINUTE, from_at=T0, to_at=T0, offset=2000)
        book.audits.close(call, "serp", outcome="unreachable", code=None, at=T0 + 3 * MINUTE)
    idle, busy = show("audits")
    assert idle == {
        "api": "on_page",
        "sweep": "idle",
        "last_whole_sweep": "2026-11-18 11:06:40Z",
        "all_seen_posted_before": "2026-11-18 11:05:40Z",
        "asked": "2026-11-18 11:06:39Z",
        "answered": "2026-11-18 11:06:40Z",
        "failures": 0,
        "rows": 7,
        "foreign_rows": 2,
    }
    assert (busy["api"], busy["failures"]) == ("serp", 1)
    assert busy["sweep"] == "since 11-18 11:06: 11-18 09:36 .. 11-18 11:06 from row 2000"
    assert (busy["asked"], busy["answered"]) == ("2026-11-18 11:08:40Z", "2026-11-18 11:07:40Z")


def test_calls_of_audits_show_what_each_brought(path: Path, kit: Any, show: Show) -> None:
    with Ledger.open(path) as book:
        kit.post(book, "a")
        new = kit.newcomer("new")
        kit.audit(book, Evidence("a", T0, None), Evidence("new", T0, None), at=T0 + MINUTE, adopt=(new,))
        book.audits.begin("serp", "due", T0 + 9 * MINUTE, from_at=T0, to_at=T0 + MINUTE, offset=1000)
    unanswered, page = show("audit_calls")
    assert (unanswered["outcome"], unanswered["from_row"], unanswered["took_s"]) == ("no answer", 1000, None)
    assert page == {
        "id": 1,
        "asked": "2026-11-18 11:07:39Z",
        "api": "serp",
        "why": "known tasks",
        "posted_between": "11-18 11:06 .. 11-18 11:07",
        "from_row": 0,
        "outcome": "listed",
        "code": None,
        "rows": 2,
        "exact": 2,
        "ready": 2,
        "adopted": 1,
        "foreign_rows": 0,
        "took_s": 0.5,
    }


def test_alerts_show_open_ones_first(path: Path, kit: Any, show: Show) -> None:
    with Ledger.open(path) as book:
        book.alerts.write(
            [
                kit.alert(subject="first", opened_at=T0),
                kit.alert(subject="closed", opened_at=T0 + 9, closed_at=T0 + 10),
                kit.alert(subject="second", opened_at=T0 + 5),
            ]
        )
    assert [(row["subject"], row["closed"]) for row in show("alerts")] == [
        ("second", "open"),
        ("first", "open"),
        ("closed", "2026-11-18 11:06:40Z"),
    ]


def test_the_standard_library_reads_what_a_safe_engine_wrote(path: Path, kit: Any) -> None:
    with Ledger.open(path) as book:
        kit.post(book, "a")
        book.settle([kit.settlement("a", State.POSTED, State.FAILED, reason=Reason.FAILED_REMOTELY)])
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
        assert database.execute("select state, count(*) from task group by state").fetchall() == [
            ("failed", 1)
        ]
