"""The review pass: bands, and what is worth a line. Reads the ledger and the remote's condition; asks nobody.

An alert is written to the ledger before its line is logged: a crash in between repeats no line. The one that it
swallows is in the ledger (`readyd alerts`), and is said with the next repeat.
"""

from collections.abc import Mapping, Sequence

from daemon.passes import unposted
from daemon.passes.remote import api_of
from daemon.passes.tools import Tools
from daemon.policy import alerts, deliveries, expiry, handover, listing, silence
from daemon.policy.alerts import AlertKind, Condition, Nearing
from daemon.policy.answers import AnswerKind
from daemon.standing import Standings
from ledger.records import Alert, Band, Candidate, Look, Outstanding, Reason, State, Webhook
from ledger.times import HOUR_MS, MINUTE_MS, as_text

STUCK_TRIES = 3
"""So many answers in a row that asking again does not mend make a task stuck."""

PRIORITIES: Mapping[str, int] = {Band.CRITICAL: 1, Band.PAST: 2, Band.URGENT: 2, "critical": 2}
"""syslog priorities of alert lines; journald writes 2 and below to disk at once, so they survive a power cut."""


def run(tools: Tools) -> str:
    """Bring bands and alerts up to date; return one line for `systemctl status`."""
    now, looks = tools.now(), tools.ledger.polls.looks()
    outstanding = tools.ledger.tasks.outstanding()
    aged = tools.ledger.tasks.near_expiry(now - (tools.rules.visibility_ms - tools.rules.expiring_ms))
    old = now - (tools.rules.html_retention_ms - tools.rules.expiring_ms)
    standings = Standings(looks, now, tools.rules)
    near = [_nearing(standings, task) for task in aged]
    hidden = tools.ledger.tasks.blocked() if any(one.blocked for one in outstanding) else []
    standing = tools.ledger.alerts.open()
    _store_bands(tools, near)
    conditions = [
        *alerts.expiring(one for one in near if _is_for_lists(one.task)),
        *alerts.retention(_nearing_retention(tools, task, now) for task in aged if task.posted_at <= old),
        *alerts.blocked([_nearing(standings, task) for task in hidden]),
        *_conditions_of_the_remote(tools, outstanding, looks, standing, now),
        *_conditions_of_tasks(tools, now),
        *deliveries.conditions(
            tools.ledger.tasks.moved_since(Reason.FAILED_DELIVERY, now - HOUR_MS),
            tools.ledger.failures.causes(now - HOUR_MS - deliveries.LAG_MS),
        ),
        *unposted.conditions(tools, standing),
        *_conditions_of_the_ledger(tools),
        *_conditions_of_targets(tools, now),
    ]
    _tell(tools, alerts.decide(conditions, standing, now, tools.rules))
    return _status_line(outstanding, looks, len(conditions), now)


def _nearing(standings: Standings, task: Candidate) -> Nearing:
    standing = standings.of(task)
    return Nearing(task, standing.deadline_at, standing.band)


def _nearing_retention(tools: Tools, task: Candidate, now: int) -> Nearing:
    deadline = expiry.retention_deadline(task.posted_at, tools.variant_of(task), tools.rules)
    return Nearing(task, deadline, expiry.band(deadline, now, tools.rules))


def _is_for_lists(task: Candidate) -> bool:
    """Say whether lists may forget this task: no list is to show a postback task whose delivery has not failed."""
    return task.webhook is not Webhook.POSTBACK or task.state is State.READY


def _store_bands(tools: Tools, near: list[Nearing]) -> None:
    """Write the bands and deadlines that changed, for the views."""
    if not near:
        return
    stored = tools.ledger.tasks.bands([one.task.id for one in near])
    found = {
        one.task.id: (one.band, None if one.band is Band.FRESH else one.deadline_at)
        for one in near
        if _is_for_lists(one.task)
    }
    changes = [(task_id, *now) for task_id, now in found.items() if stored.get(task_id) != now]
    if changes:
        tools.ledger.tasks.set_bands(changes)


def _conditions_of_the_remote(
    tools: Tools,
    outstanding: Sequence[Outstanding],
    looks: Mapping[str, Look],
    standing: Sequence[Alert],
    now: int,
) -> list[Condition]:
    remote, found = tools.remote, _refusals(tools, outstanding)
    # One cause, one alert: an API that refuses us is not asked, so its lists are not stale by themselves.
    outstanding = [one for one in outstanding if api_of(one.function) not in remote.refused]
    silent_since = _silent_since(tools, outstanding, looks, standing, now)
    if remote.kind is AnswerKind.ACCOUNT:
        found.append(_account_refused("account", remote.detail))
    elif silent_since is not None:
        detail = f"a list that is due was not read since {as_text(silent_since)}" + (
            f": {remote.detail}" if remote.detail else ""
        )
        count = sum(one.posted + one.ready for one in outstanding)
        found.append(Condition(AlertKind.POLL_STALE, "lists", "critical", count, detail, "readyd status"))
    if remote.throttled(now, tools.rules):
        detail = (
            "the remote says that calls come too fast; readyd slowed down (another program on the account?)"
        )
        found.append(Condition(AlertKind.THROTTLED, "account", "warning", 1, detail, "readyd check"))
    waiting = {one.function for one in outstanding}
    # A list whose tasks are all home is not asked again, so nothing else would ever end its alarm.
    concerned = {scope.listing for scope in tools.scopes if scope.functions & waiting}
    for path in sorted(concerned & remote.empty_lists.keys()):
        detail = f"{path} is suddenly empty while its tasks are outstanding; nothing is concluded from it"
        found.append(Condition(AlertKind.EMPTY_LIST, path, "warning", 1, detail, "readyd status"))
    return found


def _silent_since(
    tools: Tools,
    outstanding: Sequence[Outstanding],
    looks: Mapping[str, Look],
    standing: Sequence[Alert],
    now: int,
) -> int | None:
    """Return since when the lists are silent, if that is worth an alert, or one that stands is not over."""
    due = listing.unanswered_since(outstanding, looks, tools.scopes, now, tools.rules)
    known_ms = tools.silence.known_ms(due, now - tools.started_at, tools.ticks())
    opened_at = next((one.opened_at for one in standing if one.kind == AlertKind.POLL_STALE), None)
    if opened_at is None:
        return silence.begins(due, known_ms, now, tools.rules)
    return silence.lasts(outstanding, looks, tools.scopes, now, tools.rules, opened_at)


def _refusals(tools: Tools, outstanding: Sequence[Outstanding]) -> list[Condition]:
    waiting = {api_of(one.function) for one in outstanding}
    refused = sorted(waiting & tools.remote.refused.keys())
    return [_account_refused(api, tools.remote.refused[api].detail) for api in refused]


def _account_refused(subject: str, detail: str) -> Condition:
    return Condition(AlertKind.ACCOUNT, subject, "critical", 1, detail, "readyd check --online")


def _conditions_of_tasks(tools: Tools, now: int) -> list[Condition]:
    found = []
    stuck = tools.ledger.tasks.stuck(STUCK_TRIES)
    for code in sorted({task.code or 0 for task in stuck}):
        group = [task for task in stuck if (task.code or 0) == code]
        answers = f"code {code}" if code else "no usable answer"
        detail = f"{answers}, again and again; readyd keeps asking, slower and slower"
        ids = tuple(task.id for task in group[:5])
        found.append(
            Condition(
                AlertKind.STUCK,
                answers,
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
    if detail := tools.disk.trouble(tools.ticks()):
        found.append(Condition(AlertKind.LEDGER, "ledger", "critical", 1, detail, "readyd check"))
    if (size := tools.ledger.log_bytes()) > tools.rules.ledger_log_bytes:
        detail = (
            f"SQLite's log has grown to {size >> 20} MiB beside the ledger: another program has been reading for so "
            f"long that it cannot be emptied; end that program (fuser {tools.ledger.path})"
        )
        found.append(Condition(AlertKind.LEDGER, "log", "warning", 1, detail, "readyd check"))
    found += [_failing_pass(job, *row) for job, row in tools.bugs.standing().items()]
    if tools.ledger.engine.warning:
        detail = tools.ledger.engine.warning
        found.append(Condition(AlertKind.ENGINE, "sqlite", "warning", 1, detail, "readyd check"))
    return found


def _failing_pass(job: str, times: int, error: str) -> Condition:
    detail = (
        f"the {job} pass fails each time ({error}): a bug in readyd; its line pass.failed has the traceback"
    )
    return Condition(AlertKind.BUG, job, "critical", times, detail, "readyd check")


def _conditions_of_targets(tools: Tools, now: int) -> list[Condition]:
    if not tools.targets:
        return []
    names = [rule.name for rule, _ in tools.targets]
    return handover.conditions(tools.ledger.handovers.targets(), names, now, tools.rules)


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


def _status_line(
    outstanding: Sequence[Outstanding], looks: Mapping[str, Look], troubles: int, now: int
) -> str:
    posted, ready = sum(one.posted for one in outstanding), sum(one.ready for one in outstanding)
    last = max((look.answered_at or 0 for look in looks.values()), default=0)
    polled = f"last list read {lasting(now - last)} ago" if last else "no list read yet"
    return f"{polled}; {posted} posted, {ready} ready; {troubles} things need attention"
