"""Rows of tasks_ready in the documented shapes A to G. Pure: a task in, JSON out."""

from typing import Any

from daemon.simulator.envelopes import as_bytes
from daemon.simulator.moments import as_text
from daemon.simulator.records import Task

_THREE = ("regular", "advanced", "html")
_TWO = ("advanced", "html")


def row(task: Task) -> bytes:
    """Give the row of a task, exactly the keys of its shape; written once and kept, as lists repeat it."""
    if task.row is None:
        shape = _SHAPES[task.function.shape](task)
        task.row = as_bytes(_afflict(shape, task))
    return task.row


def _head(task: Task, *names: str) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "se": task.function.row_se,
        "se_type": task.function.row_se_type,
        # The documentation calls the posted-to function of these rows by its last word.
        "function": task.function.se_type,
        "target": task.fields.get("target"),
        "date_posted": as_text(task.posted_at),
        "tag": task.tag,
    }
    return {"id": task.id, **{name: facts[name] for name in names}}


def _endpoints(task: Task, variants: tuple[str, ...]) -> dict[str, str | None]:
    """Give one endpoint per variant; null where there is none, or where it was fetched and the row stayed."""
    return {
        f"endpoint_{variant}": None if variant in task.fetched else task.function.get_path(variant, task.id)
        for variant in variants
    }


def _endpoint(task: Task) -> dict[str, str | None]:
    # hotel_info: one endpoint in the row although two variants exist; it is taken to be the first.
    return {"endpoint": task.function.get_path(task.function.variants[0], task.id)}


_SHAPES = {
    "A": lambda task: _head(task, "se", "se_type", "date_posted", "tag") | _endpoints(task, _THREE),
    "B": lambda task: _head(task, "se", "function", "date_posted", "tag") | _endpoints(task, _TWO),
    "C": lambda task: _head(task, "se", "se_type", "date_posted", "tag") | _endpoints(task, _TWO),
    "D": lambda task: _head(task, "se", "se_type", "date_posted", "tag") | _endpoint(task),
    "E": lambda task: _head(task, "se", "se_type", "function", "date_posted", "tag") | _endpoint(task),
    "F": lambda task: _head(task, "target", "date_posted", "tag"),
    "G": lambda task: _head(task, "tag") | _endpoints(task, ("json",)),
}


def _afflict(row: dict[str, Any], task: Task) -> dict[str, Any]:
    """Apply the faults that hit this row."""
    if not task.tag and "tag_missing" in task.luck:
        del row["tag"]
    elif not task.tag and "tag_null" in task.luck:
        row["tag"] = None
    if "malformed_endpoint" in task.luck:
        for name, value in row.items():
            if name.startswith("endpoint") and value:
                row[name] = value.replace(task.id, _other(task.id))
                break
    if "unknown_keys" in task.luck:
        row |= {"queue": {"shard": task.number % 7}, "date_expected": None}
    return row


def _other(task_id: str) -> str:
    """Give an id that looks right and belongs to nobody."""
    return task_id[:-12] + task_id[-12:][::-1]
