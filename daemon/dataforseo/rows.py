"""Rows of a Tasks Ready list as sightings. Decides nothing about tasks; knows no envelope and no saturation.

Seven row shapes are documented (`catalogue.toml`) and more may come: a known key is taken where it stands.
"""

import re
from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Raw

from daemon.dataforseo import shapes
from daemon.dataforseo.catalogue import (
    FUNCTIONS,
    PLAIN,
    VARIANTS,
    Endpoint,
    Listing,
    is_task_id,
    read_endpoint,
    usual_variant,
)
from ledger.keys import split_tag
from ledger.records import Sighting

_DATE = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]([0-9]{2}[:-][0-9]{2}[:-][0-9]{2}) ?([+-][0-9]{2}:?[0-9]{2}|Z)?"
)
_OLDEST = 1_514_764_800_000
"""2018-01-01: the v3 API is younger. A zero date ("0001-01-01 ...") would make a task seem long expired."""

_SHOWN = 80


class _Row(msgspec.Struct):
    id: Raw = Raw()
    se: Raw = Raw()
    se_type: Raw = Raw()
    function: Raw = Raw()
    date_posted: Raw = Raw()
    tag: Raw = Raw()
    endpoint_advanced: Raw = Raw()
    endpoint: Raw = Raw()
    endpoint_json: Raw = Raw()
    endpoint_regular: Raw = Raw()
    endpoint_html: Raw = Raw()


_ENDPOINT_KEYS = tuple(key for key in _Row.__struct_fields__ if key.startswith("endpoint"))


def read_rows(raws: Sequence[Raw], listing: Listing) -> tuple[list[Sighting], list[str]]:
    """Read what a list shows, one sighting per task, and a sentence for each oddity.

    A row that names no task is skipped. A task shown twice is taken once.
    """
    found: dict[str, Sighting] = {}
    problems: list[str] = []
    for position, raw in enumerate(raws):
        sighting = _read_row(raw, position, listing, problems)
        if sighting is None:
            continue
        if sighting.task_id in found:
            problems.append(f"task {sighting.task_id} is listed more than once; it was taken once")
        found.setdefault(sighting.task_id, sighting)
    return list(found.values()), problems


def _read_row(raw: Raw, position: int, listing: Listing, problems: list[str]) -> Sighting | None:
    row = shapes.decoded(raw, _Row)
    if row is None:
        problems.append(f"row {position} is no object; it was skipped")
        return None
    task_id = shapes.text(row.id)
    if task_id is None or not is_task_id(task_id):
        problems.append(f"row {position} has no usable id ({_shown(shapes.value(row.id))}); it was skipped")
        return None
    endpoints = _endpoints(row, task_id, problems)
    function = _function(row, task_id, endpoints, listing, problems)
    tag, key = split_tag(_tag(row.tag))
    return Sighting(
        task_id=task_id,
        function=function,
        tag=tag,
        key=key,
        posted_at=_posted_at(row, task_id, problems),
        endpoint=_usual_endpoint(function, endpoints),
    )


def _endpoints(row: _Row, task_id: str, problems: list[str]) -> list[Endpoint]:
    """Check every endpoint of a row; the docs themselves show a row whose endpoint is about another task."""
    kept: list[Endpoint] = []
    for key in _ENDPOINT_KEYS:
        found = shapes.value(getattr(row, key))
        if found is None:
            continue
        endpoint = read_endpoint(found) if isinstance(found, str) else None
        if endpoint is None:
            problems.append(f"task {task_id}: its {key} is no result path ({_shown(found)}); it was dropped")
        elif endpoint.task_id != task_id:
            other = endpoint.task_id
            problems.append(f"task {task_id}: its {key} is about {_shown(other)}; the endpoint was dropped")
        else:
            kept.append(endpoint)
    return kept


def _function(
    row: _Row, task_id: str, endpoints: Sequence[Endpoint], listing: Listing, problems: list[str]
) -> str | None:
    """Name the function: by its endpoints, by the list it stands in, or by the row's own words."""
    named = list(dict.fromkeys(one.function for one in endpoints))
    if len(named) > 1:
        problems.append(f"task {task_id}: its endpoints name different functions ({', '.join(named)})")
    if named:
        return next((name for name in named if name in listing.functions), named[0])
    return listing.only_function or _function_by_words(row, listing)


def _function_by_words(row: _Row, listing: Listing) -> str | None:
    """Try se and se_type: they need not equal the segments of the path, so only a known function counts."""
    engine = shapes.text(row.se)
    for key in (row.se_type, row.function):
        name = f"{listing.api}/{engine}/{shapes.text(key)}"
        if name in listing.functions:
            return name
    return None


def _usual_endpoint(function: str | None, endpoints: Sequence[Endpoint]) -> str | None:
    """Choose the path of the usual variant; hotel_info rows name one plain path although it has variants."""
    paths = {one.variant: one.path for one in endpoints if one.function == function}
    if function is not None and function in FUNCTIONS:
        return paths.get(usual_variant(function), paths.get(PLAIN))
    return next((paths[variant] for variant in VARIANTS if variant in paths), None)


def _tag(raw: Raw) -> str | None:
    """Take the user's string; "", null and a missing key all mean that there is none."""
    found = shapes.value(raw)
    if isinstance(found, int | float) and not isinstance(found, bool):
        return str(found)
    return found or None if isinstance(found, str) else None


def _posted_at(row: _Row, task_id: str, problems: list[str]) -> int | None:
    found = shapes.value(row.date_posted)
    if found is None:
        return None
    at = parse_date(found) if isinstance(found, str) else None
    if at is None:
        problems.append(f"task {task_id}: its date_posted is no date ({_shown(found)}); it was ignored")
    return at


def parse_date(written: str) -> int | None:
    """Read "2026-11-23 14:02:11 +00:00" as ms UTC; without an offset it is UTC. None when it is no date.

    docs id_list: the text writes "14-02-11", every example "14:02:11".
    """
    match = _DATE.fullmatch(written)
    if match is None:
        return None
    day, time, offset = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{time.replace('-', ':')}{offset or 'Z'}")
    except ValueError:
        return None
    at = int(moment.timestamp()) * 1000
    return at if at >= _OLDEST else None


def _shown(found: object) -> str:
    return repr(found)[:_SHOWN]
