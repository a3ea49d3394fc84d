"""Which conditions are worth a line now. Knows conditions and open alerts; forms no line and sends nothing.

An alert is logged when it changes, not each time it is true: it opens, gets worse, is repeated every four hours at
most, and closes within five minutes of the end of its condition. Conditions are grouped: one per kind and subject.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from daemon.policy.rules import Rules
from ledger.records import Alert, Band, Candidate

SHOWN_IDS = 5


class AlertKind(StrEnum):
    """What an alert is about."""

    EXPIRING = "expiring"  # Tasks Ready will forget uncollected tasks
    PAST = "past"  # it may have forgotten them; on its own: one such task must not hide what has time
    RETENTION = "retention"  # results will be deleted
    DELETED = "deleted"  # they may have been; on its own, like `past`
    BLOCKED = "blocked"  # tasks hidden behind full windows
    POLL_STALE = "poll stale"  # no list was read for too long
    EMPTY_LIST = "empty list"  # a list is suddenly empty while tasks are outstanding
    ACCOUNT = "account"  # the remote refuses the login or the account
    THROTTLED = "throttled"  # the remote says that we ask too fast
    STUCK = "stuck"  # tasks answered with codes that asking again does not mend
    LOST = "lost"  # results are proven gone
    DELIVERY = "failed delivery"  # postback servers did not take results
    POSTING = "posting"  # the remote takes no tasks from us at the moment
    UNANSWERED = "unanswered"  # nobody knows whether tasks that were sent exist
    LEDGER = "ledger"  # the ledger cannot be written
    HANDOVER = "handover"  # a target takes no results
    BUG = "bug"  # a part of readyd fails again and again: a bug
    ENGINE = "engine"  # SQLite is of a version that needs the slow, safe mode


STEPS: Mapping[str, int] = {
    "warning": 1,
    Band.EXPIRING: 1,
    Band.URGENT: 2,
    "critical": 3,
    Band.PAST: 4,
}
"""How bad a step is; an alert escalates when its step gets worse."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is true now and worth knowing."""

    kind: AlertKind
    subject: str
    step: str
    count: int
    detail: str
    command: str
    nearest_deadline_at: int | None = None
    task_ids: tuple[str, ...] = ()
    exact: bool = False  # its sentence is worth a write whenever it changes


@dataclass(frozen=True, slots=True)
class Changes:
    """Alerts to write, by what is to be said of them; `silent` ones are written without a line."""

    opened: list[Alert] = field(default_factory=list)
    escalated: list[Alert] = field(default_factory=list)
    repeated: list[Alert] = field(default_factory=list)
    closed: list[Alert] = field(default_factory=list)
    silent: list[Alert] = field(default_factory=list)


def decide(conditions: Iterable[Condition], open_alerts: Sequence[Alert], now: int, rules: Rules) -> Changes:
    """Compare what is true with what is open."""
    changes = Changes()
    known = {(alert.kind, alert.subject): alert for alert in open_alerts}
    for condition in conditions:
        alert = known.pop((condition.kind, condition.subject), None)
        if alert is None:
            changes.opened.append(_opened(condition, now))
        else:
            _still_true(alert, condition, now, rules, changes)
    for alert in known.values():
        _no_longer_true(alert, now, rules, changes)
    return changes


def _opened(condition: Condition, now: int) -> Alert:
    return Alert(
        id=None,
        kind=condition.kind,
        subject=condition.subject,
        step=condition.step,
        count=condition.count,
        nearest_deadline_at=condition.nearest_deadline_at,
        task_ids=condition.task_ids,
        detail=condition.detail,
        command=condition.command,
        opened_at=now,
        escalated_at=None,
        said_at=now,
        quiet_since=None,
        closed_at=None,
    )


def _still_true(alert: Alert, condition: Condition, now: int, rules: Rules, changes: Changes) -> None:
    worse = STEPS.get(condition.step, 1) > STEPS.get(alert.step, 1)
    # A sentence that merely words the same facts anew (another call failed) is not worth a write.
    same = (condition.count, condition.nearest_deadline_at, condition.task_ids) == (
        alert.count,
        alert.nearest_deadline_at,
        alert.task_ids,
    )
    fresh = replace(
        alert,
        # A step never gets better while the alert is open: it would escalate again and again at a limit.
        step=condition.step if worse else alert.step,
        count=condition.count,
        nearest_deadline_at=condition.nearest_deadline_at,
        task_ids=condition.task_ids,
        detail=alert.detail if same and not worse and not condition.exact else condition.detail,
        command=condition.command,
        quiet_since=None,
    )
    if worse:
        changes.escalated.append(replace(fresh, escalated_at=now, said_at=now))
    elif not 0 <= now - alert.said_at < rules.alert_repeat_ms:
        changes.repeated.append(replace(fresh, said_at=now))
    elif fresh != alert:
        changes.silent.append(fresh)


def _no_longer_true(alert: Alert, now: int, rules: Rules, changes: Changes) -> None:
    # An instant of the future was noted before somebody set the clock back: counting begins anew.
    if alert.quiet_since is None or alert.quiet_since > now:
        changes.silent.append(replace(alert, quiet_since=now))
    elif now - alert.quiet_since >= rules.quiet_ms:
        changes.closed.append(replace(alert, closed_at=now, said_at=now))


@dataclass(frozen=True, slots=True)
class Nearing:
    """One task and the deadline that it nears."""

    task: Candidate
    deadline_at: int
    band: Band


def expiring(tasks: Iterable[Nearing]) -> list[Condition]:
    """Group tasks that near their visibility deadline, and those that are past it: one condition a function each."""
    near = [one for one in tasks if one.band is not Band.FRESH]
    return [
        *_forgetting(AlertKind.EXPIRING, "may forget", [one for one in near if one.band is not Band.PAST]),
        *_forgetting(AlertKind.PAST, "may have forgotten", [one for one in near if one.band is Band.PAST]),
    ]


def _forgetting(kind: AlertKind, verb: str, tasks: Iterable[Nearing]) -> list[Condition]:
    return [
        _grouped(
            kind,
            function,
            group,
            f"Tasks Ready {verb} {_tasks(len(group))} of {function}; a GET by id works until later",
            f"readyd tasks --function {function} --band {worst(group)}",
        )
        for function, group in _by_function(tasks)
    ]


def retention(tasks: Iterable[Nearing]) -> list[Condition]:
    """Group tasks whose results will be deleted, and those whose time is over: one condition a function each."""
    near = [one for one in tasks if one.band is not Band.FRESH]
    return [
        *_deleting(AlertKind.RETENTION, "will be", [one for one in near if one.band is not Band.PAST]),
        *_deleting(AlertKind.DELETED, "may have been", [one for one in near if one.band is Band.PAST]),
    ]


def _deleting(kind: AlertKind, verb: str, tasks: Iterable[Nearing]) -> list[Condition]:
    return [
        _grouped(
            kind,
            function,
            group,
            f"the results of {_tasks(len(group))} of {function} {verb} deleted",
            f"readyd tasks --function {function}",
        )
        for function, group in _by_function(tasks)
    ]


def blocked(tasks: Sequence[Nearing]) -> list[Condition]:
    """Group tasks that full windows hide: one condition a function."""
    return [
        replace(
            _grouped(
                AlertKind.BLOCKED,
                function,
                group,
                f"{_tasks(len(group))} of {function} should be done, but every list that could show them is full;"
                " they are fetched by id",
                f"readyd tasks --function {function} --blocked",
            ),
            step="warning",
        )
        for function, group in _by_function(tasks)
    ]


def worst(group: Iterable[Nearing]) -> Band:
    """Return the nearest band of a group."""
    return max((one.band for one in group), key=lambda band: STEPS.get(band, 0))


def _grouped(
    kind: AlertKind, function: str, group: Sequence[Nearing], detail: str, command: str
) -> Condition:
    nearest = sorted(group, key=lambda one: (one.deadline_at, one.task.id))
    return Condition(
        kind=kind,
        subject=function,
        step=worst(group),
        count=len(group),
        detail=detail,
        command=command,
        nearest_deadline_at=nearest[0].deadline_at,
        task_ids=tuple(one.task.id for one in nearest[:SHOWN_IDS]),
    )


def _by_function(tasks: Iterable[Nearing]) -> list[tuple[str, list[Nearing]]]:
    groups: dict[str, list[Nearing]] = {}
    for one in tasks:
        groups.setdefault(one.task.function, []).append(one)
    return sorted(groups.items())


def _tasks(count: int) -> str:
    return "1 task" if count == 1 else f"{count} tasks"
