"""Which passes fail because of a bug of ours, and how often in a row. Does not know what they do."""

from collections.abc import Mapping
from dataclasses import dataclass, field

AGAIN_AND_AGAIN = 3
"""So many failures in a row are worth an alert: one may be chance, and the pass is woken again."""


@dataclass(slots=True)
class Bugs:
    """Failures in a row, by pass: neither the remote's nor the disk's, which have alerts of their own."""

    _rows: dict[str, tuple[int, str]] = field(default_factory=dict)

    def failed(self, job: str, error: Exception) -> tuple[int, bool]:
        """Note a failure; say the how manieth it is in a row, and whether it is worth a line.

        A pass is woken every few seconds, and a traceback each time would bury everything else.
        """
        times = self._rows.get(job, (0, ""))[0] + 1
        self._rows[job] = times, type(error).__name__
        return times, times & (times - 1) == 0

    def worked(self, job: str) -> None:
        """Note that a pass came to its end."""
        self._rows.pop(job, None)

    def standing(self) -> Mapping[str, tuple[int, str]]:
        """Return the passes that fail again and again: how often in a row, and with what kind of error."""
        return {job: row for job, row in sorted(self._rows.items()) if row[0] >= AGAIN_AND_AGAIN}
