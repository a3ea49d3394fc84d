"""Reading for people: beside a writer, without one, filtered, page by page."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ledger import Ledger, LedgerError
from ledger.reader import PAGE, Reader, TaskFilter
from ledger.records import Band, State

T0 = 1_795_000_000_000
SERP = "serp/google/organic"


@pytest.fixture
def stocked(book: Ledger, kit: Any) -> Ledger:
    kit.post(book, "a", tag="shop:1")
    kit.post(book, "b", tag="shop:2", priority=2)
    kit.post(book, "c", path="on_page")
    kit.post(book, "d", at=T0 + 5)
    book.tasks.block(["b"], T0)
    book.tasks.set_bands([("a", Band.URGENT, T0), ("b", Band.PAST, T0)])
    kit.collect(book, "d", at=T0 + 60_000)
    return book


@pytest.mark.parametrize(
    ("which", "found"),
    [
        (TaskFilter(), "abcd"),
        (TaskFilter(states=frozenset({State.COLLECTED})), "d"),
        (TaskFilter(states=frozenset({State.COLLECTED, State.POSTED})), "abcd"),
        (TaskFilter(bands=frozenset({Band.URGENT, Band.PAST})), "ab"),
        (TaskFilter(blocked=True), "b"),
        (TaskFilter(blocked=False), "acd"),
        (TaskFilter(function="serp/*"), "abd"),
        (TaskFilter(function="on_page"), "c"),
        (TaskFilter(function="on"), ""),
        (TaskFilter(tag="shop:*"), "ab"),
        (TaskFilter(tag="shop:[2-9]"), "b"),
        (TaskFilter(tag="*"), "ab"),
        (TaskFilter(ids=("c", "a", "nobody")), "ac"),
        (TaskFilter(important=True), "b"),
        (TaskFilter(important=False), "acd"),
        (TaskFilter(tag="shop:*", blocked=False), "a"),
        (TaskFilter(tag="x' or 1=1 --"), ""),
    ],
)
def test_filters_narrow_what_is_shown(stocked: Ledger, which: TaskFilter, found: str) -> None:
    with Reader.open(stocked.path) as reader:
        assert [task.id for task in reader.tasks(which)] == list(found)
        assert reader.count(which) == len(found)


def test_tasks_come_by_id_and_resume_behind_one(book: Ledger, kit: Any) -> None:
    ids = [f"t{number:05d}" for number in range(2 * PAGE + 7)]
    kit.post(book, *ids)
    with Reader.open(book.path) as reader:
        assert [task.id for task in reader.tasks(TaskFilter())] == ids
        assert [task.id for task in reader.tasks(TaskFilter(), limit=PAGE + 1)] == ids[: PAGE + 1]
        assert [task.id for task in reader.tasks(TaskFilter(), after=ids[99], limit=3)] == ids[100:103]
        assert list(reader.tasks(TaskFilter(), limit=0)) == []
        assert list(reader.tasks(TaskFilter(), after=ids[-1])) == []


def test_a_reader_shows_the_same_task_as_the_writer(stocked: Ledger, kit: Any) -> None:
    with Reader.open(stocked.path) as reader:
        for name in "abcd":
            assert reader.task(name) == stocked.tasks.get(name)
        assert reader.task("nobody") is None
        assert reader.history("nobody") == []
        assert [move.to_state for move in reader.history("d")] == [State.POSTED, State.READY, State.COLLECTED]
        body = reader.body(reader.task("d"))
        assert body == kit.body("d")
        assert reader.variants(reader.task("d")) == ["advanced"]
        assert reader.body(reader.task("a")) is None


def test_counts_and_totals_add_up(stocked: Ledger, kit: Any) -> None:
    kit.post(stocked, "e", priority=2)
    stocked.settle([kit.settlement("e", State.POSTED, State.READY, done_at=T0 + 1_000)])
    kit.collect(stocked, "e", at=T0 + 3_000)
    kit.look(stocked, at=T0 + 77)
    with Reader.open(stocked.path) as reader:
        assert reader.counts() == {
            "on_page": {State.POSTED: 1},
            SERP: {State.POSTED: 2, State.COLLECTED: 2},
        }
        totals = reader.totals()
    assert (totals.tasks, totals.bodies, totals.oldest_outstanding_at) == (5, 2, T0)
    assert totals.cost == pytest.approx(5 * 0.0015)
    assert totals.last_answered_at == T0 + 77
    assert (totals.important_wait_mean_ms, totals.other_wait_mean_ms) == (2_000, 0)


def test_an_empty_ledger_has_totals_too(book: Ledger) -> None:
    with Reader.open(book.path) as reader:
        totals = reader.totals()
    assert (totals.tasks, totals.bodies, totals.cost, totals.oldest_outstanding_at) == (0, 0, 0.0, None)
    assert totals.important_wait_mean_ms is None


def test_polls_looks_alerts_and_facts_are_shown(book: Ledger, kit: Any) -> None:
    kit.look(book, at=T0)
    kit.look(book, at=T0 + 9, saturated=True, clear=False)
    book.alerts.write([kit.alert(), kit.alert(kind="old", closed_at=T0 + 1)])
    book.facts.put("general_limit", "2000", T0)
    with Reader.open(book.path) as reader:
        assert [poll.answered_at for poll in reader.polls(5)] == [T0 + 9, T0]
        assert len(reader.polls(1)) == 1
        assert [(look.listing, look.saturated, look.clear_at) for look in reader.looks()] == [
            (kit.listing, True, T0)
        ]
        assert [one.kind for one in reader.alerts()] == ["expiring"]
        assert [one.kind for one in reader.alerts(closed=True)] == ["expiring", "old"]
        assert len(reader.alerts(closed=True, limit=1)) == 1
        assert reader.fact("general_limit") == "2000"
        assert reader.fact("nothing") is None


def test_a_reader_sees_what_is_committed_while_it_is_open(book: Ledger, kit: Any) -> None:
    with Reader.open(book.path) as reader:
        kit.post(book, "a")
        assert reader.count(TaskFilter()) == 1
        pages = reader.tasks(TaskFilter())
        assert next(pages).id == "a"
        # A page in hand holds no transaction open: the log can be emptied.
        kit.post(book, "b")
        assert book._connection.database.rows("pragma wal_checkpoint(truncate)")[0][0] == 0


def test_a_reader_never_writes(path: Path, kit: Any) -> None:
    with Ledger.open(path) as book:
        kit.post(book, "a")
    before = path.read_bytes()
    with Reader.open(path) as reader:
        assert reader.count(TaskFilter()) == 1
        with pytest.raises(LedgerError, match="cannot be written"), reader._connection.reading() as database:
            database.change("delete from transition")
        assert reader.count(TaskFilter()) == 1
    assert path.read_bytes() == before


def test_the_log_of_a_killed_writer_is_read_too(path: Path, kit: Any, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    with Ledger.open(path, version=(3, 53, 4)) as book:
        kit.post(book, "a")
        # What a kill leaves behind: the file and its log, not yet merged.
        for name in ("ledger.db", "ledger.db-wal"):
            (copy / name).write_bytes((tmp_path / name).read_bytes())
    with Reader.open(copy / "ledger.db") as reader:
        assert reader.task("a") is not None


def test_a_results_file_whose_creation_was_cut_short_holds_nothing(
    book: Ledger, kit: Any, tmp_path: Path
) -> None:
    kit.post(book, "a")
    month = book.path.parent / "results" / "2026-11.db"
    month.parent.mkdir()
    month.touch()
    with Reader.open(book.path) as reader:
        assert reader.totals().bodies == 0
        assert reader.body(reader.task("a")) is None
    book.backup(tmp_path / "copies" / "ledger.db")
    kit.collect(book, "a")
    assert book.bodies.count() == 1


def test_an_interrupted_write_in_delete_mode_is_named_and_put_right_by_the_next_writer(
    tmp_path: Path, kit: Any, refuses: Any
) -> None:
    live, left = tmp_path / "live" / "ledger.db", tmp_path / "left" / "ledger.db"
    left.parent.mkdir()
    with Ledger.open(live, version=(3, 40, 1)) as book:
        kit.post(book, "a")
        with suppress(KeyboardInterrupt), book._connection.writing() as database:
            database.change("pragma cache_size = 1")
            database.change("update task set tag = 'half'")
            database.executemany(
                "insert into fact values (?, ?, 1)", [(f"f{n}", "x" * 900) for n in range(200)]
            )
            # What a kill leaves behind: pages already overwritten, and the journal that can take them back.
            for name in ("ledger.db", "ledger.db-journal"):
                (left.parent / name).write_bytes((live.parent / name).read_bytes())
            raise KeyboardInterrupt
    assert "interrupted" in refuses(LedgerError, lambda: Reader.open(left))
    with Ledger.open(left, version=(3, 40, 1)) as book:
        assert book.tasks.get("a").tag is None
        assert book.facts.get("f3") is None
    with Reader.open(left) as reader:
        assert reader.task("a") is not None
    kit.check(left)
