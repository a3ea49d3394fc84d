"""What became of requests, counted in memory: the refused ones leave no other trace. Knows no request."""

from collections import Counter
from enum import StrEnum


class Count(StrEnum):
    """What is counted; each word is the one in the log and in `readyd status`."""

    ACCEPTED = "accepted"  # durable: a task became ready, collected or failed
    REPLAYED = "replayed"  # nothing new
    UNKNOWN = "unknown"  # no task of ours
    REFUSED = "refused"  # wrong path, secret or source
    UNUSABLE = "unusable"  # no id, or a body that is no result
    TOO_LARGE = "too large"
    TOO_SLOW = "too slow"
    TOO_MANY = "too many"  # connections, or large bodies, at once
    TROUBLE = "trouble"  # the ledger could not be written, or a bug


class Tally:
    """Counts since the start, and since they were last said."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.total: Counter[Count] = Counter()
        self._unsaid: Counter[Count] = Counter()

    def add(self, what: Count) -> None:
        """Count one request."""
        self.total[what] += 1
        self._unsaid[what] += 1

    def unsaid(self) -> dict[str, int]:
        """Return what was counted since the last call, in the order of the words."""
        said, self._unsaid = self._unsaid, Counter()
        return {str(what): said[what] for what in Count if said[what]}

    def totals(self) -> dict[str, int]:
        """Return all counts above zero, in the order of the words."""
        return {str(what): self.total[what] for what in Count if self.total[what]}
