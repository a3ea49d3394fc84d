"""Reads the lines of what is to be posted: one JSON object a line, checked one by one. Knows no ledger.

A file is read twice, first to check all of it; so nothing of a bad file is planned, and a million lines never lie in
memory. What comes through a pipe is put aside on disk for that.
"""

import contextlib
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from daemon.cli import words
from daemon.cli.options import WrongUseError
from daemon.dataforseo.posting import problem_with
from ledger.intents import Plan
from ledger.planning import read_plan
from ledger.times import as_text

LONGEST = 1_000_000
"""Characters of the longest line: no task of the API comes near."""

KEPT = 1_000
"""So many bad lines are described; of more, only the number is known."""

Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be posted, and why."""

    line: int
    problem: str


@dataclass(slots=True)
class Check:
    """What a whole reading found."""

    functions: Counter[str] = field(default_factory=Counter)
    bad: list[BadLine] = field(default_factory=list)
    bad_count: int = 0

    def add(self, one: Plan | BadLine) -> None:
        """Count one line."""
        if isinstance(one, Plan):
            self.functions[one.function] += 1
            return
        self.bad_count += 1
        if len(self.bad) < KEPT:
            self.bad.append(one)


@dataclass(frozen=True, slots=True)
class Source:
    """A file that can be read again from its start; `batch` is its name for planning."""

    file: IO[bytes]
    batch: str
    size: int  # bytes
    name: str = "standard input"
    place: str | None = None  # how the batches of files from there end; None: the batch was named


@contextmanager
def opened(name: str, batch: str | None = None) -> Iterator[Source]:
    """Open a file, or standard input for `-`; `batch` is what the user calls it.

    Raises:
        WrongUseError: it cannot be read, or is standard input without a name.
    """
    if batch is not None and not batch.strip():
        msg = "--batch has an empty name (an unset variable?); write one, such as nightly-2026-11-25"
        raise WrongUseError(msg)
    if name == "-":
        if sys.stdin.isatty():
            msg = "name a file with tasks, one JSON object a line, or pipe them in: ... | readyd post --batch NAME -"
            raise WrongUseError(msg)
        if batch is None:
            msg = (
                "standard input has no name by which its lines would be known when the command is given again, and"
                " they would be paid for twice; name their batch: ... | readyd post --batch nightly-2026-11-25 -"
            )
            raise WrongUseError(msg)
        with tempfile.TemporaryFile() as aside:
            shutil.copyfileobj(sys.stdin.buffer, aside)
            yield Source(aside, batch, aside.tell())
        return
    with contextlib.ExitStack() as stack:
        with _readable(name):
            file = stack.enter_context(open(name, "rb"))
            source = _source(name, file, batch)
        yield source


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """Blame the file for what happens while it is read, and for nothing else."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from None


def _unreadable(name: str, error: OSError | ValueError) -> WrongUseError:
    reason = (error.strerror if isinstance(error, OSError) else None) or error
    return WrongUseError(f"{name} cannot be read: {reason}")


def _source(name: str, file: IO[bytes], batch: str | None) -> Source:
    """Name a file's batch by where it is, how large and of when, unless the user names it.

    Not by its content: whoever writes the same keywords anew each night wants them posted each night.
    """
    path, about = Path(name), os.fstat(file.fileno())
    if batch is not None:
        return Source(file, batch, about.st_size, name)
    place = "-" + hashlib.blake2b(os.fsencode(path.resolve()), digest_size=4).hexdigest()
    when = as_text(about.st_mtime_ns // 1_000_000)
    # Written so that people can name it again (`--batch`), whatever the file is called.
    batch = f"{words.clean(path.name)}@{when}.{about.st_mtime_ns % 1_000_000_000:09}-{about.st_size}{place}"
    return Source(file, batch, about.st_size, name, place)


def read_lines(source: Source, advance: Advance) -> Iterator[Plan | BadLine]:
    """Read every line from the start of the file; `advance` hears how many bytes that took."""
    number = 0
    with _readable(source.name):
        source.file.seek(0)
    while line := _next(source, LONGEST + 1):
        number += 1
        advance(len(line))
        if len(line) > LONGEST:
            yield BadLine(number, f"it is longer than {LONGEST:,} bytes")
            while line and not line.endswith(b"\n"):
                line = _next(source, LONGEST)
                advance(len(line))
            continue
        text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if text.strip():
            yield _read(number, text)


def _next(source: Source, most: int) -> bytes:
    # Asked for each of a million lines, so without a context manager.
    try:
        return source.file.readline(most)
    except OSError as error:
        raise _unreadable(source.name, error) from None


def _read(number: int, text: bytes) -> Plan | BadLine:
    try:
        task = json.loads(text.rstrip(b"\r\n"), parse_constant=_no_number)
    except RecursionError:
        return BadLine(number, "it is nested too deeply")
    except UnicodeDecodeError:
        return BadLine(number, "it is not text in UTF-8")
    except ValueError as error:
        return BadLine(number, f"it is no JSON: {_said(error)}")
    if not isinstance(task, dict):
        hint = (
            "; one task a line, without the list around them: jq -c '.[]'" if isinstance(task, list) else ""
        )
        return BadLine(number, f"it is no JSON object{hint}")
    try:
        plan = read_plan(number, task)
    except ValueError as error:
        return BadLine(number, str(error))
    problem = problem_with(plan.function, plan.payload)
    return plan if problem is None else BadLine(number, problem)


def _said(error: ValueError) -> str:
    """Name the column alone: the error's own words count lines, and this is one."""
    return f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)


def _no_number(word: str) -> None:
    msg = f"{word} is no number in JSON"
    raise ValueError(msg)
