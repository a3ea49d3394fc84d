"""`status`, `tasks` and `alerts`: what the ledger knows, read-only and without waiting for the daemon."""

import heapq
import math
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from daemon.cli import filters
from daemon.cli.options import ATTENTION, DONE, Shared, examples, json_option, shared_options
from daemon.cli.render import write_json
from daemon.cli.survey import worst_first
from ledger.records import Band, Task

if TYPE_CHECKING:
    from daemon.standing import Standing, Standings
    from ledger.reader import Reader, TaskFilter

ON_A_TERMINAL = 50
"""Tasks that `tasks` shows on a terminal unless --limit says otherwise; a pipe gets all of them."""


MOST = 1_000_000_000
"""More than any ledger holds; SQLite counts no further than 63 bits."""


@click.command(
    short_help="Show the whole ledger at a glance.",
    epilog=examples("readyd status", "readyd status --json | jq .outstanding"),
)
@json_option
@shared_options
@click.pass_obj
def status(shared: Shared, as_json: bool) -> int:
    """Show the whole ledger at a glance: tasks per state and function, the nearest deadline, what is blocked or
    foreign, the last look at the lists, open alerts, and whether a daemon is running.

    Exits with 1 when an alert is critical, or when nobody reads the lists although tasks are outstanding, or posts
    what is planned; with 0 otherwise.
    """
    from daemon.cli import hooks, plain, telling
    from daemon.cli.presence import presence
    from daemon.cli.survey import survey

    with shared.reading() as (settings, reader, now):
        here = presence(settings.ledger)
        seen = survey(reader, settings, now, running=here is not None)
        engine = reader.engine
        webhook = hooks.receiver(settings, reader.fact("webhook"), running=here is not None)
    if as_json:
        about = {
            "at": now,
            "ledger": str(settings.ledger),
            "engine": plain.record(engine),
            "daemon": {
                "running": here is not None,
                "pid": here.pid if here else None,
                "since": here.since if here else None,
            },
            "webhook": webhook,
        }
        write_json({**about, **plain.survey(seen)})
    else:
        telling.status(shared.screen(), seen, here, engine, settings.ledger, now, webhook)
    return ATTENTION if seen.problems else DONE


class Row(NamedTuple):
    """A task and how it stands; `standing` is None when there is nothing left to do about it."""

    task: Task
    standing: "Standing | None"


@click.command(
    short_help="List tasks, the most urgent first.",
    epilog=examples(
        "readyd tasks --band urgent --band critical",
        "readyd tasks --blocked --function 'serp/*'",
        "readyd tasks --tag 'nightly:*' --state failed --json",
    ),
)
@filters.state_option
@filters.band_option
@filters.blocked_option
@filters.function_option
@filters.tag_option
@click.option(
    "--limit",
    type=click.IntRange(0, MOST),
    metavar="N",
    help=f"At most N tasks, 0 for all. Default: {ON_A_TERMINAL} on a terminal, else all.",
)
@json_option
@shared_options
@click.pass_obj
def tasks(
    shared: Shared,
    states: tuple[str, ...],
    bands: tuple[str, ...],
    blocked: bool | None,
    function: str | None,
    tag: str | None,
    limit: int | None,
    as_json: bool,
) -> int:
    """List tasks: outstanding ones by their visibility deadline, the nearest first; then settled ones, the
    latest first.

    `left` is the time until Tasks Ready forgets the task; `waiting` the time since the first sign that it is
    done, or since it was posted; for a settled task, how long it waited.
    """
    from daemon.cli import plain, telling
    from daemon.standing import Standings

    screen = shared.screen()
    if limit is None:
        limit = ON_A_TERMINAL if screen.terminal and not as_json else 0
    chosen = filters.make(states, function, tag, blocked)
    wanted = frozenset(Band(band) for band in bands)
    with shared.reading() as (settings, reader, now):
        looks = {look.listing: look for look in reader.looks()}
        standings = Standings(looks, now, settings.rules, settings.variants)
        rows, total = _select(reader, chosen, wanted, standings, limit)
    if as_json:
        write_json({"at": now, "total": total, "tasks": [plain.task(*row) for row in rows]})
    else:
        telling.tasks(screen, rows, total, now)
    return DONE


def _select(
    reader: "Reader", chosen: "TaskFilter", bands: frozenset[Band], standings: "Standings", limit: int
) -> tuple[list[Row], int]:
    """Return the rows to show, and how many there are altogether."""
    rows: list[Row] = []
    total = 0
    if (part := filters.outstanding_part(chosen)) is not None:
        walk = Counted(Row(*one) for one in filters.with_standing(reader, part, standings, bands))
        rows = _first(walk, limit, _by_deadline)
        total = walk.count
    if (rest := filters.settled_part(chosen)) is not None and not bands:
        if not limit or len(rows) < limit:
            settled = (Row(task, None) for task in reader.tasks(rest))
            rows += _first(settled, limit - len(rows) if limit else 0, _latest_first)
        total += reader.count(rest)
    return rows, total


class Counted:
    """Passes rows on and counts them."""

    def __init__(self, rows: Iterable[Row]) -> None:
        """Count from 0."""
        self.count = 0
        self._rows = rows

    def __iter__(self) -> Iterator[Row]:
        """Yield each row once."""
        for row in self._rows:
            self.count += 1
            yield row


def _by_deadline(row: Row) -> tuple[bool, float, str]:
    # Past its deadline a task is safe by id for days, so it comes after those that can still make it.
    past = row.standing is not None and row.standing.band is Band.PAST
    listed = row.standing is not None and row.standing.listed
    return past, row.standing.deadline_at if row.standing and listed else math.inf, row.task.id


def _latest_first(row: Row) -> tuple[int, str]:
    return -(row.task.settled_at or row.task.recorded_at), row.task.id


def _first(rows: Iterable[Row], limit: int, key: Callable[[Row], Any]) -> list[Row]:
    return heapq.nsmallest(limit, rows, key=key) if limit else sorted(rows, key=key)


@click.command(
    short_help="Show what is wrong, or about to be.",
    epilog=examples(
        "readyd alerts",
        "readyd alerts --all --limit 200",
        "readyd alerts --json | jq '.alerts[] | select(.step == \"critical\")'",
    ),
)
@click.option("--all", "closed", is_flag=True, help="Also alerts that have closed.")
@click.option(
    "--limit",
    type=click.IntRange(1, MOST),
    default=50,
    show_default=True,
    metavar="N",
    help="At most N alerts.",
)
@json_option
@shared_options
@click.pass_obj
def alerts(shared: Shared, closed: bool, limit: int, as_json: bool) -> int:
    """Show open alerts: what is wrong or about to be, since when, and the command that lists the tasks. Alerts are
    the daemon's, so this also says when nobody reads the lists, or posts what is planned.

    Exits with 1 when `readyd status` does, with 0 otherwise.
    """
    from daemon.cli import plain, telling
    from daemon.cli.presence import presence
    from daemon.cli.survey import survey

    with shared.reading() as (settings, reader, now):
        seen = survey(reader, settings, now, running=presence(settings.ledger) is not None)
        found = worst_first(reader.alerts(closed=closed, limit=limit))
    if as_json:
        told = {"healthy": not seen.problems, "problems": seen.problems}
        write_json({"at": now, **told, "alerts": [plain.record(alert) for alert in found]})
    else:
        telling.attention(shared.screen(), seen.unwatched)
        if found or not seen.unwatched:  # "no alert" is no comfort when nobody is there to open one
            telling.alerts(shared.screen(), found, now)
    return ATTENTION if seen.problems else DONE
