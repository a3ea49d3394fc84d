"""`readyd withdraw`: takes planned tasks back before they are sent. Decides nothing about tasks that were."""

from typing import TYPE_CHECKING

import click

from daemon.cli import filters, words
from daemon.cli.options import ATTENTION, DONE, Shared, WrongUseError, examples, json_option, shared_options
from daemon.cli.render import say, write_json
from ledger.records import State

if TYPE_CHECKING:
    from ledger.reader import Reader

GROUP = 1_000
"""Tasks per transaction: the daemon's own writes get their turn in between."""


@click.command(
    short_help="Take planned tasks back before they are sent.",
    epilog=examples(
        "readyd withdraw plan-7ztco747tehueen4",
        "readyd withdraw --batch nightly-2026-11-25",
        "readyd withdraw --function 'serp/google/*' --tag 'shop:*'",
    ),
)
@click.argument("task_ids", metavar="[ID]...", nargs=-1)
@click.option("--batch", metavar="NAME", help="All of this batch that were not sent yet.")
@filters.function_option
@filters.tag_option
@json_option
@shared_options
@click.pass_obj
def withdraw(
    shared: Shared,
    task_ids: tuple[str, ...],
    batch: str | None,
    function: str | None,
    tag: str | None,
    as_json: bool,
) -> int:
    """Take back planned tasks that were not sent yet: the tasks ID (beginnings are enough), those of a batch, or
    those of a function or tag. They are `rejected`, cost nothing, and are never posted.

    It works while the daemon runs: a task is either withdrawn or sent. Exits with 1 when one of the IDs was sent
    already or is settled, or when nothing was left to withdraw.
    """
    if sum(map(bool, (task_ids, batch is not None, function is not None or tag is not None))) != 1:
        msg = "name tasks by ID, or with --batch, or with --function and --tag"
        raise WrongUseError(msg)
    with shared.reading() as (_, reader, _now):
        chosen = _chosen(reader, task_ids, batch, function, tag)
    moved = _withdraw(shared, chosen) if chosen else []
    left = sorted(set(chosen) - set(moved)) if task_ids else []
    if as_json:
        write_json({"withdrawn": moved, "left": left})
    else:
        click.echo(f"{words.counted(len(moved), 'task')} withdrawn")
        for one in left:
            say(f"task {one} was left alone: it is not planned any more, so it was sent, or is settled")
        if not chosen:
            say("nothing that is still planned is named so; `readyd tasks --state planned` lists what is")
    return DONE if moved and not left else ATTENTION


def _chosen(
    reader: "Reader", task_ids: tuple[str, ...], batch: str | None, function: str | None, tag: str | None
) -> list[str]:
    """Return the ids to withdraw, whatever became of those that are named."""
    if task_ids:
        return list(dict.fromkeys(filters.resolve(reader, task_id).id for task_id in task_ids))
    if batch is not None:
        return reader.still_planned(batch)
    return [task.id for task in reader.tasks(filters.make((str(State.PLANNED),), function=function, tag=tag))]


def _withdraw(shared: Shared, chosen: list[str]) -> list[str]:
    moved: list[str] = []
    with shared.changing() as (_, ledger, now):
        for first in range(0, len(chosen), GROUP):
            moved += ledger.intents.withdraw(chosen[first : first + GROUP], now)
    return moved
