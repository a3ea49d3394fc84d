"""`readyd spend`: what tasks cost, by day, function or tag. Knows no price; it adds up what the remote said."""

import click

from daemon.cli import words
from daemon.cli.layout import Column
from daemon.cli.options import DONE, Shared, examples, json_option, shared_options
from daemon.cli.render import write_json

GROUPS = ("day", "function", "tag")
NOTE = (
    "As the API said when the tasks were posted; what it refunds later (partial results, failed llm_responses) is not"
    " known here."
)


@click.command(
    short_help="Show what tasks cost, by day, function or tag.",
    epilog=examples("readyd spend", "readyd spend --by tag --since 2026-11-01T00:00Z", "readyd spend --json"),
)
@click.option("--by", type=click.Choice(GROUPS), default="day", show_default=True, help="How to group.")
@click.option("--since", metavar="TIME", help="Only what was posted since, such as 2026-11-23T14:02Z.")
@json_option
@shared_options
@click.pass_obj
def spend(shared: Shared, by: str, since: str | None, as_json: bool) -> int:
    """Show what posted tasks cost, in US dollars, as the API said when they were posted. Days are UTC.

    What it refunds later is not known here. Tasks that were adopted from a list have no known cost; they are
    counted apart.
    """
    from ledger.spending import By

    with shared.reading() as (_, reader, now):
        found = reader.spent(By(by), _moment(since, now))
    total = sum(one.cost for one in found)
    if as_json:
        rows = [
            {by: one.name, "tasks": one.tasks, "cost": round(one.cost, 6), "unknown": one.unknown}
            for one in found
        ]
        write_json({"at": now, "by": by, "groups": rows, "cost": round(total, 6), "note": NOTE})
        return DONE
    screen = shared.screen()
    columns = [
        Column(by, least=10, tail=True),
        Column("tasks", right=True),
        Column("USD", right=True),
        Column("unknown", right=True, drop=1),
    ]
    rows_shown = [
        [words.clean(one.name), f"{one.tasks:,}", f"{one.cost:.4f}", f"{one.unknown:,}"] for one in found
    ]
    tasks, unknown = sum(one.tasks for one in found), sum(one.unknown for one in found)
    screen.table(columns, [*rows_shown, ["all", f"{tasks:,}", f"{total:.4f}", f"{unknown:,}"]])
    screen.sentence(NOTE, hang=0)
    return DONE


def _moment(text: str | None, now: int) -> int | None:
    try:
        return None if text is None else words.moment(text, now)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--since") from None
