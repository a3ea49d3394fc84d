"""`readyd record`: hand the answers of task_post to the ledger, and say what became of each entry."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

import click

from daemon.cli import words
from daemon.cli.documents import documents
from daemon.cli.options import ATTENTION, DONE, Shared, WrongUseError, examples, json_option, shared_options
from daemon.cli.render import say, write_json

if TYPE_CHECKING:
    from ledger.store import Ledger

SAID = 50
"""So many reasons are written; of more, only the number (`--json` has them all)."""


@dataclass(slots=True)
class Tally:
    """What became of the entries so far."""

    accepted: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    rejected: list[dict[str, object]] = field(default_factory=list)


@click.command(
    short_help="Record the tasks of task_post answers.",
    epilog=examples(
        "curl ... /v3/serp/google/organic/task_post -d @tasks.json | readyd record -",
        "readyd record answers/*.json",
        "readyd record --posted-at 2026-11-23T14:02Z answers.jsonl",
    ),
)
@click.argument("files", metavar="[FILE|-]...", nargs=-1)
@click.option("--posted-at", metavar="TIME", help="When the tasks were posted, such as 2026-11-23T14:02Z.")
@json_option
@shared_options
@click.pass_obj
def record(shared: Shared, files: tuple[str, ...], posted_at: str | None, as_json: bool) -> int:
    """Record every accepted task of task_post answers in the ledger; twice changes nothing.

    Reads JSON or JSON Lines from the FILEs, or from standard input (-). Safe while the daemon runs. The tasks
    count as posted when their file was last changed, or now, unless --posted-at says otherwise.

    Exits with 0 when everything was accepted or known already, with 1 when an entry was rejected; the reason is
    written for each.
    """
    with ExitStack() as stack:
        sources = list(_open(files, stack))
        with shared.changing(create=True) as (_, ledger, now):
            at = _moment(posted_at, now)
            tally = Tally()
            for name, file in sources:
                _take_in(ledger, name, file, _changed_at(file, now) if at is None else at, tally)
    _tell(tally, as_json=as_json)
    return ATTENTION if tally.rejected else DONE


def _open(files: tuple[str, ...], stack: ExitStack) -> Iterator[tuple[str, IO[bytes]]]:
    """Open everything before anything is recorded, so that a typo in the last name changes nothing."""
    if not files and sys.stdin.isatty():
        msg = "name a file with task_post answers, or pipe them in: ... | readyd record -"
        raise WrongUseError(msg)
    for name in files or ("-",):
        if name == "-":
            yield "standard input", sys.stdin.buffer
            continue
        try:
            yield name, stack.enter_context(open(name, "rb"))  # noqa: SIM115  the stack closes it
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            msg = f"{name} cannot be read: {reason}"
            raise WrongUseError(msg) from None


def _moment(text: str | None, now: int) -> int | None:
    try:
        return None if text is None else words.moment(text, now)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--posted-at") from None


def _changed_at(file: IO[bytes], now: int) -> int:
    """When an answer was written down is nearest to when it was given; what comes from a pipe came now."""
    try:
        about = os.fstat(file.fileno())
    except (OSError, ValueError):
        return now
    changed_at = about.st_mtime_ns // 1_000_000
    return changed_at if stat.S_ISREG(about.st_mode) and words.EARLIEST_AT < changed_at < now else now


def _take_in(ledger: "Ledger", name: str, file: IO[bytes], at: int, tally: Tally) -> None:
    for document in documents(file):
        if document.problem is not None:
            tally.rejected.append(_rejection(name, document.line, document.problem))
            continue
        intake = ledger.record_posted(document.content, at)
        tally.accepted.extend(intake.accepted)
        tally.known.extend(intake.known)
        for one in intake.rejected:
            refused = _rejection(name, document.line, one.reason)
            tally.rejected.append({**refused, "position": one.position, "id": one.id, "code": one.code})


def _rejection(name: str, line: int, reason: str) -> dict[str, object]:
    return {"file": name, "line": line, "position": None, "id": None, "code": None, "reason": reason}


def _tell(tally: Tally, *, as_json: bool) -> None:
    if as_json:
        write_json({"accepted": tally.accepted, "known": tally.known, "rejected": tally.rejected})
        return
    for one in tally.rejected[:SAID]:
        entry = "" if one["position"] is None else f", entry {one['position']}"
        say(words.clean(f"{one['file']} line {one['line']}{entry}: {one['reason']}"))
    if len(tally.rejected) > SAID:
        say(f"and {len(tally.rejected) - SAID:,} more; --json lists them all")
    parts = [f"{words.counted(len(tally.accepted), 'task')} recorded"]
    if tally.known:
        parts.append(f"{len(tally.known):,} known already")
    if tally.rejected:
        parts.append(f"{len(tally.rejected):,} rejected")
    click.echo(", ".join(parts))
