"""Turns rows into records and back: words, truth values, lists, text that SQLite can hold. Reads and writes nothing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from enum import StrEnum
from typing import Any

from ledger.models import TaskRow
from ledger.records import (
    Alert,
    Audit,
    Band,
    Body,
    Candidate,
    Look,
    Poll,
    PrioritySource,
    State,
    Task,
    Transition,
    Webhook,
)

CANDIDATE_COLUMNS = ", ".join(field.name for field in fields(Candidate))
"""What to select for `candidate`, in order."""

BODY_COLUMNS = ", ".join(field.name for field in fields(Body))
"""What to select for `body`, in order."""

MESSAGE_LENGTH = 500


_WORDS: dict[str, type[StrEnum]] = {
    "state": State,
    "priority_source": PrioritySource,
    "webhook": Webhook,
    "band": Band,
}

_TASK_WORDS = [
    (place, _WORDS[field.name]) for place, field in enumerate(fields(Task)) if field.name in _WORDS
]

_STATES: dict[str, State] = {str(one): one for one in State}
_WEBHOOKS: dict[str, Webhook] = {str(one): one for one in Webhook}

TASK_COLUMNS = [getattr(TaskRow, field.name) for field in fields(Task)]
"""What to select for `task`, in order."""


def task(row: Sequence[Any]) -> Task:
    """Read the columns of `TASK_COLUMNS`; tens of thousands at a time, so by position."""
    values = list(row)
    for place, word in _TASK_WORDS:
        values[place] = word(values[place])
    return Task(*values)


def candidate(row: Sequence[Any]) -> Candidate:
    """Read the columns of `CANDIDATE_COLUMNS`; tens of thousands at a time, so by position."""
    task_id, function, state, tag, priority, webhook, *rest = row
    return Candidate(task_id, function, _STATES[state], tag, priority, _WEBHOOKS[webhook], *rest)


def transition(row: Mapping[str, Any]) -> Transition:
    """Read one row of `transition`."""
    origin = row["from_state"]
    return Transition(
        task_id=row["task_id"],
        from_state=None if origin is None else State(origin),
        to_state=State(row["to_state"]),
        reason=row["reason"],
        at=row["at"],
    )


def poll(row: Mapping[str, Any]) -> Poll:
    """Read one row of `poll`."""
    return Poll(**_windowed(row))


def look(row: Mapping[str, Any]) -> Look:
    """Read one row of `look`."""
    return Look(**_windowed(row))


def look_of_columns(row: Sequence[Any]) -> Look:
    """Read the columns of `look` in the order of the record."""
    listing, asked_at, answered_at, clear_at, saturated, *rest = row
    return Look(listing, asked_at, answered_at, clear_at, bool(saturated), *rest)


def audit_of_columns(row: Sequence[Any]) -> Audit:
    """Read the columns of `audit` in the order of the record."""
    return Audit(*row)


def _windowed(row: Mapping[str, Any]) -> dict[str, Any]:
    values = dict(row)
    values["foreign"] = values.pop("foreign_rows")
    values["saturated"] = bool(values["saturated"])
    return values


def alert(row: Mapping[str, Any]) -> Alert:
    """Read one row of `alert`."""
    return Alert(**{**row, "task_ids": tuple(json.loads(row["task_ids"]))})


def alert_columns(one: Alert) -> dict[str, Any]:
    """Write one alert, without its id."""
    columns = {field.name: getattr(one, field.name) for field in fields(Alert) if field.name != "id"}
    for name in ("kind", "subject", "step", "detail", "command"):
        columns[name] = storable(str(columns[name]))
    columns["task_ids"] = json.dumps(list(one.task_ids))
    return columns


def body(row: Sequence[Any]) -> Body:
    """Read the columns of `BODY_COLUMNS`."""
    task_id, variant, gzip, *rest = row
    return Body(task_id, variant, bytes(gzip), *rest)


def ids_json(ids: Sequence[str]) -> str:
    """Write ids for one `json_each` join."""
    return json.dumps(list(ids))


def storable(text: str | None, length: int | None = None) -> str | None:
    """Make text fit for SQLite: half a surrogate pair, as JSON can smuggle in, is no text."""
    if text is None:
        return None
    return text.encode("utf-8", "replace").decode("utf-8")[:length]
