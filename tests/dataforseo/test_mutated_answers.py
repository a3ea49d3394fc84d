"""Answers that were damaged in ten thousand ways: an answer or a refusal in one sentence, nothing else ever."""

import copy
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.dataforseo.account import AccountAnswer, read_account
from daemon.dataforseo.catalogue import FUNCTIONS, LISTINGS, is_endpoint, is_task_id
from daemon.dataforseo.errors import Garbled
from daemon.dataforseo.wire import ListingAnswer, ResultAnswer, read_listing, read_result

COUNT = 10_000
VALUES: list[Any] = [
    None, True, False, 0, -1, 20000, 40602, 1.5, 10**30, 10**400, "", "x", "20000", "\x00", "\ud800", "é" * 300, [],
    [None], {}, {"id": []}, [[[[]]]], "/v3/../x", "2026-13-45 99:99:99 +00:00",
]  # fmt: skip


def nodes(tree: Any) -> list[tuple[Any, Any]]:
    """Every place in a tree as (container, key)."""
    keys = list(tree) if isinstance(tree, dict) else list(range(len(tree))) if isinstance(tree, list) else []
    return [place for key in keys for place in ((tree, key), *nodes(tree[key]))]


def flip_bytes(source: random.Random, body: bytes) -> bytes:
    damaged = bytearray(body)
    for _ in range(source.randint(1, 8)):
        damaged[source.randrange(len(damaged))] = source.randrange(256)
    return bytes(damaged)


def cut_short(source: random.Random, body: bytes) -> bytes:
    return body[: source.randrange(len(body))]


def splice(source: random.Random, body: bytes) -> bytes:
    start, end = sorted(source.randrange(len(body)) for _ in range(2))
    at = source.randrange(len(body))
    return body[:at] + body[start:end] + body[at:]


def in_tree(change: Callable[[random.Random, Any, Any], None]) -> Callable[[random.Random, bytes], bytes]:
    def mutate(source: random.Random, body: bytes) -> bytes:
        tree = json.loads(body)
        for _ in range(source.randint(1, 3)):
            if places := nodes(tree):
                change(source, *source.choice(places))
        return json.dumps(tree).encode()

    return mutate


def remove(source: random.Random, holder: Any, key: Any) -> None:
    del holder[key]


def swap_type(source: random.Random, holder: Any, key: Any) -> None:
    holder[key] = copy.deepcopy(source.choice(VALUES))


def wrap(source: random.Random, holder: Any, key: Any) -> None:
    for _ in range(source.choice([1, 2, 5, 60])):
        holder[key] = source.choice([[holder[key]], {"x": holder[key]}])


def repeat_key(source: random.Random, body: bytes) -> bytes:
    """Say one key twice, with another value the second time: JSON allows it."""
    tree = json.loads(body)
    places = [(holder, key) for holder, key in nodes(tree) if isinstance(holder, dict)]
    holder, key = source.choice(places)
    holder["TWICE"] = source.choice(VALUES)
    return json.dumps(tree).encode().replace(b'"TWICE"', json.dumps(key).encode())


MUTATIONS: list[Callable[[random.Random, bytes], bytes]] = [
    flip_bytes, cut_short, splice, in_tree(remove), in_tree(swap_type), in_tree(wrap), repeat_key,
]  # fmt: skip


@pytest.fixture(scope="session")
def originals(remote: Any) -> list[bytes]:
    """One list of each shape, results, errors and the account."""
    shapes = {listing.shape: listing for listing in LISTINGS.values() if not listing.umbrella}
    lists = [
        remote.listing([remote.row(shape, str(listing.only_function), n) for n in range(3)])
        for shape, listing in shapes.items()
    ]
    crawl = remote.result(
        1, [{"crawl_progress": "in_progress"}], path=["v3", "on_page", "summary", remote.task_id(1)]
    )
    others = [
        remote.listing(None),
        remote.result(1, remote.serp()),
        crawl,
        remote.error(1, 40602),
        remote.error(1, 40401),
        remote.refusal(40400),
        remote.listing([remote.account()], "/v3/appendix/user_data"),
    ]
    assert len(lists) == 7
    return lists + others


def read_all(body: bytes, task_id: str) -> None:
    """Read a body in each way; whatever is not a sound answer must be a refusal in one sentence."""
    for read in (
        lambda: read_listing(body, LISTINGS["/v3/serp/tasks_ready"]),
        lambda: read_listing(body, LISTINGS["/v3/on_page/tasks_ready"]),
        lambda: read_result(body, task_id),
        lambda: read_account(body),
    ):
        try:
            check(read())
        except Garbled as error:
            check_sentence(str(error))


def check_sentence(sentence: str) -> None:
    assert sentence
    assert sentence.isprintable()


def check(answer: ListingAnswer | ResultAnswer | AccountAnswer) -> None:
    assert answer.code is None or 0 < answer.code < 100_000
    if isinstance(answer, ListingAnswer):
        assert len(answer.rows) <= answer.row_count
        assert len({row.task_id for row in answer.rows}) == len(answer.rows)
        for row in answer.rows:
            assert is_task_id(row.task_id)
            assert row.endpoint is None or (
                is_endpoint(row.endpoint) and row.endpoint.endswith(f"/{row.task_id}")
            )
            assert row.posted_at is None or 0 < row.posted_at < 2**53
            assert row.tag is None or row.tag.encode()
    for problem in () if isinstance(answer, AccountAnswer) else answer.problems:
        check_sentence(problem)


def test_ten_thousand_mutations_are_answers_or_refusals(remote: Any, originals: list[bytes]) -> None:
    source = random.Random(20261123)
    changed = 0
    for number in range(COUNT):
        original = originals[number % len(originals)]
        body = MUTATIONS[
            number % len(MUTATIONS) if source.random() < 0.5 else source.randrange(len(MUTATIONS))
        ](source, original)
        changed += body != original
        try:
            read_all(body, remote.task_id(1))
        except Exception as error:
            pytest.fail(f"mutation {number}: {error!r} for {body!r}")
    assert changed > COUNT * 0.95


def test_the_originals_are_understood_in_the_way_that_is_theirs(remote: Any, originals: list[bytes]) -> None:
    understood = 0
    for body in originals:
        for read in (
            lambda body=body: read_listing(body, LISTINGS["/v3/serp/tasks_ready"]),
            lambda body=body: read_result(body, remote.task_id(1)),
            lambda body=body: read_account(body),
        ):
            try:
                read()
            except Garbled:
                continue
            understood += 1
            break
    assert understood == len(originals)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "status_code",
                    "tasks",
                    "result",
                    "path",
                    "data",
                    "tag",
                    "endpoint",
                    "crawl_progress",
                    "x",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(tree=JSON)
def test_any_json_is_an_answer_or_a_refusal(tree: Any) -> None:
    read_all(json.dumps(tree).encode(), "11230915-9999-0066-0000-000000000001")


@settings(max_examples=300, deadline=None, derandomize=True)
@given(result=JSON, code=st.sampled_from([20000, 40602, 40202, 47000, None, "20000"]))
def test_any_result_in_a_sound_envelope_is_an_answer_or_a_refusal(result: Any, code: Any) -> None:
    task_id = "11230915-9999-0066-0000-000000000001"
    element = {"id": task_id, "status_code": code, "result": result}
    read_all(json.dumps({"status_code": 20000, "tasks": [element]}).encode(), task_id)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(body=st.binary(max_size=60))
def test_any_bytes_are_an_answer_or_a_refusal(body: bytes) -> None:
    read_all(body, "11230915-9999-0066-0000-000000000001")


def test_every_function_is_told_by_its_own_row(remote: Any) -> None:
    for name, function in FUNCTIONS.items():
        path = f"/v3/{name}/tasks_ready"
        answer = read_listing(remote.listing([remote.row(function.shape, name, 1)], path), LISTINGS[path])
        assert [row.function for row in answer.rows] == [name]
        assert (answer.rows[0].endpoint is None) == (function.shape == "F")
