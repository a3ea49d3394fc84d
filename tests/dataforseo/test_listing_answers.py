"""What a Tasks Ready list says, in all its shapes and moods."""

import json
from typing import Any

import pytest

from daemon.dataforseo.catalogue import LISTINGS
from daemon.dataforseo.errors import Garbled
from daemon.dataforseo.rows import parse_date
from daemon.dataforseo.wire import PROBLEMS_KEPT, ListingAnswer, read_listing

SERP = LISTINGS["/v3/serp/tasks_ready"]
ORGANIC = LISTINGS["/v3/serp/google/organic/tasks_ready"]
BUSINESS = LISTINGS["/v3/business_data/tasks_ready"]
FUNCTION = "serp/google/organic"


def only(answer: ListingAnswer) -> Any:
    assert len(answer.rows) == 1
    return answer.rows[0]


@pytest.mark.parametrize(
    ("shape", "listing", "function", "endpoint"),
    [
        ("A", "serp", FUNCTION, "/v3/serp/google/organic/task_get/advanced/"),
        ("A", "serp/google/maps", "serp/google/maps", "/v3/serp/google/maps/task_get/advanced/"),
        (
            "B",
            "ai_optimization/chat_gpt/llm_scraper",
            None,
            "/v3/ai_optimization/chat_gpt/llm_scraper/task_get/advanced/",
        ),
        ("C", "merchant", "merchant/amazon/products", "/v3/merchant/amazon/products/task_get/advanced/"),
        ("D", "business_data", "business_data/google/reviews", "/v3/business_data/google/reviews/task_get/"),
        ("E", "keywords_data/bing/search_volume", None, "/v3/keywords_data/bing/search_volume/task_get/"),
        ("F", "on_page", None, None),
        ("G", "on_page/lighthouse", None, "/v3/on_page/lighthouse/task_get/json/"),
    ],
)
def test_each_row_shape_is_read(
    remote: Any, shape: str, listing: str, function: str | None, endpoint: str | None
) -> None:
    name = function or listing
    body = remote.listing([remote.row(shape, name, 1)], f"/v3/{listing}/tasks_ready")
    answer = read_listing(body, LISTINGS[f"/v3/{listing}/tasks_ready"])
    row = only(answer)
    assert (row.task_id, row.function) == (remote.task_id(1), name)
    assert row.endpoint == (endpoint and endpoint + remote.task_id(1))
    assert row.posted_at == (None if shape == "G" else remote.posted_at)
    assert row.tag == (None if shape == "F" else "tag:1")
    assert (answer.code, answer.row_count, answer.problems) == (20000, 1, ())


def test_the_outer_id_is_never_a_task(remote: Any) -> None:
    answer = read_listing(remote.listing([remote.row("A", FUNCTION, 1)]), SERP)
    assert remote.call_id not in [row.task_id for row in answer.rows]


@pytest.mark.parametrize("empty", [None, [], [None]])
def test_an_empty_list_is_empty_in_each_of_its_forms(remote: Any, empty: Any) -> None:
    answer = read_listing(remote.listing(empty, result_count=0), SERP)
    assert (answer.code, answer.rows, answer.row_count, answer.problems) == (20000, (), 0, ())


def test_a_list_without_the_key_result_is_empty(remote: Any) -> None:
    element = remote.element(None)
    del element["result"]
    assert read_listing(remote.text(remote.envelope([element])), SERP).row_count == 0


def test_rows_of_several_elements_are_all_taken(remote: Any) -> None:
    elements = [remote.element([remote.row("A", FUNCTION, number)]) for number in (1, 2)]
    answer = read_listing(remote.text(remote.envelope(elements)), SERP)
    assert [row.task_id for row in answer.rows] == [remote.task_id(1), remote.task_id(2)]
    assert answer.row_count == 2


def test_a_repeated_row_is_taken_once_and_counted_as_it_came(remote: Any) -> None:
    rows = [remote.row("A", FUNCTION, 1), remote.row("A", FUNCTION, 2), remote.row("A", FUNCTION, 1)]
    answer = read_listing(remote.listing(rows), SERP)
    assert len(answer.rows) == 2
    assert answer.row_count == 3
    assert "more than once" in answer.problems[0]


@pytest.mark.parametrize("bad", [{"id": None}, {"id": 7}, {"id": ""}, {"id": "a/../b"}, {"id": ["x"]}])
def test_a_row_without_a_usable_id_is_skipped_and_spoils_no_other(remote: Any, bad: dict[str, Any]) -> None:
    rows = [remote.row("A", FUNCTION, 1), remote.row("A", FUNCTION, 2, **bad), remote.row("A", FUNCTION, 3)]
    answer = read_listing(remote.listing(rows), SERP)
    assert [row.task_id for row in answer.rows] == [remote.task_id(1), remote.task_id(3)]
    assert answer.row_count == 3
    assert "row 1" in answer.problems[0]


@pytest.mark.parametrize("odd", [7, "row", True, ["row"], [[]]])
def test_a_row_that_is_no_object_is_skipped(remote: Any, odd: Any) -> None:
    answer = read_listing(remote.listing([odd, remote.row("A", FUNCTION, 1)]), SERP)
    assert only(answer).task_id == remote.task_id(1)
    assert "row 0 is no object" in answer.problems[0]


def test_one_field_that_cannot_be_decoded_spoils_nothing_else(remote: Any) -> None:
    body = remote.listing([remote.row("A", FUNCTION, 1), remote.row("A", FUNCTION, 2)])
    for broken in (b'"\\ud800"', b'"\xff"', b"1e999", b"9" * 5000):
        row = only_id(read_listing(body.replace(b'"tag:1"', broken), SERP), remote.task_id(1))
        assert row.function == FUNCTION


def only_id(answer: ListingAnswer, task_id: str) -> Any:
    assert len(answer.rows) == 2
    return next(row for row in answer.rows if row.task_id == task_id)


@pytest.mark.parametrize(
    ("tag", "taken"),
    [("kw:1", "kw:1"), ("", None), (None, None), (42, "42"), (True, None), ({"a": 1}, None), (["a"], None)],
)
def test_a_tag_of_any_type_is_survived(remote: Any, tag: Any, taken: str | None) -> None:
    assert only(read_listing(remote.listing([remote.row("A", FUNCTION, 1, tag=tag)]), SERP)).tag == taken


def test_a_missing_tag_is_no_tag(remote: Any) -> None:
    row = remote.row("A", FUNCTION, 1)
    del row["tag"]
    assert only(read_listing(remote.listing([row]), SERP)).tag is None


def test_an_endpoint_about_another_task_is_dropped_and_the_others_still_tell_the_function(
    remote: Any,
) -> None:
    wrong = f"/v3/serp/google/news/task_get/advanced/{remote.task_id(2)}"
    answer = read_listing(remote.listing([remote.row("A", FUNCTION, 1, endpoint_advanced=wrong)]), SERP)
    row = only(answer)
    assert row.endpoint is None
    assert row.function == FUNCTION
    assert remote.task_id(2) in answer.problems[0]


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://evil.example/v3/serp/google/organic/task_get/advanced/{id}",
        "//evil.example/v3/serp/google/organic/task_get/advanced/{id}",
        "/v3/serp/google/organic/../../appendix/task_get/{id}",
        "/v3/serp/google/organic/task_get/advanced/{id}?a=b",
        "/v3/serp/google/organic/task_get/advanced/\u0000{id}",
        "/v3/serp/google/organic/{id}",
        "v3/serp/google/organic/task_get/advanced/{id}",
        "",
        17,
        {"href": "/v3/x"},
    ],
)
def test_an_endpoint_that_is_no_path_of_a_result_is_dropped(remote: Any, endpoint: Any) -> None:
    written = endpoint.format(id=remote.task_id(1)) if isinstance(endpoint, str) else endpoint
    row = remote.row("C", "app_data/apple/app_info", 1, endpoint_advanced=written, endpoint_html=None)
    body = remote.listing([row], "/v3/app_data/tasks_ready")
    answer = read_listing(body, LISTINGS["/v3/app_data/tasks_ready"])
    assert only(answer).endpoint is None
    assert only(answer).function == "app_data/apple/app_info"  # from se and se_type: a known function
    assert len(answer.problems) == 1


def test_a_null_endpoint_is_no_oddity(remote: Any) -> None:
    row = remote.row("A", "serp/google/maps", 1, endpoint_regular=None, endpoint_html=None)
    answer = read_listing(remote.listing([row]), SERP)
    assert only(answer).endpoint == row["endpoint_advanced"]
    assert answer.problems == ()


def test_the_endpoint_decides_the_function_and_se_type_does_not(remote: Any) -> None:
    row = remote.row("C", "merchant/amazon/asin", 1, se_type="products")
    merchant = LISTINGS["/v3/merchant/tasks_ready"]
    assert (
        only(read_listing(remote.listing([row], merchant.path), merchant)).function == "merchant/amazon/asin"
    )


def test_without_an_endpoint_the_list_of_one_function_tells_it(remote: Any) -> None:
    row = {"id": remote.task_id(1)}
    assert only(read_listing(remote.listing([row], ORGANIC.path), ORGANIC)).function == FUNCTION


def test_without_an_endpoint_se_and_se_type_must_name_a_known_function(remote: Any) -> None:
    row = {"id": remote.task_id(1), "se": "amazon", "se_type": "organic"}
    body = remote.listing([row], "/v3/merchant/tasks_ready")
    assert only(read_listing(body, LISTINGS["/v3/merchant/tasks_ready"])).function is None


def test_a_row_of_a_retired_function_is_tolerated(remote: Any) -> None:
    answer = read_listing(remote.listing([remote.row("A", "serp/yandex/organic", 1)]), SERP)
    assert only(answer).function == "serp/yandex/organic"
    assert only(answer).endpoint == f"/v3/serp/yandex/organic/task_get/advanced/{remote.task_id(1)}"
    assert answer.problems == ()


def test_endpoints_that_name_two_functions_are_an_oddity_and_the_list_decides(remote: Any) -> None:
    other = f"/v3/serp/google/news/task_get/advanced/{remote.task_id(1)}"
    answer = read_listing(
        remote.listing([remote.row("A", FUNCTION, 1, endpoint_advanced=other)], ORGANIC.path), ORGANIC
    )
    assert only(answer).function == FUNCTION
    assert only(answer).endpoint is None  # there is no checked path of the usual variant
    assert "different functions" in answer.problems[0]


def test_the_one_endpoint_of_hotel_info_is_kept_although_it_names_no_variant(remote: Any) -> None:
    row = remote.row("D", "business_data/google/hotel_info", 1)
    assert only(read_listing(remote.listing([row], BUSINESS.path), BUSINESS)).endpoint == row["endpoint"]


def test_unknown_keys_are_ignored(remote: Any) -> None:
    row = remote.row("A", FUNCTION, 1, brand_new={"deep": [1, 2, {"x": None}]})
    assert read_listing(remote.listing([row], another_new_key=[1]), SERP).problems == ()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-11-23 09:15:00 +00:00", 1_795_425_300_000),
        ("2026-11-23 11:15:00 +02:00", 1_795_425_300_000),
        ("2026-11-23 03:45:00 -05:30", 1_795_425_300_000),
        ("2026-11-23 09:15:00 +0000", 1_795_425_300_000),
        ("2026-11-23T09:15:00Z", 1_795_425_300_000),
        ("2026-11-23 09:15:00", 1_795_425_300_000),
        ("2026-11-23 09-15-00 +00:00", 1_795_425_300_000),  # as the text of docs id_list writes it
        ("2026-02-30 09:15:00 +00:00", None),
        ("2026-11-23 09:15:00 +99:99", None),
        ("0001-01-01 00:00:00 +14:00", None),
        ("9999-12-31 23:59:59 -14:00", 253_402_351_199_000),
        ("1970-01-01 00:00:00 +00:00", None),
        ("٢٠٢٦-11-23 09:15:00 +00:00", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_date_is_read_or_ignored(written: str, read: int | None) -> None:
    assert parse_date(written) == read


@pytest.mark.parametrize("written", ["soon", 5, {}, "0001-01-01 00:00:00 +00:00"])
def test_a_row_with_an_odd_date_is_still_a_sighting(remote: Any, written: Any) -> None:
    answer = read_listing(remote.listing([remote.row("A", FUNCTION, 1, date_posted=written)]), SERP)
    assert only(answer).posted_at is None
    assert "date_posted" in answer.problems[0]


def test_tasks_error_says_nothing(remote: Any) -> None:
    body = remote.text(remote.envelope([remote.element([remote.row("A", FUNCTION, 1)])], tasks_error=1))
    assert read_listing(body, SERP).code == 20000


def test_a_thousand_rows_are_a_thousand_sightings(remote: Any) -> None:
    answer = read_listing(remote.listing([remote.row("A", FUNCTION, n) for n in range(1000)]), SERP)
    assert len(answer.rows) == answer.row_count == 1000


def test_many_oddities_are_counted_and_not_written_down(remote: Any) -> None:
    answer = read_listing(remote.listing([{"id": None}] * 500), SERP)
    assert len(answer.problems) == PROBLEMS_KEPT + 1
    assert answer.problems[-1] == f"and {500 - PROBLEMS_KEPT} oddities more"


@pytest.mark.parametrize("level", ["envelope", "task"])
def test_a_refusal_is_found_at_either_level(remote: Any, level: str) -> None:
    body = remote.refusal(40202) if level == "envelope" else remote.listing(None, status_code=40202)
    answer = read_listing(body, SERP)
    assert (answer.code, answer.rows) == (40202, ())


def test_a_code_as_text_is_a_code(remote: Any) -> None:
    assert read_listing(remote.listing([], status_code="20000"), SERP).code == 20000


def test_more_rows_announced_than_sent_is_an_oddity(remote: Any) -> None:
    answer = read_listing(remote.listing([remote.row("A", FUNCTION, 1)], result_count=106), SERP)
    assert answer.row_count == 1
    assert "announces 106" in answer.problems[0]


@pytest.mark.parametrize("tasks", [None, [], [None], [7], {}, "tasks"])
def test_an_ok_without_a_list_is_refused_because_it_would_look_like_an_empty_one(
    remote: Any, tasks: Any
) -> None:
    with pytest.raises(Garbled):
        read_listing(remote.text(remote.envelope(tasks)), SERP)


@pytest.mark.parametrize("result", [{}, "rows", 5, True])
def test_a_result_that_is_no_list_is_refused(remote: Any, result: Any) -> None:
    with pytest.raises(Garbled):
        read_listing(remote.listing(result), SERP)


def test_rows_announced_and_none_sent_are_refused(remote: Any) -> None:
    with pytest.raises(Garbled, match="announces 12"):
        read_listing(remote.listing(None, result_count=12), SERP)


def test_the_rows_of_another_list_are_refused_and_an_unknown_spelling_is_odd(remote: Any) -> None:
    with pytest.raises(Garbled, match="another call"):
        read_listing(remote.listing([], ORGANIC.path), SERP)
    answer = read_listing(remote.listing([], "/v3/serp/engine/tasks_ready"), SERP)
    assert any("says that it answers" in problem for problem in answer.problems)


def test_the_rows_of_another_call_are_refused(remote: Any) -> None:
    with pytest.raises(Garbled, match="id_list"):
        read_listing(
            remote.listing([{"id": remote.task_id(1), "datetime_done": None}], "/v3/serp/id_list"), SERP
        )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"<html><body>Bad gateway</body></html>",
        b"\n<!doctype html>",
        b"null",
        b"[]",
        b"20000",
        b'"Ok."',
        b'{"status_code": NaN}',
        b'{"status_code": 20000',
        b"{'status_code': 20000}",
        b"\x00\x01\x02",
        b"\xff\xfe{\x00}\x00",
        b"[" * 100_000,
        b'{"tasks":' + b'[{"result":' * 50_000,
    ],
)
def test_what_is_no_answer_is_refused_in_one_sentence(body: bytes) -> None:
    with pytest.raises(Garbled) as caught:
        read_listing(body, SERP)
    assert SERP.path in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_after_the_answer_are_refused_and_white_space_is_not(remote: Any) -> None:
    body = remote.listing([])
    assert read_listing(b"\n " + body + b"\r\n", SERP).row_count == 0
    for rest in (b"x", b"{}", b"\x00", b"]"):
        with pytest.raises(Garbled):
            read_listing(body + rest, SERP)


def test_a_byte_order_mark_is_tolerated(remote: Any) -> None:
    assert read_listing(b"\xef\xbb\xbf" + remote.listing([remote.row("A", FUNCTION, 1)]), SERP).row_count == 1


def test_a_message_is_one_printable_line(remote: Any) -> None:
    message = read_listing(remote.refusal(40100, "bad\x1b[31m\nlogin" + "!" * 1000), SERP).message
    assert message is not None
    assert message.isprintable()
    assert len(message) <= 300


def test_the_answer_may_be_written_in_any_order(remote: Any) -> None:
    answer = json.loads(remote.listing([remote.row("A", FUNCTION, 1)]))
    body = json.dumps(dict(reversed(answer.items()))).encode()
    assert read_listing(body, SERP) == read_listing(remote.listing([remote.row("A", FUNCTION, 1)]), SERP)
