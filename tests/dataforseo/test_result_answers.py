"""What a GET by id says of its task: two status codes, a result or none, and whose it is."""

from typing import Any

import pytest

from daemon.dataforseo.codes import Kind
from daemon.dataforseo.errors import Garbled
from daemon.dataforseo.wire import read_result

OTHER = "11230915-9999-0066-0000-0000000000ff"


def kind(body: bytes, task_id: str) -> Kind:
    return read_result(body, task_id).kind


def test_a_result_is_ok(remote: Any) -> None:
    answer = read_result(remote.result(1, remote.serp()), remote.task_id(1))
    assert (answer.kind, answer.code, answer.envelope_code) == (Kind.OK, 20000, 20000)
    assert answer.has_result
    assert answer.problems == ()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (40601, Kind.PENDING),
        (40602, Kind.PENDING),
        (20100, Kind.PENDING),
        (40101, Kind.DEAD),
        (40102, Kind.EMPTY),
        (40103, Kind.DEAD),
        (40401, Kind.NOT_FOUND),
        (40403, Kind.EXPIRED),
        (40202, Kind.THROTTLE),
        (40200, Kind.ACCOUNT),
        (50301, Kind.RETRY),
        (40004, Kind.REQUEST),
        (47777, Kind.UNKNOWN),
    ],
)
def test_a_task_code_without_a_result_is_taken_at_its_word(remote: Any, code: int, expected: Kind) -> None:
    answer = read_result(remote.error(1, code), remote.task_id(1))
    assert (answer.kind, answer.code, answer.has_result) == (expected, code, False)
    assert answer.message == f"Message of {code}."


@pytest.mark.parametrize("code", [40106, 40102, 40101, 40202, 47777, 50000])
def test_any_code_beside_a_result_is_data(remote: Any, code: int) -> None:
    answer = read_result(remote.result(1, remote.serp(), status_code=code), remote.task_id(1))
    assert (answer.kind, answer.code, answer.has_result) == (Kind.PARTIAL, code, True)


@pytest.mark.parametrize("code", [20100, 40601, 40602])
def test_not_yet_stays_not_yet_whatever_lies_beside_it(remote: Any, code: int) -> None:
    assert kind(remote.result(1, remote.serp(), status_code=code), remote.task_id(1)) is Kind.PENDING


@pytest.mark.parametrize("nothing", [None, [], [None], [None, None]])
def test_ok_with_nothing_in_it_is_an_empty_success(remote: Any, nothing: Any) -> None:
    answer = read_result(remote.result(1, nothing), remote.task_id(1))
    assert (answer.kind, answer.has_result) == (Kind.EMPTY, False)


def test_a_partial_success_without_data_is_an_empty_end(remote: Any) -> None:
    assert kind(remote.error(1, 40106), remote.task_id(1)) is Kind.EMPTY


@pytest.mark.parametrize("something", [[{}], {}, "text", [0], [None, {"items": None}]])
def test_any_other_result_is_a_result(remote: Any, something: Any) -> None:
    assert read_result(remote.result(1, something), remote.task_id(1)).has_result


def test_the_envelope_speaks_where_there_is_no_task(remote: Any) -> None:
    answer = read_result(remote.refusal(40202, "Too fast."), remote.task_id(1))
    assert (answer.kind, answer.code, answer.envelope_code) == (Kind.THROTTLE, 40202, 40202)
    assert answer.message == "Too fast."


@pytest.mark.parametrize("tasks", [None, [], [None], [9]])
def test_an_ok_that_says_nothing_of_the_task_is_refused(remote: Any, tasks: Any) -> None:
    with pytest.raises(Garbled):
        read_result(remote.text(remote.envelope(tasks)), remote.task_id(1))


def test_a_refusal_in_the_envelope_beats_an_ok_without_a_result(remote: Any) -> None:
    element = remote.element(None, id=remote.task_id(1))
    body = remote.text(remote.envelope([element], status_code=50000))
    assert read_result(body, remote.task_id(1)).code == 50000


def test_a_result_beats_a_refusal_in_the_envelope(remote: Any) -> None:
    element = remote.element(remote.serp(), id=remote.task_id(1))
    answer = read_result(remote.text(remote.envelope([element], status_code=50000)), remote.task_id(1))
    assert (answer.kind, answer.code, answer.envelope_code) == (Kind.OK, 20000, 50000)


def test_a_task_without_a_code_is_unknown(remote: Any) -> None:
    codes: list[Any] = [None, "soon", {}, True, 2e9, -20000, 20000.5]
    for code in codes:
        answer = read_result(remote.result(1, remote.serp(), status_code=code), remote.task_id(1))
        assert (answer.kind, answer.code) == (Kind.UNKNOWN, None)


def test_the_element_that_names_the_task_is_found_among_others(remote: Any) -> None:
    elements = [
        remote.element(remote.serp(), id=OTHER),
        remote.element(None, id=remote.task_id(1), status_code=40602),
    ]
    assert kind(remote.text(remote.envelope(elements)), remote.task_id(1)) is Kind.PENDING
    assert kind(remote.text(remote.envelope(elements)), OTHER) is Kind.OK


def test_the_same_task_twice_is_taken_with_its_result(remote: Any) -> None:
    mine = remote.task_id(1)
    elements = [remote.element(None, id=mine, status_code=40602), remote.element(remote.serp(), id=mine)]
    answer = read_result(remote.text(remote.envelope(elements)), mine)
    assert answer.kind is Kind.OK
    assert "2 times" in answer.problems[0]


def test_a_result_that_names_another_task_is_never_taken(remote: Any) -> None:
    with pytest.raises(Garbled, match="another task"):
        read_result(remote.result(2, remote.serp()), remote.task_id(1))


@pytest.mark.parametrize("code", [40403, 40401, 40101, 40602])
def test_a_word_about_another_task_is_never_taken_either(remote: Any, code: int) -> None:
    with pytest.raises(Garbled):
        read_result(remote.error(2, code), remote.task_id(1))


def test_a_result_without_any_id_is_never_taken(remote: Any) -> None:
    body = remote.text(remote.envelope([remote.element(remote.serp(), id=None, path=None, data=None)]))
    with pytest.raises(Garbled):
        read_result(body, remote.task_id(1))


@pytest.mark.parametrize("changes", [{"id": OTHER}, {"id": None}, {"id": 5}])
def test_a_result_whose_path_repeats_our_id_is_taken_with_a_remark(
    remote: Any, changes: dict[str, Any]
) -> None:
    answer = read_result(remote.result(1, remote.serp(), **changes), remote.task_id(1))
    assert answer.kind is Kind.OK
    assert "another id" in answer.problems[0]


def test_a_result_whose_data_repeats_our_id_is_taken_with_a_remark(remote: Any) -> None:
    element = remote.element(remote.serp(), data={"id": remote.task_id(1)})
    assert kind(remote.text(remote.envelope([element])), remote.task_id(1)) is Kind.OK


def test_a_bare_error_without_an_id_is_about_what_was_asked(remote: Any) -> None:
    element = remote.element(None, status_code=40401)
    answer = read_result(remote.text(remote.envelope([element])), remote.task_id(1))
    assert answer.kind is Kind.NOT_FOUND
    assert answer.problems


def test_the_answer_of_a_list_is_no_result_even_under_its_own_outer_id(remote: Any) -> None:
    body = remote.listing([remote.row("A", "serp/google/organic", 1)])
    with pytest.raises(Garbled, match="tasks_ready"):
        read_result(body, remote.call_id)


def summary(remote: Any, progress: Any, **changes: Any) -> bytes:
    path = ["v3", "on_page", "summary", remote.task_id(1)]
    body: bytes = remote.result(1, [{"crawl_progress": progress, "pages": []}], path=path, **changes)
    return body


@pytest.mark.parametrize(
    ("progress", "expected"),
    [("in_progress", Kind.PENDING), ("finished", Kind.OK), (None, Kind.OK), ("resting", Kind.PENDING)],
)
def test_a_crawl_is_done_when_it_is_finished(remote: Any, progress: Any, expected: Kind) -> None:
    answer = read_result(summary(remote, progress), remote.task_id(1))
    assert answer.kind is expected
    assert answer.has_result
    assert bool(answer.problems) is (progress == "resting")


def test_the_words_crawl_progress_inside_a_search_result_mean_nothing(remote: Any) -> None:
    items = [{"items": [{"title": '"crawl_progress"', "crawl_progress": "in_progress"}]}]
    assert kind(remote.result(1, items), remote.task_id(1)) is Kind.OK


def test_half_an_emoji_in_a_result_does_not_make_it_unreadable(remote: Any) -> None:
    body = remote.result(1, [{"title": "CUT"}]).replace(b"CUT", b"cut \\ud83d")
    assert kind(body, remote.task_id(1)) is Kind.OK


def test_tasks_error_says_nothing_of_the_task(remote: Any) -> None:
    element = remote.element(None, id=remote.task_id(1), status_code=40101)
    assert kind(remote.text(remote.envelope([element], tasks_error=0)), remote.task_id(1)) is Kind.DEAD
