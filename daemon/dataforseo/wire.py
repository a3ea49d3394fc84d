"""What the remote's answers say, as records. Knows no network, no ledger and no rule of ours.

Read with care: the truth is in two status codes, the envelope's and the element's; `tasks_error` counts
anything (docs show 0 beside a failed task); the outer id of a list is the id of that call, not of a task; the
order of rows is not promised.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from msgspec import Raw

from daemon.dataforseo import shapes
from daemon.dataforseo.catalogue import LISTINGS, ON_PAGE, SUMMARY, VARIANTS, Listing
from daemon.dataforseo.codes import CREATED, OK, PARTIAL_RESULT, Kind, kind_of
from daemon.dataforseo.errors import Garbled
from daemon.dataforseo.rows import read_rows
from daemon.dataforseo.shapes import Call, Element
from ledger.records import Sighting

_LISTS = ("tasks_ready", "tasks_fixed")

_OTHER_CALLS = frozenset({*_LISTS, "task_post", "id_list", "errors", "user_data", "webhook_resend", "status"})
"""Last segments of paths that answer something else than a GET by id. Their outer ids look like task ids."""

PROBLEMS_KEPT = 20
"""More oddities than this in one answer are counted, not written down."""


@dataclass(frozen=True, slots=True)
class ListingAnswer:
    """What one call of a listing showed. `row_count` counts repeated and unreadable rows too."""

    code: int | None
    message: str | None
    rows: tuple[Sighting, ...]
    row_count: int
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ResultAnswer:
    """What a GET by id said of its task."""

    kind: Kind  # what the answer asks for, result and crawl progress considered
    code: int | None  # the task's own code; the envelope's when that is all there is
    message: str | None
    envelope_code: int | None
    has_result: bool
    problems: tuple[str, ...]


class _Crawl(msgspec.Struct):
    crawl_progress: Raw = Raw()


def read_listing(body: bytes, listing: Listing) -> ListingAnswer:
    """Read the answer of a list (tasks_ready, tasks_fixed). A code other than 20000 means that this is no list.

    Raises:
        Garbled: this is no answer of a list, so absence from it proves nothing.
    """
    about = f"The answer of {listing.path}"
    call = shapes.read_call(body, about)
    code, message = call.status()
    problems = [f"{about}: {call.odd} elements of `tasks` are no objects"] if call.odd else []
    if not call.elements and (code in (None, OK) or call.odd):
        raise Garbled(f"{about} holds no list (code {code}); it is asked again later", code)
    raws = [raw for element in call.elements for raw in _rows_of(element, about)]
    _check_path(call, listing, about, problems)
    _check_count(call, len(raws), about, problems)
    rows, oddities = read_rows(raws, listing)
    return ListingAnswer(code, message, tuple(rows), len(raws), few([*problems, *oddities]))


def read_result(body: bytes, task_id: str, *, delivered: bool = False) -> ResultAnswer:
    """Read the answer of a GET by id: what it says of the task that was asked for, and of no other.

    `delivered`: a postback, which is the same JSON (docs), but may name the call that asked for it.

    Raises:
        Garbled: this is no answer, or it is about another task.
    """
    about = f"The answer for task {task_id}"
    call = shapes.read_call(body, about)
    problems: list[str] = []
    element = _element_about(call.elements, task_id, problems)
    if element is None:
        return _without_element(call, about)
    has_result = _has_result(element.result)
    code, message = _word_of(call, element, has_result=has_result)
    if element.segments and element.segments[-1] in _OTHER_CALLS - ({"task_post"} if delivered else set()):
        raise Garbled(f"{about} answers {element.segments[-1]}, not a GET by id; nothing was stored", code)
    kind = _kind(code, has_result=has_result)
    if kind is Kind.OK and b'"crawl_progress"' in body:
        kind = _crawl_kind(element.result, problems)
    return ResultAnswer(kind, code, message, call.code, has_result, few(problems))


def _word_of(call: Call, element: Element, *, has_result: bool) -> tuple[int | None, str | None]:
    """Take the element's word; the envelope's refusal where it has none, or says Ok with nothing in it."""
    silent = element.code is None or (not _is_refusal(element.code) and not has_result)
    if silent and _is_refusal(call.code):
        return call.code, call.message
    return element.code, element.message


def _without_element(call: Call, about: str) -> ResultAnswer:
    """Take the envelope's word when no element is about the task, if that word is a refusal."""
    if not _is_refusal(call.code):
        what = "is about another task" if call.elements else "says nothing of it"
        raise Garbled(
            f"{about} {what} (code {call.code}); nothing was stored, it is asked again later", call.code
        )
    problems = (
        ("no element of the answer names the task; the envelope's code was taken",) if call.elements else ()
    )
    return ResultAnswer(kind_of(call.code), call.code, call.message, call.code, False, problems)


def _is_refusal(code: int | None) -> bool:
    return code is not None and code not in (OK, CREATED)


def _element_about(elements: Sequence[Element], task_id: str, problems: list[str]) -> Element | None:
    """Find the element that names the task; a lone one without that name must at least not contradict."""
    mine = [one for one in elements if shapes.text(one.id) == task_id]
    if len(mine) > 1:
        problems.append(f"the answer holds task {task_id} {len(mine)} times; one with a result was taken")
    if mine:
        return next((one for one in mine if _has_result(one.result)), mine[0])
    if len(elements) == 1 and _may_be_about(elements[0], task_id):
        problems.append(f"the answer's element has another id ({shapes.value(elements[0].id)!r:.80})")
        return elements[0]
    return None


def _may_be_about(element: Element, task_id: str) -> bool:
    """Accept a nameless element when it echoes our id, or when it is a bare error and echoes no other id."""
    echoed = _echoed_ids(element)
    if echoed:
        return task_id in echoed
    return _is_refusal(element.code) and not _has_result(element.result)


def _echoed_ids(element: Element) -> set[str]:
    """Collect the ids of the request as the remote repeats it: in its path, and in its data."""
    data = shapes.value(element.data)
    found = [data.get("id"), data.get("task_id")] if isinstance(data, dict) else []
    segments = element.segments
    is_get = "task_get" in segments or segments[1:3] == [ON_PAGE, SUMMARY]
    if is_get and segments[-1] not in (*VARIANTS, "task_get"):
        found.append(segments[-1])
    return {one for one in found if isinstance(one, str)}


def _kind(code: int | None, *, has_result: bool) -> Kind:
    """Say what a task code asks for: any code beside a result is data, unless it says "not yet"."""
    kind = kind_of(code)
    if has_result and kind not in (Kind.OK, Kind.PENDING) and code is not None:
        return Kind.PARTIAL
    if not has_result and code == OK:
        return Kind.EMPTY
    # The remote says that it is done with the task, so an answer with more in it will not come.
    return Kind.EMPTY if not has_result and code == PARTIAL_RESULT else kind


def _crawl_kind(result: Raw, problems: list[str]) -> Kind:
    """Look how far a crawl is: its summary answers Ok while it goes on (docs: on_page/summary)."""
    crawls = [shapes.decoded(item, _Crawl) for item in shapes.items(result) or []]
    words = {shapes.text(crawl.crawl_progress) for crawl in crawls if crawl is not None} - {None, "finished"}
    if odd := words - {"in_progress"}:
        problems.append(
            f"the crawl's progress is {sorted(map(str, odd))}, which is not documented; it is waited for"
        )
    return Kind.PENDING if words else Kind.OK


def _has_result(result: Raw) -> bool:
    """Say whether there is a result: null, [], [null] and a missing key all mean that there is none."""
    if shapes.is_null(result):
        return False
    entries = shapes.items(result)
    return entries is None or not all(shapes.is_null(entry) for entry in entries)


def _rows_of(element: Element, about: str) -> list[Raw]:
    if shapes.is_null(element.result):
        return []
    entries = shapes.items(element.result)
    if entries is None:
        raise Garbled(f"{about} has a `result` that is no list; it is asked again later", element.code)
    return [entry for entry in entries if not shapes.is_null(entry)]


def _check_path(call: Call, listing: Listing, about: str, problems: list[str]) -> None:
    """Refuse the rows of another call: id_list, for one, shows tasks that are not done, and another list's rows would
    make this one look as if it hid nothing. A spelling that nobody knows is odd, and no more.
    """
    if call.status()[0] != OK:
        return
    for path in ("/" + "/".join(element.segments) for element in call.elements if element.segments):
        other = path != listing.path and path in LISTINGS
        if other or not path.endswith("/" + listing.path.rpartition("/")[2]):
            raise Garbled(f"{about} answers another call, {path[:120]!r}; it is asked again later")
        if path != listing.path:
            problems.append(f"{about} says that it answers {path[:120]!r}")


def _check_count(call: Call, rows: int, about: str, problems: list[str]) -> None:
    """Compare the remote's own count: rows announced and not sent make an empty list no list."""
    counts = [shapes.number(shapes.value(element.result_count)) for element in call.elements]
    announced = sum(count for count in counts if count is not None)
    if announced <= rows:
        return
    if not rows and call.status()[0] == OK:
        raise Garbled(f"{about} announces {announced:.0f} rows and holds none; it is asked again later")
    problems.append(f"{about} announces {announced:.0f} rows and holds {rows}")


def few(problems: Sequence[str]) -> tuple[str, ...]:
    """Keep the first oddities, and count the others."""
    kept = tuple(problems[:PROBLEMS_KEPT])
    more = len(problems) - len(kept)
    return (*kept, f"and {more} oddities more") if more else kept
