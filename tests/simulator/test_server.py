"""The simulator as a process on loopback, started and ended by its own id."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from daemon.simulator.server import serve

START_SERVER = (
    "import sys; from daemon.simulator.server import serve; from daemon.simulator.faults import Faults; "
)
START_SERVER += "serve(port=0, seed=1, speed=600, turnaround_s=1, faults=Faults.parse(sys.argv[1]))"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[str], httpx.Client]]]:
    running: list[tuple[subprocess.Popen[str], httpx.Client]] = []

    def run(faults: str = "none") -> tuple[subprocess.Popen[str], httpx.Client]:
        with (tmp_path / "errors").open("w") as errors:
            process = subprocess.Popen(
                [sys.executable, "-W", "error", "-c", START_SERVER, faults],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert process.stdout is not None
        url, login, password = process.stdout.readline().split()
        auth = (login.removeprefix("login="), password.removeprefix("password="))
        running.append((process, httpx.Client(base_url=url, auth=auth, timeout=10, trust_env=False)))
        return running[-1]

    yield run
    for process, client in running:
        client.close()
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_client_posts_and_collects_over_loopback(
    start: Callable[..., Any], number: int, tmp_path: Path
) -> None:
    process, client = start()
    assert client.base_url.host == "127.0.0.1"
    tasks = [{"keyword": f"k{number}", "tag": "t"} for number in range(20)]
    posted = client.post("/v3/serp/google/organic/task_post", json=tasks).json()["tasks"]
    rows: list[dict[str, Any]] = []
    patience = time.perf_counter() + 8
    while len(rows) < 20 and time.perf_counter() < patience:
        shown = client.get("/v3/serp/tasks_ready").json()["tasks"] or [{}]  # null when asked too often
        rows = shown[0].get("result") or []
    assert [row["id"] for row in rows] == [task["id"] for task in posted]
    for row in rows:
        answer = client.get(row["endpoint_advanced"])
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.json()["tasks"][0]["status_code"] == 20000
    assert client.get("/v3/serp/tasks_ready", auth=("who", "else")).status_code == 401
    os.kill(process.pid, number)
    assert process.wait(10) == 0
    assert process.stdout is not None
    assert process.stdout.read() == "", "one line on standard output, no more"
    assert (tmp_path / "errors").read_text() == ""


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("lost_answer", httpx.RemoteProtocolError),
        ("connect_error", httpx.RemoteProtocolError),
        ("reset_body", httpx.RemoteProtocolError),
    ],
)
def test_broken_connections_are_broken_on_a_real_socket(
    start: Callable[..., Any], fault: str, error: Any
) -> None:
    process, client = start(f"{fault}:1")
    for _ in range(3):
        with pytest.raises(error):
            client.get("/v3/appendix/user_data")
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(10) == 0


def test_impossible_wishes_are_refused_before_anything_runs() -> None:
    with pytest.raises(ValueError, match="must be above zero"):
        serve(speed=0)
    with pytest.raises(ValueError, match="must not be negative"):
        serve(turnaround_s=-1)
