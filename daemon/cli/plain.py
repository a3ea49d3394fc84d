"""Records as JSON for machines: stable keys, enums as their words, times as UTC ms. Pure; knows no terminal."""

from dataclasses import fields
from typing import Any

from daemon.cli.survey import Survey
from daemon.standing import Standing
from ledger.records import State, Task


def record(thing: Any) -> dict[str, Any]:
    """Turn one of the ledger's records into JSON values; the field's names are the keys."""
    return {one.name: _value(getattr(thing, one.name)) for one in fields(thing)}


def _value(value: Any) -> Any:
    if isinstance(value, str):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def task(one: Task, standing: Standing | None) -> dict[str, Any]:
    """Write a task with the band it is in now; that and both deadlines are null once it is settled."""
    known = record(one)
    known["band"] = str(standing.band) if standing else None
    known["deadline_at"] = standing.deadline_at if standing and standing.listed else None
    known["retention_at"] = standing.retention_at if standing else None
    del known["expires_at"]
    return known


def survey(one: Survey) -> dict[str, Any]:
    """Write the part of `status` that comes from the ledger's content."""
    nearest = one.nearest
    return {
        "healthy": not one.problems,
        "problems": one.problems,
        "functions": {
            name: {str(state): count for state, count in states.items()}
            for name, states in one.counts.items()
        },
        "states": {str(state): one.totals[state] for state in State if one.totals[state]},
        "outstanding": one.outstanding,
        "bands": {str(band): count for band, count in one.bands.items()},
        "nearest_deadline": nearest
        and {
            "id": nearest.task.id,
            "function": nearest.task.function,
            "deadline_at": nearest.deadline_at,
            "band": str(nearest.band),
        },
        "blocked": one.blocked,
        "foreign": one.foreign,
        "last_list_at": one.last_list_at,
        "listings": [record(look) for look in one.looks],
        "alerts": [record(alert) for alert in one.alerts],
    }
