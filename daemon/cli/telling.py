"""`status`, `tasks` and `alerts` in words for people. Draws; asks nothing and decides nothing."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.cli import hooks, words
from daemon.cli.layout import Cell, Column
from daemon.cli.render import Screen, worded
from daemon.cli.survey import unposted
from ledger.records import Alert, Band, State, Task
from ledger.states import OUTSTANDING
from ledger.times import as_text

if TYPE_CHECKING:
    from daemon.cli.presence import Presence
    from daemon.cli.reading import Row
    from daemon.cli.survey import Survey
    from ledger.engine import Engine

LABEL = 10
TASK_COLUMNS = (
    Column("id"),
    Column("function", least=12, tail=True, drop=3),
    Column("tag", least=6, drop=4),
    Column("state", drop=1),
    Column("prio", right=True, drop=5),
    Column("band", drop=2),
    Column("left", right=True, drop=1),
    Column("waiting", right=True, drop=6),
)


def status(
    screen: Screen,
    seen: "Survey",
    here: "Presence | None",
    engine: "Engine",
    ledger: Path,
    now: int,
    webhook: dict[str, Any] | None = None,
) -> None:
    """Tell the whole ledger at a glance."""
    attention(screen, seen.problems)
    _fact(screen, "daemon", *_daemon(here, now))
    _fact(screen, "ledger", str(ledger))
    _fact(
        screen, "engine", f"SQLite {engine.version}, {engine.journal_mode}, synchronous {engine.synchronous}"
    )
    if engine.warning:
        _fact(screen, "", Cell(engine.warning, "yellow"))
    if webhook is not None:
        _fact(screen, "webhook", hooks.sentence(webhook, now))
    _fact(screen, "lists", f"last read {words.ago(seen.last_list_at, now)}")
    _fact(screen, "tasks", ", ".join(_tasks(seen)))
    _fact(screen, "nearest", *_nearest(seen, now))
    _fact(
        screen, "bands", *_joined([[f"{count:,} ", worded(str(band))] for band, count in seen.bands.items()])
    )
    _functions(screen, seen)
    if seen.alerts:
        screen.line()
        alerts(screen, seen.alerts, now)


def attention(screen: Screen, problems: Iterable[str]) -> None:
    """Tell what somebody should see to, a paragraph each."""
    for problem in problems:
        screen.sentence(Cell("attention ", "bold red"), problem)


def _tasks(seen: "Survey") -> list[str]:
    blocked, foreign = f"{seen.blocked:,} blocked", f"{seen.foreign:,} foreign listed"
    return [*unposted(seen.totals), f"{seen.outstanding:,} outstanding", blocked, foreign]


def _fact(screen: Screen, label: str, *parts: str | Cell) -> None:
    screen.sentence(Cell(f"{label:{LABEL}}", "bold"), *parts)


def _joined(groups: Iterable[Sequence[str | Cell]]) -> list[str | Cell]:
    parts: list[str | Cell] = []
    for group in groups:
        parts += [", ", *group] if parts else list(group)
    return parts


def _daemon(here: "Presence | None", now: int) -> list[str | Cell]:
    if here is None:
        return [Cell("not running", "yellow")]
    since = "" if here.since is None else f" for {words.duration(now - here.since)}"
    return [Cell("running", "green"), f"{since}, process {here.pid}"]


def _nearest(seen: "Survey", now: int) -> list[str | Cell]:
    if seen.nearest is None:
        return ["no deadline" if not seen.outstanding else "no deadline that could still be met"]
    nearest = seen.nearest
    return [words.left(nearest.deadline_at, now), " (", worded(str(nearest.band)), f") for {nearest.task.id}"]


def _functions(screen: Screen, seen: "Survey") -> None:
    if not seen.counts:
        screen.line()
        screen.sentence("The ledger is empty; record the answers of task_post with: readyd record FILE")
        return
    states = [state for state in State if seen.totals[state]]
    columns = [Column("function", least=14, tail=True), *(Column(str(state), right=True) for state in states)]
    rows: list[list[str | Cell]] = [
        [name, *(_count(counts.get(state, 0), state) for state in states)]
        for name, counts in sorted(seen.counts.items())
    ]
    if len(rows) > 1:
        rows.append(["all", *(_count(seen.totals[state], state) for state in states)])
    screen.line()
    screen.table(columns, rows)


def _count(count: int, state: State) -> Cell:
    return Cell(f"{count:,}", worded(str(state)).style) if count else Cell("-", "dim")


def tasks(screen: Screen, rows: Sequence["Row"], total: int, now: int) -> None:
    """Tell tasks, one a line."""
    if not rows:
        click.echo("no task matches", err=True)
        return
    screen.table(TASK_COLUMNS, [_task(row, now) for row in rows])
    if len(rows) < total:
        screen.line(f"{len(rows):,} of {total:,} tasks; --limit 0 shows all", "dim")


def _task(row: "Row", now: int) -> list[str | Cell]:
    task, standing = row
    band = Band.FRESH if standing is None else standing.band
    left = words.brief(standing.deadline_at - now) if standing and standing.listed else "-"
    return [
        words.clean(task.id),
        words.clean(task.function),
        words.clean(task.tag),
        Cell("blocked", "yellow") if task.blocked_at is not None else worded(str(task.state)),
        str(task.priority),
        Cell("-", "dim") if standing is None else worded(str(band)),
        Cell(left, worded(str(band)).style),
        words.brief(_waiting(task, now)),
    ]


def _waiting(task: Task, now: int) -> int:
    if task.state in OUTSTANDING:
        return now - (task.ready_at or task.posted_at)
    until = task.settled_at or now
    return max(0, until - (task.ready_at or task.posted_at))


def alerts(screen: Screen, found: Sequence[Alert], now: int) -> None:
    """Tell alerts, a paragraph each."""
    if not found:
        click.echo("no alert", err=True)
    for alert in found:
        screen.sentence(
            worded(alert.step), f" {alert.kind}: ", words.clean(alert.detail), *_deadline(alert, now), hang=2
        )
        state = f"open for {words.duration(now - alert.opened_at)}"
        if alert.closed_at is not None:
            state = (
                f"closed {as_text(alert.closed_at)} after {words.duration(alert.closed_at - alert.opened_at)}"
            )
        screen.sentence(Cell(f"  since {as_text(alert.opened_at)}, {state}", "dim"), hang=2)
        if alert.task_ids:
            more = (
                f" and {alert.count - len(alert.task_ids):,} more"
                if alert.count > len(alert.task_ids)
                else ""
            )
            screen.sentence(f"  {', '.join(alert.task_ids)}{more}", hang=2)
        if alert.command:
            screen.sentence("  ", Cell(alert.command, "bold"), hang=2)


def _deadline(alert: Alert, now: int) -> list[str | Cell]:
    if alert.nearest_deadline_at is None or alert.closed_at is not None:
        return []
    return [f"; nearest deadline: {words.left(alert.nearest_deadline_at, now)}"]
