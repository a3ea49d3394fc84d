"""Full disks on which a command was told to write: which one it is, and that trying again later may help (75)."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.power.loop import small

Run = Callable[..., Any]

LINE = '{"function": "serp/google/organic", "keyword": "tea", "location_code": 2840, "language_code": "en"}\n'


def filling(environ: dict[str, str], *words: str) -> tuple[int, str]:
    """Run a command whose standard output is a full disk."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "daemon", *words],
            env=environ,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    return done.returncode, done.stderr


@pytest.mark.parametrize("place", ["directory", "directory/with/more", "lines.jsonl"])
def test_an_export_to_a_full_disk_may_be_tried_again(
    readyd: Run, book: Any, tmp_path: Path, place: str
) -> None:
    ids = book.post(3)
    book.collect(ids)
    with small(tmp_path / "small", "40k") as disk:
        with (disk / "filler").open("wb") as filler:
            fill(filler.fileno(), disk)
        said = readyd("export", "--to", str(disk / place))
        assert (said.code, said.err.count("\n")) == (75, 1), said
        assert "No space left on device" in said.err
        assert str(disk / place.partition("/")[0]) in said.err
        (disk / "filler").unlink()
        assert readyd("export", "--to", str(disk / place)).code == 0


def fill(descriptor: int, disk: Path) -> None:
    """Leave no block free."""
    while free := os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize:
        os.posix_fallocate(descriptor, os.fstat(descriptor).st_size, free)


@pytest.mark.parametrize("count", [1, 40])
def test_an_export_to_a_full_standard_output_says_so_and_nothing_else(
    environ: dict[str, str], book: Any, count: int
) -> None:
    book.collect(book.post(count))
    code, said = filling(environ, "export", "--to", "-")
    assert (code, said) == (75, "readyd: standard output cannot be written: No space left on device\n")


def test_a_backup_to_a_full_disk_names_the_copy(readyd: Run, book: Any, tmp_path: Path) -> None:
    book.post(900)
    with small(tmp_path / "small", "100k") as disk:
        said = readyd("backup", str(disk / "copy"))
        assert said.code == 75
        assert f"the disk of the copy {disk / 'copy' / 'ledger.db'} is full" in said.err
    assert readyd("tasks", "--json").json["total"] == 900


def test_a_full_standard_output_is_not_blamed_on_the_tasks(
    environ: dict[str, str], book: Any, tmp_path: Path
) -> None:
    tasks = tmp_path / "many.jsonl"
    tasks.write_text(LINE)
    code, said = filling(environ, "post", "--dry-run", str(tasks))
    assert (code, said) == (75, "readyd: the system refused: No space left on device\n")


def test_a_file_of_tasks_that_cannot_be_read_is_named(readyd: Run, book: Any, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    # Opened for both, so that nobody waits; a pipe cannot be read twice.
    held = os.open(pipe, os.O_RDWR)
    for place in (tmp_path, tmp_path / "missing", pipe, Path("/proc/self/mem")):
        said = readyd("post", "--dry-run", str(place))
        assert (said.code, said.err.count("\n")) == (2, 1), said
        assert f"{place} cannot be read: " in said.err
        assert "None" not in said.err
    os.close(held)
