"""Answers of task_post: whose entry is whose, and which answers leave their tasks in doubt."""

import json
from typing import Any

import pytest

from daemon.dataforseo.errors import Garbled
from daemon.dataforseo.posting import problem_with, read_posting
from ledger.keys import make_key, sent_tag, split_tag

KEYS = [make_key("b", n, {}) for n in range(3)]
PATH = ["v3", "serp", "google", "organic", "task_post"]


def entry(
    remote: Any, number: int, *, key: str | None = None, code: int = 20100, **more: Any
) -> dict[str, Any]:
    data = {"tag": sent_tag("mine", key)} if key else {}
    return (
        remote.element(None, id=remote.task_id(number), status_code=code, cost=0.5, path=PATH, data=data)
        | more
    )


def ids(remote: Any, *entries: dict[str, Any]) -> dict[str, str | None]:
    words = read_posting(remote.text(remote.envelope(list(entries))), KEYS).words
    return {key: word.task_id for key, word in words.items()}


def test_entries_are_told_by_their_tags_wherever_they_stand(remote: Any) -> None:
    entries = [entry(remote, n, key=KEYS[n]) for n in (2, 0, 1)]
    assert ids(remote, *entries) == {KEYS[n]: remote.task_id(n) for n in range(3)}
    answer = read_posting(remote.text(remote.envelope(entries)), KEYS)
    assert "not in its place" in answer.problems[0]
    assert answer.words[KEYS[0]].cost == 0.5


def test_entries_without_a_tag_are_told_by_their_place_when_none_is_missing(remote: Any) -> None:
    entries = [entry(remote, n) for n in range(3)]
    assert ids(remote, *entries) == {KEYS[n]: remote.task_id(n) for n in range(3)}
    assert ids(remote, *entries[:2]) == {}


def test_a_tag_counts_more_than_a_place_and_leaves_the_other_in_doubt(remote: Any) -> None:
    entries = [entry(remote, 0, key=KEYS[1]), entry(remote, 1), entry(remote, 2, key=KEYS[2])]
    assert ids(remote, *entries) == {KEYS[1]: remote.task_id(0), KEYS[2]: remote.task_id(2)}


def test_one_id_for_two_tasks_leaves_both_in_doubt(remote: Any) -> None:
    # The ledger can hold it once: the whole answer was refused there, again and again, and nothing was posted any more.
    twice = {"id": remote.task_id(0)}
    entries = [entry(remote, n, key=KEYS[n]) | (twice if n < 2 else {}) for n in range(3)]
    assert ids(remote, *entries) == {KEYS[2]: remote.task_id(2)}
    assert "to more than one task" in read_posting(remote.text(remote.envelope(entries)), KEYS).problems[0]


def test_the_entry_of_somebody_else_is_ignored(remote: Any) -> None:
    entries = [entry(remote, 0, key=KEYS[0]), entry(remote, 1, key="a" * 16), entry(remote, 2, key=KEYS[2])]
    assert ids(remote, *entries) == {KEYS[0]: remote.task_id(0), KEYS[2]: remote.task_id(2)}


def test_one_error_that_names_no_task_stands_for_the_whole_call(remote: Any) -> None:
    answer = read_posting(remote.text(remote.envelope([entry(remote, 0, code=50000)])), KEYS)
    assert (answer.code, answer.words) == (50000, {})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"status_code": 20000, "tasks": []}',
        b'{"status_code": 20000, "tasks": null}',
    ],
)
def test_what_says_nothing_of_any_task_leaves_all_in_doubt(body: bytes) -> None:
    with pytest.raises(Garbled):
        read_posting(body, KEYS)


def test_the_answer_of_another_call_leaves_all_in_doubt(remote: Any) -> None:
    with pytest.raises(Garbled):
        read_posting(remote.text(remote.envelope([entry(remote, 0, path=["v3", "serp", "id_list"])])), KEYS)


def test_an_id_that_is_none_is_not_taken(remote: Any) -> None:
    bad = [
        entry(remote, n, key=key, id=odd)
        for n, (key, odd) in enumerate(zip(KEYS, [None, "", "a/b"], strict=True))
    ]
    assert set(ids(remote, *bad).values()) == {None}


@pytest.mark.parametrize("tag", [None, "", "a", "urgent:1", "a|readyd:x", "x" * 255, "line\nbreak|"])
def test_a_tag_comes_back_as_its_user_wrote_it(tag: str | None) -> None:
    sent = sent_tag(tag, KEYS[0])
    own, key = split_tag(sent)
    assert len(sent) <= 255
    assert key == KEYS[0]
    assert own == (tag or None) or len(tag or "") > 230
    assert split_tag(tag)[1] is None


def test_keys_differ_by_batch_line_and_content_and_by_nothing_else() -> None:
    same = make_key("b", 1, {"f": {"a": 1, "b": 2}})
    assert same == make_key("b", 1, json.loads('{"f": {"b": 2, "a": 1}}'))
    assert (
        len({same, make_key("c", 1, {"f": {"a": 1, "b": 2}}), make_key("b", 2, {"f": {"a": 1, "b": 2}})}) == 3
    )


@pytest.mark.parametrize(
    ("function", "fields", "words"),
    [
        ("serp/gogle/organic", {}, "did you mean serp/google/organic"),
        ("serp/google/organic", {"priority": 3}, "1 or 2"),
        ("serp/google/organic", {"tag": "x" * 256}, "256 characters"),
        ("serp/google/organic", {"postback_url": "https://a.example"}, "no postback_data"),
        ("serp/google/organic", {"pingback_url": "ftp://a"}, "no http"),
        ("keywords_data/google_ads/search_volume", {"priority": 2}, "takes no priority"),
    ],
)
def test_what_the_remote_would_refuse_is_said_before_it_is_sent(
    function: str, fields: Any, words: str
) -> None:
    assert words in (problem_with(function, fields) or "")
    assert (
        problem_with("serp/google/organic", {"priority": 2, "tag": "a", "pingback_url": "https://a"}) is None
    )
