"""task_post answers come as one JSON document, several, an array, or JSON Lines; nothing else is taken for them."""

import io
import json

import pytest

from daemon.cli import documents as module
from daemon.cli.documents import Document, documents

ONE, TWO = {"tasks": [1]}, {"tasks": [2]}


def contents(text: str | bytes) -> list[object]:
    found = list(documents(io.BytesIO(text.encode() if isinstance(text, str) else text)))
    assert all(one.problem is None for one in found), found
    return [json.loads(one.content) if isinstance(one.content, bytes) else one.content for one in found]


def problem(text: bytes) -> Document:
    found = list(documents(io.BytesIO(text)))
    assert found[-1].problem is not None
    return found[-1]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ONE) + "\n" + json.dumps(TWO),
        json.dumps(ONE) + "\r\n\r\n" + json.dumps(TWO) + "\n\n",
        json.dumps(ONE, indent=2) + "\n" + json.dumps(TWO, indent=2),
        json.dumps([ONE, TWO]),
        json.dumps([ONE, TWO], indent=2),
        "\ufeff" + json.dumps(ONE) + "\n" + json.dumps(TWO),
        "\n\n  " + json.dumps(ONE) + "\n" + json.dumps(TWO),
    ],
)
def test_every_usual_way_to_keep_answers_is_read(text: str) -> None:
    assert contents(text) == [ONE, TWO]


def test_a_single_answer_is_one_document() -> None:
    assert contents(json.dumps(ONE)) == [ONE]
    assert contents(json.dumps(ONE, indent=4)) == [ONE]


def test_lines_are_streamed_not_gathered() -> None:
    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            text = b'{"tasks": []}\n'
            buffer[: len(text)] = text
            return len(text)

    walk = documents(io.BufferedReader(Endless(), 64))
    assert [next(walk).line for _ in range(3)] == [1, 2, 3]


def test_a_document_says_on_which_line_it_began() -> None:
    text = b'\n{\n "tasks": [1]\n}\n\n{\n "tasks": [2]\n}\n'
    assert [one.line for one in documents(io.BytesIO(text))] == [2, 6]
    lines = b'{"a": 1}\n\n{"b": 2}\n'
    assert [one.line for one in documents(io.BytesIO(lines))] == [1, 3]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "empty"),
        (b" \n\t\n", "empty"),
        (b"[]", "no answer"),
        (b"[\n]", "no answer"),
        (b"<html>502 Bad Gateway</html>", "no JSON"),
        (b'{\n "tasks": [1],\n', "no JSON"),
        (b"\x89PNG\r\n\x1a\n\x00\xff\xfe", "UTF-8"),
        (b"{\n" + b'"n": ' + b"9" * 5000 + b"}", "digits"),
    ],
)
def test_what_is_no_answer_is_a_problem_with_a_reason(text: bytes, words: str) -> None:
    assert words in str(problem(text).problem)


def test_documents_before_a_broken_one_are_kept() -> None:
    found = list(documents(io.BytesIO(b'{\n"tasks": [1]\n}\n{\n"tasks": [2')))
    assert found[0].content == ONE
    assert found[1].problem is not None
    assert found[1].line == 4


def test_deep_nesting_is_a_problem_and_no_crash() -> None:
    deep = b"[\n" * 100_000
    assert problem(deep).problem is not None
    assert next(documents(io.BytesIO(b"[" * 100_000))).content is not None  # the ledger refuses it


def test_a_file_that_is_too_large_to_be_an_answer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    assert "longer than" in str(problem(b'{"tasks": []}\n{"a": "' + b"x" * 2000).problem)
    assert "longer than" in str(problem(b"x" * 3000).problem)
