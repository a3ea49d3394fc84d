"""Whatever a client sends, the simulated remote answers with an envelope and goes on."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NAMES = st.sampled_from(
    ["keyword", "tag", "priority", "depth", "postback_url", "postback_data", "pingback_url", "id", "limit", "offset",
     "sort", "datetime_from", "datetime_to", "include_metadata", "filtered_function", "location_code"]
)  # fmt: skip
ATOMS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
DATES = st.sampled_from(["2026-11-01 00:00:00 +00:00", "2026-11-02 00-00-00", "0000-13-99 99:99:99 +99:99"])
VALUES = st.recursive(
    ATOMS | DATES | st.sampled_from(["regular", "https://x.example/$tag", "asc"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=6)
BODIES = st.lists(OBJECTS, max_size=3).map(lambda body: json.dumps(body).encode())
PATHS = [
    "/v3/serp/google/organic/task_post", "/v3/on_page/task_post",
    "/v3/keywords_data/bing/audience_estimation/task_post",
    "/v3/serp/id_list", "/v3/serp/errors", "/v3/appendix/webhook_resend",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES | st.binary(max_size=40) | VALUES.map(lambda body: json.dumps(body).encode()))
def test_any_body_gets_an_envelope(remote: Any, path: str, body: bytes) -> None:
    remote.pass_(60_000)
    answer = remote.call("POST", path, body)
    assert answer.status == 200
    assert isinstance(answer.json["status_code"], int)
    for task in answer.json["tasks"] or []:
        assert 20000 <= task["status_code"] < 60000
    remote.pass_(3_600_000)
    remote.ready()
    assert all(delivery.url for delivery in remote.world.due_webhooks())


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "TRACE"]),
    parts=st.lists(
        st.sampled_from(["v3", "serp", "google", "organic", "task_get", "advanced", "tasks_ready", "on_page", "summary",
                         "appendix", "errors", "id_list", "task_post", "lighthouse", "json", ""]) | st.text(max_size=5),
        max_size=7,
    ),
)  # fmt: skip
def test_any_path_gets_an_answer(remote: Any, method: str, parts: list[str]) -> None:
    remote.pass_(60_000)
    answer = remote.call(method, "/" + "/".join(parts), b"[]")
    assert answer.status in (200, 404)
    assert (answer.status == 404) == (answer.json["status_code"] == 40400)


def test_a_body_nested_beyond_reason_is_refused(remote: Any) -> None:
    assert remote.call("POST", PATHS[0], b"[" * 100_000).json["status_code"] == 40503
