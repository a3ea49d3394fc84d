"""`readyd check`: can readyd work here? Looks at all that `run` needs and, if asked, at the account."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from daemon.cli import words
from daemon.cli.layout import Cell, Column
from daemon.cli.options import (
    ATTENTION,
    DONE,
    UNREACHABLE,
    UNUSABLE,
    Shared,
    examples,
    json_option,
    shared_options,
)
from daemon.cli.render import Screen, worded, write_json
from ledger.times import wall_clock_ms

if TYPE_CHECKING:
    from daemon.dataforseo.account import AccountFacts
    from daemon.handover.target import TargetRule
    from daemon.settings import Settings
    from daemon.settings_webhook import Webhook
    from ledger.engine import Engine

PACKAGES = ("daemon", "ledger")
OURS = "readyd"

VARIABLE = "environment variable "
"""What sentences put before a variable's name; in the table it would push the name out of sight."""


class Finding(NamedTuple):
    """One line of the check. `outcome` is ok, warn or fail; `code` is the exit code that it asks for."""

    topic: str
    outcome: str
    sentence: str
    code: int = DONE


def ok(topic: str, sentence: str) -> Finding:
    """Note that something is as it should be."""
    return Finding(topic, "ok", sentence)


def warn(topic: str, sentence: str) -> Finding:
    """Note what works, and needs attention."""
    return Finding(topic, "warn", sentence, ATTENTION)


def fail(topic: str, sentence: str, code: int = UNUSABLE) -> Finding:
    """Note what keeps readyd from working."""
    return Finding(topic, "fail", sentence, code)


@click.command(
    short_help="Check settings, ledger, engine and account.",
    epilog=examples("readyd check", "readyd check --online", "readyd check --json | jq .checks"),
)
@click.option("--online", is_flag=True, help="Ask the remote for limits and balance (user_data, free).")
@json_option
@shared_options
@click.pass_obj
def check(shared: Shared, online: bool, as_json: bool) -> int:
    """Check whether readyd can work here, and show every setting with where it comes from.

    Looks at the credentials, the ledger, the SQLite engine, the secret of webhooks, the targets, and that no other
    package calls itself `daemon` or `ledger`. Writes and sends nothing.

    Exits with 78 when something must be put right before readyd can run, with 69 when --online does not reach
    the remote, with 1 when something works and needs attention, else with 0.
    """
    from daemon.settings import SettingsError

    settings, findings = None, []
    try:
        settings = shared.settings()
    except SettingsError as error:
        findings.append(fail("settings", str(error)))
    if settings is not None:
        findings += [ok("settings", "understood"), *(warn("settings", one) for one in settings.warnings)]
        findings += [*_credentials(settings), *_ledger(settings.ledger)]
        findings += [*_webhook(settings.webhook), *_targets(settings.targets)]
    findings += _names()
    if online and settings is not None:
        findings.append(_account(settings))
    if as_json:
        _write(settings, findings)
    else:
        _tell(shared.screen(), settings, findings)
    return max(one.code for one in findings)


def _credentials(settings: "Settings") -> Iterator[Finding]:
    from daemon.settings import SettingsError

    try:
        settings.credentials()
        yield ok("credentials", "login and password are set")
    except SettingsError as error:
        yield fail("credentials", str(error))


def _ledger(path: Path) -> Iterator[Finding]:
    from daemon.cli.presence import presence
    from ledger.database import DRIVER_VERSION
    from ledger.engine import choose
    from ledger.errors import LedgerError, LedgerMissingError
    from ledger.reader import Reader

    try:
        with Reader.open(path) as reader:
            tasks = sum(sum(states.values()) for states in reader.counts().values())
            engine = reader.engine
    except LedgerMissingError:
        yield _place_for(path)
        yield _engine(choose(DRIVER_VERSION))  # the one that will make it
        return
    except LedgerError as error:
        yield fail("ledger", str(error))
        return
    if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
        yield ok("ledger", f"{words.counted(tasks, 'task')} in {path}")
    else:
        yield fail("ledger", f"{path} or its directory may not be written by this user")
    yield _engine(engine)
    here = presence(path)
    started = None if here is None else words.ago(here.since, wall_clock_ms())
    yield ok("daemon", "none is running" if here is None else f"process {here.pid}, started {started}")


def _engine(engine: "Engine") -> Finding:
    about = f"SQLite {engine.version}, {engine.journal_mode}, synchronous {engine.synchronous}"
    return ok("engine", about) if engine.warning is None else warn("engine", f"{about}: {engine.warning}")


def _place_for(path: Path) -> Finding:
    """Look for the nearest directory that exists: the ledger and those in between will be made below it."""
    parent = path.parent
    while not os.path.lexists(parent) and parent != parent.parent:
        parent = parent.parent
    if parent.is_dir() and os.access(parent, os.W_OK | os.X_OK):
        return ok("ledger", f"{path} is not there yet; readyd run, record, post or adopt will make it")
    return fail(
        "ledger", f"{path} is not there and cannot be made: {parent} is no directory that this user may write"
    )


def _webhook(webhook: "Webhook") -> Iterator[Finding]:
    """Read the secrets as the receiver does when it starts."""
    if webhook.listen is None:
        return
    from daemon.settings import SettingsError
    from daemon.web import secrets

    try:
        path = webhook.secret_path()
        found = secrets.read(path)
    except SettingsError as error:
        yield fail("webhook", str(error))
        return
    yield ok(
        "webhook", f"to listen on {webhook.listen}, with {words.counted(len(found), 'secret')} in {path}"
    )


def _targets(rules: "Sequence[TargetRule]") -> Iterator[Finding]:
    """Open the door of each target as `run` does, which connects to nothing."""
    problems = [found for rule in rules if (found := _target(rule)) is not None]
    yield from problems
    if rules and not problems:
        yield ok(
            "targets", f"{words.counted(len(rules), 'target')}: {', '.join(rule.name for rule in rules)}"
        )


def _target(rule: "TargetRule") -> Finding | None:
    """Say what keeps a target from taking results; a directory may be mounted later, so that is a warning."""
    from daemon.handover.opening import door_of
    from daemon.handover.target import TargetKind
    from daemon.settings import SettingsError

    try:
        door_of(rule)
    except SettingsError as error:
        return fail("targets", f"{rule.name}: {error}")
    place = rule.place.reveal()
    if rule.kind is not TargetKind.DIRECTORY or os.access(f"{place}/", os.W_OK | os.X_OK):
        return None
    if os.path.isdir(place):
        return warn("targets", f"{rule.name}: {place} may not be written by this user")
    return warn("targets", f"{rule.name}: {place} is no directory yet; create it, or mount what it is on")


def _names() -> Iterator[Finding]:
    """Look for others that install packages of our names; python-daemon would overwrite ours without a word."""
    from importlib.metadata import packages_distributions

    providers = packages_distributions()
    others = {name: sorted(set(providers.get(name, ())) - {OURS}) for name in PACKAGES}
    for name, found in others.items():
        if found:
            listed = ", ".join(found)
            yield fail(
                "names",
                f"{listed} installs a package {name} too; install readyd into an environment of its own",
            )
    if not any(others.values()):
        yield ok("names", f"nobody else provides {' or '.join(PACKAGES)}")


def _account(settings: "Settings") -> Finding:
    from daemon.dataforseo.errors import AccountRefused, RemoteError
    from daemon.settings import SettingsError

    try:
        facts = asyncio.run(_user_data(settings))
    except (SettingsError, AccountRefused) as error:
        return fail("account", words.unrepeated(str(error)))
    except RemoteError as error:
        return fail("account", words.unrepeated(str(error)), UNREACHABLE)
    about = (
        f"{facts.login or 'the login'} may make {_limit(facts.general_limit)} calls a minute,"
        f" {_limit(facts.tasks_ready_limit)} of them for Tasks Ready; balance {_money(facts.balance)}"
    )
    if facts.balance is not None and facts.balance < 0:
        return warn("account", f"{about}: some results are withheld while the balance is negative")
    return ok("account", about)


async def _user_data(settings: "Settings") -> "AccountFacts":
    from daemon.dataforseo.client import Client

    client = Client(settings.base_url, *settings.credentials(), lanes=1)
    try:
        return await client.user_data()
    finally:
        await client.aclose()


def _limit(limit: int | None) -> str:
    return "an unnamed number of" if limit is None else f"{limit:,}"


def _money(balance: float | None) -> str:
    return "not said" if balance is None else f"{balance:,.2f} USD"


def _write(settings: "Settings | None", findings: list[Finding]) -> None:
    rows = [] if settings is None else settings.describe()
    write_json(
        {
            "settings": [{"name": name, "value": value, "source": source} for name, value, source in rows],
            "checks": [
                {"topic": one.topic, "outcome": one.outcome, "detail": one.sentence} for one in findings
            ],
        }
    )


def _tell(screen: Screen, settings: "Settings | None", findings: list[Finding]) -> None:
    if settings is not None:
        _settings(screen, settings)
        screen.line()
    for one in findings:
        label = Cell(f"{one.outcome:6}", worded(one.outcome).style)
        screen.sentence(label, f"{one.topic:13}", words.clean(one.sentence), hang=19)


def _settings(screen: Screen, settings: "Settings") -> None:
    """Draw the table of settings; where the terminal is narrow, values are cut before the names of variables."""
    from daemon.settings import KEYS

    name = max(len(key.variable) for key in KEYS.values())
    columns = (Column("setting"), Column("value", least=14), Column("from", least=name, drop=1))
    rows = ((*row, source.removeprefix(VARIABLE)) for *row, source in settings.describe())
    screen.table(columns, [[words.clean(one) for one in row] for row in rows])
