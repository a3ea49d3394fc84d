"""`readyd resend`: ask the remote to deliver webhooks once more, and say of each task what it answered."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from daemon.cli import filters, words
from daemon.cli.options import (
    ATTENTION,
    DONE,
    UNREACHABLE,
    UNUSABLE,
    Shared,
    WrongUseError,
    examples,
    json_option,
    shared_options,
)
from daemon.cli.presence import presence
from daemon.cli.render import Screen, say, write_json
from ledger.records import State, Task, Webhook
from ledger.times import as_text

if TYPE_CHECKING:
    from daemon.passes.resend import Progress, Resent
    from daemon.settings import Settings
    from ledger.reader import Reader
    from ledger.store import Ledger

GROUP = 500
"""So many ids are looked up at once."""

NEVER_POSTED = frozenset({State.PLANNED, State.POSTING, State.REJECTED})


@click.command(
    short_help="Ask the remote to deliver webhooks again.",
    epilog=examples(
        "readyd resend 11231402-15",
        "readyd resend --failed --dry-run",
        "readyd resend --failed --since 6h",
    ),
)
@click.argument("task_ids", metavar="[ID]...", nargs=-1)
@click.option("--failed", is_flag=True, help="All tasks of which a delivery is known to have failed.")
@click.option(
    "--since",
    metavar="TIME",
    help="With --failed: that failed since: a duration such as 6h, or a time. Default: 1d.",
)
@click.option("--dry-run", is_flag=True, help="Only show which tasks would be asked for.")
@json_option
@shared_options
@click.pass_obj
def resend(
    shared: Shared, task_ids: tuple[str, ...], failed: bool, since: str | None, dry_run: bool, as_json: bool
) -> int:
    """Ask the remote to call the pingback_url or postback_url of tasks once more: of the tasks ID (beginnings are
    enough), or of all whose delivery failed. It costs nothing, and needs no daemon; results that readyd has already
    stay as they are. Only a done task that was posted with a webhook can be delivered again.

    A call names a hundred tasks, and there are ten calls a minute; beside a daemon, seven. Says of each task what the
    remote answered. Whether the new delivery works, its receiver shows.

    Exits with 1 when the remote will not deliver one of them, with 69 when it cannot be reached.
    """
    if failed == bool(task_ids):
        msg = "name tasks by ID, or all whose delivery failed with --failed" + (
            ", not both" if failed else ""
        )
        raise WrongUseError(msg)
    if since is not None and not failed:
        msg = "--since goes with --failed; the tasks ID are asked for whenever they failed"
        raise WrongUseError(msg)
    with shared.reading() as (_, reader, now):
        at = _since(since or "1d", now)
        chosen = _failed(reader, at) if failed else _named(reader, task_ids)
    asked = [task for task in chosen if _problem(task) is None]
    found = None if dry_run else _ask(shared, [task.id for task in asked])
    if as_json:
        write_json(_plain(chosen, found))
    else:
        _tell(shared.screen(), chosen, found, f" since {as_text(at)}" if failed else "")
    return _complain(chosen, found)


def _since(text: str, now: int) -> int:
    try:
        return words.since(text, now)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--since") from None


def _named(reader: "Reader", task_ids: Sequence[str]) -> list[Task]:
    return list({task.id: task for task in (filters.resolve(reader, one) for one in task_ids)}.values())


def _failed(reader: "Reader", since: int) -> list[Task]:
    from ledger.reader import TaskFilter

    ids = reader.failed_deliveries(since)
    groups = (tuple(ids[first : first + GROUP]) for first in range(0, len(ids), GROUP))
    return [task for group in groups for task in reader.tasks(TaskFilter(ids=group))]


def _problem(task: Task) -> str | None:
    """Say why there is nothing to deliver of a task."""
    if task.state in NEVER_POSTED:
        return f"not posted: it is {task.state}"
    return "posted without a webhook" if task.webhook is Webhook.NONE else None


def _ask(shared: Shared, ids: Sequence[str]) -> "Resent":
    from daemon.passes.resend import Resent

    if not ids:
        return Resent()
    shared.settings().credentials()
    with shared.changing() as (settings, ledger, _), _progress(shared, len(ids)) as progress:
        return asyncio.run(_call(settings, ledger, ids, progress))


async def _call(settings: "Settings", ledger: "Ledger", ids: Sequence[str], progress: "Progress") -> "Resent":
    from daemon.clock import SystemClock
    from daemon.composition import build_tools
    from daemon.passes import resend as pass_
    from daemon.policy.budget import BY_HAND

    beside = presence(settings.ledger) is not None
    tools = build_tools(settings, ledger, SystemClock(), by_hand=BY_HAND if beside else 1.0)
    try:
        return await pass_.run(tools, ids, progress)
    finally:
        await tools.client.aclose()


@contextmanager
def _progress(shared: Shared, count: int) -> Iterator["Progress"]:
    """Draw one line on stderr when that is a terminal."""
    screen = Screen.of(sys.stderr, color=shared.color)
    if not screen.terminal:
        yield lambda done, wait: None
        return
    with screen.console(stderr=True).status("asking webhook_resend") as line:
        yield lambda done, wait: line.update(f"{done:,} of {count:,} asked for{_waits(wait)}")


def _waits(wait_ms: int) -> str:
    return f"; next call in {words.duration(wait_ms + 999)} (10 a minute in all)" if wait_ms else ""


def _word(task: Task, found: "Resent | None") -> str:
    """Say what became of one task."""
    if (problem := _problem(task)) is not None:
        return f"left alone: {problem}"
    if found is None:
        return f"would be asked for ({task.webhook})"
    word = found.words.get(task.id)
    if word is None:
        return "not answered" if task.id in found.silent else "not asked for"
    if word.accepted:
        return f"its {task.webhook} goes out again"
    return f"refused: {word.code} {words.clean(word.message)}".rstrip()


def _tell(screen: Screen, chosen: Sequence[Task], found: "Resent | None", which: str) -> None:
    if not chosen:
        screen.line(f"no delivery is known to have failed{which}")
        return
    from daemon.cli.layout import Column

    columns = [Column("id"), Column("state", drop=1), Column("answer", least=12)]
    screen.table(columns, ([task.id, str(task.state), words.clean(_word(task, found))] for task in chosen))
    if found is None:
        count = sum(_problem(task) is None for task in chosen)
        screen.line(f"{words.counted(count, 'task')} would be asked for; nothing was sent")
        return
    accepted = sum(word.accepted for word in found.words.values())
    goes = "goes out" if accepted == 1 else "go out"
    screen.line(f"{words.counted(accepted, 'webhook')} {goes} again, of {words.counted(len(chosen), 'task')}")


def _complain(chosen: Sequence[Task], found: "Resent | None") -> int:
    """Say what could not be done, and give the exit code for it."""
    from daemon.dataforseo.errors import AccountRefused

    skipped = any(_problem(task) is not None for task in chosen)
    if found is None:
        return ATTENTION if skipped else DONE
    for problem in found.problems:
        say(words.unrepeated(problem))
    if found.stopped is not None:
        say(words.unrepeated(str(found.stopped)))
        return UNUSABLE if isinstance(found.stopped, AccountRefused) else UNREACHABLE
    refused = found.silent or any(not word.accepted for word in found.words.values())
    return ATTENTION if skipped or refused else DONE


def _plain(chosen: Sequence[Task], found: "Resent | None") -> dict[str, object]:
    """Write what the remote said for machines."""
    tasks = []
    for task in chosen:
        word = found.words.get(task.id) if found is not None else None
        tasks.append(
            {
                "id": task.id,
                "state": str(task.state),
                "webhook": str(task.webhook),
                "problem": _problem(task),
                "accepted": word.accepted if word else None,
                "code": word.code if word else None,
                "message": word.message if word else None,
            }
        )
    stopped = (
        words.unrepeated(str(found.stopped)) if found is not None and found.stopped is not None else None
    )
    return {
        "dry_run": found is None,
        "calls": found.calls if found else 0,
        "tasks": tasks,
        "stopped": stopped,
    }
