"""Reading task_post answers: what is accepted, and with which sentence the rest is refused."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import Ledger
from ledger.intake import NewTask, read_posted
from ledger.records import PrioritySource, State, Webhook

AT = 1_795_000_000_000


def reasons(response: object) -> list[str]:
    tasks, rejected = read_posted(response, AT)
    assert tasks == []
    return [rejection.reason for rejection in rejected]


def only(response: object) -> NewTask:
    tasks, rejected = read_posted(response, AT)
    assert rejected == []
    (task,) = tasks
    return task


def test_an_accepted_task_is_read_whole(kit: Any) -> None:
    answer = kit.answer(
        "a",
        tag="shop:1",
        priority="2",
        postback_data="html",
        postback_url="https://example.org/?secret=1",
        pingback_url="https://example.org/ping",
    )
    assert only(answer) == NewTask(
        "a", "serp/google/organic", "shop:1", 2, "html", Webhook.POSTBACK, AT, 0.0015
    )


@pytest.mark.parametrize(
    ("path", "function"),
    [
        ("serp/google/organic", "serp/google/organic"),
        ("on_page", "on_page"),
        ("on_page/lighthouse", "on_page/lighthouse"),
        ("keywords_data/google_ads/search_volume", "keywords_data/google_ads/search_volume"),
    ],
)
def test_the_function_is_the_path_without_its_ends(kit: Any, path: str, function: str) -> None:
    assert only(kit.answer("a", path=path)).function == function


def test_without_a_path_the_echoed_data_names_the_function(kit: Any) -> None:
    answer = kit.answer("a", api="serp", function="task_post", se="bing", se_type="organic")
    answer["tasks"][0]["path"] = None
    assert only(answer).function == "serp/bing/organic"


@pytest.mark.parametrize(
    ("given_priority", "kept"),
    [(2, 2), ("2", 2), (None, 1), ("high", 1), (True, 1), (-5, 1), (0, 1), (10**30, 1), (1.5, 1), ([], 1)],
)
def test_priorities_may_be_text_and_nonsense_is_normal(kit: Any, given_priority: object, kept: int) -> None:
    assert only(kit.answer("a", priority=given_priority)).priority == kept


@pytest.mark.parametrize(
    ("tag", "kept"),
    [
        ("x", "x"),
        ("", None),
        (None, None),
        (7, "7"),
        (True, None),
        ({"a": 1}, None),
        ([1], None),
        ("\ud800!", "?!"),
    ],
)
def test_tags_that_are_no_text_are_tolerated(kit: Any, tag: object, kept: str | None) -> None:
    assert only(kit.answer("a", tag=tag)).tag == kept


@pytest.mark.parametrize(
    ("cost", "kept"),
    [
        (0.5, 0.5),
        (0, 0.0),
        (None, None),
        ("0.5", None),
        (True, None),
        (float("nan"), None),
        (float("inf"), None),
        (10**400, None),
    ],
)
def test_costs_that_are_no_numbers_are_unknown(kit: Any, cost: object, kept: float | None) -> None:
    answer = kit.answer("a")
    answer["tasks"][0]["cost"] = cost
    assert only(answer).cost == kept


@pytest.mark.parametrize(
    ("variant", "kept"), [("advanced", "advanced"), ("html", "html"), ("xml", None), (3, None), (None, None)]
)
def test_the_variant_is_what_the_postback_would_bring(kit: Any, variant: object, kept: str | None) -> None:
    assert only(kit.answer("a", postback_data=variant)).variant == kept


def test_a_pingback_is_noticed_and_20000_with_an_id_is_accepted(kit: Any) -> None:
    answer = kit.answer("a", pingback_url="https://example.org")
    answer["tasks"][0]["status_code"] = 20000
    assert only(answer).webhook is Webhook.PINGBACK


@pytest.mark.parametrize("task_id", [None, "", 5, ["a"], "a\nb", " a", "a" * 129, "a\x00", "\ud800"])
def test_an_entry_without_a_usable_id_is_refused(kit: Any, task_id: object) -> None:
    answer = kit.answer("a")
    answer["tasks"][0]["id"] = task_id
    (reason,) = reasons(answer)
    assert "id" in reason


def test_the_longest_id_is_accepted(kit: Any) -> None:
    assert only(kit.answer("a" * 128)).id == "a" * 128


def test_each_entry_is_judged_on_its_own(kit: Any) -> None:
    answer = kit.answer("a", "b", "c", "d")
    answer["tasks"][1] |= {"status_code": 40501, "status_message": "Invalid Field: 'keyword'.", "id": "b"}
    answer["tasks"][2] = None
    tasks, rejected = read_posted(answer, AT)
    assert [task.id for task in tasks] == ["a", "d"]
    assert [(one.position, one.id, one.code) for one in rejected] == [(1, "b", 40501), (2, None, None)]
    assert rejected[0].reason == "the remote did not accept it: 40501 Invalid Field: 'keyword'."
    assert rejected[1].reason == "this entry is null, not a task"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (["v3", "serp", "google", "organic", "live", "advanced"], "Live method"),
        (["v3", "serp", "google", "organic", "task_get", "regular", "a"], "task_get"),
        (["v3", "serp", "google", "organic", "tasks_ready"], "tasks_ready"),
        (["v3", "serp", "id_list"], "id_list"),
        (["v3", "appendix", "user_data"], "user_data"),
        (["v3", "..", "etc", "task_post"], "path"),
        (["v3", 1, "task_post"], "path"),
    ],
)
def test_answers_of_other_calls_are_named_and_refused(kit: Any, path: list[Any], words: str) -> None:
    answer = kit.answer("a")
    answer["tasks"][0] |= {"path": path, "status_code": 20000}
    (reason,) = reasons(answer)
    assert words in reason


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (
            {"status_code": 40100, "status_message": "Not authorized.", "tasks": None},
            40100,
            "40100 Not authorized.",
        ),
        ({"status_code": 20000, "tasks": None}, None, "holds no tasks"),
        ({"status_code": 20000, "tasks": []}, None, "an empty list"),
        ({"status_code": 20000, "tasks": {"a": 1}}, None, "an object"),
        ({"hello": 1}, None, "no 'tasks'"),
        ([{"keyword": "a"}], None, "no 'tasks'"),
        (None, None, "null"),
        (7, None, "a number"),
        ("", None, "no JSON"),
        ("{\n", None, "double quotes at column 2"),
        ('{\n"a":,\n}', None, "Expecting value at line 2 column 5"),
        (b"\xff\xfe\x00", None, "no JSON"),
        ("[" * 200_000, None, "nested"),
        ("[" * 500 + "]" * 500, None, "a list"),
        ("1" * 5000, None, "no JSON"),
        ("null", None, "null"),
    ],
)
def test_what_is_no_answer_is_one_rejection(answer: object, code: int | None, words: str) -> None:
    tasks, rejected = read_posted(answer, AT)
    assert tasks == []
    (rejection,) = rejected
    assert rejection.code == code
    assert rejection.position == 0
    assert words in rejection.reason


def test_text_lines_lists_and_models_all_work(kit: Any) -> None:
    class Model:
        def __init__(self, value: Any) -> None:
            self.value = value

        def to_dict(self) -> Any:
            return self.value

    nested = kit.answer("a")
    nested["tasks"] = [Model(nested["tasks"][0])]
    first, second = kit.answer("a"), kit.answer("b")
    lines = json.dumps(first) + "\n\n" + json.dumps(second) + "\n"
    for response in (
        lines,
        lines.encode(),
        [first, second],
        json.dumps([first, second]),
        json.dumps([first, second], indent=2),
        [json.dumps(first), json.dumps(second).encode()],
        [Model(nested), Model(second)],
    ):
        tasks, rejected = read_posted(response, AT)
        assert [task.id for task in tasks] == ["a", "b"]
        assert rejected == []


def test_a_torn_line_is_refused_and_the_others_are_kept(kit: Any) -> None:
    lines = [json.dumps(kit.answer(name)) for name in "abc"]
    lines[1] = lines[1][:-9]
    tasks, rejected = read_posted("\n".join(lines), AT)
    assert [task.id for task in tasks] == ["a", "c"]
    assert [(one.position, one.id) for one in rejected] == [(1, None)]


def test_a_torn_document_is_one_rejection(kit: Any) -> None:
    text = json.dumps(kit.answer("a", "b"), indent=2)
    assert len(reasons(text[:-5])) == 1


def test_a_model_that_cannot_be_read_is_refused() -> None:
    class Broken:
        def to_dict(self) -> None:
            raise RuntimeError("no")

    assert reasons(Broken()) == ["its to_dict() failed: no"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["tasks", "id", "status_code", "path", "data", "cost", "tag", "status_message", "priority"]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)


@given(json_values)
def test_no_json_value_raises_and_each_refusal_is_a_sentence(value: Any) -> None:
    for response in (
        value,
        {"tasks": value},
        {"tasks": [{"id": "a", "status_code": 20100, "path": value, "data": value}]},
    ):
        _, rejected = read_posted(response, AT)
        for rejection in rejected:
            assert rejection.reason
            assert rejection.reason.isprintable()


@given(st.binary(max_size=200))
def test_no_bytes_raise(content: bytes) -> None:
    tasks, rejected = read_posted(content, AT)
    assert tasks == []
    assert rejected or content.strip() == b"[]"


# Into the ledger ------------------------------------------------------------------------------------


def test_recording_twice_changes_nothing(book: Ledger, kit: Any) -> None:
    first = book.record_posted(kit.answer("a", "b", tag="t"), AT)
    assert (first.accepted, first.known, first.rejected) == (("a", "b"), (), ())
    kit.look(book, "a", at=AT + 60_000)
    before = kit.rows(book.path, "select * from task"), kit.rows(book.path, "select * from transition")
    again = book.record_posted(kit.answer("a", "b", "c", tag="other"), AT + 99)
    assert (again.accepted, again.known) == (("c",), ("a", "b"))
    rows = kit.rows(book.path, "select * from task where id <> 'c'")
    moves = kit.rows(book.path, "select * from transition where task_id <> 'c'")
    assert (rows, moves) == before


def test_the_same_id_twice_in_one_answer_is_recorded_once(book: Ledger, kit: Any) -> None:
    intake = book.record_posted(kit.answer("a", "b", "a"), AT)
    assert (intake.accepted, intake.known) == (("a", "b"), ("a",))
    assert kit.rows(book.path, "select count(*) from transition") == [(2,)]


def test_a_recorded_task_stands_in_the_ledger_as_posted(book: Ledger, kit: Any) -> None:
    when = datetime.fromtimestamp(AT / 1000, UTC)
    book.record_posted(kit.answer("a", priority=2, tag="t"), when)
    task = book.tasks.get("a")
    assert task is not None
    assert (task.state, task.posted_at, task.priority, task.priority_source) == (
        State.POSTED,
        AT,
        2,
        PrioritySource.POSTED,
    )
    assert kit.rows(book.path, "select from_state, to_state, reason from transition") == [
        (None, "posted", "recorded")
    ]


def test_a_time_without_a_zone_is_refused_and_records_nothing(book: Ledger, kit: Any) -> None:
    with pytest.raises(ValueError, match="time zone"):
        book.record_posted(kit.answer("a"), datetime(2026, 11, 23, 12, 0))  # noqa: DTZ001  the point of the test
    assert book.tasks.get("a") is None


def test_no_address_of_a_webhook_is_kept(book: Ledger, path: Path, kit: Any) -> None:
    book.record_posted(kit.answer("a", postback_url="https://example.org/?secret=hunter2"), AT)
    book.close()
    assert b"hunter2" not in path.read_bytes()


def test_a_large_answer_is_recorded_in_one_go(book: Ledger, kit: Any) -> None:
    ids = tuple(f"id-{number:05d}" for number in range(3000))
    assert book.record_posted(kit.answer(*ids), AT).accepted == ids
    assert book.tasks.states_of(ids) == dict.fromkeys(ids, State.POSTED)
