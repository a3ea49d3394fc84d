"""Writes the outcomes as one table for people, and puts it into a document. Runs nothing."""

from collections.abc import Sequence
from itertools import groupby

from bench.ways.account import NEVER, Outcome

WIDTH = 100
HEAD = (
    f"{'way':22}{'lost':>6}{'late':>6}{'median':>7}{'p95':>7}{'worst':>7}"
    f"{'GETs':>6}{'early':>6}{'lists':>6}{'audit':>6} warned"
)
LEGEND = """\
lost: not home 80 h after the trouble, when Tasks Ready has forgotten it.
late: home more than an hour after it was done. median, p95, worst: from completion to durable.
GETs (those that came too early among them), lists (Tasks Ready), audit (id_list): calls per task.
warned: the first alert, and how long after the beginning of the trouble."""
FENCE = "```"
UNITS = (("s", 1_000, 100), ("m", 60_000, 100), ("h", 3_600_000, 72), ("d", 86_400_000, 10_000))
"""Name, ms, and from how many on the next one is used."""


def text(outcomes: Sequence[Outcome]) -> str:
    """Write everything."""
    lines = [HEAD]
    for trouble, group in groupby(outcomes, key=lambda one: one.cell.trouble):
        runs = list(group)
        lines.append("-" * len(HEAD))
        lines.append(f"{trouble.title}, {_for(trouble.hours)}, {runs[0].tasks:,} tasks")
        lines += [_row(one) for one in runs]
    return "\n".join(line.rstrip() for line in [*lines, "", *LEGEND.splitlines()])


def put_into(document: str, table: str) -> str:
    """Replace the fenced text of a document that begins with the table's head.

    Raises:
        ValueError: there is none.
    """
    begin = document.find(f"{FENCE}text\n{HEAD.split(maxsplit=1)[0]} ")
    end = document.find(f"\n{FENCE}\n", begin + 1)
    if begin < 0 or end < 0:
        raise ValueError("the document has no fenced table to replace")
    return f"{document[:begin]}{FENCE}text\n{table}{document[end:]}"


def duration(ms: float, digits: int = 1) -> str:
    """Write a wait in at most six characters."""
    if ms == NEVER:
        return "never"
    unit, size, _ = next(one for one in UNITS if ms < one[2] * one[1])
    return f"{ms / size:.{digits}f} {unit}"


def _for(hours: int) -> str:
    days, rest = divmod(hours, 24)
    if rest:
        return f"{hours} h"
    return "1 day" if days == 1 else f"{days} days"


def _row(one: Outcome) -> str:
    calls = [f"{count / one.tasks:.2f}" for count in (one.gets, one.early, one.lists, one.id_lists)]
    waits = "".join(f"{duration(wait):>7}" for wait in (one.median, one.p95, one.worst))
    gets, early, lists, id_lists = calls
    warned = f"{one.warned_of} {duration(one.warned_ms, 0)}" if one.warned_ms is not None else "-"
    return (
        f"{one.cell.way.name:22}{one.lost:6,}{one.late:6,}{waits}{gets:>6}{early:>6}{lists:>6}{id_lists:>6}"
        f" {warned}"
    )
