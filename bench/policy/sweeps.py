"""The audit pass, played: when to ask which page of id_list is `daemon.policy.audit`'s word; keeps the cursor."""

from dataclasses import replace

from bench.policy.account import Page
from bench.policy.book import FUNCTION, Book
from daemon.policy import audit
from daemon.policy.budget import Limit, Limiter
from daemon.policy.rules import MINUTE_MS, SECOND_MS, Rules
from ledger.records import Audit, Look

API = FUNCTION.partition("/")[0]
PER_MINUTE = 10
IDLE_MS = 30 * SECOND_MS
"""With nothing to see, the daemon looks again so often."""


class Sweeps:
    """Goes through id_list page by page, and remembers which completion times it has told."""

    def __init__(self, book: Book, rules: Rules, tasks: int) -> None:
        """Begin with no page asked."""
        self.exact = bytearray(tasks)
        self._book = book
        self._rules = rules
        self._limiter = Limiter(Limit(PER_MINUTE, MINUTE_MS))
        self._cursor: Audit | None = None
        self._idle_until = 0
        self._asking = False

    def next_page(self, now: int, look: Look) -> Page | None:
        """Name the page to ask for now; None: none, or not yet."""
        if self._asking or now < self._idle_until or self._limiter.wait_ms(now):
            return None
        looks, cursors = {look.listing: look}, {API: self._cursor} if self._cursor else {}
        turns = audit.turns(self._book.outstanding(), looks, cursors, [API], now, self._rules)
        if not turns or turns[0].due_at > now:
            return None
        young_at = audit.young_at(now, self._rules, hidden=turns[0].hidden)
        minutes = self._book.unknown_minutes(young_at, now - self._rules.audit_age_ms, self.exact)
        page = audit.next_page(self._cursor, audit.stretches(minutes, self._cursor, API, now, self._rules))
        if page is None:
            self._idle_until = now + IDLE_MS
            if self._cursor is not None and self._cursor.sweep_at is not None:
                self._cursor = audit.finished(self._cursor, now, self._rules)
            return None
        self._limiter.take(now)
        self._cursor = replace(audit.begun(API, self._cursor, page, now), asked_at=now)
        self._asking = True
        return page.from_at, page.to_at, page.offset

    def answered(self, rows: int) -> None:
        """Move on behind the page that was asked for."""
        assert self._cursor is not None  # noqa: S101  # a page was asked for
        self._cursor = audit.turned(self._cursor, rows, 0)
        self._asking = False
