"""The maintain pass: keep the ledger small and quick. Touches no task and calls nobody."""

from daemon.passes.tools import Tools
from ledger.times import DAY_MS

KEEP_POLLS_MS = 30 * DAY_MS
"""Polls explain what readyd saw and when; a result can be fetched for 30 days, so they matter that long."""


def run(tools: Tools) -> None:
    """Drop old polls and let SQLite tidy up."""
    dropped = tools.ledger.polls.prune(tools.now() - KEEP_POLLS_MS)
    tools.ledger.maintain()
    if dropped:
        tools.log.debug("polls.pruned", count=dropped)
