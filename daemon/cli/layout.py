"""What fits on a line: columns, their widths, and texts cut to them. Pure; knows no terminal and no record.

An id is never cut or wrapped: other columns are shortened first, then left out.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

GAP = 2
NARROW_GAP = 1
_MARK = "\N{HORIZONTAL ELLIPSIS}"


class Cell(NamedTuple):
    """A text and how it is drawn on a terminal (a rich style)."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `least` is the width it may be shortened to (0: never shortened)."""

    title: str
    right: bool = False
    least: int = 0
    tail: bool = False  # when shortened, keep the end: the end of a function says most
    drop: int = 0  # left out when the rest does not fit, the largest number first (0: never)


class Layout(NamedTuple):
    """What fits: a width per column (None: left out) and the gap between columns."""

    widths: tuple[int | None, ...]
    gap: int


def fit(columns: Sequence[Column], wanted: Sequence[int], width: int) -> Layout:
    """Find the widths of a table that is at most `width` wide, given how wide its contents are."""
    widths: list[int | None] = list(wanted)
    while True:
        for gap in (GAP, NARROW_GAP):
            shown = [one for one in widths if one is not None]
            over = sum(shown) + gap * (len(shown) - 1) - width
            if over <= _slack(columns, widths):
                return Layout(_shrink(columns, widths, over), gap)
        rest = [place for place, one in enumerate(widths) if one is not None and columns[place].drop]
        if not rest:
            return Layout(_shrink(columns, widths, _slack(columns, widths)), NARROW_GAP)
        widths[max(rest, key=lambda place: columns[place].drop)] = None


def _spare(column: Column, width: int | None) -> int:
    return max(0, width - column.least) if width is not None and column.least else 0


def _slack(columns: Sequence[Column], widths: Sequence[int | None]) -> int:
    return sum(_spare(column, width) for column, width in zip(columns, widths, strict=True))


def _shrink(columns: Sequence[Column], widths: Sequence[int | None], over: int) -> tuple[int | None, ...]:
    """Take `over` characters away, each from the column that has most to spare at that moment."""
    kept = list(widths)
    for _ in range(over):
        place = max(range(len(columns)), key=lambda one: _spare(columns[one], kept[one]))
        kept[place] = (kept[place] or 0) - 1
    return tuple(kept)


def cells(text: str) -> int:
    """Count the character cells that a terminal needs for a text."""
    if text.isascii():
        return len(text)
    return sum(_cells_of(one) for one in text)


def _cells_of(one: str) -> int:
    if unicodedata.combining(one) or unicodedata.category(one) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(one) in ("W", "F") else 1


def shorten(text: str, width: int, *, tail: bool = False) -> str:
    """Cut a text to `width` cells with an ellipsis, at its end or (`tail`) at its beginning."""
    if cells(text) <= width:
        return text
    if width < 1:
        return ""
    kept, room = [], width - 1
    for one in reversed(text) if tail else text:
        room -= _cells_of(one)
        if room < 0:
            break
        kept.append(one)
    return _MARK + "".join(reversed(kept)) if tail else "".join(kept) + _MARK


def aligned(text: str, width: int, *, right: bool = False) -> str:
    """Fill a text with blanks to `width` cells."""
    blanks = " " * (width - cells(text))
    return blanks + text if right else text + blanks


def wrap(parts: Sequence[Cell], width: int, hang: int) -> list[list[Cell]]:
    """Break differently drawn parts into lines at blanks only, later lines indented by `hang`; ids stay whole."""
    lines: list[list[Cell]] = [[]]
    used = 0
    for part in parts:
        for piece in re.findall(r" +|[^ ]+", part.text):
            if used + cells(piece) > width and used > hang:
                lines.append([Cell(" " * hang)])
                used = hang
            if piece.isspace() and used == hang and len(lines) > 1:
                continue
            lines[-1].append(Cell(piece, part.style))
            used += cells(piece)
    return lines
