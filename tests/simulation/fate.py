"""How a process of a world dies, and what its disk does to it. Knows no task.

A process dies at the n-th step of one kind: a turn of its loop (an await), a write, a call, a line of its log. It is
killed, which leaves its files as they are, or the power is cut, which takes away what was written and not synced.
"""

import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ledger.database import LedgerDatabase
from ledger.trouble import sqlite
from tests.simulation.timeline import Timeline

STEPS = ("turn", "write", "commit", "committed", "send", "answer", "line")
READS = ("select", "with", "pragma", "begin")


class Death(SystemExit):
    """The process ends here. asyncio lets nothing but SystemExit and KeyboardInterrupt end a loop."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """When and how the next process dies: at the n-th step of a kind; `down_ms` until the next one starts."""

    step: str
    count: int
    power: bool
    down_ms: int


class Fate:
    """The fate of the process that runs now, and of the disk below it."""

    def __init__(self, time: Timeline, dice: random.Random, directory: Path) -> None:
        self.time = time
        self.dead = False
        self.peace = False
        self.sentence: Sentence | None = None
        self.full_until = 0
        self.lying_until = 0  # commits that are there are reported as failed
        self.slow_until = 0
        self.tally: Counter[str] = Counter()
        self.between: list[Any] = []  # what other processes do at the next statement
        self.images: dict[Path, bytes] | None = None
        self._left = 0
        self._dice = dice
        self._directory = directory
        self._open: dict[str, LedgerDatabase] = {}
        self._at_it = False

    def arm(self, sentence: Sentence) -> None:
        self.sentence, self._left = sentence, sentence.count

    def may_arm(self, sentence: Sentence) -> None:
        """Let the process die so, unless another death is due or there is peace."""
        if self.sentence is None and not self.peace:
            self.arm(sentence)

    def born(self) -> None:
        """Let a new process begin."""
        self.dead = False
        self._open.clear()

    def spare(self) -> None:
        self.sentence = None

    def turn(self) -> None:
        self.step("turn")

    def step(self, kind: str) -> None:
        """Die, if this is the step; the dead do nothing more."""
        if self.sentence is None or self.dead or kind != self.sentence.step:
            return
        self._left -= 1
        if self._left <= 0:
            if self.sentence.power:
                self.images = self._what_is_on_disk()
            self.dead = True
            self.time.bury()
            raise Death

    def at_write(self, kind: str) -> None:
        """A write is about to be made."""
        if self.dead:
            raise _failed("SQLITE_IOERR", "this process is dead")
        if self.time.now() < self.full_until:
            self.tally["writes refused"] += 1
            raise _failed("SQLITE_FULL", "database or disk is full")
        self.step(kind)

    def after_commit(self) -> None:
        now = self.time.now()
        if now < self.slow_until:
            self.tally["commits that hung"] += 1
            self.time.hang(self._dice.choice([200, 3_000, 25_000]))
        if now < self.lying_until and self._dice.random() < 0.5:
            self.tally["commits that lied"] += 1
            raise _failed("SQLITE_IOERR_FSYNC", "disk I/O error")
        self.step("committed")

    def opened(self, database: LedgerDatabase) -> None:
        self._open[str(database.database)] = database

    def meanwhile(self, *, inside: bool) -> None:
        """Let others try to write now, between two statements of ours: of one transaction mostly (`inside`)."""
        if self._at_it or self.dead or not (inside or self._dice.random() < 0.05):
            return
        self._at_it = True
        try:
            self.between = [one for one in self.between if not one()]
        finally:
            self._at_it = False

    def _what_is_on_disk(self) -> dict[Path, bytes]:
        """Take what a power cut leaves: all that was synced, and of the rest what luck says.

        With synchronous FULL or EXTRA a commit is synced before it returns. With NORMAL the log is synced only before
        a checkpoint (https://sqlite.org/pragma.html#pragma_synchronous), so its newer end may be missing.
        """
        careful = {
            path_of(name): _one(database, "pragma synchronous") >= 2 for name, database in self._open.items()
        }
        images = {}
        for path in sorted(self._directory.rglob("*.db*")):
            if path.name.endswith("-shm"):
                continue
            images[path] = path.read_bytes()
            if path.name.endswith("-wal"):
                main = path.with_name(path.name.removesuffix("-wal"))
                images[path] = self._synced(images[path], path, careful=careful.get(main, True))
        return images

    def _synced(self, log: bytes, path: Path, *, careful: bool) -> bytes:
        shared = path.with_name(path.name.removesuffix("-wal") + "-shm")
        if len(log) < 32 or not shared.exists():
            return log
        index = shared.read_bytes()
        newest, copied = (int.from_bytes(index[at : at + 4], "little") for at in (16, 96))
        page = int.from_bytes(log[8:12], "big")
        kept = newest if careful else self._dice.randint(min(copied, newest), newest)
        self.tally["frames lost"] += newest - kept
        return log[: 32 + kept * (24 + page)]

    def restore(self) -> None:
        """Put back what the power cut left; nobody may have a file open."""
        if self.images is None:
            return
        for path in sorted(self._directory.rglob("*.db*")):
            path.unlink()
        for path, content in self.images.items():
            path.write_bytes(content)
            path.chmod(0o600)
        self.images = None


def path_of(name: str) -> Path:
    """Give the file that a driver's URI names."""
    return Path(name.removeprefix("file://").partition("?")[0])


def _one(database: LedgerDatabase, sql: str) -> int:
    try:
        return int(database.driver().execute(sql).fetchone()[0])
    except Exception:  # closed, or in trouble: then nothing was written lately
        return 2


def _failed(name: str, text: str) -> Exception:
    error: Exception = sqlite.OperationalError(text)
    error.sqlite_errorname = name  # type: ignore[attr-defined]
    return error


class Mortal(LedgerDatabase):
    """The ledger's database in a world: each write may be the last one, or be refused."""

    fate: ClassVar[Fate]
    _said = 0  # statements of this transaction

    def connect(self, reuse_if_open: bool = False) -> Any:
        found = super().connect(reuse_if_open)
        self.fate.opened(self)
        return found

    def begin(self, lock_type: Any = None) -> None:
        if self.fate.dead:
            raise _failed("SQLITE_IOERR", "this process is dead")
        self._said = 0
        super().begin(lock_type)

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        fate = self.fate
        if fate.between and not self.is_closed():
            self._said += 1
            fate.meanwhile(inside=self.driver().in_transaction and self._said > 1)
        if not sql.lstrip().lower().startswith(READS):
            fate.at_write("write")
        return super().execute_sql(sql, params)

    def executemany(self, sql: str, rows: Any) -> int:
        if self.fate.between:
            self.fate.meanwhile(inside=True)
        self.fate.at_write("write")
        return super().executemany(sql, rows)

    def commit(self) -> None:
        self.fate.at_write("commit")
        super().commit()  # type: ignore[no-untyped-call]
        self.fate.after_commit()
