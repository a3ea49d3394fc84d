"""Why deliveries failed, as the ledger keeps it: the newest reason of each task, and which tasks have none."""

from contextlib import closing
from pathlib import Path
from typing import Any

from ledger import Ledger
from ledger.failure_records import DeliveryFailure, FailureCause
from ledger.reader import Reader
from ledger.records import Webhook
from tests.driver import sqlite3

T0 = 1_795_000_000_000
MINUTE = 60_000
HOOK = {"postback_url": "https://me.example/secret", "postback_data": "advanced"}


def failure(task_id: str, at: int = T0, **more: Any) -> DeliveryFailure:
    fields = {
        "webhook": Webhook.POSTBACK,
        "host": "me.example",
        "http_code": 500,
        "took_ms": 20,
        "answer": "No",
    }
    return DeliveryFailure(task_id, at=at, **{**fields, "code": 50000, "message": None, **more})


def test_the_newest_reason_of_known_tasks_is_kept(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", "b", **HOOK)
    assert book.failures.record([failure("a"), failure("stranger")]) == ("a",)
    assert book.failures.record([failure("a"), failure("a", T0 - 1, http_code=404)]) == (), "nothing new"
    assert book.failures.record([failure("a", T0 + 2), failure("a", T0 + 1, http_code=404)]) == ("a",)
    assert book.failures.of(["a", "b", "stranger"]) == {"a": failure("a", T0 + 2)}
    assert book.failures.record([failure("b", answer="half \ud800 a pair", host=None)]) == ("b",)
    assert book.failures.of(["b"])["b"].answer == "half ? a pair"


def test_tasks_whose_delivery_failed_are_unexplained_until_a_reason_comes(book: Ledger, kit: Any) -> None:
    kit.post(book, "posted", "home", **HOOK)
    kit.post(book, "pinged", "called", pingback_url="https://me.example/secret")
    kit.post(book, "plain")
    kit.look(book, "posted", at=T0 + MINUTE)
    kit.look(book, "pinged", "plain", at=T0 + 2 * MINUTE)
    found, mark = book.failures.unexplained(T0)
    assert [(one.task_id, one.moved_at, one.webhook) for one in found] == [
        ("pinged", T0 + 2 * MINUTE, Webhook.PINGBACK),
        ("posted", T0 + MINUTE, Webhook.POSTBACK),
    ]
    assert [one.task_id for one in book.failures.unexplained(T0 + MINUTE + 1)[0]] == ["pinged"]
    assert book.failures.unexplained(T0, mark) == ([], mark)
    kit.look(book, "home", at=T0 + 3 * MINUTE)
    assert [one.task_id for one in book.failures.unexplained(T0 + 9 * MINUTE, mark)[0]] == ["home"]
    book.failures.record([failure("home"), failure("posted")])
    assert [one.task_id for one in book.failures.unexplained(T0)[0]] == ["pinged"]


def test_causes_are_counted(book: Ledger, kit: Any) -> None:
    kit.post(book, "a", "b", "c", "old", **HOOK)
    slow = {"http_code": None, "took_ms": 10_000}
    book.failures.record([failure("a"), failure("b"), failure("c", **slow), failure("old", T0 - MINUTE)])
    assert book.failures.causes(T0) == [
        FailureCause(Webhook.POSTBACK, "me.example", 500, False, 2),
        FailureCause(Webhook.POSTBACK, "me.example", None, True, 1),
    ]


def test_a_reader_tells_what_failed(book: Ledger, kit: Any, path: Path) -> None:
    kit.post(book, "listed", "told", "fine", **HOOK)
    kit.look(book, "listed", at=T0 + MINUTE)
    book.failures.record([failure("told", T0 + 5)])
    with Reader.open(path) as reader:
        assert reader.failed_deliveries(T0) == ["listed", "told"]
        assert reader.failed_deliveries(T0 + 6) == ["listed"]
        assert reader.failed_deliveries(T0 + MINUTE + 1) == []
        assert reader.why_not_delivered("told") == failure("told", T0 + 5)
        assert reader.why_not_delivered("listed") is None


def test_a_reader_of_a_ledger_from_before_finds_no_reasons(path: Path, kit: Any) -> None:
    with Ledger.open(path) as book:
        kit.post(book, "a", **HOOK)
        book.failures.record([failure("a")])
    with closing(sqlite3.connect(path)) as database:
        database.executescript(
            "drop view failed_deliveries; drop table delivery_failure; pragma user_version = 5;"
        )
    with Reader.open(path) as reader:
        assert reader.why_not_delivered("a") is None
        assert reader.failed_deliveries(T0) == []
