"""id_list and errors: the two ways to look back. Knows no lists."""

from bisect import bisect_left
from typing import Any

import msgspec

from daemon.simulator.envelopes import NULL, Entry, as_bytes
from daemon.simulator.messages import OK, message
from daemon.simulator.moments import DAY_MS, SECOND_MS, as_local_text, read
from daemon.simulator.options import Options
from daemon.simulator.posting import Refused, read_batch
from daemon.simulator.records import Account, Call, Task
from daemon.simulator.state import State

REACH_MS = 183 * DAY_MS
METADATA_REACH_MS = 31 * DAY_MS
ERRORS_REACH_MS = 7 * DAY_MS
MOST_ROWS = 1000
HOST = "https://api.dataforseo.com"
"""Rows of id_list name the production host, whoever answers."""


def id_list(state: State, account: Account, call: Call, api: str) -> Entry | int:
    """List every task of the API that was posted in the window: pending, done and failed."""
    asked = _asked(call.body)
    if isinstance(asked, int):
        return asked
    try:
        start, end = _span(asked, call.now)
        first, last = _page(asked)
        tasks = _tasks(account, api, start, end, asked, first, last)
    except Refused as refused:
        return _entry(state, account, call, api, asked, refused.code, [], refused.detail)
    rows = [_row(task, state.options, with_metadata=bool(asked.get("include_metadata"))) for task in tasks]
    return _entry(state, account, call, api, asked, OK, rows)


def errors(state: State, account: Account, call: Call, api: str) -> Entry | int:
    """List failed webhooks and failed calls of the last seven days, newest first."""
    asked = _asked(call.body)
    if isinstance(asked, int):
        return asked
    try:
        first, last = _page(asked)
        start, end = _errors_span(asked, call.now)
    except Refused as refused:
        return _entry(state, account, call, api, asked, refused.code, [], refused.detail)
    wanted = asked.get("filtered_function")
    found = [
        _error_row(row, state.options)
        for row in reversed(account.errors)
        if start <= row["at"] <= end
        and (wanted is None or wanted == row["function"])
        and _of(state, row, api)
    ]
    return _entry(state, account, call, api, asked, OK, found[first:last])


_ERROR_KEYS = (
    "id", "datetime", "function", "error_code", "error_message", "http_url", "http_method", "http_code",
    "http_time", "http_response",
)  # fmt: skip


def _error_row(row: dict[str, Any], options: Options) -> dict[str, Any]:
    at = as_local_text(row["at"], options.id_list_offset_min, hyphens=options.id_list_hyphens)
    return {name: at if name == "datetime" else row[name] for name in _ERROR_KEYS}


def _errors_span(asked: dict[str, Any], now: int) -> tuple[int, int]:
    """Take the window that is asked for; both ends may be left out (specification)."""
    ends = []
    for name, usual in (("datetime_from", now - ERRORS_REACH_MS), ("datetime_to", now)):
        at = usual if asked.get(name) is None else read(asked[name])
        if at is None:
            raise Refused(40501, f"'{name}'")
        ends.append(at)
    # The remote counts whole seconds.
    return max(ends[0], now - ERRORS_REACH_MS), ends[1] + SECOND_MS - 1


def _of(state: State, row: dict[str, Any], api: str) -> bool:
    if "api" in row:
        return bool(row["api"] == api)
    task = state.tasks.get(row["id"])
    return task is not None and task.function.api == api


def _asked(body: bytes) -> dict[str, Any] | int:
    batch = read_batch(body)
    if isinstance(batch, int):
        return batch
    return batch[0] if isinstance(batch[0], dict) else 40503


def _span(asked: dict[str, Any], now: int) -> tuple[int, int]:
    start, end = read(asked.get("datetime_from")), read(asked.get("datetime_to"))
    if start is None:
        raise Refused(40501, "'datetime_from'")
    if end is None or end <= start:
        raise Refused(40501, "'datetime_to'")
    reach = METADATA_REACH_MS if asked.get("include_metadata") else REACH_MS
    if start < now - reach:
        raise Refused(40501, "'datetime_from'")
    return start, min(end, now)


def _page(asked: dict[str, Any]) -> tuple[int, int]:
    limit, offset = asked.get("limit", MOST_ROWS), asked.get("offset", 0)
    if not isinstance(limit, int) or not 1 <= limit <= MOST_ROWS:
        raise Refused(40501, "'limit'")
    if not isinstance(offset, int) or offset < 0:
        raise Refused(40501, "'offset'")
    return offset, offset + limit


def _tasks(
    account: Account, api: str, start: int, end: int, asked: dict[str, Any], first: int, last: int
) -> list[Task]:
    sort = asked.get("sort", "asc")
    if str(sort) not in {"asc", "desc"}:
        raise Refused(40501, "'sort'")
    posted = account.posted_to.get(api, [])
    low = bisect_left(posted, start, key=lambda task: task.posted_at)
    high = bisect_left(posted, end + 1, key=lambda task: task.posted_at)
    if sort == "desc":
        return posted[max(low, high - last) : max(low, high - first)][::-1]
    return posted[low + first : min(low + last, high)]


def _row(task: Task, options: Options, *, with_metadata: bool) -> dict[str, Any]:
    done = task.done

    def written(at: int) -> str:
        return as_local_text(at, options.id_list_offset_min, hyphens=options.id_list_hyphens)

    row: dict[str, Any] = {
        "id": task.id,
        "url": f"{HOST}/v3/{task.function.name}/task_post",
        "datetime_posted": written(task.posted_at),
        "datetime_done": written(task.done_at) if done else None,
        "status": "ok" if done and task.code == OK else message(task.code if done else 40602),
        "cost": task.cost,
        "metadata": None,
    }
    if with_metadata:
        names = {"se": task.function.se, "se_type": task.function.se_type}
        row["metadata"] = {**names, **task.fields, "function": "task_post", "api": task.function.api}
    return row


def _entry(
    state: State, account: Account, call: Call, api: str, asked: dict[str, Any], code: int,
    rows: list[dict[str, Any]], detail: str | None = None,
) -> Entry:  # fmt: skip
    function = call.segments[-1]
    some_id = state.call_id(account, "0229" if function == "errors" else "0520", call.now)
    result = as_bytes(rows) if rows else NULL
    data = {"api": api, "function": function, **asked}
    return Entry(some_id, code, call.segments, data, result, len(rows), detail=detail)


def resend_ids(body: bytes) -> list[str] | int:
    """Read the ids of a webhook_resend, or say with which code it is refused.

    docs: an array of objects with an id, at most 100.
    """
    batch = read_batch(body)
    if isinstance(batch, int):
        return batch
    try:
        ids = msgspec.convert(batch, list[dict[str, str]])
    except msgspec.ValidationError:
        return 40503
    return [entry.get("id", "") for entry in ids]
