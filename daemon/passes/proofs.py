"""How far the proofs of absence are, noted down for the next process: a round of cron is too short for a whole one.

Decides nothing: what counts of a note is `policy.lookup`'s word.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from daemon.passes.tools import Tools
from daemon.policy import lookup
from daemon.policy.lookup import Proofs
from ledger.restored import PROOFS

K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class Notes:
    """The note in the ledger, and what it said last."""

    tools: Tools
    _last: str = ""

    def load(self) -> Proofs:
        """Go on where an earlier process was, with its word for why the last reads proved nothing."""
        tools, noted = self.tools, _object(self.tools.ledger.facts.get(PROOFS))
        proofs, boot = Proofs(), tools.clock.boot()
        proofs.noticed = _read(noted, "noticed", int, int)
        proofs.first = _read(noted, "first", int, int)
        proofs.voids = _read(noted, "voids", str, int)
        proofs.not_before = _read(noted, "not_before", str, int)
        if noted.get("boot") == boot != "":
            tools.postbox.flaws = _read(noted, "flaws", str, str) | tools.postbox.flaws
            return lookup.resumed(proofs, tools.ticks(), tools.rules, same_boot=True)
        return lookup.resumed(proofs, tools.ticks(), tools.rules, same_boot=False)

    def keep(self, proofs: Proofs) -> None:
        """Write down what has changed.

        Raises:
            LedgerError: nothing was written, and an earlier note stands, which says less.
        """
        tools = self.tools
        note: dict[str, Any] = {"noticed": proofs.noticed, "first": proofs.first, "boot": tools.clock.boot()}
        note |= {"voids": proofs.voids, "not_before": proofs.not_before, "flaws": tools.postbox.flaws}
        written = json.dumps(note, sort_keys=True) if proofs.noticed else "{}"
        if written != (self._last or tools.ledger.facts.get(PROOFS) or "{}"):
            tools.ledger.facts.put(PROOFS, written, tools.now())
        self._last = written


def _object(text: str | None) -> dict[str, Any]:
    try:
        noted = json.loads(text or "{}")
    except ValueError:
        return {}  # somebody wrote there: the proof begins anew
    return noted if isinstance(noted, dict) else {}


def _read(noted: dict[str, Any], name: str, key: Callable[[str], K], value: Callable[[Any], V]) -> dict[K, V]:
    try:
        return {key(one): value(other) for one, other in noted[name].items()}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return {}
