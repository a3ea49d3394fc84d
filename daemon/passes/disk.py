"""How the ledger's disk is doing, from the last writes. Does not know what was to be written.

What cannot be written cannot be kept as an alert either, so a failure is remembered here until a review can.
"""

from dataclasses import dataclass, field

SAY_AGAIN_MS = 15 * 60_000
"""A failing disk fails at every tick; the same sentence is said again after this long."""

REMEMBER_MS = 2 * 60_000
"""Longer than from one review to the next: the first one that can write tells of the failure."""


@dataclass(slots=True)
class Disk:
    """The last failure of the ledger. Instants are monotonic ms."""

    sentence: str = ""
    failed_at: int | None = None
    said_at: dict[str, int] = field(default_factory=dict)  # sentence -> its last line

    def failed(self, sentence: str, ticks: int) -> bool:
        """Note a failure; say whether it is worth a line."""
        self.sentence, self.failed_at = sentence, ticks
        self.said_at = {words: at for words, at in self.said_at.items() if ticks - at < SAY_AGAIN_MS}
        worth = sentence not in self.said_at
        self.said_at.setdefault(sentence, ticks)
        return worth

    def trouble(self, ticks: int) -> str | None:
        """Return what the last failure said; None when there was none lately."""
        lately = self.failed_at is not None and ticks - self.failed_at < REMEMBER_MS
        return self.sentence if lately else None
