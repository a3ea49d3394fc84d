"""Which results came home before an audit could tell when they were done, as after an outage. Asks nobody.

What is home is no longer outstanding, so it is not among what audits are for. It is remembered here until a sweep has
been over it, or for an hour: an id_list that does not answer is not worth asking for this alone.
"""

from dataclasses import dataclass, field

from daemon.passes.remote import api_of
from daemon.policy.rules import Rules
from ledger.audits import AuditTable
from ledger.records import Audit


@dataclass(slots=True)
class Overtaken:
    """Minutes of posting by API, and when each was noted; after a restart it looks a little back."""

    _minutes: dict[str, dict[int, int]] = field(default_factory=dict)
    _looked_at: int | None = None  # wall ms UTC

    def look(self, audits: AuditTable, now: int, rules: Rules) -> None:
        """Note what was settled since the last look, and forget what was noted long ago."""
        since = now - rules.audit_age_ms if self._looked_at is None else min(self._looked_at, now)
        self._looked_at = now
        self._note(audits, since, now, rules)
        for api, minutes in list(self._minutes.items()):
            kept = {minute: at for minute, at in minutes.items() if now - at < rules.audit_failed_most_ms}
            self._replace(api, kept)

    def apis(self) -> set[str]:
        """Return the APIs that have any."""
        return set(self._minutes)

    def minutes(self, api: str) -> list[int]:
        """Return the minutes of one API."""
        return list(self._minutes.get(api, ()))

    def swept(self, audits: AuditTable, audit: Audit, now: int, rules: Rules) -> None:
        """Forget all of an API whose sweep ends, but for what was settled meanwhile and is not known even now."""
        self._replace(audit.api, {})
        if audit.sweep_at is not None:
            self._note(audits, audit.sweep_at, now, rules, only=audit.api)

    def _note(self, audits: AuditTable, since: int, now: int, rules: Rules, only: str | None = None) -> None:
        for function, minute in audits.overtaken_minutes(since, rules.audit_wide_ms):
            if only in (None, api_of(function)):
                self._minutes.setdefault(api_of(function), {}).setdefault(minute, now)

    def _replace(self, api: str, minutes: dict[int, int]) -> None:
        self._minutes.pop(api, None)
        if minutes:
            self._minutes[api] = minutes
