"""Pages of id_list on the wire: what is asked, what a row says, and what is no page at all."""

from typing import Any

import pytest

from daemon.dataforseo.errors import Garbled
from daemon.dataforseo.posted import PostedRow, page_request, read_posted_page

POST_URL = "https://api.dataforseo.com/v3/serp/google/organic/task_post"
LIST = "/v3/serp/id_list"


def row(remote: Any, number: int = 1, **changes: Any) -> dict[str, Any]:
    """A row as the samples of the docs have it; `changes` override or add."""
    return {
        "id": remote.task_id(number),
        "url": POST_URL,
        "datetime_posted": "2026-11-23 09:15:00 +00:00",
        "datetime_done": "2026-11-23 09:18:42 +00:00",
        "status": "ok",
        "cost": 0.0006,
        "metadata": None,
    } | changes


def read(remote: Any, *rows: Any, **changes: Any) -> Any:
    return read_posted_page(remote.listing(list(rows), LIST, **changes), "serp")


def only(answer: Any) -> PostedRow:
    (found,) = answer.rows
    return found  # type: ignore[no-any-return]


def test_a_page_is_asked_for_in_whole_seconds_of_utc() -> None:
    (asked,) = page_request(1_795_425_300_999, 1_795_425_360_500, offset=2000, limit=1000, metadata=True)
    assert asked == {
        "datetime_from": "2026-11-23 09:15:00 +00:00",
        "datetime_to": "2026-11-23 09:16:00 +00:00",
        "limit": 1000,
        "offset": 2000,
        "sort": "asc",
        "include_metadata": True,
    }


def test_a_page_never_ends_before_or_when_it_begins() -> None:
    (asked,) = page_request(1_795_425_300_000, 1_795_425_300_000, offset=0, limit=10, metadata=False)
    assert asked["datetime_to"] == "2026-11-23 09:15:01 +00:00", "docs: the end must exceed the start"


def test_a_row_says_which_task_when_posted_and_when_done(remote: Any) -> None:
    answer = read(remote, row(remote))
    assert (answer.code, answer.row_count, answer.problems) == (20000, 1, ())
    assert only(answer) == PostedRow(
        task_id=remote.task_id(1),
        function="serp/google/organic",
        posted_at=remote.posted_at,
        done_at=remote.posted_at + 222_000,
        pending=False,
        cost=0.0006,
    )


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-23 09:18:42 +00:00",
        "2026-11-23 09-18-42 +00:00",
        "2026-11-23 11:18:42 +02:00",
        "2026-11-23 11-18-42 +02:00",
        "2026-11-23 03-48-42 -05:30",
        "2026-11-24 00:03:42 +14:45",
        "2026-11-23 11-18-42 +0200",
        "2026-11-23T09:18:42Z",
        "2026-11-23 09-18-42",
    ],
)
def test_times_are_read_in_both_spellings_and_at_any_offset(remote: Any, written: str) -> None:
    answer = read(remote, row(remote, datetime_done=written, datetime_posted=written))
    assert answer.problems == ()
    assert (only(answer).posted_at, only(answer).done_at) == (remote.posted_at + 222_000,) * 2


@pytest.mark.parametrize(
    "written", ["soon", 5, ["2026-11-23"], {}, True, "2026-13-01 00:00:00 +00:00", "0000-00-00"]
)
def test_a_time_that_is_none_is_said_and_is_no_evidence(remote: Any, written: Any) -> None:
    answer = read(remote, row(remote, datetime_done=written))
    assert (only(answer).done_at, only(answer).pending) == (None, False)
    assert "datetime_done is no date" in answer.problems[0]


@pytest.mark.parametrize("nothing", [None, ""])
@pytest.mark.parametrize(
    ("status", "pending"),
    [
        ("Task In Queue.", True),
        ("Task Handed.", True),
        ("task created.", True),
        (40602, True),
        ("40601", True),
        (20100, True),
        # Over, and nothing says when: neither done at a known time, nor still to come.
        ("ok", False),
        (20000, False),
        ("Internal SE Server Error.", False),
        (40101, False),
        ("Task Not Found.", False),
        (40401, False),
        ("Results Expired.", False),
        ("40403", False),
        ("a word nobody knows", False),
    ],
)
def test_without_a_completion_time_the_status_says_whether_it_is_still_to_come(
    remote: Any, nothing: object, status: object, pending: bool
) -> None:
    found = only(read(remote, row(remote, datetime_done=nothing, status=status)))
    assert (found.done_at, found.pending) == (None, pending)


@pytest.mark.parametrize("status", [None, "", " "])
def test_without_either_it_is_still_to_come_where_the_time_is_null(remote: Any, status: object) -> None:
    assert only(read(remote, row(remote, datetime_done=None, status=status))).pending
    assert not only(read(remote, row(remote, datetime_done="", status=status))).pending


def test_a_failed_task_with_a_time_is_done_then(remote: Any) -> None:
    found = only(read(remote, row(remote, status="Internal SE Server Error.")))
    assert (found.done_at, found.pending) == (remote.posted_at + 222_000, False)


@pytest.mark.parametrize(
    ("url", "function"),
    [
        ("/v3/serp/google/organic/task_post", "serp/google/organic"),
        ("v3/on_page/task_post", "on_page"),
        ("http://localhost:8080/v3/on_page/lighthouse/task_post/", "on_page/lighthouse"),
        ("https://api.dataforseo.com/v3/serp/google/organic/live/advanced", None),
        ("https://api.dataforseo.com/v3/serp/google/organic/task_get/advanced/1", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_only_what_was_posted_is_a_task_of_a_function(remote: Any, url: object, function: str | None) -> None:
    assert only(read(remote, row(remote, url=url))).function == function


def test_metadata_tells_what_the_poster_sent_and_no_secret(remote: Any) -> None:
    sent = {
        "tag": "shop:1",
        "priority": "2",
        "pingback_url": "https://h.example/?secret=hunter2",
        "postback_url": "https://h.example/?secret=hunter2",
        "postback_data": "html",
        "keyword": "blue shoes",
    }
    found = only(read(remote, row(remote, metadata=sent)))
    assert (found.tag, found.priority, found.pingback, found.postback, found.variant, found.told) == (
        "shop:1", 2, True, True, "html", True,
    )  # fmt: skip
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize("odd", [[], "text", 5, {"tag": {}, "priority": "high", "postback_data": "pdf"}])
def test_odd_metadata_says_nothing(remote: Any, odd: object) -> None:
    found = only(read(remote, row(remote, metadata=odd)))
    assert (found.tag, found.priority, found.variant, found.pingback) == (None, 1, None, False)


def test_rows_that_name_no_task_are_skipped_and_counted(remote: Any) -> None:
    answer = read(remote, None, {}, {"id": None}, {"id": "a/b"}, [], row(remote, id=7), row(remote, 2))
    assert [found.task_id for found in answer.rows] == [remote.task_id(2)]
    assert answer.row_count == 6, (
        "a null is no row, and what cannot be read is one: a full page has a next one"
    )
    assert len(answer.problems) == 5


@pytest.mark.parametrize("result", [None, []])
def test_an_empty_page_is_a_page(remote: Any, result: object) -> None:
    answer = read_posted_page(remote.listing(result, LIST), "serp")
    assert (answer.code, answer.rows, answer.row_count) == (20000, (), 0)


@pytest.mark.parametrize("code", [40202, 40101, 40501, 50000])
def test_a_code_that_is_no_success_is_no_page(remote: Any, code: int) -> None:
    assert read_posted_page(remote.refusal(code), "serp").code == code
    answer = read(remote, status_code=code, status_message="No.")
    assert (answer.code, answer.rows) == (code, ())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>surprise</html>",
        b"[]",
        b"null",
        b'{"status_code": 20000}',
        b'{"status_code": 20000, "tasks": []}',
        b'{"status_code": 20000, "tasks": null}',
        b'{"status_code": 20000, "tasks": [{"status_code": 20000, "result": {"id": 1}}]}',
        b'{"status_code": 20000, "tasks": [{"status_code": 20000, "result_count": 3, "result": null}]}',
        b'{"status_code": 20000, "tasks": [{"status_code": 20000, "path": ["v3", "tasks_ready"], "result": []}]}',
        # An old page of another API would say that its tasks are pending still.
        b'{"status_code": 20000, "tasks": [{"status_code": 20000, "path":["v3", "on_page", "id_list"], "result": []}]}',
    ],
)
def test_what_is_no_answer_of_id_list_proves_nothing(body: bytes) -> None:
    with pytest.raises(Garbled, match="id_list"):
        read_posted_page(body, "serp")
