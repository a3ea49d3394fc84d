"""The maintain pass: keep the ledger small and quick. Touches no task and calls nobody."""

from daemon.passes.tools import Tools
from ledger.times import DAY_MS

KEEP_POLLS_MS = 30 * DAY_MS
"""Polls explain what readyd saw and when; a result can be fetched for 30 days, so they matter that long."""


def run(tools: Tools) -> None:
    """Drop old polls and calls of id_list, and let SQLite tidy up."""
    before = tools.now() - KEEP_POLLS_MS
    dropped = tools.ledger.polls.prune(before) + tools.ledger.audits.prune(before)
    tools.ledger.maintain()
    if dropped:
        tools.log.debug("polls.pruned", count=dropped)
