"""How a bug is planted: words of readyd's code are replaced while it is imported. The bugs are in `planted`.

A bug lives in a process of its own: it must be planted before the code is imported. Where the words are not found
exactly once, the bug has lost its place, and planting it fails.
"""

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType


@dataclass(frozen=True, slots=True)
class Change:
    """Words of a module, and what stands there instead."""

    module: str
    old: str
    new: str


def change(module: str, patch: str) -> Change:
    """Read a patch: lines that begin with - go, those with + come, those with a space stay."""
    lines = [line for line in patch.splitlines(keepends=True) if line.strip()]
    old = "".join(line[1:] for line in lines if line[0] in "- ")
    new = "".join(line[1:] for line in lines if line[0] in "+ ")
    return Change(module, old, new)


@dataclass(frozen=True, slots=True)
class Bug:
    """One careless hand. `seed` is a world that is known to find it."""

    name: str
    seed: int
    changes: tuple[Change, ...]


def bug(name: str, seed: int, *patches: tuple[str, str]) -> Bug:
    """Name a bug, the world that finds it, and its patches by module."""
    return Bug(name, seed, tuple(change(*one) for one in patches))


class LostPlaceError(Exception):
    """The words that a bug replaces are not there any more, or more than once."""


class _Planted(SourceFileLoader):
    """Loads a module with a bug in it; never from the cache of compiled files, and never into it."""

    def __init__(self, name: str, path: str, changes: Sequence[Change]) -> None:
        super().__init__(name, path)
        self._changes = changes

    def get_code(self, fullname: str) -> CodeType:
        text = self.get_data(self.path).decode()
        for one in self._changes:
            if text.count(one.old) != 1:
                raise LostPlaceError(f"{one.module} holds {text.count(one.old)} times: {one.old!r}")
            text = text.replace(one.old, one.new)
        return compile(text, self.path, "exec", dont_inherit=True)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, changes: Mapping[str, Sequence[Change]]) -> None:
        self._changes = changes

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self._changes:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None:
            raise LostPlaceError(f"there is no module {fullname}")
        spec.loader = _Planted(fullname, spec.origin, self._changes[fullname])
        return spec


def plant(planted: Bug) -> None:
    """Let this process import readyd with a bug."""
    modules = {one.module for one in planted.changes}
    if early := sorted(modules & sys.modules.keys()):
        raise LostPlaceError(f"{early} are imported already; plant a bug first")
    changes = {name: [one for one in planted.changes if one.module == name] for name in modules}
    finder = _Finder(changes)
    sys.meta_path.insert(0, finder)
    try:
        for name in sorted(modules):
            importlib.import_module(name)
    finally:
        sys.meta_path.remove(finder)
