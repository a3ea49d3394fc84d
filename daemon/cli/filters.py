"""The filter options that commands share, what they select, and what an id means. Knows no output."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING, Any, TypeVar

import click

from daemon.cli.options import WrongUseError
from ledger.keys import PLAN_PREFIX
from ledger.records import Band, State, Task
from ledger.states import OUTSTANDING, UNSETTLED

if TYPE_CHECKING:
    from daemon.standing import Standing, Standings
    from ledger.reader import Reader, TaskFilter

Command = TypeVar("Command", bound=Callable[..., Any])

PREFIX_SHOWN = 5

state_option = click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([str(state) for state in State]),
    metavar="STATE",
    help=f"Only tasks in this state: {', '.join(State)}; may be given more than once.",
)
function_option = click.option(
    "--function", metavar="GLOB", help="Only tasks of functions like this: serp/google/organic, 'serp/*'."
)
tag_option = click.option(
    "--tag", metavar="GLOB", help="Only tasks with a tag like this: urgent:1, 'urgent*'."
)
band_option = click.option(
    "--band",
    "bands",
    multiple=True,
    type=click.Choice([str(band) for band in Band]),
    metavar="BAND",
    help=f"Only outstanding tasks in this band: {', '.join(Band)}; may be given more than once.",
)
blocked_option = click.option(
    "--blocked/--not-blocked", default=None, help="Only tasks that full lists hide (or only the others)."
)


def make(
    states: tuple[str, ...] = (),
    function: str | None = None,
    tag: str | None = None,
    blocked: bool | None = None,
) -> "TaskFilter":
    """Make a filter of what was given on the command line."""
    from ledger.reader import TaskFilter

    return TaskFilter(
        states=frozenset(State(state) for state in states), function=function, tag=tag, blocked=blocked
    )


def outstanding_part(chosen: "TaskFilter") -> "TaskFilter | None":
    """Narrow a filter to outstanding tasks; None when it asks for none of them."""
    states = chosen.states & OUTSTANDING if chosen.states else OUTSTANDING
    return replace(chosen, states=states) if states else None


def settled_part(chosen: "TaskFilter") -> "TaskFilter | None":
    """Narrow a filter to tasks that are not outstanding; None when it asks for none of them."""
    states = (chosen.states or frozenset(State)) - OUTSTANDING
    return replace(chosen, states=states) if states and chosen.blocked is not True else None


def unsettled_part(chosen: "TaskFilter") -> "TaskFilter | None":
    """Narrow a filter to tasks that are to be posted or brought home; None when it asks for none of them."""
    states = chosen.states & UNSETTLED if chosen.states else UNSETTLED
    return replace(chosen, states=states) if states else None


def with_standing(
    reader: "Reader", chosen: "TaskFilter", standings: "Standings", bands: frozenset[Band] = frozenset()
) -> Iterator[tuple[Task, "Standing"]]:
    """Walk over outstanding tasks with how they stand now; `bands` are the ones computed now, not the stored."""
    from daemon.standing import as_candidate

    for task in reader.tasks(chosen):
        standing = standings.of(as_candidate(task))
        if not bands or standing.band in bands:
            yield task, standing


def resolve(reader: "Reader", prefix: str) -> Task:
    """Find the task that an id, or the beginning of one, stands for; the id of its plan stays good once it is posted.

    Raises:
        WrongUseError: none, or more than one.
    """
    if not prefix.strip() or not prefix.isprintable():
        msg = "an id has at least one letter or digit; `readyd tasks` lists the ids"
        raise WrongUseError(msg)
    if (task := reader.task(prefix)) is not None:
        return task
    found = _beginning_so(reader, prefix)
    if len(found) == 1:
        return found[0][1]
    if not found:
        msg = f"no task in the ledger has an id that begins with {prefix[:80]!r}"
        raise WrongUseError(msg)
    listed = ", ".join(one for one, _ in found[:PREFIX_SHOWN]) + (
        " and more" if len(found) > PREFIX_SHOWN else ""
    )
    msg = f"more than one id begins with {prefix[:80]!r}: {listed}"
    raise WrongUseError(msg)


def _beginning_so(reader: "Reader", prefix: str) -> list[tuple[str, Task]]:
    """Return some tasks with an id that begins so, and that id: the one of now, or the one of the plan."""
    from ledger.reader import TaskFilter

    if prefix.startswith(PLAN_PREFIX):
        planned = reader.by_plan_id(prefix, PREFIX_SHOWN + 1)
        there = [(plan_id, reader.task(task_id)) for plan_id, task_id in planned]
        return [(plan_id, task) for plan_id, task in there if task is not None]
    # Ids are handed out in ascending order, so those that begin with the prefix come right after it.
    after = reader.tasks(TaskFilter(), limit=PREFIX_SHOWN + 1, after=prefix)
    return [(task.id, task) for task in takewhile(lambda one: one.id.startswith(prefix), after)]
