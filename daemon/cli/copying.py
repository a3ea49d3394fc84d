"""`readyd export`: results as files, one per task or as JSON Lines, again and again without repeating work."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon.cli import filters, words
from daemon.cli.options import (
    ATTENTION,
    DONE,
    SYSTEM,
    NotNowError,
    Shared,
    WrongUseError,
    examples,
    json_option,
    shared_options,
)
from daemon.cli.render import Screen, say, write_json
from ledger.records import State

if TYPE_CHECKING:
    from daemon.cli.destinations import Destination
    from ledger.reader import Reader, TaskFilter

WITH_RESULTS = (State.COLLECTED, State.DELIVERED, State.FAILED)
LINES = (".jsonl", ".ndjson", ".json")
"""Suffixes that make the destination one file of JSON Lines."""


@dataclass(slots=True)
class Tally:
    """What became of the tasks that were asked for."""

    written: int = 0
    kept: int = 0  # there already, whole
    without: int = 0  # no result is stored: a task that failed brings none
    damaged: list[str] = field(default_factory=list)


@click.command(
    short_help="Write results to files.",
    epilog=examples(
        "readyd export --to results/",
        "readyd export --to january.jsonl --tag 'january*'",
        "readyd export --to - --function 'serp/*' | gzip > serp.jsonl.gz",
    ),
)
@click.option(
    "--to",
    "destination",
    required=True,
    metavar="DIR|FILE|-",
    help="A directory, a file of JSON Lines (named .jsonl), or standard output.",
)
@filters.state_option
@filters.function_option
@filters.tag_option
@json_option
@shared_options
@click.pass_obj
def export(
    shared: Shared,
    destination: str,
    states: tuple[str, ...],
    function: str | None,
    tag: str | None,
    as_json: bool,
) -> int:
    """Write results to a directory, or to one file of JSON Lines.

    In a directory each task has a file with the JSON answer, byte for byte as the remote sent it. A line of JSON
    Lines has what is known of the task, and the answer under the key `answer`.

    Run it again to add what came in since: what is there already, whole, is left alone. So an export that was
    interrupted goes on where it stopped. A result that the remote corrected later is written again.

    Exits with 1 when a stored result turns out to be damaged; the others are written.
    """
    if destination == "-" and as_json:
        msg = "--json writes a summary to standard output, where --to - writes results; use one of them"
        raise WrongUseError(msg)
    chosen = filters.make(states or tuple(map(str, WITH_RESULTS)), function, tag)
    with (
        shared.reading() as (_, reader, _now),
        _sentences(destination),
        _place(destination) as place,
        _progress(reader, chosen, shared) as advance,
    ):
        tally = _copy(reader, chosen, place, advance)
    _tell(tally, destination, as_json=as_json)
    return ATTENTION if tally.damaged else DONE


def _place(destination: str) -> "Destination":
    from daemon.cli.destinations import Directory, Lines, Stream

    if destination == "-":
        return Stream(sys.stdout.buffer)
    path = Path(destination)
    return Lines(path) if path.suffix in LINES or path.is_file() else Directory(path)


def _copy(reader: "Reader", chosen: "TaskFilter", place: "Destination", advance: Callable[[], None]) -> Tally:
    from daemon.cli.showing import inflate
    from ledger.errors import DamagedLedgerError

    tally = Tally()
    for task in reader.tasks(chosen):
        advance()
        if place.has(task):
            tally.kept += 1
            continue
        body = reader.body(task)
        if body is None:
            tally.without += 1
        elif place.is_whole(task, body):
            tally.kept += 1
        else:
            try:
                place.write(task, body, inflate(body))
                tally.written += 1
            except DamagedLedgerError as error:
                say(str(error))
                tally.damaged.append(task.id)
    return tally


@contextmanager
def _progress(reader: "Reader", chosen: "TaskFilter", shared: Shared) -> Iterator[Callable[[], None]]:
    """Draw a bar on stderr when that is a terminal."""
    screen = Screen.of(sys.stderr, color=shared.color)
    if not screen.terminal:
        yield lambda: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("results"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen.console(stderr=True), transient=True) as bar:
        work = bar.add_task("results", total=reader.count(chosen))
        yield lambda: bar.advance(work)


@contextmanager
def _sentences(destination: str) -> Iterator[None]:
    """Turn what the operating system refuses into a sentence; a closed pipe stays what it is."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        place = words.clean(str(error.filename)) if error.filename else _named(destination)
        rest = "" if destination == "-" else "; what was written so far is whole"
        msg = f"{place} cannot be written: {error.strerror or error}{rest}"
        raise (NotNowError if error.errno in SYSTEM else WrongUseError)(msg) from None


def _named(destination: str) -> str:
    return "standard output" if destination == "-" else words.clean(destination)


def _tell(tally: Tally, destination: str, *, as_json: bool) -> None:
    if as_json:
        write_json({"to": destination, **asdict(tally)})
        return
    parts = [f"{words.counted(tally.written, 'result')} written to {_named(destination)}"]
    if tally.kept:
        parts.append(f"{tally.kept:,} there already")
    if tally.without:
        parts.append(f"{words.counted(tally.without, 'task')} without a result")
    if tally.damaged:
        parts.append(f"{len(tally.damaged):,} damaged")
    # Standard output may be where the results went.
    click.echo(", ".join(parts), err=destination == "-")
