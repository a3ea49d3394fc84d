"""Reads answers of task_post: which tasks the remote accepted, and why the others are refused. Pure.

Never raises on bad input: whatever cannot be read becomes a Rejection with a sentence. Knows no database.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ledger.keys import own_tag
from ledger.records import Webhook
from ledger.rows import storable

ACCEPTED_CODES = (20100, 20000)
"""20100 "Task Created." is what docs promise for each accepted task; 20000 has been seen with an id."""

VARIANTS = frozenset({"regular", "advanced", "html", "json", "summary"})
ID_LENGTH = 128
TAG_LENGTH = 1000
PRIORITIES = range(1, 1001)

_OTHER_CALLS = {
    "live": "this is an answer of the Live method: its result came with it, there is nothing to collect",
    "task_get": "this is an answer of task_get, not of task_post: hand over what the posting call returned",
    "tasks_ready": "this is an answer of tasks_ready, not of task_post: readyd reads the lists itself",
    "tasks_fixed": "this is an answer of tasks_fixed, not of task_post",
    "id_list": "this is an answer of id_list, not of task_post",
}

_WORD = re.compile(r"[a-z0-9_]{1,64}")


@dataclass(frozen=True, slots=True)
class NewTask:
    """One accepted task, before the ledger knows it."""

    id: str
    function: str
    tag: str | None
    priority: int
    variant: str | None
    webhook: Webhook
    posted_at: int
    cost: float | None


@dataclass(frozen=True, slots=True)
class Rejection:
    """One entry that was not recorded, and why."""

    position: int  # of the entry in what was handed over, from 0
    id: str | None
    code: int | None
    reason: str  # a sentence


@dataclass(frozen=True, slots=True)
class Intake:
    """What became of one handing-over: ids recorded now, ids known before, and the rest."""

    accepted: tuple[str, ...]
    known: tuple[str, ...]
    rejected: tuple[Rejection, ...]


class _RefusedError(Exception):
    """Why an entry, or a whole answer, cannot be recorded."""

    def __init__(self, reason: str, code: int | None = None) -> None:
        super().__init__(reason)
        self.code = code


def read_posted(response: object, at: int) -> tuple[list[NewTask], list[Rejection]]:
    """Read task_post answers, posted at `at`.

    Takes a parsed answer, an object with `to_dict()` as the official client returns, JSON text or bytes, JSON
    Lines, or a list of these.
    """
    tasks: list[NewTask] = []
    rejected: list[Rejection] = []
    for position, entry in enumerate(_entries(response)):
        try:
            if isinstance(entry, _RefusedError):
                raise entry
            tasks.append(_task(entry, at))
        except _RefusedError as refusal:
            found = entry if isinstance(entry, Mapping) else {}
            rejected.append(
                Rejection(position, _shown_id(found.get("id")), refusal.code or _code(entry), str(refusal))
            )
    return tasks, rejected


def facts_of(data: Mapping[str, Any]) -> tuple[str | None, int, str | None, Webhook]:
    """Read tag, priority, variant and webhook from the fields of a task as it is posted."""
    return (
        _tag(data.get("tag")),
        _priority(data.get("priority")),
        _variant(data.get("postback_data")),
        _webhook(data),
    )


def _entries(response: object) -> Iterator[object]:
    """Yield every entry of every answer; an answer that has none is one refusal."""
    for answer in _answers(response):
        if isinstance(answer, _RefusedError):
            yield answer
            continue
        tasks = answer.get("tasks") if isinstance(answer, Mapping) else None
        if isinstance(tasks, list) and tasks:
            yield from (_plain(entry) for entry in tasks)
        else:
            yield _refused_answer(answer)


def _answers(response: object) -> Iterator[object]:
    for one in response if isinstance(response, list | tuple) else [response]:
        if isinstance(one, str | bytes | bytearray):
            yield from _parsed(one)
        else:
            yield _plain(one)


def _parsed(text: str | bytes | bytearray) -> Iterator[object]:
    """Read one JSON text: an answer, a list of answers, or one answer per line."""
    whole = _json(text)
    lines = [line for line in text.splitlines() if line.strip()]
    if isinstance(whole, _RefusedError) and len(lines) > 1:
        first = _json(lines[0])
        if not isinstance(first, _RefusedError):
            for answer in (first, *(_json(line) for line in lines[1:])):
                yield from answer if isinstance(answer, list) else [answer]
            return
    yield from whole if isinstance(whole, list) else [whole]


def _json(text: str | bytes | bytearray) -> object:
    try:
        return json.loads(text)
    except RecursionError:
        return _RefusedError("this is no answer of task_post: it is nested too deeply")
    except json.JSONDecodeError as error:
        return _RefusedError(f"this is no JSON: {error.msg} at {_place(error)}")
    except ValueError as error:
        return _RefusedError(f"this is no JSON: {error}")


def _place(error: json.JSONDecodeError) -> str:
    """Say where: a line of JSON Lines has no lines of its own, though a line break may end it."""
    text = error.doc.rstrip()
    found = json.JSONDecodeError(error.msg, text, min(error.pos, len(text)))
    line = f"line {found.lineno} " if "\n" in text else ""
    return f"{line}column {found.colno}"


def _plain(value: object) -> object:
    """Turn a model of the official client into a dict."""
    if isinstance(value, Mapping):
        return value
    convert = getattr(value, "to_dict", None)
    if not callable(convert):
        return value
    try:
        return convert()
    except Exception as error:
        return _RefusedError(f"its to_dict() failed: {error}")


def _refused_answer(answer: object) -> _RefusedError:
    """Say why an answer brings no entries."""
    if isinstance(answer, _RefusedError):
        return answer
    if not isinstance(answer, Mapping):
        return _RefusedError(
            f"this is no answer of task_post: it is {_kind(answer)}, not an object with 'tasks'"
        )
    code, message = _code(answer), _said(answer)
    if code is not None and code != 20000:
        return _RefusedError(f"the remote refused the whole call: {code} {message}".strip(), code)
    if "tasks" not in answer:
        return _RefusedError("this is no answer of task_post: it has no 'tasks'")
    return _RefusedError(f"the answer holds no tasks: its 'tasks' is {_kind(answer['tasks'])}")


def _task(entry: object, at: int) -> NewTask:
    if isinstance(entry, _RefusedError):
        raise entry
    if not isinstance(entry, Mapping):
        raise _RefusedError(f"this entry is {_kind(entry)}, not a task")
    data = entry.get("data")
    data = data if isinstance(data, Mapping) else {}
    function = _function(entry.get("path"), data)
    code = _code(entry)
    if code not in ACCEPTED_CODES:
        raise _RefusedError(
            f"the remote did not accept it: {code or 'no status code'} {_said(entry)}".strip()
        )
    return NewTask(
        id=_id(entry.get("id")),
        function=function,
        tag=_tag(data.get("tag")),
        priority=_priority(data.get("priority")),
        variant=_variant(data.get("postback_data")),
        webhook=_webhook(data),
        posted_at=at,
        cost=_cost(entry.get("cost")),
    )


def _function(path: object, data: Mapping[str, Any]) -> str:
    """Name what the task was posted to; refuse answers of every other call."""
    if isinstance(path, list | tuple) and len(path) > 2 and path[0] == "v3":
        words = [word for word in path[1:] if isinstance(word, str)]
        call = next((word for word in words if word in _OTHER_CALLS), words[-1] if words else "")
        parts = words[:-1]
    else:
        call = data.get("function") or "task_post"
        parts = [
            word for word in (data.get("api"), data.get("se"), data.get("se_type")) if isinstance(word, str)
        ]
    if call != "task_post":
        raise _RefusedError(
            _OTHER_CALLS.get(str(call), f"this is an answer of {_short(call)}, not of task_post")
        )
    if not parts or not all(_WORD.fullmatch(part) for part in parts):
        raise _RefusedError("it does not say which function it was posted to: its 'path' cannot be read")
    return "/".join(parts)


def _id(value: object) -> str:
    if value is None or value == "":
        raise _RefusedError("it has no id, so its result could never be fetched")
    if not isinstance(value, str):
        raise _RefusedError(f"its id is {_kind(value)}, not a string")
    if len(value) > ID_LENGTH or not value.isprintable() or value != value.strip():
        raise _RefusedError(f"its id is no id: more than {ID_LENGTH} characters, or unprintable ones")
    return value


def _tag(value: object) -> str | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    return storable(own_tag(value), TAG_LENGTH) or None if isinstance(value, str) else None


def _priority(value: object) -> int:
    """Read 2 or "2": `data` echoes the POST, not always with the same type."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,4}", value):
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value in PRIORITIES else 1


def _variant(value: object) -> str | None:
    return value if isinstance(value, str) and value in VARIANTS else None


def _webhook(data: Mapping[str, Any]) -> Webhook:
    """Tell which webhook was asked for; the URLs are not kept, they may hold the poster's secret."""
    if data.get("postback_url"):
        return Webhook.POSTBACK
    return Webhook.PINGBACK if data.get("pingback_url") else Webhook.NONE


def _cost(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e9 and math.isfinite(value) else None


def _code(entry: object) -> int | None:
    code = entry.get("status_code") if isinstance(entry, Mapping) else None
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _said(entry: Mapping[str, Any]) -> str:
    message = entry.get("status_message")
    return _short(message) if isinstance(message, str) else ""


def _shown_id(value: object) -> str | None:
    return _short(value) if isinstance(value, str) and value else None


def _short(value: object) -> str:
    """Fit somebody else's text into a sentence of ours."""
    return "".join(letter if letter.isprintable() else " " for letter in str(value)[:ID_LENGTH]).strip()


def _kind(value: object) -> str:
    """Name a JSON value's kind for people."""
    if value is None:
        return "null"
    if isinstance(value, list | tuple):
        return "an empty list" if not value else "a list"
    names = {str: "a text", bool: "true or false", int: "a number", float: "a number"}
    return "an object" if isinstance(value, Mapping) else names.get(type(value), f"a {type(value).__name__}")
