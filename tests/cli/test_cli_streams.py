"""Standard streams that are closed (`>&-`): readyd works without them, and no file gets their descriptors."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Shell = Callable[..., subprocess.CompletedProcess[str]]
CLOSED = ("<&-", ">&-", "2>&-", "<&- >&- 2>&-")
LINE = '{"function": "serp/google/organic", "keyword": "tea"}\n'
DESCRIPTORS = """
import json, os, sys
from pathlib import Path
from daemon.cli import main
from ledger.lock import DaemonLock

try:
    main(["--version"])
except SystemExit:
    with DaemonLock(Path(os.environ["READYD_LEDGER"]), 0):
        links = {link.name: os.readlink(link) for link in Path("/proc/self/fd").iterdir() if os.path.lexists(link)}
Path(sys.argv[1]).write_text(json.dumps(links))
"""
"""What SQLite opens would prove nothing: it keeps its own files off these descriptors."""


@pytest.fixture
def shell(environ: dict[str, str]) -> Shell:
    """Run Python by a shell that closes streams; those that it leaves open are kept apart."""

    def call(closed: str, *words: str) -> subprocess.CompletedProcess[str]:
        line = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, *words]
        return subprocess.run(
            line, env=environ, capture_output=True, text=True, input="", timeout=60, check=False
        )

    return call


@pytest.mark.parametrize("closed", CLOSED)
def test_commands_work_without_the_streams_that_are_closed(
    shell: Shell, readyd: Any, book: Any, tmp_path: Path, closed: str
) -> None:
    book.post(2)
    book.alert("critical")
    file = tmp_path / "tasks.jsonl"
    file.write_text(LINE)
    for words, code, told in (
        (["status"], 1, "attention"),
        (["tasks"], 0, "serp/google/organic"),
        (["post", str(file)], 0, "1 task planned"),
        (["show", "nothing"], 2, ""),
    ):
        done = shell(closed, "-m", "daemon", *words)
        assert done.returncode == code, (words, done)
        assert (told in done.stdout) or ">&-" in closed.split(), (words, done)
        assert "bug" not in done.stderr
    assert readyd("status", "--json").json["states"] == {"planned": 1, "posted": 2}


@pytest.mark.parametrize("closed", CLOSED)
def test_no_file_gets_the_descriptor_of_a_closed_stream(
    shell: Shell, book: Any, tmp_path: Path, closed: str
) -> None:
    book.post(1)
    said = tmp_path / "descriptors.json"
    shell(closed, "-c", DESCRIPTORS, str(said))
    links = json.loads(said.read_text())
    numbers = [
        number for number, sign in (("0", "<&-"), ("1", ">&-"), ("2", "2>&-")) if sign in closed.split()
    ]
    assert {links[number] for number in numbers} == {"/dev/null"}
    lock = [int(number) for number, link in links.items() if link == f"{book.path}.lock"]
    assert len(lock) == 1, "it was open"
    assert lock[0] > 2


@pytest.mark.parametrize("command", ["record", "post"])
def test_a_closed_standard_input_is_no_empty_one(shell: Shell, book: Any, command: str) -> None:
    batch = ("--batch", "b") if command == "post" else ()
    done = shell("<&-", "-m", "daemon", command, *batch, "-")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "readyd: standard input is closed, so there is nothing to read; name a file, or pipe something in\n"
    )
    assert not book.path.exists()


def test_the_daemon_runs_without_standard_streams(
    shell: Shell, readyd: Any, book: Any, environ: dict[str, str]
) -> None:
    book.post(1)
    environ |= {"READYD_BASE_URL": "http://127.0.0.1:9", "DATAFORSEO_LOGIN": "me", "DATAFORSEO_PASSWORD": "x"}
    done = shell("<&- >&- 2>&-", "-m", "daemon", "run", "--once")
    assert done.returncode == 69
    assert readyd("tasks", "--json").json["total"] == 1
