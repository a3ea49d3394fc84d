"""`prioritise` and `backup`: commands that write beside a running daemon. Knows no SQL."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon.cli import filters, words
from daemon.cli.options import ATTENTION, DONE, Shared, WrongUseError, examples, json_option, shared_options
from daemon.cli.render import say, write_json
from ledger.records import PrioritySource
from ledger.states import UNSETTLED

if TYPE_CHECKING:
    from ledger.reader import Reader

HIGHEST = 1000
GROUP = 10_000
"""Tasks per transaction: the daemon's own writes get their turn in between."""


@click.command(
    short_help="Let tasks be posted and collected sooner, or later.",
    epilog=examples(
        "readyd prioritise 11231402-15 --priority 9",
        "readyd prioritise --tag 'urgent*' --priority 5",
        "readyd prioritise --function 'serp/google/*' --priority 2",
    ),
)
@click.argument("task_ids", metavar="[ID]...", nargs=-1)
@click.option(
    "--priority",
    required=True,
    type=click.IntRange(0, HIGHEST),
    metavar="N",
    help=f"0 to {HIGHEST}; higher is sooner, 1 is normal.",
)
@filters.function_option
@filters.tag_option
@json_option
@shared_options
@click.pass_obj
def prioritise(
    shared: Shared,
    task_ids: tuple[str, ...],
    priority: int,
    function: str | None,
    tag: str | None,
    as_json: bool,
) -> int:
    """Give planned and outstanding tasks a priority: the tasks ID (beginnings are enough), or all of a function or
    tag. It decides which planned tasks are posted first, and of which tasks results are collected first.

    It wins over the rules of the settings and works while the daemon runs, which follows within seconds. Exits
    with 1 when one of the IDs is settled, so that nothing is left to be hurried.
    """
    if not task_ids and function is None and tag is None:
        msg = "name tasks by ID, or with --function or --tag"
        raise WrongUseError(msg)
    if task_ids and (function is not None or tag is not None):
        msg = "name tasks either by ID or with --function and --tag, not both"
        raise WrongUseError(msg)
    with shared.reading() as (_, reader, _now):
        chosen, settled = _chosen(reader, task_ids, function, tag)
    changed = _change(shared, chosen, priority) if chosen else 0
    if as_json:
        write_json({"priority": priority, "changed": changed, "settled": settled})
    else:
        have = "has" if changed == 1 else "have"
        click.echo(f"{words.counted(changed, 'task')} now {have} priority {priority}")
        for task_id in settled:
            say(f"task {task_id} is settled, so there is nothing left to hurry")
    return ATTENTION if settled else DONE


def _chosen(
    reader: "Reader", task_ids: tuple[str, ...], function: str | None, tag: str | None
) -> tuple[list[str], list[str]]:
    """Return the ids to change, and those named that are settled already."""
    if not task_ids:
        chosen = filters.unsettled_part(filters.make(function=function, tag=tag))
        return [task.id for task in reader.tasks(chosen)] if chosen else [], []
    named = {task.id: task for task in (filters.resolve(reader, task_id) for task_id in task_ids)}
    unsettled = [task.id for task in named.values() if task.state in UNSETTLED]
    return unsettled, [task_id for task_id in named if task_id not in unsettled]


def _change(shared: Shared, chosen: list[str], priority: int) -> int:
    changed = 0
    with shared.changing() as (_, ledger, _now):
        for first in range(0, len(chosen), GROUP):
            changes = [(task_id, priority) for task_id in chosen[first : first + GROUP]]
            changed += ledger.tasks.set_priorities(changes, PrioritySource.USER)
    return changed


@click.command(
    short_help="Copy the ledger and all results.",
    epilog=examples(
        "readyd backup /mnt/backup/readyd", "readyd --ledger /mnt/backup/readyd/ledger.db status"
    ),
)
@click.argument("destination", metavar="DEST", type=click.Path(path_type=Path))
@shared_options
@click.pass_obj
def backup(shared: Shared, destination: Path) -> int:
    """Copy the ledger and all results to DEST while the daemon runs.

    DEST is a directory, or the name of the new ledger file (with a suffix). The copy is checked before it gets
    its name, and is a ledger like any other. It replaces an earlier copy of this ledger, and nothing else.
    """
    with shared.changing() as (settings, ledger, _now):
        target = _target(destination, settings.ledger)
        ledger.backup(target)
    click.echo(f"copied to {target}")
    return DONE


def _target(destination: Path, ledger: Path) -> Path:
    """Find the file to write; a name without a suffix is a directory's, whether it is there yet or not."""
    if os.path.isdir(destination) or not destination.suffix:
        destination /= ledger.name
    return Path(os.path.abspath(destination))
