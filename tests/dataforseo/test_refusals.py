"""Which error an answer is, by HTTP status and by code."""

import pytest

from daemon.dataforseo.codes import MEANING, Kind
from daemon.dataforseo.errors import AccountRefused, RemoteError, RequestRefused, Throttled, Unreachable
from daemon.dataforseo.refusals import MAX_RETRY_AFTER_MS, by_code, by_status, retry_after_ms


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, Unreachable),
        (302, Unreachable),
        (400, RequestRefused),
        (401, AccountRefused),
        (402, AccountRefused),
        (403, AccountRefused),
        (404, RequestRefused),
        (429, Throttled),
        (500, Unreachable),
        (502, Unreachable),
        (599, Unreachable),
    ],
)
def test_a_status_names_an_error(status: int, kind: type[RemoteError]) -> None:
    error = by_status(status, {}, None, "GET /v3/serp/tasks_ready")
    assert type(error) is kind
    assert str(status) in str(error)
    assert "/v3/serp/tasks_ready" in str(error)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (40202, Throttled),
        (40209, Throttled),
        (40100, AccountRefused),
        (40200, AccountRefused),
        (40207, AccountRefused),
        (40400, RequestRefused),
        (40401, RequestRefused),
        (40101, RequestRefused),
        (50000, Unreachable),
        (50303, Unreachable),
        (40602, Unreachable),
        (49999, Unreachable),
        (None, Unreachable),
    ],
)
def test_a_code_names_an_error(code: int | None, kind: type[RemoteError]) -> None:
    error = by_code(code, "Words of the remote.", {}, "GET /v3/x")
    assert type(error) is kind
    assert error.code == code
    assert "Words of the remote." in str(error)


def test_every_documented_refusal_is_a_sentence_with_advice() -> None:
    for code, fact in MEANING.items():
        if fact.kind is not Kind.OK:
            assert str(by_code(code, fact.message, {}, "GET /v3/x")).endswith(fact.advice)


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({}, None),
        ({"retry-after": "30"}, 30_000),
        ({"retry-after": " 0 "}, 0),
        ({"retry-after": "99999999999999999999"}, MAX_RETRY_AFTER_MS),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "²"}, None),
        ({"retry-after": "Mon, 23 Nov 2026 10:00:45 GMT", "date": "Mon, 23 Nov 2026 10:00:00 GMT"}, 45_000),
        ({"retry-after": "Mon, 23 Nov 2026 09:00:00 GMT", "date": "Mon, 23 Nov 2026 10:00:00 GMT"}, 0),
        ({"retry-after": "Mon, 23 Nov 2026 10:00:45 GMT"}, None),
        ({"retry-after": "Mon, 99 Nov 2026 10:00:45 GMT", "date": "x"}, None),
    ],
)
def test_retry_after_is_a_pause(headers: dict[str, str], pause: int | None) -> None:
    assert retry_after_ms(headers) == pause
    error = by_status(429, headers, None, "GET /v3/x")
    assert isinstance(error, Throttled)
    assert error.retry_after_ms == pause
