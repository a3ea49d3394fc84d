"""A disk as a power cut may leave it: what was synced is there, of the rest any part. Knows files, and no database.

A file's writes since its last sync are lost, kept, or torn into sectors, each of which is lost or kept; names in a
directory since its last sync come in order, and end somewhere.
"""

import random
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CALLS = "openat,pwrite64,write,ftruncate,fsync,fdatasync,unlink,rename,mkdir"
SECTOR = 512
LINE = re.compile(r"(\w+)\((.*)\)\s+= (\d+)")
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
FILE = re.compile(r"^\d+<((?:\\x[0-9a-f]{2})+)>")


@dataclass(frozen=True, slots=True)
class Op:
    """One call that changed a disk, or told what is durable. `file` numbers a file, however it is named."""

    kind: str  # make, name, unname, write, cut, sync, tell
    file: int = 0
    at: int = 0
    data: bytes = b""
    folder: int = 0  # of a name
    name: str = ""


def record(script: Path, words: Sequence[str | Path], root: Path, trace: Path) -> list[Op]:
    """Run a script under strace, and return what it did below `root`."""
    asked = ["strace", "-y", "-xx", "-s", "2000000", "-o", str(trace), "-e", f"trace={CALLS}", sys.executable]
    subprocess.run(
        [*asked, "-m", str(script), *map(str, words)], check=True, timeout=120, stdout=subprocess.DEVNULL
    )
    reader = Reader(str(root))
    with trace.open() as lines:
        for line in lines:
            reader.read(line)
    return reader.ops


def plain(hexed: str) -> bytes:
    return bytes.fromhex(hexed.replace("\\x", ""))


class Reader:
    """Turns lines of strace into operations."""

    def __init__(self, root: str) -> None:
        self.ops: list[Op] = []
        self._root = root
        self._files = {root: 0}

    def read(self, line: str) -> None:
        if (met := LINE.match(line)) is None:
            return  # it failed, and changed nothing
        call, words, result = met.groups()
        texts = [plain(one) for one in TEXT.findall(words)]
        opened = FILE.match(words)
        path = plain(opened[1]).decode() if opened else ""
        if call == "write" and words.startswith("1<"):
            self.ops.append(Op("tell", data=texts[0]))
        elif (call == "openat" and "O_CREAT" in words) or call == "mkdir":
            self._make(texts[0].decode())
        elif call == "unlink":
            self._unname(texts[0].decode())
        elif call == "rename":
            self._rename(*(one.decode() for one in texts))
        elif path in self._files:
            self._write(call, self._files[path], words, texts, int(result))

    def _write(self, call: str, file: int, words: str, texts: list[bytes], result: int) -> None:
        if call == "pwrite64":
            self.ops.append(Op("write", file, int(words.rpartition(", ")[2]), texts[0][:result]))
        elif call == "ftruncate":
            self.ops.append(Op("cut", file, int(words.rpartition(", ")[2])))
        elif call in ("fsync", "fdatasync"):
            self.ops.append(Op("sync", file))
        else:
            assert call == "openat", f"a way to write that this disk does not know: {call}"

    def _ours(self, path: str) -> bool:
        return path.startswith(self._root + "/") and not path.endswith(("-shm", ".lock"))

    def _place(self, path: str) -> tuple[int, str]:
        folder, _, name = path.rpartition("/")
        return self._files[folder], name

    def _make(self, path: str) -> None:
        if self._ours(path) and path not in self._files:
            self._files[path] = max(self._files.values()) + 1
            self._name(path, self._files[path])

    def _name(self, path: str, file: int) -> None:
        folder, name = self._place(path)
        self.ops.append(Op("name", file, folder=folder, name=name))

    def _unname(self, path: str) -> None:
        if path in self._files:
            folder, name = self._place(path)
            # Its number is not given again: what is written under this name later is another file.
            self._files[f"gone {len(self.ops)}"] = self._files.pop(path)
            self.ops.append(Op("unname", folder=folder, name=name))

    def _rename(self, old: str, new: str) -> None:
        if old in self._files:
            file = self._files.pop(old)
            self._files.pop(new, None)
            self._files[new] = file
            (folder, name), (target, called) = self._place(old), self._place(new)
            assert folder == target, "a rename within one directory is one step"
            self.ops.append(Op("rename", file, folder=folder, name=called, data=name.encode()))


@dataclass
class Disk:
    """What is durable by now, and what is not yet."""

    files: dict[int, bytearray] = field(default_factory=dict)
    names: dict[int, dict[str, int]] = field(default_factory=lambda: {0: {}})
    written: dict[int, list[Op]] = field(default_factory=dict)
    named: dict[int, list[Op]] = field(default_factory=dict)

    def do(self, op: Op) -> None:
        if op.kind in ("write", "cut"):
            self.written.setdefault(op.file, []).append(op)
        elif op.kind in ("name", "unname", "rename"):
            self.named.setdefault(op.folder, []).append(op)
        elif op.kind == "sync":
            apply(self.files.setdefault(op.file, bytearray()), self.written.pop(op.file, []))
            rename(self.names.setdefault(op.file, {}), self.named.pop(op.file, []))

    def image(self, dice: random.Random) -> dict[str, bytes]:
        """Draw one disk that may be left."""
        fate = dice.choice(("lost", "torn", "torn", "kept"))
        return dict(self._tree(0, "", fate, dice))

    def _tree(self, folder: int, prefix: str, fate: str, dice: random.Random) -> Iterator[tuple[str, bytes]]:
        pending = self.named.get(folder, [])
        kept = {"lost": 0, "kept": len(pending)}.get(fate, dice.randint(0, len(pending)))
        names = dict(self.names.get(folder, {}))
        rename(names, pending[:kept])
        for name, file in names.items():
            if self._is_folder(file):
                yield from self._tree(file, f"{prefix}{name}/", fate, dice)
            else:
                yield f"{prefix}{name}", self._content(file, fate, dice)

    def _is_folder(self, file: int) -> bool:
        return bool(self.named.get(file) or self.names.get(file))

    def _content(self, file: int, fate: str, dice: random.Random) -> bytes:
        content = bytearray(self.files.get(file, b""))
        if fate != "lost":
            pending = self.written.get(file, [])
            apply(content, pending if fate == "kept" else torn(pending, dice))
        return bytes(content)


def torn(ops: Sequence[Op], dice: random.Random) -> Iterator[Op]:
    for op in ops:
        if op.kind == "cut":
            if dice.random() < 0.5:
                yield op
            continue
        for start in range(0, len(op.data), SECTOR):
            if dice.random() < 0.5:
                yield Op("write", op.file, op.at + start, op.data[start : start + SECTOR])


def apply(content: bytearray, ops: Sequence[Op] | Iterator[Op]) -> None:
    for op in ops:
        if op.kind == "cut" and len(content) > op.at:
            del content[op.at :]
        if len(content) < op.at:
            content.extend(bytes(op.at - len(content)))
        content[op.at : op.at + len(op.data)] = op.data


def rename(names: dict[str, int], ops: Sequence[Op]) -> None:
    for op in ops:
        if op.kind == "rename":
            names.pop(op.data.decode(), None)
        if op.kind == "unname":
            names.pop(op.name, None)
        else:
            names[op.name] = op.file


def cuts(
    ops: Sequence[Op], count: int, dice: random.Random
) -> Iterator[tuple[int, dict[str, bytes], list[str]]]:
    """Cut the power at `count` moments; each brings the moment, a disk, and what was told to be durable."""
    moments = sorted(dice.randrange(len(ops) + 1) for _ in range(count))
    disk, told, done = Disk(), [], 0
    for moment in moments:
        for op in ops[done:moment]:
            disk.do(op)
            if op.kind == "tell":
                told += op.data.decode().splitlines()
        done = moment
        yield moment, disk.image(dice), told
