"""Pages of id_list: which tasks an account posted, and when each was done. Decides nothing about them.

Read with care: rows come for calls of every kind, so only those whose url ends in task_post are tasks; `status` is a
message in the specification and a number in other people's code; dates are written with colons or hyphens and with
any offset.
"""

import re
from dataclasses import dataclass
from typing import Any

from msgspec import Raw, Struct

from daemon.dataforseo import shapes
from daemon.dataforseo.catalogue import VARIANTS, is_task_id
from daemon.dataforseo.codes import Kind, kind_of
from daemon.dataforseo.pages import read_page, written
from daemon.dataforseo.rows import parse_date
from daemon.dataforseo.wire import few
from ledger.keys import split_tag

_TASK_POST = re.compile(r"(?:https?://[^/\s]+)?/?v3/([a-z0-9_]+(?:/[a-z0-9_]+)*)/task_post/?")
_PENDING_WORDS = ("task in queue", "task handed", "task created")


@dataclass(frozen=True, slots=True)
class PostedRow:
    """One task as id_list shows it. Instants are ms UTC."""

    task_id: str
    function: str | None  # None: the row is about a call of another kind, or cannot be told
    posted_at: int | None
    done_at: int | None
    pending: bool  # it says that the task is not done yet; False beside no `done_at` says nothing
    tag: str | None = None  # the user's own; from here on only when metadata was asked for
    priority: int = 1
    pingback: bool = False
    postback: bool = False
    variant: str | None = None  # what a postback is to bring
    cost: float | None = None  # USD
    key: str | None = None  # that readyd sent in the tag
    told: bool = False  # the row has metadata: a task without a key in it was sent without one


@dataclass(frozen=True, slots=True)
class PostedAnswer:
    """One page. `row_count` counts repeated and unreadable rows too: a full page has a next one."""

    code: int | None
    message: str | None
    rows: tuple[PostedRow, ...]
    row_count: int
    problems: tuple[str, ...]
    server_at: int | None = None  # the remote's own clock when it answered (HTTP Date), ms UTC


class _Row(Struct):
    id: Raw = Raw()
    url: Raw = Raw()
    datetime_posted: Raw = Raw()
    datetime_done: Raw = Raw()
    status: Raw = Raw()
    cost: Raw = Raw()
    metadata: Raw = Raw()


def page_request(since: int, until: int, *, offset: int, limit: int, metadata: bool) -> list[dict[str, Any]]:
    """Write the body of a call for what was posted from `since` to `until` (ms UTC, whole seconds, both included)."""
    return [
        {
            "datetime_from": written(since),
            "datetime_to": written(max(until, since + 1000)),  # docs: the end must exceed the start
            "limit": limit,
            "offset": offset,
            "sort": "asc",
            "include_metadata": metadata,
        }
    ]


def read_posted_page(body: bytes, api: str) -> PostedAnswer:
    """Read one page of `/v3/{api}/id_list`. A code other than 20000 means that this is no page.

    Raises:
        Garbled: this is no answer of id_list, so it says nothing about any task.
    """
    page = read_page(body, api, "id_list")
    problems: list[str] = []
    rows = [row for raw in page.rows if (row := _read(raw, problems)) is not None]
    return PostedAnswer(page.code, page.message, tuple(rows), len(page.rows), few(problems))


def _read(raw: Raw, problems: list[str]) -> PostedRow | None:
    row = shapes.decoded(raw, _Row)
    task_id = None if row is None else shapes.text(row.id)
    if row is None or task_id is None or not is_task_id(task_id):
        problems.append(f"a row of id_list names no task ({bytes(raw)[:80]!r}); it was skipped")
        return None
    done_at = _date(row.datetime_done, task_id, "datetime_done", problems)
    return PostedRow(
        task_id=task_id,
        function=_function(row),
        posted_at=_date(row.datetime_posted, task_id, "datetime_posted", problems),
        done_at=done_at,
        pending=done_at is None and _says_pending(row),
        cost=shapes.number(shapes.value(row.cost)),
        **_metadata(row.metadata),
    )


def _function(row: _Row) -> str | None:
    match = _TASK_POST.fullmatch(shapes.text(row.url) or "")
    return None if match is None else match[1]


def _says_pending(row: _Row) -> bool:
    """Take the status's word: without a date of completion, "ok" and errors still mean that the task is over."""
    status = shapes.value(row.status)
    code = shapes.number(status)
    if code is not None:
        return kind_of(int(code)) is Kind.PENDING
    if isinstance(status, str) and status.strip():
        return status.strip().lower().startswith(_PENDING_WORDS)
    return shapes.is_null(row.datetime_done)


def _date(raw: Raw, task_id: str, key: str, problems: list[str]) -> int | None:
    written = shapes.value(raw)
    if written is None or written == "":
        return None
    at = parse_date(written) if isinstance(written, str) else None
    if at is None:
        problems.append(f"task {task_id}: its {key} is no date ({written!r:.80}); it was ignored")
    return at


def _metadata(raw: Raw) -> dict[str, Any]:
    """Take what the poster sent along; the URLs of webhooks are not kept, they may hold a secret."""
    found = shapes.value(raw)
    if not isinstance(found, dict):
        return {}
    tag, variant = found.get("tag"), found.get("postback_data")
    written = str(tag) if isinstance(tag, str | int | float) and tag not in ("", True, False) else None
    own, key = split_tag(written)
    return {
        "tag": own,
        "key": key,
        "told": True,
        "priority": 2 if shapes.number(found.get("priority")) == 2 else 1,
        "pingback": bool(found.get("pingback_url")),
        "postback": bool(found.get("postback_url")),
        "variant": variant if variant in VARIANTS else None,
    }
