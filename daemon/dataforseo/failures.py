"""Rows of /v3/{api}/errors: which calls of webhooks failed, and what their receiver answered. Decides nothing.

Read with care: rows are about calls of every kind unless a function is asked for; `error_message` may be the URL; dates
are written with colons or hyphens; a receiver's answer is somebody else's text. The URLs hold secrets, so none leaves
this file: of each only the host is kept, and an answer loses whatever it repeats of it.
"""

import html
import re
from dataclasses import dataclass
from typing import Any

from msgspec import Raw, Struct

from daemon.dataforseo import shapes
from daemon.dataforseo.catalogue import is_task_id
from daemon.dataforseo.masking import host_of, masked
from daemon.dataforseo.pages import read_page, written
from daemon.dataforseo.rows import parse_date
from daemon.dataforseo.wire import few
from ledger.failure_records import DeliveryFailure
from ledger.records import Webhook

FUNCTIONS = {Webhook.PINGBACK: "pingback_url", Webhook.POSTBACK: "postback_url"}
"""docs errors: values of `filtered_function`."""

EXCERPT = 120
LONGEST_S = 3_600.0
"""No receiver takes longer; docs: after 10 s the connection is dropped."""

_READ_MOST = 2_000
_LONGEST_SECRET = 500
_INVISIBLE = re.compile(r"<(script|style)\b.*?(</\1\s*>|$)|<!--.*?(-->|$)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>?")
_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


@dataclass(frozen=True, slots=True)
class FailuresAnswer:
    """One page. `row_count` counts unreadable rows too: a full page has a next one."""

    code: int | None
    message: str | None
    rows: tuple[DeliveryFailure, ...]
    row_count: int
    problems: tuple[str, ...]


class _Row(Struct):
    id: Raw = Raw()
    datetime: Raw = Raw()
    function: Raw = Raw()
    error_code: Raw = Raw()
    error_message: Raw = Raw()
    http_url: Raw = Raw()
    http_code: Raw = Raw()
    http_time: Raw = Raw()
    http_response: Raw = Raw()


def failures_request(webhook: Webhook, since: int | None, *, offset: int, limit: int) -> list[dict[str, Any]]:
    """Write the body of a call for failures of one kind of webhook since an instant (ms UTC)."""
    asked: dict[str, Any] = {"limit": limit, "offset": offset, "filtered_function": FUNCTIONS[webhook]}
    # No end: whatever the remote's clock says is now.
    return [asked if since is None else asked | {"datetime_from": written(since)}]


def read_failures(body: bytes, api: str) -> FailuresAnswer:
    """Read one page of `/v3/{api}/errors`. A code other than 20000 means that this is no page.

    Raises:
        Garbled: this is no answer of errors, so it says nothing about any task.
    """
    page = read_page(body, api, "errors")
    problems: list[str] = []
    rows = [row for raw in page.rows if (row := _read(raw, problems)) is not None]
    return FailuresAnswer(page.code, page.message, tuple(rows), len(page.rows), few(problems))


def _read(raw: Raw, problems: list[str]) -> DeliveryFailure | None:
    row = shapes.decoded(raw, _Row)
    task_id = None if row is None else shapes.text(row.id)
    if row is None or task_id is None or not is_task_id(task_id):
        # Not shown: it may hold a URL.
        problems.append("a row of errors names no task; it was skipped")
        return None
    webhook = _webhook(row)
    if webhook is None:
        return None  # about a call of another kind
    at = _date(row.datetime)
    if at is None:
        problems.append(f"task {task_id}: a row of errors does not say when; it was skipped")
        return None
    url = shapes.text(row.http_url) or _url_instead(row)
    return DeliveryFailure(
        task_id=task_id,
        webhook=webhook,
        at=at,
        host=host_of(url),
        http_code=_http_code(row.http_code),
        took_ms=_took_ms(row.http_time),
        answer=_excerpt(shapes.text(row.http_response), url),
        code=shapes.code(row.error_code),
        message=_excerpt(shapes.text(row.error_message), url),
    )


def _webhook(row: _Row) -> Webhook | None:
    """Tell which webhook a row is about; the function may be written with its path before it."""
    function = (shapes.text(row.function) or "").strip("/").rpartition("/")[2]
    return next((one for one, name in FUNCTIONS.items() if function == name), None)


def _url_instead(row: _Row) -> str:
    """Take the URL from where it also may be (docs errors: "error message or error URL")."""
    found = shapes.text(row.error_message) or ""
    return found if found.lower().startswith(("http://", "https://")) else ""


def _date(raw: Raw) -> int | None:
    found = shapes.text(raw)
    return None if found is None else parse_date(found)


def _http_code(raw: Raw) -> int | None:
    """Take the status that a receiver answered; 0 means that there was no answer."""
    found = shapes.number(shapes.value(raw))
    return int(found) if found is not None and found == int(found) and 100 <= found < 1000 else None


def _took_ms(raw: Raw) -> int | None:
    found = shapes.number(shapes.value(raw))
    return round(found * 1000) if found is not None and 0 <= found <= LONGEST_S else None


def _excerpt(text: str | None, url: str) -> str | None:
    """Keep the beginning of what a receiver said, readable, and without what may be secret."""
    if not text or text == url:
        return None
    begun = masked(text[:_READ_MOST], url)
    if len(text) > _READ_MOST:
        begun = begun[: -max(len(url), _LONGEST_SECRET)]  # the cut may have gone through a secret
    seen = html.unescape(_TAG.sub(" ", _INVISIBLE.sub(" ", begun)))
    # Once more: what stood in entities is plain now.
    plain = _BLANK.sub(" ", masked(seen, url)).strip()
    if not plain.replace("***", "").strip(" .,:;-"):
        return None  # nothing but the URL
    return plain if len(plain) <= EXCERPT else plain[: EXCERPT - 3].rstrip() + "..."
