"""Which SQLite engines may share a WAL database, and what the others use instead. Pure: opens nothing.

Before 3.51.3 (back-ported to 3.50.7 and 3.44.6) two connections of one WAL database can corrupt it when one
resets the log while the other writes: https://sqlite.org/wal.html#walresetbug. WAL with synchronous FULL, and
DELETE with synchronous EXTRA, are the settings that lose no acknowledged commit in a power cut.
"""

from dataclasses import dataclass

Version = tuple[int, int, int]

OLDEST: Version = (3, 37, 0)
"""STRICT tables came with this one."""

_SAFE_FROM: Version = (3, 51, 3)
_BACKPORTS: tuple[Version, ...] = ((3, 50, 7), (3, 44, 6))


@dataclass(frozen=True, slots=True)
class Engine:
    """The SQLite that opened a file, and the mode it was given."""

    version: str  # "3.53.4"
    journal_mode: str  # "wal" or "delete"
    synchronous: str  # "full" or "extra"
    warning: str | None  # one sentence when the engine is a vulnerable one


def is_safe_for_wal(version: Version) -> bool:
    """Tell whether several processes may write a WAL database through this SQLite version."""
    if version >= _SAFE_FROM:
        return True
    return any(version[:2] == fixed[:2] and version >= fixed for fixed in _BACKPORTS)


def choose(version: Version) -> Engine:
    """Choose journal mode and synchronous for a SQLite version."""
    text = ".".join(str(part) for part in version)
    if is_safe_for_wal(version):
        return Engine(text, "wal", "full", None)
    warning = (
        f"SQLite {text} can corrupt a database in WAL mode that several programs write, so the ledger uses the "
        "slower DELETE mode; install pysqlite3 or SQLite 3.51.3 to be rid of this"
    )
    return Engine(text, "delete", "extra", warning)
