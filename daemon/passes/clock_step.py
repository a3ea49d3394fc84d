"""What follows from somebody having set the wall clock, in the ledger and in memory. Knows no pass.

Waits move along; set back, instants of the future are forgotten or dated anew (`ledger.clock_set`).
"""

from dataclasses import replace

from daemon.passes.tools import Tools
from ledger.errors import LedgerError
from ledger.times import as_text

STEP_S = 5
"""A wall clock that moved by more against the monotonic one was set; it did not drift."""


def run(tools: Tools, by_ms: int) -> None:
    """Take in that the clock was moved by so much."""
    tools.log.warning("clock.stepped", seconds=round(by_ms / 1000), now=as_text(tools.now()))
    _remember(tools, by_ms, tools.now())
    try:
        tools.ledger.clock_set(by_ms, tools.now())
    except LedgerError as error:
        tools.ledger_failed(error, "clock")


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
    """Notice that the clock was set back while no process of ours lived: the newest entry is of the future.

    What is left of a pause counts from that entry. A clock that was set ahead ends pauses early, which costs little.
    """
    try:
        newest_at = tools.ledger.newest_at()
    except LedgerError as error:
        tools.ledger_failed(error, "clock")
        return
    if newest_at is not None and newest_at - tools.now() > STEP_S * 1000:
        run(tools, tools.now() - newest_at)
