"""`readyd explain`: what is known of a task, since when and from which observation, and what happens next.

Reads what an explanation is made of; its sentences are in `daemon.cli.explained`. `readyd show` lists the same facts.
"""

from typing import TYPE_CHECKING

import click

from daemon.cli import filters
from daemon.cli.explained import Case, explanation
from daemon.cli.options import DONE, Shared, examples, json_option, shared_options
from daemon.cli.render import Screen, write_json
from ledger.records import State, Task
from ledger.states import OUTSTANDING

if TYPE_CHECKING:
    from daemon.settings import Settings
    from ledger.reader import Reader


@click.command(
    short_help="Explain what is known of a task, and why.",
    epilog=examples("readyd explain 11231402-1535-0066-0000-8a3f2c1e0d4b", "readyd explain 11231402-15"),
)
@click.argument("task_id", metavar="ID")
@json_option
@shared_options
@click.pass_obj
def explain(shared: Shared, task_id: str, as_json: bool) -> int:
    """Explain in plain words what is known of the task ID, since when, from which observation, and what will
    happen next. The beginning of an id is enough if no other id begins so.
    """
    with shared.reading() as (settings, reader, now):
        task = filters.resolve(reader, task_id)
        case = _case(reader, task, settings, now)
    told = {title: list(sentences) for title, sentences in explanation(case, now)}
    if as_json:
        write_json({"id": task.id, "state": str(task.state), **told})
    else:
        _tell(shared.screen(), told)
    return DONE


def _case(reader: "Reader", task: Task, settings: "Settings", now: int) -> Case:
    from daemon.dataforseo.catalogue import ID_LIST_APIS
    from daemon.policy import probing
    from daemon.standing import Standings, as_candidate, scopes

    rules = settings.rules
    looks = {look.listing: look for look in reader.looks()}
    covering = [one for one in scopes() if task.function in one.functions]
    seen = [
        looks[one.listing]
        for one in sorted(covering, key=lambda one: not one.umbrella)
        if one.listing in looks
    ]
    standing = why_get = by_id_at = None
    if task.state in OUTSTANDING:
        standings = Standings(looks, now, rules, settings.variants)
        candidate = as_candidate(task)
        standing = standings.of(candidate)
        clear_at = standings.clear_at(task.function)
        why_get = probing.why_get(candidate, now, clear_at, rules)
        if task.state is State.POSTED:
            by_id_at = probing.by_id_at(candidate, clear_at, rules)
    return Case(
        task,
        reader.history(task.id),
        seen,
        standing,
        why_get,
        by_id_at,
        reader.editions(task.id),
        reader.why_not_delivered(task.id),
        task.function.partition("/")[0] in ID_LIST_APIS,
        rules,
    )


def _tell(screen: Screen, told: dict[str, list[str]]) -> None:
    for title, sentences in told.items():
        screen.line(title, "bold")
        for sentence in sentences:
            screen.sentence("  ", sentence, hang=2)
