"""Of which functions results are here: only their lists of re-parsed tasks are worth a call. Asks nobody.

A ledger keeps every task it ever had, and settled ones have no index by function. So what is known is noted down, and
only what came home since is looked at.
"""

import json

from daemon.passes.tools import Tools
from ledger.times import HOUR_MS

FACT = "results_of"


def run(tools: Tools) -> dict[str, int]:
    """Return when the newest task of each function was posted whose result came home (ms UTC)."""
    now = tools.now()
    newest, seen_to = _known(tools)
    # An hour anew: what was written before somebody set the clock back is not in order.
    since = max(min(seen_to, now) - HOUR_MS, now - tools.rules.retention_ms)
    found = tools.ledger.tasks.results_since(since)
    merged = {name: max(found.get(name, 0), newest.get(name, 0)) for name in {*found, *newest}}
    if merged != newest or abs(now - seen_to) >= HOUR_MS:
        tools.ledger.facts.put(FACT, json.dumps({"newest": merged, "seen_to": now}, sort_keys=True), now)
    return merged


def _known(tools: Tools) -> tuple[dict[str, int], int]:
    try:
        noted = json.loads(tools.ledger.facts.get(FACT) or "{}")
        return {str(name): int(at) for name, at in noted["newest"].items()}, int(noted["seen_to"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}, 0  # nothing is noted yet, or somebody wrote there: the ledger itself tells
