"""Pages of rows, as id_list and errors answer them: told from other answers, their rows not yet read. Knows no row."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from msgspec import Raw

from daemon.dataforseo import shapes
from daemon.dataforseo.codes import OK
from daemon.dataforseo.errors import Garbled
from daemon.dataforseo.shapes import Call

PAGE_ROWS = 1000
"""docs id_list, docs errors: the most rows of one answer."""


@dataclass(frozen=True, slots=True)
class Page:
    """One answer. A `code` other than 20000 means that this is no page, and says nothing about any task."""

    code: int | None
    message: str | None
    rows: tuple[Raw, ...]


def read_page(body: bytes, api: str, name: str) -> Page:
    """Read one answer of `/v3/{api}/{name}`.

    Raises:
        Garbled: this is no answer of that call.
    """
    about = f"The answer of /v3/{api}/{name}"
    call = shapes.read_call(body, about)
    code, message = call.status()
    if not call.elements and (code in (None, OK) or call.odd):
        raise Garbled(f"{about} holds no page (code {code}); it is asked again later", code)
    rows = [row for element in call.elements for row in _rows_of(element.result, about)]
    if code == OK:
        _check(call, len(rows), [api, name], about)
    return Page(code, message, tuple(rows))


def written(at: int) -> str:
    """Write an instant as every example of the docs does (their text asks for hyphens in the time)."""
    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S +00:00")


def _rows_of(result: Raw, about: str) -> Sequence[Raw]:
    if shapes.is_null(result):
        return []
    entries = shapes.items(result)
    if entries is None:
        raise Garbled(f"{about} has a `result` that is no list; it is asked again later")
    return [entry for entry in entries if not shapes.is_null(entry)]


def _check(call: Call, rows: int, path: list[str], about: str) -> None:
    """Refuse the page of another call (it may hold rows with ids as well), and one that announces rows and has none."""
    for element in call.elements:
        if element.segments and element.segments[-2:] != path:
            other = "/".join(element.segments)
            raise Garbled(f"{about} answers another call, {other[:120]!r}; it is asked again later")
    counts = [shapes.number(shapes.value(element.result_count)) or 0 for element in call.elements]
    if not rows and sum(counts) > 0:
        raise Garbled(f"{about} announces {sum(counts):.0f} rows and holds none; it is asked again later")
