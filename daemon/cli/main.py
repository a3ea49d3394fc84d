"""`readyd`: the group of all commands, and the wall where every error becomes a sentence and an exit code."""

import contextlib
import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import TextIO

import click

from daemon.cli import (
    adopting,
    changing,
    checking,
    copying,
    explaining,
    handing,
    hooks,
    posting,
    reading,
    recording,
    resending,
    running,
    showing,
    spending,
    streams,
    withdrawing,
)
from daemon.cli.options import (
    BUG,
    DONE,
    INTERRUPTED,
    PIPE_CLOSED,
    SYSTEM,
    TRY_AGAIN,
    UNREACHABLE,
    UNUSABLE,
    WRONG_USE,
    NotNowError,
    Shared,
    shared_options,
)
from daemon.cli.render import say

SECTIONS: dict[str, tuple[click.Command, ...]] = {
    "Work": (running.run, posting.post, recording.record, adopting.adopt, hooks.webhook_url),
    "Look": (
        reading.status,
        reading.tasks,
        showing.show,
        explaining.explain,
        reading.alerts,
        spending.spend,
        handing.targets,
    ),
    "Act": (
        changing.prioritise,
        withdrawing.withdraw,
        posting.repost,
        resending.resend,
        copying.export,
        changing.backup,
        checking.check,
    ),
    "Try": (running.demo, running.simulate),
}

EPILOG = """\b
Exit codes:
    0  done
    1  done, but something needs attention
    2  wrong usage: an option, an argument or a file named on the command line
   69  cannot reach the remote (run --once, check --online, adopt, resend)
   70  a bug in readyd
   75  try again later: the ledger is busy, a daemon runs, the disk is full
   78  the settings or the ledger cannot be used, or the login is refused
  130  interrupted (Ctrl-C)

\b
Examples:
  readyd check --online
  readyd record answers.jsonl
  readyd run
  readyd tasks --band urgent
"""


class Readyd(click.Group):
    """The group; its help lists the commands by what they are for."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands in their sections."""
        for title, commands in SECTIONS.items():
            with formatter.section(f"{title}"):
                formatter.write_dl([(one.name or "", one.get_short_help_str(70)) for one in commands])


def _version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    from importlib.metadata import version

    click.echo(f"readyd {version('readyd')}")
    context.exit()


@click.group(
    cls=Readyd,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@shared_options
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version."
)
@click.pass_context
def readyd(context: click.Context) -> None:
    """Bring every DataForSEO Standard-method result home before it disappears.

    The ledger knows every task you posted; `readyd run` watches the Tasks Ready lists, collects the results,
    urgent ones first, and warns early when one is in danger.
    """
    context.ensure_object(Shared)


for _commands in SECTIONS.values():
    for _command in _commands:
        readyd.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    streams.replace_closed()
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run the command line; return the exit code. Whatever goes wrong is said in one sentence on stderr."""
    shared = Shared()
    _write_anything(sys.stdout, sys.stderr)
    try:
        # Not through click's own `main`: it turns a closed pipe into exit code 1.
        with readyd.make_context("readyd", list(arguments), obj=shared) as context:
            code = readyd.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as done:
        return done.exit_code
    except BrokenPipeError:
        _let_go_of_stdout()  # whoever read it has seen enough (`| head`)
        return PIPE_CLOSED
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except click.ClickException as error:
        return _usage(error)
    except Exception as error:
        return _wall(error, debug=shared.debug)
    return code if isinstance(code, int) else DONE


def _write_anything(*streams: TextIO) -> None:
    """Let a tag in any script be written on a terminal of any encoding: what it lacks is escaped."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _let_go_of_stdout() -> None:
    """Keep Python from failing once more when it flushes, at its end, what could not be written."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _usage(error: click.ClickException) -> int:
    context = error.ctx if isinstance(error, click.UsageError) else None
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return error.exit_code
    if isinstance(error, NotNowError):
        _let_go_of_stdout()
    say(error.format_message().rstrip("."))
    if context is not None:
        click.echo(f"Try `{context.command_path} --help`.", err=True)
    return TRY_AGAIN if isinstance(error, NotNowError) else WRONG_USE


def _wall(error: Exception, *, debug: bool) -> int:
    code = _code_of(error)
    if isinstance(error, OSError) and code != BUG:
        _let_go_of_stdout()
        say(f"the system refused: {error.strerror}")
        return code
    from daemon.logs import without_secrets

    if code != BUG:
        say(without_secrets(str(error)))
        return code
    from importlib.metadata import version

    told = without_secrets(f"{type(error).__name__}: {error}")
    say(
        f"this is a bug in readyd {version('readyd')}: {told}. Please report it with"
        " what you did; READYD_DEBUG=1 shows where it happened. The ledger keeps what it had."
    )
    if debug:
        click.echo(without_secrets("".join(traceback.format_exception(error))), err=True, nl=False)
    return BUG


def _is_of_the_system(error: BaseException | None) -> bool:
    return isinstance(error, OSError) and error.errno in SYSTEM


def _code_of(error: Exception) -> int:
    """Tell what an error means for whoever called readyd; importing late keeps good runs fast."""
    if _is_of_the_system(error):
        return TRY_AGAIN
    from daemon.settings_secret import SettingsError
    from ledger.errors import (
        CopyRefusedError,
        LedgerBusyError,
        LedgerError,
        LedgerUnavailableError,
        LedgerWriteError,
    )

    # A disk that is full today has room tomorrow: a service must go on trying, so this is never 78.
    passing = LedgerBusyError | LedgerUnavailableError | LedgerWriteError
    if isinstance(error, passing) or _is_of_the_system(error.__cause__):
        return TRY_AGAIN
    if isinstance(error, CopyRefusedError):
        return WRONG_USE
    if isinstance(error, LedgerError | SettingsError):
        return UNUSABLE
    from daemon.dataforseo.errors import RemoteError

    return UNREACHABLE if isinstance(error, RemoteError) else BUG
