"""When a task may have been done, and when it disappears. Does not know what anybody does about it.

Two deadlines, never mixed up: the visibility deadline (Tasks Ready forgets the task 72 h after completion) and
the retention deadline (the result is deleted 30 days after posting, HTML 7 days).
"""

from daemon.policy.rules import Rules
from ledger.records import Band, Candidate, Webhook


def interval_of(task: Candidate, clear_at: int | None, rules: Rules) -> tuple[int, int | None]:
    """Bound the completion instant: `(earliest, latest)`, latest None while there is no sign of it.

    `clear_at` is the last unsaturated answer of a listing that covers the function. A task that it did not show
    was not done then, give or take the list's lag; that says nothing of postback tasks, which no list shows. Nor of a
    task that nobody has known to be pending for as long as a list shows what is done: after an outage of a week the
    list may have forgotten it before it was read.
    """
    if task.earliest_done_at is not None:
        return task.earliest_done_at, task.earliest_done_at
    earliest = max(task.posted_at, task.pending_at or 0)
    if clear_at is None or task.webhook is Webhook.POSTBACK or clear_at < task.recorded_at:
        return earliest, None  # before it was recorded, it may have been on the list as somebody else's
    if clear_at - earliest < rules.visibility_ms - rules.list_lag_ms:
        earliest = max(earliest, clear_at - rules.list_lag_ms)
    return earliest, None


def visibility_deadline(earliest_done_at: int, rules: Rules) -> int:
    """Return the first instant at which Tasks Ready may have forgotten the task."""
    return earliest_done_at + rules.visibility_ms


def collect_by(deadline_at: int, rules: Rules) -> int:
    """Return by when the GET of a task with this deadline should begin: it takes a moment, and more wait beside it."""
    return deadline_at - rules.collect_slack_ms


def retention_deadline(posted_at: int, variant: str | None, rules: Rules) -> int:
    """Return the instant after which the result is deleted; counted from posting, to be safe."""
    return posted_at + (rules.html_retention_ms if variant == "html" else rules.retention_ms)


def band(deadline_at: int, now: int, rules: Rules) -> Band:
    """Say how near a deadline is; a limit that is reached exactly already counts as the nearer band."""
    left = deadline_at - now
    if left <= 0:
        return Band.PAST
    if left <= rules.critical_ms:
        return Band.CRITICAL
    if left <= rules.urgent_ms:
        return Band.URGENT
    if left <= rules.expiring_ms:
        return Band.EXPIRING
    return Band.FRESH
