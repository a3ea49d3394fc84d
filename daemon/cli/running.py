"""`run`, `demo` and `simulate`: the long-running commands. Everything heavy is imported when its command runs."""

import json
import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.cli.options import ATTENTION, DONE, Shared, WrongUseError, examples, shared_options
from daemon.cli.render import say, write_json

if TYPE_CHECKING:
    from daemon.simulator.faults import Faults

DEMO_DIRECTORY = Path("demo-ledger")
MARK = ".readyd-demo"
"""A demo replaces only what an earlier demo left."""


@click.command(
    short_help="Watch the lists and collect results, until stopped.",
    epilog=examples(
        "readyd run",
        "readyd --config readyd.toml run",
        "*/5 * * * *  readyd run --once        (in a crontab)",
    ),
)
@click.option("--once", is_flag=True, help="Do one round and end, for cron.")
@shared_options
@click.pass_obj
def run(shared: Shared, once: bool) -> int:
    """Watch Tasks Ready and bring the result of every task in the ledger home, urgent ones first, until SIGTERM
    or Ctrl-C. What happens is logged to standard error.

    With --once it does what is due now. What became of a post whose answer was lost takes more than ten minutes to find
    out, so give a round every five; while another is at work, one exits with 75.

    Needs DATAFORSEO_LOGIN and DATAFORSEO_PASSWORD, or systemd credentials; `readyd check` tells what is missing.
    """
    from daemon import service

    return service.run(shared.settings(), once=once)


@click.command(
    short_help="Live through three simulated days in a minute or a few.",
    epilog=examples(
        "readyd demo",
        "readyd demo --seed 7 --json",
        "readyd --ledger demo-ledger/seed-1/ledger.db tasks",
    ),
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=1, show_default=True, help="The same seed, the same story."
)
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object on standard output.")
@click.option(
    "--keep",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help=f"Where to leave the ledger. Default: {DEMO_DIRECTORY}/seed-N.",
)
@shared_options
@click.pass_obj
def demo(shared: Shared, seed: int, as_json: bool, keep: Path | None) -> int:
    """Run the real service against the embedded simulator: some 5,000 tasks, a full window, a 30-hour outage, an
    hour of errors, other software on the account. No account and no network is needed.

    The ledger is left behind for inspection. Exits with 1 when a result was lost or is missing.
    """
    from daemon.cli import live

    directory = _stage(keep or DEMO_DIRECTORY / f"seed-{seed}")
    with live.shown(shared, quiet=as_json) as progress:
        from daemon import demo as play

        summary = play.run(seed, directory / "ledger.db", progress)
    if as_json:
        write_json(summary.as_json())
    else:
        live.tell(shared.screen(), summary)
    return DONE if summary.complete else ATTENTION


def _stage(directory: Path) -> Path:
    """Make an empty directory for the demo; an earlier demo's is cleared, anything else is left alone."""
    mark = directory / MARK
    try:
        if directory.is_dir() and any(directory.iterdir()) and not mark.is_file():
            msg = f"{directory} is not empty and no demo made it; name another directory with --keep"
            raise WrongUseError(msg)
        if mark.is_file():
            shutil.rmtree(directory)
        directory.mkdir(parents=True, exist_ok=True)
        mark.write_text("made by readyd demo, which replaces it\n")
    except OSError as error:
        msg = f"{error.filename or directory} cannot be written: {error.strerror}; name another with --keep"
        raise WrongUseError(msg) from None
    return directory


class Finite(click.FloatRange):
    """A number in a range; not-a-number, which every comparison lets through, is none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read a number."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no number.", param, ctx)
        return number


@click.command(
    short_help="Be a DataForSEO on loopback, for any client.",
    epilog=examples(
        "readyd simulate --port 8080 --turnaround 20",
        "readyd simulate --faults default --seed 7",
        "READYD_BASE_URL=http://127.0.0.1:8080 readyd run",
    ),
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0 picks a free one."
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of everything that is drawn."
)
@click.option(
    "--speed",
    type=Finite(min=0, min_open=True, max=100_000),
    default=1.0,
    show_default=True,
    help="Simulated seconds per second. It moves the remote's clock ahead of yours, so dates, `adopt` and look-ups by "
    "id_list disagree; to wait less, give --turnaround.",
)
@click.option(
    "--turnaround",
    type=Finite(min=0, max=30 * 86_400),
    metavar="SECONDS",
    help="Usual simulated time of a task. Default: as the real one, minutes to hours.",
)
@click.option(
    "--faults",
    default="none",
    show_default=True,
    metavar="none|default|NAME,...",
    help="What goes wrong; NAME:0.1 sets a probability. A wrong name lists those there are.",
)
def simulate(port: int, seed: int, speed: float, turnaround: float | None, faults: str) -> int:
    """Serve a simulated DataForSEO on loopback: same paths, same limits, same surprises, for any client.

    The first line on standard output is its base URL, with the login and password that it accepts. Ctrl-C or
    SIGTERM ends it; then it says on standard error what it counted: posted, gets, webhooks_sent and so on.
    """
    from daemon.simulator import server

    try:
        counts = server.serve(
            port=port, seed=seed, speed=speed, turnaround_s=turnaround, faults=_faults(faults)
        )
    except BrokenPipeError:
        raise
    except OSError as error:
        msg = f"port {port} cannot be used: {error.strerror}; --port 0 picks a free one"
        raise WrongUseError(msg) from None
    say(f"counted {json.dumps({name: count for name, count in counts.items() if count})}")
    return DONE


def _faults(text: str) -> "Faults":
    from daemon.simulator.faults import Faults, FaultsError

    try:
        return Faults.parse(text)
    except FaultsError as error:
        raise WrongUseError(str(error)) from None
