"""How things look: tables on a terminal, aligned plain text in a pipe, JSON for machines. Knows no record.

rich is imported only when there is a terminal to draw on. A pipe gets every value whole; a terminal gets what fits.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import click

from daemon.cli.layout import GAP, Cell, Column, aligned, cells, fit, shorten, wrap

if TYPE_CHECKING:
    from rich.console import Console

STYLES = {
    "expiring": "yellow",
    "urgent": "bold yellow",
    "critical": "bold red",
    "past": "bold magenta",
    "warning": "yellow",
    "ready": "cyan",
    "collected": "green",
    "delivered": "green",
    "failed": "red",
    "lost": "bold red",
    "rejected": "red",
    "ok": "green",
    "warn": "yellow",
    "fail": "bold red",
}
"""How the words that matter are drawn; anything else is drawn plain."""


def worded(word: str) -> Cell:
    """Draw a word of the vocabulary (a state, a band, a step) the way it is drawn everywhere."""
    return Cell(word, STYLES.get(word, ""))


@dataclass(frozen=True, slots=True)
class Screen:
    """Where output goes, and what it can show. `width` counts only on a terminal."""

    terminal: bool
    width: int
    color: bool = True

    @classmethod
    def of(cls, stream: IO[str], *, color: bool = True) -> "Screen":
        """Look at a stream. NO_COLOR (no-color.org) and a dumb terminal are respected."""
        terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
        return cls(terminal, shutil.get_terminal_size().columns, color and not os.environ.get("NO_COLOR"))

    def line(self, text: str = "", style: str = "") -> None:
        """Write one line to stdout."""
        self.words(Cell(text, style))

    def words(self, *parts: Cell | str) -> None:
        """Write one line of differently drawn parts to stdout."""
        drawn = [part if isinstance(part, Cell) else Cell(part) for part in parts]
        if self.terminal and any(part.style for part in drawn):
            from rich.text import Text

            text = Text.assemble(*((part.text, part.style) for part in drawn))
            self.console().print(text, soft_wrap=True)
        else:
            click.echo("".join(part.text for part in drawn))

    def sentence(self, *parts: Cell | str, hang: int = 10) -> None:
        """Write parts as one line; on a terminal they go on in further lines, indented by `hang`."""
        drawn = [part if isinstance(part, Cell) else Cell(part) for part in parts]
        if not self.terminal:
            self.words(*drawn)
            return
        for line in wrap(drawn, self.width, hang):
            self.words(*line)

    def table(
        self, columns: Sequence[Column], rows: Iterable[Sequence[str | Cell]], *, indent: int = 0
    ) -> None:
        """Write a table with a header line to stdout."""
        body = [[one if isinstance(one, Cell) else Cell(one) for one in row] for row in rows]
        wanted = [
            max([cells(column.title), *(cells(row[place].text) for row in body)])
            for place, column in enumerate(columns)
        ]
        if self.terminal:
            self._draw(columns, body, wanted, indent)
            return
        for row in [[Cell(column.title) for column in columns], *body]:
            parts = zip(row, columns, wanted, strict=True)
            line = (" " * GAP).join(
                aligned(one.text, width, right=column.right) for one, column, width in parts
            )
            click.echo(" " * indent + line.rstrip())

    def _draw(
        self, columns: Sequence[Column], body: Sequence[Sequence[Cell]], wanted: list[int], indent: int
    ) -> None:
        from rich.padding import Padding
        from rich.table import Table
        from rich.text import Text

        layout = fit(columns, wanted, self.width - indent)
        table = Table(box=None, pad_edge=False, padding=(0, layout.gap, 0, 0), header_style="bold")
        shown = [place for place, width in enumerate(layout.widths) if width is not None]
        for place in shown:
            column, width = columns[place], layout.widths[place]
            title = shorten(column.title, width or 0)
            table.add_column(title, justify="right" if column.right else "left", width=width, no_wrap=True)
        for row in body:
            table.add_row(
                *(
                    Text(
                        shorten(row[place].text, layout.widths[place] or 0, tail=columns[place].tail),
                        row[place].style,
                    )
                    for place in shown
                )
            )
        self.console().print(Padding(table, (0, 0, 0, indent)))
        hidden = [columns[place].title for place, width in enumerate(layout.widths) if width is None]
        if hidden:
            self.line(f"{' ' * indent}(this terminal is too narrow for: {', '.join(hidden)})", "dim")

    def console(self, *, stderr: bool = False) -> "Console":
        """Return a rich console for stdout (or stderr) that draws as this screen can."""
        from rich.console import Console

        return Console(
            file=sys.stderr if stderr else sys.stdout,
            force_terminal=self.terminal,
            width=self.width if self.terminal else None,
            no_color=not self.color,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
        )


def write_json(value: object) -> None:
    """Write one JSON document to stdout, as UTF-8 whatever the locale, so that machines can rely on it."""
    click.echo(
        json.dumps(value, ensure_ascii=False, indent=2, default=str).encode("utf-8", "backslashreplace")
    )


def say(text: str) -> None:
    """Write one sentence about what went on to stderr, so that stdout holds nothing but what was asked for."""
    click.echo(f"readyd: {text}", err=True)
