"""The demo on a screen: a live table on a terminal, a line per simulated hour in a pipe, and a summary at the end.

Knows frames and summaries (`daemon.demo_records`); knows neither the story nor the ledger.
"""

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon.cli import words
from daemon.cli.layout import Cell, Column, aligned, cells, fit, shorten
from daemon.cli.options import Shared
from daemon.cli.render import STYLES, Screen
from daemon.demo_records import DemoFrame, DemoSummary
from ledger.times import MINUTE_MS

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

HOURS = 72
BAR = 24
ALERTS = 3
EVENTS = 4
ALWAYS = ("posted", "ready", "blocked", "collected", "delivered", "failed")
"""Columns that are there from the first frame on, so that nothing jumps; others follow as they turn up."""

Progress = Callable[[DemoFrame], None]


@contextmanager
def shown(shared: Shared, *, quiet: bool) -> Iterator[Progress]:
    """Lend what shows frames; `quiet` keeps stdout for the JSON object and uses stderr if that is a terminal."""
    screen = Screen.of(sys.stderr if quiet else sys.stdout, color=shared.color)
    if not screen.terminal:
        yield _nothing if quiet else _Lines()
        return
    from rich.live import Live

    console = screen.console(stderr=quiet)
    with Live(console=console, auto_refresh=False, transient=quiet, vertical_overflow="crop") as live:
        yield lambda frame: live.update(picture(frame, screen.width), refresh=True)


def _nothing(_: DemoFrame) -> None:
    """Show nothing."""


class _Lines:
    """One plain line per simulated hour."""

    def __init__(self) -> None:
        self._hour = -1

    def __call__(self, frame: DemoFrame) -> None:
        if int(frame.hour) <= self._hour:
            return
        self._hour = int(frame.hour)
        totals = _totals(frame)
        counts = ", ".join(f"{totals[name]:,} {name}" for name in _names(frame))
        click.echo(f"hour {self._hour:>3}  {counts}; {words.counted(len(frame.alerts), 'open alert')}")


def _names(frame: DemoFrame) -> list[str]:
    found = {name for counts in frame.counts.values() for name in counts}
    return [*ALWAYS, *sorted(found.difference(ALWAYS))]


def _totals(frame: DemoFrame) -> dict[str, int]:
    return {name: sum(counts.get(name, 0) for counts in frame.counts.values()) for name in _names(frame)}


def picture(frame: DemoFrame, width: int) -> "RenderableType":
    """Draw one frame, at most `width` wide."""
    from rich.console import Group
    from rich.text import Text

    bands = [
        part
        for band, count in frame.bands.items()
        for part in (f"{count:,} ", Cell(band, STYLES.get(band, "")), "  ")
    ]
    texts = [
        _header(frame),
        Text(),
        *_table(frame, width),
        Text(),
        _line(Cell("bands   ", "bold"), *bands),
        *(_cut(Cell("alert   ", "bold red"), one, width) for one in frame.alerts[:ALERTS]),
    ]
    if len(frame.alerts) > ALERTS:
        texts.append(_line(f"        and {words.counted(len(frame.alerts) - ALERTS, 'more alert')}"))
    texts.append(Text())
    texts += [_cut(Cell("log     ", "dim"), one, width) for one in frame.events[-EVENTS:]]
    return Group(*texts)


def _line(*parts: str | Cell) -> "Text":
    from rich.text import Text

    drawn = [part if isinstance(part, Cell) else Cell(part) for part in parts]
    return Text.assemble(*((part.text, part.style) for part in drawn), no_wrap=True, overflow="crop")


def _cut(label: Cell, text: str, width: int) -> "Text":
    return _line(label, shorten(words.clean(text), width - cells(label.text)))


def _header(frame: DemoFrame) -> "Text":
    day, hour = divmod(int(frame.hour), 24)
    done = min(BAR, round(frame.hour / HOURS * BAR))
    clock = f"day {day + 1}, {hour:02}:{int(frame.hour * 60) % 60:02}  "
    return _line(
        Cell("readyd demo  ", "bold"),
        clock,
        Cell("#" * done, "green"),
        Cell("." * (BAR - done), "dim"),
        f"  {frame.gets_per_min:,.0f} GETs a minute",
    )


def _table(frame: DemoFrame, width: int) -> list["Text"]:
    """Draw the counts per function; nothing moves from frame to frame but the numbers."""
    names = _names(frame)
    columns = [Column("function", least=14, tail=True), *(Column(name, right=True) for name in names)]
    rows = [
        [function, *(f"{counts.get(name, 0):,}" for name in names)]
        for function, counts in sorted(frame.counts.items())
    ]
    rows.append(["all", *(f"{count:,}" for count in _totals(frame).values())])
    wanted = [
        max(len(column.title), *(len(row[place]) for row in rows), 5) for place, column in enumerate(columns)
    ]
    layout = fit(columns, wanted, width)
    drawn = []
    for number, row in enumerate([[column.title for column in columns], *rows]):
        parts: list[str | Cell] = []
        for place, text in enumerate(row):
            column, room = columns[place], layout.widths[place] or 0
            kept = aligned(shorten(text, room, tail=column.tail), room, right=column.right)
            style = (
                "bold"
                if number in (0, len(rows))
                else STYLES.get(column.title, "")
                if text.strip() != "0"
                else "dim"
            )
            parts += [Cell(kept, style), " " * layout.gap]
        drawn.append(_line(*parts))
    return drawn


def tell(screen: Screen, summary: DemoSummary) -> None:
    """Tell how the demo ended."""
    good = "every result came home" if summary.complete else "something is missing"
    screen.line()
    screen.line(
        f"{summary.simulated_hours:g} simulated hours in {summary.wall_seconds:g} s: {good}.",
        "bold green" if summary.complete else "bold red",
    )
    ends = f"{summary.collected:,} collected, {summary.failed:,} failed at the remote, {summary.delivered:,} delivered"
    losses = (
        f"{summary.lost:,} lost, {summary.expired_unseen:,} forgotten by the list before anybody saw them"
    )
    for label, sentence in (
        ("tasks", f"{summary.posted:,} posted: {ends}; {losses}"),
        (
            "calls",
            f"{summary.polls:,} looks at lists, {summary.gets:,} GETs, {summary.throttled:,} throttled",
        ),
        (
            "lists",
            f"{summary.window_saturated_times:,} times full, {summary.foreign_collected:,} foreign tasks collected",
        ),
        ("outage", _recovered(summary)),
        ("alerts", f"{summary.alerts_opened:,} opened, {summary.alerts_closed:,} closed"),
        (
            "waits",
            f"important {_wait(summary.important_wait_mean_s)}, other {_wait(summary.other_wait_mean_s)} on average",
        ),
    ):
        screen.sentence(Cell(f"{label:9}", "bold"), sentence, hang=9)
    ledger = shlex.quote(str(_near(Path(summary.ledger))))
    screen.line()
    screen.line("The ledger is left for you to look into:", "bold")
    for command in (
        f"readyd --ledger {ledger} status",
        f"readyd --ledger {ledger} tasks --limit 10",
        f"sqlite3 {ledger} 'select * from alerts'",
    ):
        screen.line(f"  {command}")


def _recovered(summary: DemoSummary) -> str:
    done = f"{words.counted(summary.done_in_outage, 'task')} completed meanwhile"
    if summary.exact_after_outage_min is None:
        return f"{done}; of {summary.done_in_outage_exact:,} the ledger knows exactly when"
    after = words.duration(round(summary.exact_after_outage_min * MINUTE_MS))
    return f"{done}; {after} after its end the ledger knew of each of them exactly when"


def _wait(seconds: float | None) -> str:
    if seconds is None:
        return "none"
    return f"{seconds:.1f}s" if seconds < 60 else words.duration(round(seconds * 1000))


def _near(path: Path) -> Path:
    """Write a path as it is reached from here."""
    try:
        return path.resolve().relative_to(Path.cwd())
    except (OSError, ValueError):
        return path
