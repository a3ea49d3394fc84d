"""The files of a world as others see them: read with SQL of our own, beside the daemon. Judges nothing."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ledger.trouble import sqlite


@dataclass
class ViolationError(Exception):
    """Something that must hold does not; `tasks` are those it is about."""

    promise: str
    text: str
    tasks: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.promise}: {self.text}"


@dataclass
class Files:
    """The ledger and its results files."""

    ledger: Path
    _files: dict[Path, Any] = field(default_factory=dict, kw_only=True)

    def _rows(self, sql: str, path: Path | None = None) -> list[tuple[Any, ...]]:
        path = path or self.ledger
        if path not in self._files:
            self._files[path] = sqlite.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=0)
        found: list[tuple[Any, ...]] = self._files[path].execute(sql).fetchall()
        return found

    def close(self) -> None:
        for one in self._files.values():
            one.close()
        self._files.clear()

    def _states(self) -> dict[str, str]:
        return dict(self._rows("select id, state from task"))

    def _months(self) -> list[Path]:
        there = [one for one in sorted(self.ledger.parent.glob("results/*.db")) if one.stat().st_size]
        return [one for one in there if self._rows("select 1 from sqlite_master where name = 'bodies'", one)]

    def history(self, task_id: str) -> list[str]:
        """Tell what the ledger knows of a task."""
        told = [f"    ledger: {row}" for row in self._rows(f"select * from task where id = '{task_id}'")]
        moves = self._rows(
            f"select at, from_state, to_state, reason from transition where task_id = '{task_id}'"
        )
        told += [f"    {at} {origin} -> {to}: {reason}" for at, origin, to, reason in moves]
        return told
