"""What follows from somebody having set the wall clock: the next tries move with it. Knows no pass.

Everything else that is written in wall time heals by itself with the next look or the next answer.
"""

from daemon.passes.tools import Tools
from ledger.errors import LedgerError
from ledger.times import as_text

STEP_S = 5
"""A wall clock that moved by more against the monotonic one was set; it did not drift."""


def run(tools: Tools, by_ms: int) -> None:
    """Move every "not before" by as much as the clock was moved."""
    tools.log.warning("clock.stepped", seconds=round(by_ms / 1000), now=as_text(tools.now()))
    try:
        tools.ledger.move_tries(by_ms, tools.now())
    except LedgerError as error:
        tools.ledger_failed(error, "clock")


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
