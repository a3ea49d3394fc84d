"""Options that every command shares, and what they lead to: settings, a screen, an open ledger. Knows no command."""

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from daemon.cli.render import Screen
from ledger.times import wall_clock_ms

if TYPE_CHECKING:
    from daemon.settings import Settings
    from ledger.reader import Reader
    from ledger.store import Ledger

Command = TypeVar("Command", bound=Callable[..., Any])

DONE = 0
ATTENTION = 1
WRONG_USE = 2
UNREACHABLE = 69
BUG = 70
TRY_AGAIN = 75
UNUSABLE = 78
INTERRUPTED = 130
PIPE_CLOSED = 141

SYSTEM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""Refusals that say something about this machine at this moment, and nothing about readyd."""


class WrongUseError(click.ClickException):
    """What was named on the command line cannot be used; `str()` is one sentence that says why and what to do."""

    exit_code = WRONG_USE


class NotNowError(click.ClickException):
    """The system refuses at this moment what was rightly asked for; `str()` is one sentence."""

    exit_code = TRY_AGAIN


@dataclass
class Shared:
    """What the shared options say. They may stand before or after the command's name; the latter wins."""

    config: Path | None = None
    ledger: str | None = None
    color: bool = True
    debug: bool = field(default_factory=lambda: bool(os.environ.get("READYD_DEBUG")))

    def settings(self) -> "Settings":
        """Load the settings, and keep their secrets out of all that is said from now on. Raises SettingsError."""
        from daemon import hiding
        from daemon.settings import load

        named = os.environ.get("READYD_CONFIG")
        loaded = load(self.config or (Path(named) if named else None), os.environ, {"ledger": self.ledger})
        hiding.hide(loaded, os.environ)
        return loaded

    def screen(self) -> Screen:
        """Look at stdout."""
        return Screen.of(sys.stdout, color=self.color)

    @contextmanager
    def reading(self) -> Iterator[tuple["Settings", "Reader", int]]:
        """Open the ledger for reading: settings, reader, and the one reading of the clock that all ages use."""
        from ledger.reader import Reader

        settings = self.settings()
        with Reader.open(settings.ledger) as reader:
            yield settings, reader, wall_clock_ms()

    @contextmanager
    def changing(self, *, create: bool = False) -> Iterator[tuple["Settings", "Ledger", int]]:
        """Open the ledger for writing, safe beside a running daemon; a missing one is made only if asked for."""
        from ledger.reader import Reader
        from ledger.store import Ledger

        settings = self.settings()
        if not create:
            Reader.open(settings.ledger).close()
        with Ledger.open(settings.ledger) as ledger:
            yield settings, ledger, wall_clock_ms()


def _remember(context: click.Context, parameter: click.Parameter, value: object) -> None:
    if value is None or value is False:
        return
    shared = context.ensure_object(Shared)
    setattr(shared, str(parameter.name), value if parameter.name != "color" else False)


_OPTIONS: tuple[Callable[[Command], Command], ...] = (
    click.option(
        "--config",
        metavar="FILE",
        type=click.Path(path_type=Path),
        callback=_remember,
        expose_value=False,
        help="Settings, TOML. Default: /etc/readyd/readyd.toml if it is there.",
    ),
    click.option(
        "--ledger",
        metavar="FILE",
        callback=_remember,
        expose_value=False,
        help="The ledger. Default: READYD_LEDGER, else what the settings say.",
    ),
    click.option(
        "--no-color",
        "color",
        is_flag=True,
        callback=_remember,
        expose_value=False,
        help="Draw without colours, as NO_COLOR in the environment does.",
    ),
    click.option(
        "--debug",
        is_flag=True,
        callback=_remember,
        expose_value=False,
        help="Show the traceback of a bug, as READYD_DEBUG=1 does.",
    ),
)


def shared_options(command: Command) -> Command:
    """Accept the shared options; they reach the command through `Shared`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def examples(*lines: str) -> str:
    """Write the examples that end a command's help; a backspace keeps click from filling the lines."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Write JSON for machines; times are UTC ms."
)
