"""`readyd post` and `readyd repost`: plan tasks that the daemon posts, and decide about those nobody can look up."""

import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click

from daemon.cli import words
from daemon.cli.options import (
    ATTENTION,
    DONE,
    Shared,
    WrongUseError,
    examples,
    json_option,
    shared_options,
)
from daemon.cli.render import Screen, say, write_json

if TYPE_CHECKING:
    from daemon.cli.tasklines import BadLine, Check, Source
    from ledger.batches import Earlier
    from ledger.intents import Plan
    from ledger.planning import Planned
    from ledger.reader import Reader

MOST_TASKS = 100
SAID = 50
"""So many bad lines are written; of more, only the number (`--json` has the first thousand)."""

EVERY = 500
"""Lines between two looks of the progress bar."""

LINE = """\b
A line of FILE:
  {"function": "serp/google/organic", "keyword": "tea", "location_code": 2840}

"""
"""Stands before the examples of the help, whose lines are not filled."""

SETTLES_MS = 120_000
"""A call that is younger than this may still be answered: the client gives up after a minute."""


@click.command(
    short_help="Plan tasks; the daemon posts them, each once.",
    epilog=LINE
    + examples(
        "readyd post tasks.jsonl",
        "readyd post --dry-run tasks.jsonl",
        "jq -c '.[]' tasks.json | readyd post --batch nightly-2026-11-25 -",
    ),
)
@click.argument("name", metavar="FILE|-")
@click.option(
    "--batch",
    metavar="NAME",
    help="Lines of one batch are planned once, whatever file they are in. Needed with -.",
)
@click.option("--again", is_flag=True, help="Plan all lines of a file that has changed since it was planned.")
@click.option("--skip-bad", is_flag=True, help="Plan the good lines of a file that has bad ones.")
@click.option("--dry-run", is_flag=True, help="Check every line, show the calls; plan and send nothing.")
@json_option
@shared_options
@click.pass_obj
def post(
    shared: Shared, name: str, batch: str | None, again: bool, skip_bad: bool, dry_run: bool, as_json: bool
) -> int:
    """Plan the tasks of FILE, or of standard input (-), one JSON object a line: its function, and the fields that
    task_post takes.

    `readyd run` posts them, the most important first, up to 100 a call. Until then `readyd withdraw` takes them
    back, and with post_enabled = "no" in the settings all of them wait.

    The command may be interrupted and given again: no line of a batch is planned twice. A file is a batch by its
    name, place, size and time. Once one of these is another (touched, appended to, copied, moved), all its lines
    are new tasks, to be paid for again. A file that was planned and has changed in its place is therefore refused,
    unless you say --again, or --batch with the name of its earlier batch, in which lines with the same number and
    content are planned already.

    Nothing of a file with a bad line is planned unless --skip-bad says so. Exits with 1 when a line was bad.
    """
    from daemon.cli import tasklines

    if again and batch is not None:
        msg = "--again is for a file without --batch: no line of a named batch is planned twice; name another batch"
        raise WrongUseError(msg)
    screen = Screen.of(sys.stderr, color=shared.color)
    with tasklines.opened(name, batch) as source:
        earlier = None if again else _earlier(shared, source)
        if earlier is not None and not dry_run:
            raise WrongUseError(_changed(name, earlier))
        with _progress(screen, "checking", source.size) as advance:
            check = tasklines.Check()
            for one in tasklines.read_lines(source, advance):
                check.add(one)
        if dry_run:
            return _rehearse(check, source, _known(shared, source), earlier, name=name, as_json=as_json)
        if check.bad_count and not skip_bad:
            return _tell(check, None, as_json=as_json)
        with _progress(screen, "planning", source.size) as advance:
            planned = _plan(shared, source, advance)
    return _tell(check, planned, as_json=as_json, own=source.place is not None)


@contextmanager
def _ledger_if_there(shared: Shared) -> Iterator["Reader | None"]:
    """Open the ledger for reading; None where there is none yet, and none is made."""
    from ledger.errors import LedgerMissingError

    with ExitStack() as held:
        try:
            _, reader, _ = held.enter_context(shared.reading())
        except LedgerMissingError:
            reader = None
        yield reader


def _earlier(shared: Shared, source: "Source") -> "Earlier | None":
    """Find what was planned from a file before it changed."""
    if source.place is None:
        return None
    with _ledger_if_there(shared) as reader:
        return reader.earlier_batch(source.batch, source.place) if reader else None


def _changed(name: str, earlier: "Earlier") -> str:
    count = words.counted(earlier.lines, "line")
    was = "was" if earlier.lines == 1 else "were"
    return (
        f"{words.clean(name)} has changed since {count} of it {was} planned, so that all its lines would be new tasks,"
        f" and be paid for again; --again plans them all, --batch {shlex.quote(words.clean(earlier.batch))} only those"
        " that say something else than the line with their number did, and --dry-run with it shows how many"
    )


def _known(shared: Shared, source: "Source") -> Counter[str]:
    """Count by function the lines of this batch that are planned already."""
    from daemon.cli import tasklines
    from ledger.planning import known_functions

    with _ledger_if_there(shared) as reader:
        if reader is None:
            return Counter()
        return known_functions(
            reader.keys_known, _good(tasklines.read_lines(source, lambda _: None)), source.batch
        )


def _plan(shared: Shared, source: "Source", advance: Callable[[int], None]) -> "Planned":
    from daemon.cli import tasklines
    from ledger.planning import plan_lines

    with shared.changing(create=True) as (_, ledger, now):
        lines = tasklines.read_lines(source, advance)
        return plan_lines(ledger.intents, _good(lines), source.batch, now)


def _good(lines: "Iterator[Plan | BadLine]") -> "Iterator[Plan]":
    from ledger.intents import Plan

    return (one for one in lines if isinstance(one, Plan))


@contextmanager
def _progress(screen: Screen, what: str, size: int) -> Iterator[Callable[[int], None]]:
    """Lend what hears of bytes read; on a terminal a bar follows it."""
    if not screen.terminal:
        yield lambda _: None
        return
    from rich.progress import Progress

    with Progress(console=screen.console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=size or None)
        yield lambda count: bar.advance(task, count)


def _calls(functions: Mapping[str, int], known: Mapping[str, int]) -> list[tuple[str, int, int]]:
    """Give the calls that post what is not planned yet: path, tasks, calls; pure."""
    left = {name: count - known.get(name, 0) for name, count in sorted(functions.items())}
    return [
        (f"/v3/{name}/task_post", count, -(-count // MOST_TASKS)) for name, count in left.items() if count > 0
    ]


def _rehearse(
    check: "Check",
    source: "Source",
    known: Counter[str],
    earlier: "Earlier | None",
    *,
    name: str,
    as_json: bool,
) -> int:
    """Show the calls that would be made, and what would be refused."""
    calls = _calls(check.functions, known)
    code = ATTENTION if check.bad_count or earlier else DONE
    if as_json:
        shown = [{"path": path, "tasks": tasks, "calls": count} for path, tasks, count in calls]
        past = earlier and {"batch": earlier.batch, "lines": earlier.lines}
        about = {"batch": source.batch, "known": known.total(), "earlier": past}
        write_json({"calls": shown, **about, "bad": _bad(check), "bad_count": check.bad_count})
        return code
    _say_bad(check)
    for path, tasks, count in calls:
        click.echo(f"POST {path}  {words.counted(tasks, 'task')} in {words.counted(count, 'call')}")
    if known:
        click.echo(f"{_planned_before(known.total())}, batch {words.clean(source.batch)}")
    if earlier:
        say(_changed(name, earlier))
    click.echo("nothing was planned or sent")
    return code


def _tell(check: "Check", planned: "Planned | None", *, as_json: bool, own: bool = False) -> int:
    """Tell what was planned; `own` says that the batch is the file's own."""
    if as_json:
        write_json(
            {
                "batch": planned.batch if planned else None,
                "planned": planned.planned if planned else 0,
                "known": planned.known if planned else 0,
                "functions": dict(check.functions),
                "bad": _bad(check),
                "bad_count": check.bad_count,
            }
        )
        return ATTENTION if check.bad_count else DONE
    _say_bad(check)
    if planned is None:
        click.echo("nothing was planned; correct the lines, or let --skip-bad leave them out")
        return ATTENTION
    click.echo(f"{words.counted(planned.planned, 'task')} planned, batch {words.clean(planned.batch)}")
    if planned.known:
        once_more = "" if planned.planned else "; to post them once more, name another --batch"
        click.echo(f"{_planned_before(planned.known)}{once_more}")
    if check.bad_count:
        whole = ": of this one, once corrected, all lines would count as new" if own else ""
        click.echo(f"post the corrected lines in a file of their own{whole}")
    return ATTENTION if check.bad_count else DONE


def _planned_before(count: int) -> str:
    return f"{words.counted(count, 'line')} of this batch {'was' if count == 1 else 'were'} planned before"


def _bad(check: "Check") -> list[dict[str, object]]:
    return [{"line": one.line, "problem": one.problem} for one in check.bad]


def _say_bad(check: "Check") -> None:
    for one in check.bad[:SAID]:
        say(words.clean(f"line {one.line}: {one.problem}"))
    if check.bad_count > SAID:
        say(f"and {check.bad_count - SAID:,} more bad lines")


@click.command(
    short_help="Decide about tasks that nobody can look up.",
    epilog=examples("readyd repost plan-7ztco747tehueen4", "readyd repost --give-up plan-7ztco747tehueen4"),
)
@click.argument("task_ids", metavar="ID...", nargs=-1, required=True)
@click.option("--give-up", is_flag=True, help="Let them be rejected instead of posting them again.")
@json_option
@shared_options
@click.pass_obj
def repost(shared: Shared, task_ids: tuple[str, ...], give_up: bool, as_json: bool) -> int:
    """Post tasks again that were sent and never answered, where nothing but you can tell that the remote does not
    have them (state `posting`). If it has them after all, they are billed twice.

    Exits with 1 when one of the IDs is not in that state, or may still be answered.
    """
    from daemon.cli import filters
    from ledger.records import Reason, State

    with shared.reading() as (_, reader, now):
        chosen = [filters.resolve(reader, task_id).id for task_id in task_ids]
    to = State.REJECTED if give_up else State.PLANNED
    with shared.changing() as (_, ledger, now):
        moved = ledger.intents.resolve(chosen, {to: Reason.REPOSTED}, now - SETTLES_MS, now)
    left = [one for one in chosen if one not in moved]
    if as_json:
        write_json({"moved": list(moved), "left": left})
    else:
        click.echo(f"{words.counted(len(moved), 'task')} {'given up' if give_up else 'will be posted again'}")
        for one in left:
            say(f"task {one} was left alone: it is not in doubt, or its answer may still come")
    return ATTENTION if left else DONE
