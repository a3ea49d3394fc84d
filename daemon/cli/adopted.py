"""What `readyd adopt` found, in words for people. Draws; asks nothing and decides nothing."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from daemon.cli import words
from daemon.cli.layout import Cell, Column
from daemon.cli.render import Screen

if TYPE_CHECKING:
    from daemon.passes.adopt import Group, Harvest

TAGS = 8
"""So many tags of a function are shown on a terminal, the most used first; a pipe gets all of them."""

COLUMNS = (
    Column("function", least=14, tail=True),
    Column("tag", least=8),
    Column("tasks", right=True),
    Column("pending", right=True),
    Column("done", right=True),
    Column("oldest", right=True, drop=2),
    Column("newest", right=True, drop=2),
    Column("cost", right=True, drop=1),
)


def tell(screen: Screen, found: "Harvest", now: int, *, dry_run: bool) -> None:
    """Tell which tasks were taken (or would be), with `dry_run` also which not, and the sum of all."""
    if found.taken_groups:
        screen.line("would be taken" if dry_run else "taken", "bold")
        _table(screen, found.taken_groups.values(), now)
        screen.line()
    if dry_run and found.foreign_groups:
        screen.line("not taken: foreign, no rule matches", "bold")
        _table(screen, found.foreign_groups.values(), now)
        screen.line()
    screen.sentence(_sum(found, dry_run=dry_run), hang=2)


def _table(screen: Screen, groups: Iterable["Group"], now: int) -> None:
    shown = _folded(groups) if screen.terminal else sorted(groups, key=_most_first)
    screen.table(COLUMNS, [_row(one, now) for one in shown])


def _most_first(group: "Group") -> tuple[str, int, str]:
    return group.function, -group.tasks, group.tag or ""


def _folded(groups: Iterable["Group"]) -> list["Group"]:
    """Put the rarer tags of a function together: some posters give each task a tag of its own."""
    functions: dict[str, list[Group]] = {}
    for one in sorted(groups, key=_most_first):
        functions.setdefault(one.function, []).append(one)
    shown = []
    for ordered in functions.values():
        cut = len(ordered) if len(ordered) <= TAGS + 1 else TAGS
        shown += ordered[:cut]
        if ordered[cut:]:
            shown.append(_together(ordered[cut:]))
    return shown


def _together(groups: list["Group"]) -> "Group":
    whole = replace(groups[0], tag=f"(+{len(groups):,} tags)")
    for one in groups[1:]:
        whole.tasks += one.tasks
        whole.pending += one.pending
        whole.oldest_at = min((at for at in (whole.oldest_at, one.oldest_at) if at is not None), default=None)
        whole.newest_at = max((at for at in (whole.newest_at, one.newest_at) if at is not None), default=None)
        if one.cost is not None:
            whole.cost = (whole.cost or 0.0) + one.cost
    return whole


def _row(group: "Group", now: int) -> list[str | Cell]:
    return [
        words.clean(group.function),
        words.clean(group.tag),
        f"{group.tasks:,}",
        f"{group.pending:,}",
        f"{group.tasks - group.pending:,}",
        _age(group.oldest_at, now),
        _age(group.newest_at, now),
        "-" if group.cost is None else f"{group.cost:,.4f}",
    ]


def _age(at: int | None, now: int) -> str:
    return "-" if at is None else words.brief(max(0, now - at))


def _sum(found: "Harvest", *, dry_run: bool) -> str:
    would = "would be taken" if dry_run else "taken"
    parts = [f"{words.counted(found.taken, 'task')} {would}", f"{found.known:,} known already"]
    parts.append(f"{found.foreign:,} foreign")
    if found.no_tasks:
        parts.append(f"{words.counted(found.no_tasks, 'row')} about calls that are no tasks")
    said = f"{', '.join(parts)} among those posted within {words.duration(found.until - found.since)}"
    return f"{said}; nothing was changed" if dry_run else said
