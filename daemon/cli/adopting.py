"""`readyd adopt`: take tasks that other software posted on the account into the ledger, or show which those are."""

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from daemon.cli import words
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
from ledger.times import DAY_MS, wall_clock_ms

if TYPE_CHECKING:
    from daemon.passes.adopt import Harvest, Step
    from daemon.policy.rules import AdoptRule, Rules
    from daemon.settings import Settings
    from ledger.store import Ledger

Progress = Callable[["Step"], None]


@click.command(
    short_help="Take in tasks that other software posted.",
    epilog=examples(
        "readyd adopt --since 3d --dry-run",
        "readyd adopt --since 12h --tag 'nightly:*'",
        "readyd adopt --since 2026-11-23T14:02Z --function 'serp/*' --json",
    ),
)
@click.option(
    "--since",
    default="3d",
    show_default=True,
    metavar="TIME",
    help="Posted since: a duration such as 3d, 12h, 90m, or a time such as 2026-11-23T14:02Z; a month at most.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be taken, and what not, and why.")
@click.option(
    "--function",
    metavar="GLOB",
    help="Take tasks of functions like this, whatever the settings say: 'serp/*'.",
)
@click.option(
    "--tag", metavar="GLOB", help="Take tasks with a tag like this, whatever the settings say: 'nightly:*'."
)
@click.option(
    "--api", "apis", multiple=True, metavar="API", help="Ask only this API, such as serp; may be repeated."
)
@json_option
@shared_options
@click.pass_obj
def adopt(
    shared: Shared,
    since: str,
    dry_run: bool,
    function: str | None,
    tag: str | None,
    apis: tuple[str, ...],
    as_json: bool,
) -> int:
    """Take tasks of the account that the ledger does not know into it: those that match an [[adopt]] rule of the
    settings, or --function and --tag. From then on they are watched and collected like your own.

    Asks id_list, which is free and allows ten calls a minute; a running daemon's calls are counted, and it has its
    share. Twice changes nothing.

    Exits with 1 when an API could not be seen to its end, with 69 when the remote cannot be reached.
    """
    # What is wrong with the words is said before a ledger is made.
    settings = shared.settings()
    rules = _rules(settings.rules, function, tag)
    asked = _apis(apis, rules)
    at = _since(since, wall_clock_ms(), rules)
    settings.credentials()
    with shared.changing(create=True) as (_, ledger, now), _progress(shared) as progress:
        found = asyncio.run(
            _look(replace(settings, rules=rules), ledger, asked, at, progress, dry_run=dry_run)
        )
    if as_json:
        write_json(_plain(found, rules, asked, dry_run=dry_run))
    else:
        from daemon.cli import adopted

        adopted.tell(shared.screen(), found, now, dry_run=dry_run)
    return _complain(found, dry_run=dry_run)


def _rules(rules: "Rules", function: str | None, tag: str | None) -> "Rules":
    """Let what the command line says stand in for the rules of the settings."""
    from daemon.policy.rules import AdoptRule
    from daemon.settings_rules import is_function_pattern

    if function is not None and not is_function_pattern(function):
        msg = f"{function[:80]!r} is no pattern of functions; write it like serp/google/organic or serp/*"
        raise click.BadParameter(msg, param_hint="--function")
    if tag == "":
        msg = "an empty tag matches nothing; leave --tag out to take tasks with any tag, or none"
        raise click.BadParameter(msg, param_hint="--tag")
    if function is not None or tag is not None:
        return replace(rules, adopt_rules=(AdoptRule(function, tag),))
    if not rules.adopt_rules:
        msg = (
            "nothing says which tasks to take: name them with --function or --tag (--function '*' takes all), or put"
            " an [[adopt]] rule into the settings"
        )
        raise WrongUseError(msg)
    return rules


def _apis(chosen: tuple[str, ...], rules: "Rules") -> list[str]:
    """Find the APIs whose id_list can show a task that a rule takes."""
    from daemon.dataforseo.catalogue import ID_LIST_APIS
    from daemon.passes.lookup import UNSURE
    from daemon.policy import audit

    known = ", ".join(
        f"{one} (named by the help center only)" if one in UNSURE else one for one in ID_LIST_APIS
    )
    for one in chosen:
        if one not in ID_LIST_APIS:
            msg = f"{one[:80]!r} is no API whose id_list readyd asks; it asks those of {known}"
            raise click.BadParameter(msg, param_hint="--api")
    asked = [api for api in ID_LIST_APIS if (not chosen or api in chosen) and audit.adopts(api, rules)]
    if not asked:
        place = f"of {' or '.join(chosen)}" if chosen else f"of an API whose id_list readyd asks: {known}"
        msg = f"there is nothing to ask for, as no rule matches any function {place}"
        raise WrongUseError(msg)
    return asked


def _since(text: str, now: int, rules: "Rules") -> int:
    try:
        at = words.since(text, now)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--since") from None
    if at < now - rules.audit_metadata_ms:
        days = rules.audit_metadata_ms // DAY_MS
        msg = f"{text[:40]!r} is more than {days} days ago; id_list names tags for a month, and results live no longer"
        raise click.BadParameter(msg, param_hint="--since")
    return at


async def _look(
    settings: "Settings",
    ledger: "Ledger",
    apis: Sequence[str],
    since: int,
    progress: Progress,
    *,
    dry_run: bool,
) -> "Harvest":
    from daemon.clock import SystemClock
    from daemon.composition import build_tools
    from daemon.passes.adopt import Adopter
    from daemon.policy.budget import BY_HAND

    beside = presence(settings.ledger) is not None
    tools = build_tools(settings, ledger, SystemClock(), by_hand=BY_HAND if beside else 1.0)
    try:
        return await Adopter(tools, dry_run, progress).run(apis, since)
    finally:
        await tools.client.aclose()


@contextmanager
def _progress(shared: Shared) -> Iterator[Progress]:
    """Draw one line on stderr when that is a terminal."""
    screen = Screen.of(sys.stderr, color=shared.color)
    if not screen.terminal:
        yield lambda step: None
        return
    with screen.console(stderr=True).status("asking id_list") as line:
        yield lambda step: line.update(_words(step))


def _words(step: "Step") -> str:
    come = f"{step.api}: {step.rows:,} rows read"
    if not step.wait_ms:
        return come
    return f"{come}; next call in {words.duration(step.wait_ms + 999)} (10 a minute in all)"


def _complain(found: "Harvest", *, dry_run: bool) -> int:
    """Say what could not be done, and give the exit code for it."""
    from daemon.dataforseo.errors import AccountRefused

    for api in found.missing:
        say(f"{api} has no id_list here; its tasks were not looked for")
    for problem in found.problems:
        say(words.unrepeated(problem))
    if found.stopped is not None:
        kept = "; what was taken until then is in the ledger" if found.taken and not dry_run else ""
        say(f"{words.unrepeated(str(found.stopped))}{kept}")
        return UNUSABLE if isinstance(found.stopped, AccountRefused) else UNREACHABLE
    return ATTENTION if found.problems or not found.answered else DONE


def _plain(found: "Harvest", rules: "Rules", asked: Sequence[str], *, dry_run: bool) -> dict[str, object]:
    """Write what was found for machines."""
    from daemon.cli import plain

    return {
        "dry_run": dry_run,
        "since": found.since,
        "until": found.until,
        "rules": [_rule(one) for one in rules.adopt_rules],
        "apis": {"asked": list(asked), "answered": found.answered, "missing": found.missing},
        "calls": found.calls,
        "rows": found.rows,
        "taken": found.taken,
        "known": found.known,
        "foreign": found.foreign,
        "no_tasks": found.no_tasks,
        "ids": found.ids,
        "taken_groups": [plain.record(one) for one in found.taken_groups.values()],
        "foreign_groups": [plain.record(one) for one in found.foreign_groups.values()],
        "problems": [
            words.unrepeated(str(one)) for one in (*found.problems, found.stopped) if one is not None
        ],
    }


def _rule(rule: "AdoptRule") -> dict[str, str | None]:
    return {"function": rule.function, "tag": rule.tag}
