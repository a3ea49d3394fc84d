"""Where an export goes: a directory, a file of JSON Lines, or a stream. Knows how to go on after any interruption."""

import contextlib
import fcntl
import json
import os
import re
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote

from daemon.cli.options import WrongUseError
from ledger.records import Body, Task

_LINE = re.compile(rb'\{"id":("(?:[^"\\]|\\.)*"),"settled_at":(\d+|null),')
_BREAKS = bytes.maketrans(b"\r\n", b"  ")
_BEGUN = b'{"id":"'


class Destination(ABC):
    """What all destinations share."""

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(  # noqa: B027  most have nothing to end
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; nothing is left half written."""

    def has(self, task: Task) -> bool:
        """Say whether the task's result is here, without looking at what the ledger stores."""
        return False

    def is_whole(self, task: Task, body: Body) -> bool:
        """Say whether this very result is here."""
        return False

    @abstractmethod
    def write(self, task: Task, body: Body, answer: bytes) -> None:
        """Write one result."""


class Directory(Destination):
    """One file per task, named by its id. A file gets its name when it is whole, and the time of the fetch."""

    def __init__(self, path: Path) -> None:
        """Make the directory."""
        path.mkdir(parents=True, exist_ok=True)
        self._path = path

    def is_whole(self, task: Task, body: Body) -> bool:
        """Compare size and time, as rsync does."""
        try:
            about = self._file(task).stat()
        except OSError:
            return False
        return about.st_size == body.size and about.st_mtime_ns // 1_000_000 >= body.fetched_at

    def write(self, task: Task, body: Body, answer: bytes) -> None:
        """Write beside, then rename."""
        file = self._file(task)
        unfinished = file.with_name(f".{file.name}.unfinished")
        try:
            unfinished.write_bytes(answer)
            fetched_ns = body.fetched_at * 1_000_000
            os.utime(unfinished, ns=(fetched_ns, fetched_ns))
            unfinished.replace(file)
        except BaseException:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise

    def _file(self, task: Task) -> Path:
        # An id is the remote's text: it must not become a path of its own, nor a hidden file.
        return self._path / f"{quote(task.id, safe='').replace('.', '%2E')}.json"


class Stream(Destination):
    """JSON Lines to a stream that cannot be read back."""

    def __init__(self, stream: IO[bytes]) -> None:
        """Take the stream; closing it is its owner's business."""
        self._stream = stream

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of what is held back: nothing may be called written before."""
        if error is None:
            self._stream.flush()

    def write(self, task: Task, body: Body, answer: bytes) -> None:
        """Write one line."""
        self._stream.write(_line(task, body, answer))


class Lines(Destination):
    """A file of JSON Lines that grows. A line that an interruption cut off is taken away before going on."""

    def __init__(self, path: Path) -> None:
        """Open and read what is there.

        Raises:
            WrongUseError: the file is something else, or another export writes it.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._known = self._read(path)
        except BlockingIOError:
            self._file.close()
            msg = f"another export is writing {path}; wait for it, or name another file"
            raise WrongUseError(msg) from None
        except BaseException:
            self._file.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self._file.close()

    def has(self, task: Task) -> bool:
        """Say whether a line has this result; a corrected one was settled again, later."""
        return (task.id, task.settled_at) in self._known

    def write(self, task: Task, body: Body, answer: bytes) -> None:
        """Append one line."""
        self._file.write(_line(task, body, answer))

    def _read(self, path: Path) -> set[tuple[str, int | None]]:
        known, end = set(), 0
        self._file.seek(0)
        first = self._file.read(len(_BEGUN))
        if not _BEGUN.startswith(first):
            raise _not_ours(path)
        self._file.seek(0)
        for line in self._file:
            found = _LINE.match(line)
            if not line.endswith(b"}\n"):
                break
            if found is None:
                raise _not_ours(path)
            settled_at = None if found[2] == b"null" else int(found[2])
            known.add((str(json.loads(found[1])), settled_at))
            end += len(line)
        self._file.truncate(end)
        return known


def _not_ours(path: Path) -> WrongUseError:
    return WrongUseError(f"{path} is there already and was not written by readyd export; name another file")


def _line(task: Task, body: Body, answer: bytes) -> bytes:
    """Put an answer on one line, unparsed: line breaks in JSON text are blanks between its tokens."""
    known = {
        "id": task.id,
        "settled_at": task.settled_at,
        "function": task.function,
        "variant": body.variant,
        "edition": body.edition,
        "tag": task.tag,
        "state": str(task.state),
        "code": task.code,
        "posted_at": task.posted_at,
        "fetched_at": body.fetched_at,
    }
    head = json.dumps(known, ensure_ascii=False, separators=(",", ":"))
    return (
        head[:-1].encode("utf-8", "backslashreplace")
        + b',"answer":'
        + answer.strip().translate(_BREAKS)
        + b"}\n"
    )
