"""Bugs to plant: each is a few words of readyd's code, and what a careless hand would have written instead.

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

_AHEAD = 600  # so many worlds beside the known one are tried before a bug counts as not found


@dataclass(frozen=True, slots=True)
class Change:
    """Words of a module, and what stands there instead."""

    module: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Bug:
    """One careless hand. `seed` is a world that is known to find it."""

    name: str
    seed: int
    changes: tuple[Change, ...]


class LostPlaceError(Exception):
    """The words that a bug replaces are not there any more, or more than once."""


class _Planted(SourceFileLoader):
    """Loads a module with a bug in it; never from the cache of compiled files, and never into it."""

    def __init__(self, name: str, path: str, changes: Sequence[Change]) -> None:
        super().__init__(name, path)
        self._changes = changes

    def get_code(self, fullname: str) -> CodeType:
        text = self.get_data(self.path).decode()
        for change in self._changes:
            if text.count(change.old) != 1:
                raise LostPlaceError(f"{change.module} holds {text.count(change.old)} times: {change.old!r}")
            text = text.replace(change.old, change.new)
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


def plant(bug: Bug) -> None:
    """Let this process import readyd with a bug."""
    modules = {change.module for change in bug.changes}
    if early := sorted(modules & sys.modules.keys()):
        raise LostPlaceError(f"{early} are imported already; plant a bug first")
    changes = {name: [one for one in bug.changes if one.module == name] for name in modules}
    sys.meta_path.insert(0, _Finder(changes))
    for name in sorted(modules):
        importlib.import_module(name)


def _bug(name: str, seed: int, *changes: tuple[str, str, str]) -> Bug:
    return Bug(name, seed, tuple(Change(*one) for one in changes))


_STATE_FIRST = """        ends = [one for one in decisions if isinstance(one, Settlement)]
        settled = ledger.settle(ends) if ends else ()
        if kept:
            ledger.save_bodies(kept)
"""
_BODY_FIRST = """        if kept:
            ledger.save_bodies(kept)
        ends = [one for one in decisions if isinstance(one, Settlement)]
        settled = ledger.settle(ends) if ends else ()
"""

_SATURATED_AS_LOST = """        if seen.saturated:
            from ledger.records import Reason, Settlement, State
            functions = next(scope for scope in tools.scopes if scope.listing == ask.listing).functions
            tools.ledger.settle([
                Settlement(task.id, task.state, State.LOST, Reason.NOT_FOUND, None, None, now)
                for task in tools.ledger.tasks.candidates(now)
                if task.function in functions and task.id not in seen.ids and task.state is State.READY
            ])
        blocked = blocking.run(tools, now)
"""

BUGS: tuple[Bug, ...] = (
    _bug("state before body", 1, ("daemon.passes.recorder", _BODY_FIRST, _STATE_FIRST)),
    _bug(
        "webhook's state before its body",
        1,
        (
            "daemon.passes.received",
            "        if bodies:\n            tools.ledger.save_bodies(bodies)\n        if signs or ends:\n",
            "        if signs or ends:\n",
        ),
        (
            "daemon.passes.received",
            "        return {task_id: ruling.fate for task_id, ruling in rulings.items()}\n",
            "        if bodies:\n            tools.ledger.save_bodies(bodies)\n"
            "        return {task_id: ruling.fate for task_id, ruling in rulings.items()}\n",
        ),
    ),
    _bug(
        "no look-up before re-post",
        1,
        (
            "daemon.passes.lookup",
            "        due = self._proofs.due(unknown, ticks, tools.rules)\n",
            "        tools.ledger.intents.absent([one.call_id for one in unknown], tools.now())\n        due = []\n",
        ),
    ),
    _bug(
        "saturated read as lost",
        1,
        ("daemon.passes.reconcile", "        blocked = blocking.run(tools, now)\n", _SATURATED_AS_LOST),
    ),
    _bug("a full window taken for a whole list", 1, ("daemon.policy.window", "rows >= rules.window_cap", "rows > rules.window_cap")),
    _bug(
        "deadline from posting time",
        1,
        (
            "daemon.policy.expiry",
            "        return task.earliest_done_at, task.earliest_done_at\n",
            "        return task.posted_at, task.earliest_done_at\n",
        ),
    ),
    _bug("DEFERRED transactions", 1, ("ledger.database", 'lock_type="IMMEDIATE"', 'lock_type="DEFERRED"')),
    _bug(
        "budget of lists per process",
        1,
        (
            "daemon.composition",
            "    asked = [ticks - max(0, now - at) for at in ledger.polls.asked_since(now - MINUTE_MS)]\n",
            "    asked: list[int] = []\n",
        ),
    ),
    _bug(
        "alert said before it is kept",
        1,
        (
            "daemon.passes.review",
            "        for alert in tools.ledger.alerts.write(group) if group else []:\n            _say(tools, event, alert, now)\n",
            "        for alert in group:\n            _say(tools, event, alert, now)\n"
            "        if group:\n            tools.ledger.alerts.write(group)\n",
        ),
    ),
    _bug(
        "40602 as a failure",
        1,
        ("daemon.dataforseo.codes", '(40602, "Task In Queue.", Kind.PENDING', '(40602, "Task In Queue.", Kind.DEAD'),
    ),
    _bug(
        "outer id used",
        1,
        (
            "daemon.dataforseo.wire",
            "    rows, oddities = read_rows(raws, listing)\n",
            "    rows, oddities = read_rows(raws, listing)\n"
            "    import dataclasses\n"
            "    rows = [dataclasses.replace(one, task_id=shapes.text(call.elements[0].id)) for one in rows]\n",
        ),
    ),
    _bug(
        "synchronous NORMAL",
        1,
        ("ledger.engine", 'Engine(text, "wal", "full", None)', 'Engine(text, "wal", "normal", None)'),
        ("ledger.database", '_SYNCHRONOUS = {"full": 2', '_SYNCHRONOUS = {"normal": 1, "full": 2'),
    ),
    _bug("time zone dropped", 1, ("daemon.dataforseo.rows", "{offset or 'Z'}", "Z")),
    _bug(
        "unbounded retry",
        1,
        (
            "daemon.policy.answers",
            "    delay = _jittered(_delay(task, answer.kind, attempts, now, rules), task.id, attempts)\n",
            "    delay = 0\n",
        ),
    ),
    _bug(
        "one 40401 is proof",
        1,
        ("daemon.policy.answers", "    in_a_row = _in_a_row(task, NOT_FOUND_CODE)\n    return now - task.posted_at >= rules.not_found_grace_ms and in_a_row >= rules.not_found_tries\n", "    return True\n"),
    ),
    _bug("everybody's tasks adopted", 1, ("daemon.policy.choices", "    return any(matches(rule, function, tag) for rule in rules.adopt_rules)\n", "    return True\n")),
    _bug("a new edition replaces the old one", 1, ("daemon.passes.recorder", "edition=here.edition) for one, here", "edition=1) for one, here")),
    _bug(
        "budgets on the wall clock",
        1,
        ("daemon.passes.tools", "        return round(self.clock.monotonic() * 1000)\n", "        return self.clock.now()\n"),
    ),
    _bug("a set clock not noticed", 1, ("daemon.service", "        if abs(moved_s) > CLOCK_STEP_S:\n", "        if moved_s > 9e9:\n")),
    _bug("instants of the future believed", 1, ("daemon.policy.probing", "    if written_at <= now and", "    if now or")),
)  # fmt: skip
