"""Reads task_post answers from files: one JSON document, several, an array of them, or JSON Lines. Knows no ledger.

JSON Lines are streamed, a line at a time; anything else is held in memory whole, up to `MAX_BYTES`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

MAX_BYTES = 256_000_000
"""No task_post answer is this long (100 tasks); what is longer is some other file."""

_BLANK = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Document:
    """One answer, or why there is none. `line` counts from 1, where the document begins."""

    line: int
    content: object = None  # JSON text as bytes, or parsed
    problem: str | None = None


def documents(file: IO[bytes]) -> Iterator[Document]:
    """Read all answers of a file; what cannot be read becomes a Document with a problem."""
    number = 0
    while (first := file.readline(MAX_BYTES)).strip(_BLANK) == b"" and first:
        number += 1
    number += 1
    first = first.removeprefix(_BOM)
    if not first.strip(_BLANK):
        yield Document(1, problem="it is empty")
    elif _is_json(first):
        yield from _spread(number, first)
        yield from _lines(file, number)
    else:
        yield from _whole(first + file.read(MAX_BYTES), number)


def _lines(file: IO[bytes], number: int) -> Iterator[Document]:
    while line := file.readline(MAX_BYTES):
        number += 1
        if len(line) == MAX_BYTES:
            yield Document(number, problem=f"this line is longer than {MAX_BYTES // 1_000_000} MB")
            return
        if line.strip(_BLANK):
            yield from _spread(number, line)


def _spread(number: int, text: bytes) -> Iterator[Document]:
    """One document per element if the text is an array of answers, as a program that keeps them might write."""
    if text.lstrip(_BLANK).startswith(b"["):
        try:
            elements = json.loads(text)
        except (ValueError, RecursionError):
            elements = None
        if isinstance(elements, list):
            yield from _elements(number, elements)
            return
    yield Document(number, text.strip(_BLANK))


def _elements(number: int, elements: list[object]) -> Iterator[Document]:
    if not elements:
        yield Document(number, problem="an empty list holds no answer")
    yield from (Document(number, element) for element in elements)


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except RecursionError:
        return True  # whole or not, its owner will say
    except ValueError:
        return False
    return True


def _whole(text: bytes, number: int) -> Iterator[Document]:
    """Read documents that spread over lines, one after another."""
    if len(text) >= MAX_BYTES:
        yield Document(
            number, problem=f"it is longer than {MAX_BYTES // 1_000_000} MB and has no lines of JSON"
        )
        return
    try:
        rest = text.decode()
    except UnicodeDecodeError:
        yield Document(number, problem="it is not text in UTF-8, so it is no JSON")
        return
    decoder, place = json.JSONDecoder(), 0
    while (place := _skip(rest, place)) < len(rest):
        line = number + rest.count("\n", 0, place)
        try:
            value, place = decoder.raw_decode(rest, place)
        except RecursionError:
            yield Document(line, problem="it is nested too deeply")
            return
        except json.JSONDecodeError as error:
            where = f"line {number + error.lineno - 1} column {error.colno}"
            yield Document(line, problem=f"it is no JSON: {error.msg} at {where}")
            return
        except ValueError:  # an integer with more digits than Python reads
            yield Document(line, problem="it holds a number of thousands of digits")
            return
        yield from _elements(line, value if isinstance(value, list) else [value])


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place] in " \t\r\n":
        place += 1
    return place
