"""`targets`: where results are handed over to, and how that goes. Hands nothing over itself."""

from typing import TYPE_CHECKING, Any

import click

from daemon.cli import words
from daemon.cli.layout import Cell, Column
from daemon.cli.options import ATTENTION, DONE, Shared, WrongUseError, examples, json_option, shared_options
from daemon.cli.render import Screen, write_json

if TYPE_CHECKING:
    from daemon.settings import Settings
    from ledger.handover_records import Target

COLUMNS = (
    Column("target"),
    Column("kind", drop=3),
    Column("waiting", right=True),
    Column("handed over", right=True),
    Column("last", drop=2),
    Column("next try", drop=1),
    Column("last problem", least=12),
)


class Action(click.Choice[str]):
    """What can be done to a target. Optional, so that its metavar opens a bracket, which no error should repeat."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read the word."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            msg = f"targets cannot {words.clean(str(value))[:40]!r}; give it retry NAME, or nothing"
            raise click.UsageError(msg, ctx) from None


@click.command(
    short_help="Show where results are handed over to, or try again now.",
    epilog=examples("readyd targets", "readyd targets --json", "readyd targets retry warehouse"),
)
@click.argument("action", metavar="[retry", type=Action(["retry"]), required=False)
@click.argument("name", metavar="NAME]", required=False)
@json_option
@shared_options
@click.pass_obj
def targets(shared: Shared, action: str | None, name: str | None, as_json: bool) -> int:
    """Show the targets of the settings ([[target]]): how many results wait for each, how many it has, and what went
    wrong last. `retry NAME` lets everything that waits for a target be tried at once, instead of after its pause.

    Exits with 1 when a target takes no results, or does not take some of them again and again.
    """
    if action is not None:
        return _retry(shared, name)
    with shared.reading() as (settings, reader, now):
        known = reader.targets()
    rows = _rows(settings, known)
    if as_json:
        write_json([_as_json(one, configured) for one, configured in rows])
    else:
        _tell(shared.screen(), rows, now)
    return ATTENTION if any(configured and _needs_attention(one) for one, configured in rows) else DONE


def _retry(shared: Shared, name: str | None) -> int:
    if name is None:
        msg = "name the target to try again: readyd targets retry NAME"
        raise WrongUseError(msg)
    with shared.changing() as (_, ledger, _now):
        if ledger.handovers.target(name) is None:
            names = ", ".join(one.name for one in ledger.handovers.targets())
            msg = f"the ledger knows no target {name!r}; " + (
                f"known are {names}" if names else "it knows none"
            )
            raise WrongUseError(msg)
        waiting = ledger.handovers.retry(name)
    click.echo(f"{words.counted(waiting, 'result')} for {name} may be tried now")
    return DONE


def _rows(settings: "Settings", known: "list[Target]") -> "list[tuple[Target, bool]]":
    """Return every target and whether the settings have it; one that no daemon has met yet has nothing so far."""
    from ledger.handover_records import Target

    names = {rule.name: rule for rule in settings.targets}
    met = {one.name for one in known}
    new = [
        Target(name, str(rule.kind), 0, rule.backfill, 0, None, 0, None, None, None, 0, 0)
        for name, rule in names.items()
        if name not in met
    ]
    return [(one, one.name in names) for one in sorted([*known, *new], key=lambda one: one.name)]


def _needs_attention(one: "Target") -> bool:
    return bool(one.failures or one.stuck)


def _as_json(one: "Target", configured: bool) -> dict[str, Any]:
    from daemon.cli import plain

    return {**plain.record(one), "first_seen_at": one.first_seen_at or None, "configured": configured}


def _tell(screen: Screen, rows: "list[tuple[Target, bool]]", now: int) -> None:
    if not rows:
        click.echo("no target is set; the README shows how: [[target]]", err=True)
        return
    screen.table(COLUMNS, [_row(one, configured, now) for one, configured in rows])


def _row(one: "Target", configured: bool, now: int) -> list[str | Cell]:
    waits = one.next_try_at is not None and one.next_try_at > now
    style = "yellow" if _needs_attention(one) else ""
    return [
        one.name if configured else Cell(f"{one.name} (not in the settings)", "dim"),
        one.kind,
        f"{one.waiting:,}",
        f"{one.handed:,}",
        words.ago(one.handed_at, now),
        words.ago(one.next_try_at, now) if waits else "-",
        Cell(words.clean(one.problem), style),
    ]
