"""The review pass: bands, and what is worth a line. Reads the ledger and the remote's condition; asks nobody.

An alert is written to the ledger before its line is logged: a crash in between repeats at most one line and
forgets none.
"""

from collections.abc import Iterable, Mapping

from daemon.passes.tools import Tools
from daemon.policy import alerts, expiry, listing
from daemon.policy.alerts import AlertKind, Condition, Nearing
from daemon.policy.answers import AnswerKind
from ledger.records import Alert, Band, Candidate, Look, Webhook
from ledger.times import HOUR_MS, MINUTE_MS, as_text

STUCK_TRIES = 3
"""So many answers in a row that asking again does not mend make a task stuck."""

PRIORITIES: Mapping[str, int] = {Band.CRITICAL: 1, Band.PAST: 2, Band.URGENT: 2, "critical": 2}
"""syslog priorities of alert lines; journald writes 2 and below to disk at once, so they survive a power cut."""


def run(tools: Tools) -> str:
    """Bring bands and alerts up to date; return one line for `systemctl status`."""
    now = tools.now()
    near = _near(tools, now)
    _store_bands(tools, near)
    conditions = [
        *alerts.expiring(one for one in near if one.task.webhook is not Webhook.POSTBACK),
        *alerts.retention(_near_retention(tools, now)),
        *alerts.blocked(_nearing(tools, tools.ledger.tasks.blocked(), now)),
        *_conditions_of_the_remote(tools, now),
        *_conditions_of_tasks(tools, now),
        *_conditions_of_the_ledger(tools),
    ]
    _tell(tools, alerts.decide(conditions, tools.ledger.alerts.open(), now, tools.rules))
    return _status_line(tools, now)


def _near(tools: Tools, now: int) -> list[Nearing]:
    """Return the outstanding tasks that may be non-fresh, and those that were so at the last review."""
    horizon = now - (tools.rules.visibility_ms - tools.rules.expiring_ms)
    return _nearing(tools, tools.ledger.tasks.near_expiry(horizon), now)


def _nearing(tools: Tools, tasks: Iterable[Candidate], now: int) -> list[Nearing]:
    looks = tools.ledger.polls.looks()
    return [_one_nearing(tools, task, looks, now) for task in tasks]


def _one_nearing(tools: Tools, task: Candidate, looks: Mapping[str, Look], now: int) -> Nearing:
    clear_at = listing.clear_at(task.function, looks, tools.scopes)
    earliest, _ = expiry.interval_of(task, clear_at, tools.rules)
    deadline = expiry.visibility_deadline(earliest, tools.rules)
    return Nearing(task, deadline, expiry.band(deadline, now, tools.rules))


def _near_retention(tools: Tools, now: int) -> list[Nearing]:
    """Return the outstanding tasks whose results will be deleted within the widest band."""
    rules = tools.rules
    horizon = now - (rules.html_retention_ms - rules.expiring_ms)
    near = []
    for task in tools.ledger.tasks.near_expiry(horizon):
        deadline = expiry.retention_deadline(task.posted_at, tools.variant_of(task), rules)
        near.append(Nearing(task, deadline, expiry.band(deadline, now, rules)))
    return near


def _store_bands(tools: Tools, near: list[Nearing]) -> None:
    """Write the bands that changed, for the views."""
    stored = tools.ledger.tasks.bands([one.task.id for one in near])
    changes = [
        (one.task.id, one.band, None if one.band is Band.FRESH else one.deadline_at)
        for one in near
        if one.task.webhook is not Webhook.POSTBACK and stored.get(one.task.id) != one.band
    ]
    if changes:
        tools.ledger.tasks.set_bands(changes)


def _conditions_of_the_remote(tools: Tools, now: int) -> list[Condition]:
    remote, found = tools.remote, []
    if remote.kind is AnswerKind.ACCOUNT:
        found.append(_account_refused(remote.detail))
    stale = _stale_since(tools, now)
    if stale is not None and remote.kind is not AnswerKind.ACCOUNT:
        detail = f"no list was read since {as_text(stale)}" + (f": {remote.detail}" if remote.detail else "")
        count = sum(one.posted + one.ready for one in tools.ledger.tasks.outstanding())
        found.append(Condition(AlertKind.POLL_STALE, "lists", "critical", count, detail, "readyd status"))
    if remote.throttled_at is not None and now - remote.throttled_at < 5 * MINUTE_MS:
        detail = (
            "the remote says that calls come too fast; readyd slowed down (another program on the account?)"
        )
        found.append(Condition(AlertKind.THROTTLED, "account", "warning", 1, detail, "readyd check"))
    for path in sorted(remote.empty_lists):
        detail = f"{path} is suddenly empty while its tasks are outstanding; nothing is concluded from it"
        found.append(Condition(AlertKind.EMPTY_LIST, path, "warning", 1, detail, "readyd status"))
    return found


def _account_refused(detail: str) -> Condition:
    return Condition(AlertKind.ACCOUNT, "account", "critical", 1, detail, "readyd check --online")


def _stale_since(tools: Tools, now: int) -> int | None:
    """Return since when no list was read although one should have been; None: all is well."""
    outstanding = [one for one in tools.ledger.tasks.outstanding() if one.expected or one.ready]
    if not outstanding:
        return None
    oldest = min(one.oldest_posted_at for one in outstanding)
    asks = listing.plan(outstanding, tools.ledger.polls.looks(), tools.scopes, now, tools.rules)
    overdue = [ask for ask in asks if ask.due_at <= now or ask.why is listing.Why.FAILED]
    since = max(tools.ledger.polls.last_answered_at() or 0, oldest, tools.started_at)
    return since if overdue and now - since >= tools.rules.poll_stale_ms else None


def _conditions_of_tasks(tools: Tools, now: int) -> list[Condition]:
    found = []
    stuck = tools.ledger.tasks.stuck(STUCK_TRIES)
    for code in sorted({task.code or 0 for task in stuck}):
        group = [task for task in stuck if (task.code or 0) == code]
        detail = f"code {code or 'none'} again and again; readyd keeps asking, slower and slower"
        ids = tuple(task.id for task in group[:5])
        found.append(
            Condition(
                AlertKind.STUCK,
                f"code {code}",
                "warning",
                len(group),
                detail,
                f"readyd show {ids[0]}",
                None,
                ids,
            )
        )
    lost = tools.ledger.tasks.lost_since(now - HOUR_MS)
    if lost:
        detail = f"{len(lost)} results are gone from the remote, and nothing can bring them back"
        found.append(
            Condition(
                AlertKind.LOST,
                "results",
                "critical",
                len(lost),
                detail,
                "readyd tasks --state lost",
                None,
                lost[:5],
            )
        )
    return found


def _conditions_of_the_ledger(tools: Tools) -> list[Condition]:
    found = []
    if tools.remote.ledger_trouble:
        detail = tools.remote.ledger_trouble
        found.append(Condition(AlertKind.LEDGER, "ledger", "critical", 1, detail, "readyd check"))
    if tools.ledger.engine.warning:
        detail = tools.ledger.engine.warning
        found.append(Condition(AlertKind.ENGINE, "sqlite", "warning", 1, detail, "readyd check"))
    return found


def _tell(tools: Tools, changes: alerts.Changes) -> None:
    lines = (
        ("alert.opened", changes.opened),
        ("alert.escalated", changes.escalated),
        ("alert.repeated", changes.repeated),
        ("alert.closed", changes.closed),
    )
    now = tools.now()
    if changes.silent:
        tools.ledger.alerts.write(changes.silent)
    for event, group in lines:
        for alert in tools.ledger.alerts.write(group) if group else []:
            _say(tools, event, alert, now)


def _say(tools: Tools, event: str, alert: Alert, now: int) -> None:
    log = tools.log.bind(kind=alert.kind, subject=alert.subject)
    if event == "alert.closed":
        log.info(event, band=alert.step, lasted=lasting(now - alert.opened_at))
        return
    facts: dict[str, object] = {"band": alert.step, "count": alert.count}
    if alert.nearest_deadline_at is not None:
        facts["nearest_deadline"] = as_text(alert.nearest_deadline_at)
        facts["left"] = lasting(alert.nearest_deadline_at - now)
    if alert.task_ids:
        facts["tasks"] = list(alert.task_ids)
    facts |= {"detail": alert.detail, "list_with": alert.command}
    priority = PRIORITIES.get(alert.step)
    if priority is None:
        log.warning(event, **facts)
    else:
        log.critical(event, priority=priority, **facts)


def lasting(duration_ms: int) -> str:
    """Write a duration as people say it: `2h 10m`; a deadline that has passed is `0m`."""
    minutes = max(0, duration_ms) // MINUTE_MS
    days, rest = divmod(minutes, 24 * 60)
    hours, left = divmod(rest, 60)
    words = [f"{days}d" if days else "", f"{hours}h" if hours else "", f"{left}m"]
    return " ".join(word for word in words if word)


def _status_line(tools: Tools, now: int) -> str:
    outstanding = tools.ledger.tasks.outstanding()
    posted, ready = sum(one.posted for one in outstanding), sum(one.ready for one in outstanding)
    last = tools.ledger.polls.last_answered_at()
    polled = f"last list read {lasting(now - last)} ago" if last else "no list read yet"
    return f"{polled}; {posted} posted, {ready} ready, {len(tools.ledger.alerts.open())} alerts open"
