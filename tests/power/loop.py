"""A file system of its own on a loop device, and the power to cut. Needs root; knows no ledger."""

import contextlib
import fcntl
import os
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

SHUTDOWN = 2 << 30 | 4 << 16 | ord("X") << 8 | 125
"""EXT4_IOC_SHUTDOWN: the file system stops, here and now."""

WITHOUT_LOG = 2
"""What is in its log and not on the disk is lost as well."""

SIZE = 48 << 20
CUTS = int(os.environ.get("READYD_CUTS", "20"))
SEED = 11
TRIES = 100

needs_root = pytest.mark.skipif(
    not os.environ.get("READYD_ROOT") or os.geteuid() != 0,
    reason="mounting needs root and is done by `make test-root`: NOTHING of this was tried",
)


def mount(*words: str | Path) -> None:
    done = subprocess.run(["mount", *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here ({done.stderr.strip()}): NOTHING of this was tried")


def unmount(place: Path) -> None:
    """Unmount; whoever had files open there has just ended, and the kernel may not have closed them yet."""
    for _ in range(TRIES):
        done = subprocess.run(["umount", place], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        time.sleep(0.05)  # the kernel tells nobody when it is done
    raise AssertionError(done.stderr)


@contextlib.contextmanager
def small(place: Path, size: str) -> Iterator[Path]:
    """Mount so much memory as a disk."""
    place.mkdir()
    mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", place)
    try:
        yield place
    finally:
        unmount(place)


@contextlib.contextmanager
def ended(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Whatever happens inside, the process does not outlive it, nor does it hold the disk."""
    try:
        yield
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Power:
    """A disk whose power can be cut."""

    def __init__(self, directory: Path) -> None:
        self._image, self.place = directory / "disk", directory / "mounted"
        self._on = False

    def format(self) -> None:
        if shutil.which("mkfs.ext4") is None:
            pytest.skip("mkfs.ext4 is not here: no power was CUT")
        self.off()
        self.place.mkdir(exist_ok=True)
        self._image.unlink(missing_ok=True)
        with self._image.open("wb") as file:
            file.truncate(SIZE)
        subprocess.run(["mkfs.ext4", "-q", "-F", self._image], check=True, capture_output=True)
        self.on()

    def on(self) -> None:
        mount("-o", "loop", self._image, self.place)
        self._on = True

    def cut(self) -> None:
        descriptor = os.open(self.place, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", WITHOUT_LOG))
        finally:
            os.close(descriptor)

    def off(self) -> None:
        if self._on:
            unmount(self.place)
            self._on = False
