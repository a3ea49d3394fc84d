"""Webhooks from `readyd simulate` to `readyd run`, as processes: they arrive, no kill loses one."""

import json
import signal
import socket
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from ledger.store import Ledger
from ledger.times import wall_clock_ms

SCRIPT = Path(__file__).with_name("dying_receiver.py")
MIB = 1024 * 1024
POINTS = (
    "before the body",
    "after the body",
    "before the state",
    "after the state",
    "before the answer",
    "within the answer",
)
QUICK = {"READYD_PACE_NORMAL_S": "1"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


@pytest.fixture
def slow(simulate: Callable[..., Any]) -> Any:
    """A remote on which a task takes some seconds: longer than recording it."""
    return simulate("--seed", "5", "--turnaround", "180", "--speed", "60", "--faults", "none")


@pytest.fixture
def receiver(readyd: Callable[..., Any], tmp_path: Path) -> Callable[..., tuple[Any, dict[str, str]]]:
    """Bind readyd with a receiver on a free port; gives the program and its URLs by field."""

    def bind(remote: Any, **more: str) -> tuple[Any, dict[str, str]]:
        listen, file = f"127.0.0.1:{free_port()}", tmp_path / "secret"
        program = readyd(
            remote, READYD_WEBHOOK_LISTEN=listen, READYD_WEBHOOK_SECRET_FILE=str(file), **QUICK, **more
        )
        made = program("webhook-url", "--new-secret", "--json")
        return program, json.loads(made.stdout)

    return bind


def listening(program: Any) -> bool:
    return '"webhook.listening"' in program.log()


def port_of(urls: dict[str, str]) -> int:
    return int(urls["pingback_url"].split(":")[2].partition("/")[0])


def test_webhooks_of_the_simulator_arrive_and_the_secret_stays_one(
    slow: Any,
    receiver: Callable[..., Any],
    begin: Callable[..., Any],
    until: Callable[..., None],
    stop: Callable[..., int],
) -> None:
    program, urls = receiver(slow)
    daemon = begin(program, "run")
    until(lambda: listening(program), "the receiver listens")
    posted = record(program, slow, 5, postback_url=urls["postback_url"], postback_data="advanced")
    pinged = record(program, slow, 5, pingback_url=urls["pingback_url"], tag="a#b c")
    until(lambda: program.collected() == 10, "all results are here")
    said = program("status").stdout
    assert stop(daemon) == 0
    ways = dict(program.rows("select task_id, group_concat(reason) from transition group by task_id"))
    assert {ways[one] for one in posted} == {"recorded,postback,postback"}
    assert "recorded,pingback,fetched" in {ways[one] for one in pinged}
    assert f"listening on 127.0.0.1:{port_of(urls)}" in said
    assert "webhook" in program("status").stdout
    secret = urls["postback_url"].split("/")[4]
    assert len(secret) == 43
    for place in (
        program.ledger,
        *program.ledger.parent.glob("results/*"),
        *program.ledger.parent.glob("*.log"),
    ):
        assert secret.encode() not in place.read_bytes()


def test_a_kill_at_any_point_of_a_postback_loses_nothing_and_doubles_nothing(
    slow: Any,
    receiver: Callable[..., Any],
    begin: Callable[..., Any],
    until: Callable[..., None],
    stop: Callable[..., int],
) -> None:
    program, urls = receiver(slow)
    posted = [die_of_a_postback(program, slow, urls, point, until, stop) for point in POINTS]
    daemon = begin(program, "run")
    until(lambda: program.log().count('"webhook.listening"') > len(POINTS), "the last one listens")
    until(lambda: all(is_home(program, one) for one in posted), "everything is home")
    assert stop(daemon) == 0
    assert sorted(program.stored()) == sorted(posted), "each result once"
    ways = dict(program.rows("select task_id, group_concat(reason) from transition group by task_id"))
    assert [ways[one] for one in posted].count("recorded,postback,postback") >= 3, "the ledger had them"
    assert "recorded,failed delivery,fetched" in ways.values(), "the list showed them"


def die_of_a_postback(
    program: Any,
    remote: Any,
    urls: dict[str, str],
    point: str,
    until: Callable[..., None],
    stop: Callable[..., int],
) -> str:
    """Let a readyd be killed while a postback comes in; return its task."""
    with (program.ledger.parent / "daemon.log").open("a") as log:
        words = [sys.executable, str(SCRIPT), point]
        dying = subprocess.Popen(words, env=program.environ, stdout=log, stderr=log)
    try:
        until(lambda: answers(port_of(urls)) or dying.poll() is not None, "it listens")
        (one,) = record(program, remote, 1, postback_url=urls["postback_url"], postback_data="advanced")
        until(lambda: dying.poll() is not None, f"it dies {point}")
    finally:
        assert stop(dying) == -signal.SIGKILL
    return one


def record(program: Any, remote: Any, count: int, **fields: object) -> tuple[str, ...]:
    """Post and record at once, before a quick task is done; no other copy of SQLite has the ledger open meanwhile.

    As posted some minutes ago: time is faster there, and the lists are worth a look at once.
    """
    answers = remote.post("serp/google/organic", count, **fields)
    with Ledger.open(program.ledger) as ledger:
        return ledger.record_posted("\n".join(answers), wall_clock_ms() - 3 * 60_000).accepted


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def is_home(program: Any, one: str) -> bool:
    """A lost delivery that no list has shown yet is found by a GET, and called delivered."""
    found = program.rows(f"select state from task where id = '{one}'")
    return found in ([("collected",)], [("delivered",)])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc: the peak is NOT measured")
def test_a_gigabyte_bomb_costs_the_process_less_than_64_mb(
    remote: Any,
    receiver: Callable[..., Any],
    begin: Callable[..., Any],
    until: Callable[..., None],
    stop: Callable[..., int],
) -> None:
    program, urls = receiver(remote)
    daemon = begin(program, "run")
    until(lambda: listening(program), "the receiver listens")
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join([*(packer.compress(bytes(MIB)) for _ in range(1024)), packer.flush()])
    url = urls["postback_url"].replace("$id", "foreign").replace("&tag=$tag", "")
    with httpx.Client(trust_env=False, timeout=20) as client:
        assert client.post(url, content=b"{}").status_code == 400
        before = peak_kib(daemon.pid)
        assert [client.post(url, content=bomb).status_code for _ in range(3)] == [413] * 3
        assert client.get(url.replace("/post?", "/ping?")).status_code == 200, "it is well"
    assert peak_kib(daemon.pid) - before < 64 * 1024
    assert stop(daemon) == 0


def peak_kib(pid: int) -> int:
    """Read the most memory a process ever had in RAM."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
