"""What follows from somebody having set the wall clock, in the ledger and in memory. Knows no pass.

Waits move along; set back, instants of the future are forgotten or dated anew (`ledger.clock_set`).
"""

import json
from dataclasses import replace

from daemon.passes.tools import Tools
from ledger.errors import LedgerError
from ledger.times import as_text

STEP_S = 5
"""A wall clock that moved by more against the monotonic one was set; it did not drift."""

FACT = "clock"
"""How far the wall clock is from the monotonic one, noted down for the next process."""


def run(tools: Tools, by_ms: int) -> None:
    """Take in that the clock was moved by so much, just now."""
    _say(tools, by_ms)
    _remember(tools, by_ms, tools.now())
    tools.clock_steps.append((by_ms, tools.now()))
    write(tools)


def write(tools: Tools) -> None:
    """Tell the ledger of steps that it does not know yet; where it cannot be asked or written, they wait."""
    try:
        if not tools.clock_compared:
            _compare(tools)
        if not tools.clock_steps:
            return
        while tools.clock_steps:
            tools.ledger.clock_set(*tools.clock_steps[0])
            tools.clock_steps.pop(0)
        _note(tools)  # the last: a process that dies before notices these steps anew at the next start
    except LedgerError as error:
        tools.ledger_failed(error, "clock")


def is_unsure(tools: Tools) -> bool:
    """Say whether the ledger may hold instants of another clock: no look-up is begun then, it could read too little."""
    return bool(tools.clock_steps) or not tools.clock_compared


def _say(tools: Tools, by_ms: int) -> None:
    tools.log.warning("clock.stepped", seconds=round(by_ms / 1000), now=as_text(tools.now()))


def _remember(tools: Tools, by_ms: int, now: int) -> None:
    """Let nothing in memory wait for an instant of the other clock, nor count from one."""
    remote, box = tools.remote, tools.postbox
    tools.started_at, remote.back_at = min(tools.started_at, now), min(remote.back_at, now)
    remote.empty_lists = {path: min(at, now) for path, at in remote.empty_lists.items()}
    # Set ahead, a pause that still lies in the future was noted since.
    box.stops = {
        name: replace(stop, resume_at=stop.resume_at + by_ms) if by_ms < 0 or stop.resume_at <= now else stop
        for name, stop in box.stops.items()
    }


def at_start(tools: Tools) -> None:
    """Notice that the clock was set back while no process of ours lived."""
    tools.clock_compared = False
    write(tools)


def _compare(tools: Tools) -> None:
    step = set_back(_moved(tools), tools.ledger.newest_at(), tools.now())
    tools.clock_compared = True
    if step is None:
        _note(tools)
    else:
        _say(tools, step[0])
        tools.clock_steps.insert(0, step)


def set_back(moved_ms: int | None, newest_at: int | None, now: int) -> tuple[int, int] | None:
    """Return by how much the clock was set back before a start, and what its time was at the newest entry; None: not.

    `moved_ms` is what the monotonic clock tells, None after another start of the machine. Then entries of the future
    tell of it: what is left of a pause counts from the newest one. A clock that was set ahead ends pauses early, which
    costs little.
    """
    if newest_at is None:
        return None
    if moved_ms is not None and moved_ms < -STEP_S * 1000:
        return moved_ms, min(now, newest_at + moved_ms)
    if newest_at - now > STEP_S * 1000:
        return now - newest_at, now
    return None


def _offset_ms(tools: Tools) -> int:
    return tools.now() - tools.ticks()


def _moved(tools: Tools) -> int | None:
    """Return by how much the wall clock was moved since an earlier process noted it; None: nobody can tell."""
    try:
        noted = json.loads(tools.ledger.facts.get(FACT) or "{}")
        same = noted["boot"] == tools.clock.boot() != ""
        return _offset_ms(tools) - int(noted["offset_ms"]) if same else None
    except (ValueError, KeyError, TypeError, OverflowError):
        return None  # nothing is noted yet, or somebody wrote there


def _note(tools: Tools) -> None:
    note = {"boot": tools.clock.boot(), "offset_ms": _offset_ms(tools)}
    tools.ledger.facts.put(FACT, json.dumps(note, sort_keys=True), tools.now())
