"""The envelope around every answer of the remote. Knows no task; bodies come in as ready JSON."""

from dataclasses import dataclass
from typing import Any

import msgspec

from daemon.simulator.messages import CREATED, OK, message

VERSION = "0.1.20261119"
NULL = b"null"
MISSING = b""
"""Instead of a result: the key is left out."""

_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Entry:
    """One element of `tasks`. `result` is JSON; its rows are counted by the caller."""

    id: str
    code: int
    path: list[str]
    data: dict[str, Any]
    result: bytes = NULL
    result_count: int = 0
    cost: float = 0
    detail: str | None = None

    def as_json(self, seconds: float) -> dict[str, Any]:
        """Give the element with its keys in the documented order."""
        element: dict[str, Any] = {
            "id": self.id,
            "status_code": self.code,
            "status_message": message(self.code, self.detail),
            "time": as_time(seconds),
            "cost": self.cost,
            "result_count": self.result_count,
            "path": self.path,
            "data": self.data,
        }
        if self.result != MISSING:
            element["result"] = msgspec.Raw(self.result)
        return element


def as_time(seconds: float) -> str:
    """Write a duration as `0.2270 sec.`."""
    return f"{seconds:.4f} sec."


def envelope(entries: list[Entry], seconds: float, *, hide_errors: bool = False) -> bytes:
    """Wrap the elements of an answered call."""
    errors = sum(entry.code not in {OK, CREATED} for entry in entries)
    return _encode(
        {
            "version": VERSION,
            "status_code": OK,
            "status_message": message(OK),
            "time": as_time(seconds),
            "cost": round(sum(entry.cost for entry in entries), 6),
            "tasks_count": len(entries),
            "tasks_error": 0 if hide_errors else errors,
            "tasks": [entry.as_json(seconds / 3) for entry in entries],
        }
    )


def refusal(code: int, seconds: float = 0.0, detail: str | None = None) -> bytes:
    """Refuse a whole call: nothing was looked at, `tasks` is null."""
    return _encode(
        {
            "version": VERSION,
            "status_code": code,
            "status_message": message(code, detail),
            "time": as_time(seconds),
            "cost": 0,
            "tasks_count": 0,
            "tasks_error": 0,
            "tasks": None,
        }
    )


def as_bytes(value: object) -> bytes:
    """Write any value as JSON."""
    return _encode(value)
