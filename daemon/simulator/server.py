"""The simulated remote as a server on loopback, for any DataForSEO client. Knows no rules.

Limits count simulated time: at `speed` 60 a client may ask a list twenty times a second.
"""

import asyncio
import contextlib
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator

import uvicorn

from daemon.simulator.app import build_app
from daemon.simulator.courier import Courier, send_to_loopback
from daemon.simulator.faults import Faults
from daemon.simulator.options import LOGIN, PASSWORD, Options, Turnaround
from daemon.simulator.world import World

HOST = "127.0.0.1"
END_WITHIN_S = 2


def serve(
    *,
    port: int = 0,
    seed: int = 1,
    speed: float = 1.0,
    turnaround_s: float | None = None,
    faults: Faults | None = None,
    options: Options | None = None,
    start_ms: int | None = None,
    echo: Callable[[str], None] | None = None,
) -> dict[str, int]:
    """Serve until SIGINT or SIGTERM; the first line told to `echo` is `URL login=... password=...`.

    Returns what the world counted (`World.counts`).

    Args:
        port: 0 picks a free one.
        seed: of everything that is drawn.
        speed: simulated seconds per second.
        turnaround_s: usual simulated seconds from posting to done; None: as the real one, minutes to hours.
        faults: None: none.
        options: None: the documented limits.
        start_ms: the simulated time to begin with (ms UTC); None: now.
        echo: how to print a line; None: to standard output.

    Raises:
        ValueError: the speed is not above zero, or the turnaround is negative.
        OSError: the port is taken.
    """
    if speed <= 0:
        raise ValueError(f"The speed is {speed}; it must be above zero")
    if turnaround_s is not None and turnaround_s < 0:
        raise ValueError(f"The turnaround is {turnaround_s} seconds; it must not be negative")
    if options is None:
        options = Options() if turnaround_s is None else Options(turnaround=Turnaround.around(turnaround_s))
    with contextlib.closing(_listening(port)) as listener:
        (echo or _to_stdout)(f"http://{HOST}:{listener.getsockname()[1]} login={LOGIN} password={PASSWORD}")
        return asyncio.run(_serve(listener, seed, speed, faults or Faults.none(), options, start_ms))


def _listening(port: int) -> socket.socket:
    """Open the door before its address is told, so that nobody finds it closed."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(256)
    except OSError:
        listener.close()
        raise
    return listener


def _to_stdout(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def _serve(
    listener: socket.socket, seed: int, speed: float, faults: Faults, options: Options, start_ms: int | None
) -> dict[str, int]:
    loop = asyncio.get_running_loop()
    born = loop.time()
    # Clients compare what they see with the real date; this is the one place that ties both together.
    start = start_ms or time.time_ns() // 1_000_000  # noqa: TID251  the rule keeps ledger.times away from here

    def now() -> int:
        return start + round((loop.time() - born) * 1000 * speed)

    world = World(now, seed=seed, faults=faults, options=options)
    app = build_app(world, courier=Courier(world, send_to_loopback, speed=speed))
    config = uvicorn.Config(
        app, log_config=None, log_level="critical", access_log=False, timeout_graceful_shutdown=END_WITHIN_S
    )
    server = _Server(config)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.ask_to_stop)
    await server.serve(sockets=[listener])
    return world.counts()


class _Server(uvicorn.Server):
    """A uvicorn that ends with exit code 0 on a signal instead of raising it again."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the handlers set by us."""
        yield

    def ask_to_stop(self) -> None:
        """End after the answers under way."""
        self.should_exit = True
