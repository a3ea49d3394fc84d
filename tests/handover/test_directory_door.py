"""A directory as a target: whole files or none, safe names, and a sentence for every refusal of the disk."""

import asyncio
import gzip
import os
import signal
import stat
import subprocess
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.handover import directory
from daemon.handover.directory import DirectoryDoor
from daemon.handover.door import HandoverError
from daemon.handover.parcel import Parcel, safe
from daemon.handover.target import Form

STEPS = ("open", "fsync", "rename", "unlink")
LARGE = os.urandom(3 << 20)


def put(path: Path, parcel: Parcel) -> None:
    async def main() -> None:
        door = DirectoryDoor(path)
        try:
            await door.put(parcel)
        finally:
            await door.aclose()

    asyncio.run(main())


def refusal(path: Path, parcel: Parcel) -> HandoverError:
    with pytest.raises(HandoverError) as refused:
        put(path, parcel)
    return refused.value


@pytest.mark.parametrize("content", [b"", b'{"tasks": []}', LARGE], ids=["empty", "small", "large"])
@pytest.mark.parametrize("form", list(Form))
def test_a_result_becomes_one_whole_file(tmp_path: Path, parcel: Any, form: Form, content: bytes) -> None:
    one = parcel("a-1", content, form=form, edition=2)
    put(tmp_path, one)
    (file,) = tmp_path.iterdir()
    read = file.read_bytes()
    assert len(read) == one.size
    if form is Form.JSON:
        assert (file.name, read) == ("a-1.advanced.2.json", content)
    else:
        assert (file.name, gzip.decompress(read)) == ("a-1.advanced.2.json.gz", content)
    assert stat.S_IMODE(file.stat().st_mode) & 0o133 == 0


def test_handing_over_again_replaces_the_file_and_other_editions_stay(tmp_path: Path, parcel: Any) -> None:
    for content, edition in ((b"1", 1), (b"one", 1), (b"two", 2)):
        put(tmp_path, parcel("a", content, edition=edition))
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
        "a.advanced.1.json": b"one",
        "a.advanced.2.json": b"two",
    }


@pytest.mark.parametrize(
    "task_id", ["../../etc/passwd", ".", "", "a/b", "a\0b", "x" * 5000, "\ud800", "CON\n", "~"]
)
def test_an_id_cannot_leave_the_directory(tmp_path: Path, parcel: Any, task_id: str) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    put(inside, parcel(task_id, b"x"))
    assert [file.name for file in tmp_path.iterdir()] == ["in"]
    (file,) = inside.iterdir()
    assert file.read_bytes() == b"x"
    assert not file.name.startswith(".")


@given(st.text(st.characters(), max_size=300), st.text(st.characters(), max_size=300))
def test_different_ids_have_different_safe_names(one: str, other: str) -> None:
    assert (safe(one) == safe(other)) == (one == other)
    assert set(safe(one)) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-%")
    assert 0 < len(safe(one)) <= 220


def test_a_directory_that_is_missing_is_not_made(tmp_path: Path, parcel: Any) -> None:
    error = refusal(tmp_path / "unmounted" / "out", parcel())
    assert "does not exist" in str(error)
    assert not error.about_result
    assert list(tmp_path.iterdir()) == []


def test_a_link_that_was_laid_in_the_way_is_not_followed(tmp_path: Path, parcel: Any) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"mine")
    out = tmp_path / "out"
    out.mkdir()
    (out / ".a.advanced.1.json.part").symlink_to(elsewhere)
    refusal(out, parcel("a", b"x"))
    put(out, parcel("a", b"x"))
    assert elsewhere.read_bytes() == b"mine"


def test_a_damaged_result_is_its_own_fault_and_leaves_nothing(tmp_path: Path, parcel: Any) -> None:
    for damaged in (gzip.compress(LARGE)[:-9], b"no gzip", b""):
        error = refusal(tmp_path, parcel("a", LARGE, gzip=damaged))
        assert error.about_result
        assert "cannot be inflated" in str(error)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_no_part_and_ends_when_there_is_room(tmp_path: Path, parcel: Any) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", small], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    try:
        error = refusal(small, parcel("a", LARGE))
        assert "No space left" in str(error)
        assert not error.about_result
        assert list(small.iterdir()) == []
        put(small, parcel("b", b"x"))
    finally:
        subprocess.run(["umount", small], check=True)


def dying(at: int, die: Callable[[], Any]) -> None:
    """Let this process die before the n-th call of the operating system that `_write` makes, and after it."""
    left = [at]

    def around(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **more: Any) -> Any:
            for moment in (0, 1):
                left[0] -= 1
                if left[0] == 0:
                    die()
                if moment == 0:
                    done = call(*args, **more)
            return done

        return wrapped

    class System:
        def __getattr__(self, name: str) -> Any:
            found = getattr(os, name)
            return around(found) if name in STEPS else found

    directory.os = System()  # type: ignore[attr-defined]


def test_a_kill_at_any_step_leaves_the_whole_file_or_none(tmp_path: Path, parcel: Any) -> None:
    one = parcel("a", LARGE)
    for point in count(1):
        place = tmp_path / str(point)
        place.mkdir()
        child = os.fork()
        if child == 0:
            try:
                dying(point, lambda: os.kill(os.getpid(), signal.SIGKILL))
                put(place, one)
                os._exit(0)
            except BaseException:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
        final = place / one.name
        assert not final.exists() or final.read_bytes() == LARGE
        put(place, one)
        assert [file.name for file in place.iterdir()] == [one.name], (
            "the next try leaves nothing else behind"
        )
        if not os.WIFSIGNALED(status):
            break
    assert point > 10


@pytest.mark.parametrize("step", ["fsync", "rename"])
def test_a_step_that_fails_is_no_hand_over(
    tmp_path: Path, parcel: Any, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        error = refusal(tmp_path, parcel("a", b"x"))
    assert "Input/output error" in str(error)
    put(tmp_path, parcel("a", b"x"))
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"x"]


def test_the_file_is_on_the_disk_before_it_has_its_name_and_the_name_before_it_counts(
    tmp_path: Path, parcel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def seen(name: str) -> Callable[..., Any]:
        call = getattr(os, name)

        def wrapped(*args: Any, **more: Any) -> Any:
            is_directory = name == "fsync" and stat.S_ISDIR(os.fstat(args[0]).st_mode)
            done.append(f"{name} directory" if is_directory else name)
            return call(*args, **more)

        return wrapped

    for name in ("fsync", "rename"):
        monkeypatch.setattr(os, name, seen(name))
    put(tmp_path, parcel("a"))
    assert done == ["fsync", "rename", "fsync directory"]
