"""How an answer looks on the wire: the envelope, its elements, single fields. Knows the meaning of none.

Every field is nullable (OpenAPI specification), and some have come with another type. So each field is kept
raw and decoded by itself: one odd field spoils nothing but itself, unknown keys are skipped, and a large
result is never built as a tree.
"""

import re
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from msgspec import Raw

from daemon.dataforseo.codes import OK
from daemon.dataforseo.errors import Garbled

T = TypeVar("T")

MESSAGE_LENGTH = 300
"""Longest message that is kept; a documented one has fewer than 200 characters."""

_BOM = b"\xef\xbb\xbf"
_UNPRINTABLE = re.compile(r"[^\S ]+|[\x00-\x1f\x7f-\x9f]+")
_HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|(u[dD][89a-fA-F][\da-fA-F]{2})|.)",
    re.DOTALL,
)
_UNDECODABLE = (ValueError, RecursionError, OverflowError)
"""What decoding raises: no JSON, no UTF-8, no number of this machine, nested beyond sense."""


class Element(msgspec.Struct):
    """One entry of `tasks[]`."""

    id: Raw = Raw()
    status_code: Raw = Raw()
    status_message: Raw = Raw()
    result_count: Raw = Raw()
    cost: Raw = Raw()
    path: Raw = Raw()
    data: Raw = Raw()
    result: Raw = Raw()

    @property
    def code(self) -> int | None:
        """The status code of this element."""
        return code(self.status_code)

    @property
    def message(self) -> str | None:
        """The message beside the code."""
        return message(self.status_message)

    @property
    def segments(self) -> list[str]:
        """The path of the call as the remote repeats it; empty when it does not."""
        return decoded(self.path, list[str]) or []


class _Envelope(msgspec.Struct):
    status_code: Raw = Raw()
    status_message: Raw = Raw()
    tasks: Raw = Raw()


@dataclass(frozen=True, slots=True)
class Call:
    """One answer: the status of the call itself, and its elements. `odd` counts elements that were none."""

    code: int | None
    message: str | None
    elements: tuple[Element, ...]
    odd: int

    def status(self) -> tuple[int | None, str | None]:
        """Give the status of a call that is about no single task: the first word of it that is not Ok."""
        words = [(self.code, self.message), *((one.code, one.message) for one in self.elements)]
        said = [word for word in words if word[0] is not None]
        return next((word for word in said if word[0] != OK), said[0] if said else (None, None))


def read_call(body: bytes, about: str) -> Call:
    """Decode the envelope of an answer; `about` begins the sentence of an error.

    Raises:
        Garbled: this is no JSON object, or its `tasks` is no list.
    """
    if body.lstrip()[:1] == b"<":
        raise Garbled(f"{about} is HTML or XML, not JSON: something between us and the remote answered")
    try:
        envelope = _decode_envelope(body.removeprefix(_BOM))
    except _UNDECODABLE as error:
        raise Garbled(f"{about} is no JSON object that can be read ({_first_line(error)})") from None
    entries = [] if is_null(envelope.tasks) else items(envelope.tasks)
    if entries is None:
        raise Garbled(f"{about} has a `tasks` that is no list", code(envelope.status_code))
    elements = [decoded(entry, Element) for entry in entries if not is_null(entry)]
    whole = tuple(one for one in elements if one is not None)
    return Call(
        code(envelope.status_code), message(envelope.status_message), whole, len(elements) - len(whole)
    )


def _decode_envelope(body: bytes) -> _Envelope:
    """Decode; half a surrogate pair, as a cut emoji leaves it, is legal JSON that msgspec refuses (RFC 8259, 8.2)."""
    try:
        return msgspec.json.decode(body, type=_Envelope)
    except _UNDECODABLE:
        if not _HALF_PAIR.search(body):
            raise
    mended = _ESCAPE.sub(lambda escape: b"\\ufffd" if escape[1] else escape[0], body)
    return msgspec.json.decode(mended, type=_Envelope)


def decoded(raw: Raw, kind: type[T]) -> T | None:
    """Decode one value as `kind`; None when it is missing, or is something else."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except _UNDECODABLE:
        return None


def value(raw: Raw) -> object:
    """Decode one value, whatever it is; None when it is null, missing or undecodable."""
    return decoded(raw, object)


def items(raw: Raw) -> list[Raw] | None:
    """Cut a list into its entries; None when it is no list."""
    return decoded(raw, list[Raw])


def is_null(raw: Raw) -> bool:
    """Say whether a value is null or missing."""
    view = memoryview(raw)
    return not view or (len(view) == 4 and view.tobytes() == b"null")


def text(raw: Raw) -> str | None:
    """Decode a string; None when it is anything else."""
    found = value(raw)
    return found if isinstance(found, str) else None


def message(raw: Raw) -> str | None:
    """Decode a string for people: one line, printable, not endless."""
    found = text(raw)
    return None if found is None else _UNPRINTABLE.sub(" ", found)[:MESSAGE_LENGTH].strip()


def code(raw: Raw) -> int | None:
    """Decode a status code; None when it is no whole number in reach of the documented range."""
    found = number(value(raw))
    return int(found) if found is not None and found == int(found) and 0 < found < 100_000 else None


def number(found: object) -> float | None:
    """Take a decoded value as a finite number; a string that holds one counts, a truth value does not."""
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        return None
    try:
        taken = float(found)
    except _UNDECODABLE:
        return None
    return taken if abs(taken) < float("inf") else None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or ["unreadable"])[0][:120]
