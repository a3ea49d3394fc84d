"""The real service as others see it: systemd, the journal, sqlite3, and whoever looks for a secret."""

import base64
import contextlib
import gzip
import json
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

ROOT = Path(__file__).resolve().parents[2]
FUNCTION = "serp/google/organic"
TASKS = 150
SLOW = {"READYD_GENERAL_LIMIT": "3000"}
FAST = {"READYD_GENERAL_LIMIT": "30000"}
STOPS_WITHIN_S = 10

Start = Callable[..., Any]
Until = Callable[[Callable[[], object], str], None]


# systemd


class Manager:
    """A service manager's end of the notification socket."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(20)

    def hear(self, beginning: str) -> str:
        """Wait for the next message that begins so."""
        while True:
            self.said.append(self._socket.recv(4096).decode())
            if self.said[-1].startswith(beginning):
                return self.said[-1]

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    one = Manager(tmp_path / "notify")
    yield one
    one.close()


def test_systemd_hears_that_it_is_ready_how_it_is_that_it_lives_and_that_it_stops(
    posted: Start, begin: Start, manager: Manager
) -> None:
    program = posted(20, **FAST, NOTIFY_SOCKET=str(manager.path), WATCHDOG_USEC="180000000")
    daemon = begin(program, "run")
    assert manager.hear("") == "READY=1"
    status = manager.hear("STATUS=")
    assert re.fullmatch(r"STATUS=.+; \d+ posted, \d+ ready; \d+ things need attention", status)
    manager.hear("WATCHDOG=1")
    manager.hear("WATCHDOG=1")
    assert "STOPPING=1" not in manager.said
    daemon.send_signal(signal.SIGTERM)
    manager.hear("STOPPING=1")
    assert daemon.wait(STOPS_WITHIN_S) == 0
    assert manager.said.count("READY=1") == 1
    assert all("\n" not in one for one in manager.said)


# logs


PRIORITY_LINE = re.compile(r'<[0-7]>[a-z_]+(\.[a-z_]+)+( [\w.]+=("([^"\\]|\\.)*"|[^\s"=\\]+))*')
LEVELS = {"debug", "info", "warning", "error", "critical"}


@pytest.mark.parametrize("form", ["json", "journal", "to the journal", "console"])
def test_every_line_of_the_log_has_its_form(
    simulate: Start, readyd: Start, begin: Start, until: Until, stopped: Start, form: str
) -> None:
    remote = simulate("--seed", "5", "--turnaround", "1", "--speed", "60", "--faults", "default")
    program = readyd(remote, **FAST, READYD_LOG_LEVEL="debug")
    program.record(remote, 40, tag='a "tag"\nwith = everything\\ \x1b[31m and ü')
    program.environ.update(log_settings(form, program))
    wrong = {**program.environ, "DATAFORSEO_PASSWORD": "wrong"}
    with (program.ledger.parent / "daemon.log").open("a") as log:
        once = [sys.executable, "-m", "daemon", "run", "--once"]
        assert subprocess.run(once, env=wrong, stderr=log, timeout=60, check=False).returncode == 78
    daemon = begin(program, "run")
    until(lambda: program.collected() >= 10, "some are collected")
    assert stopped(daemon) == 0

    text = program.log()
    lines = text.splitlines()
    for event in ("alert.opened", "service.started", "service.stopped"):
        assert event in text
    assert len(lines) >= 4
    assert "Traceback" not in text
    assert "\x1b" not in text
    if form == "json":
        assert all({"at", "level", "event"} <= event.keys() for event in program.events())
        assert {str(event["level"]) for event in program.events()} <= LEVELS
    elif form == "console":
        assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ ", line) for line in lines)
    else:
        assert [line for line in lines if not PRIORITY_LINE.fullmatch(line)] == []
        assert any(line.startswith("<2>alert.opened") for line in lines)


def log_settings(form: str, program: Any) -> dict[str, str]:
    """Choose the form by its setting, or as systemd does: by the stream that is the journal's."""
    if form != "to the journal":
        return {"READYD_LOG_FORMAT": form}
    log = program.ledger.parent / "daemon.log"
    log.touch()
    return {"JOURNAL_STREAM": f"{log.stat().st_dev}:{log.stat().st_ino}"}


# who may read it


README_QUERIES = re.findall(r"^sqlite3 ledger\.db '(.+)'$", (ROOT / "README.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("reader", ["sqlite3", "python"])
def test_other_programs_read_the_ledger_while_the_daemon_works(
    posted: Start, begin: Start, until: Until, stopped: Start, reader: str
) -> None:
    if reader == "sqlite3" and not shutil.which("sqlite3"):
        pytest.skip("there is no sqlite3 command line on this machine")
    program = posted(TASKS, **SLOW)
    daemon = begin(program, "run")
    until(lambda: program.collected() > 0, "it works")
    read = program.read_by_sqlite3 if reader == "sqlite3" else program.read_by_python
    said = {re.findall(r"from (\w+)", sql)[0]: read(program.ledger, sql) for sql in README_QUERIES}
    assert program.collected() < TASKS, "all of it was read in the middle of the work"
    views = {
        "open_tasks",
        "expiring",
        "blocked",
        "recent_transitions",
        "polls",
        "alerts",
        "intents",
        "post_calls",
        "failed_deliveries",
    }
    assert set(said) == {*views, "task"}
    assert sum(int(line.split("|")[1]) for line in said["task"]) == TASKS
    assert all(FUNCTION in line for line in said["open_tasks"])
    assert len(said["open_tasks"]) == len(said["recent_transitions"]) == 20
    assert any("tasks_ready" in line and "|listed|" in line for line in said["polls"])
    assert said["expiring"] == said["blocked"] == said["alerts"] == []
    assert stopped(daemon) == 0
    assert [one for one in program.events() if one["level"] != "info"] == [], "being read hindered nothing"


# secrets


LOGIN, PASSWORD = "canary.login@example.com", 'canary+"pässword"%9'
CANARY_REMOTE = """
import sys
from daemon.simulator.options import AccountOptions, Options, Turnaround
from daemon.simulator.server import serve
account = AccountOptions(logins={sys.argv[1]: sys.argv[2]})
serve(speed=60, options=Options(accounts=(account,), turnaround=Turnaround.around(1)))
"""
"""A remote that takes no login but one that is easily found again."""

TELL = [
    *(["check"], ["check", "--json"], ["check", "--online"], ["status"], ["status", "--json"], ["tasks"]),
    *(["tasks", "--json"], ["alerts", "--all", "--json"], ["run", "--once"]),
]
TELLS_LOGIN = {"check"}
"""Shows each setting with where it comes from, the login too: whose account is it?"""


def disguises(secret: str) -> set[bytes]:
    """Write a secret in every way in which it might slip out."""
    texts = {secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1]}
    raw = {secret.encode(), f"{LOGIN}:{secret}".encode()}
    return {text.encode() for text in texts} | {base64.b64encode(one).rstrip(b"=") for one in raw}


def contents(place: Path) -> Iterator[tuple[str, bytes]]:
    """Read every file below a place as it is, and every result in it inflated."""
    for path in sorted(path for path in place.rglob("*") if path.is_file()):
        name = str(path.relative_to(place))
        yield name, path.read_bytes()
        if path.parent.name == "results" and path.suffix == ".db":
            with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                for task_id, body in database.execute("select task_id, gzip from body"):
                    yield f"{name} {task_id}", gzip.decompress(body)


@pytest.mark.parametrize(
    ("password", "way"),
    [(f"{PASSWORD}-but-wrong", "environment"), (PASSWORD, "credentials")],
    ids=["wrong", "right"],
)
def test_no_secret_is_found_anywhere(
    simulate: Start,
    readyd: Start,
    begin: Start,
    until: Until,
    stopped: Start,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    password: str,
    way: str,
) -> None:
    remote = replace(simulate(LOGIN, PASSWORD, code=CANARY_REMOTE), login=LOGIN, password=PASSWORD)
    program = readyd(remote, READYD_LOG_LEVEL="debug", **FAST, DATAFORSEO_PASSWORD=password)
    if way == "credentials":
        program.environ.update(CREDENTIALS_DIRECTORY=str(handed_over(program, tmp_path_factory.mktemp("c"))))
    ids = program.record(remote, 20)
    until(lambda: len(remote.listed()) == 20, "all tasks are listed")
    daemon = begin(program, "run")
    wrong = password != PASSWORD
    until(
        lambda: "listing.unanswered" in program.log() if wrong else program.collected() == 20,
        "the daemon has done what it can",
    )

    seen = dict(contents(tmp_path))
    assert {"ledger.db", "daemon.log"} <= seen.keys(), (
        "looked at while it runs, with what is not in the file yet"
    )
    seen["arguments"] = Path(f"/proc/{daemon.pid}/cmdline").read_bytes()
    if way == "credentials":
        seen["environment"] = Path(f"/proc/{daemon.pid}/environ").read_bytes()
    assert stopped(daemon) == 0

    shown = [*TELL, ["show", ids[0]], ["show", ids[0], "--json"], ["show", ids[0], "--result"]]
    for words in [*shown, ["export", "--to", str(tmp_path / "out")], ["backup", str(tmp_path / "copy")]]:
        done = program(*words, ok=False)
        assert done.returncode != 70
        text = (done.stdout + done.stderr).encode()
        seen[" ".join(words)] = text.replace(LOGIN.encode(), b"") if words[0] in TELLS_LOGIN else text
    seen.update((f"afterwards {name}", content) for name, content in contents(tmp_path))
    secrets = disguises(password) | {LOGIN.encode()}
    assert [name for name, content in seen.items() if any(secret in content for secret in secrets)] == []


def handed_over(program: Any, directory: Path) -> Path:
    """Take login and password out of the environment and put them where systemd puts credentials."""
    (directory / "dataforseo.login").write_text(program.environ.pop("DATAFORSEO_LOGIN"))
    (directory / "dataforseo.password").write_text(program.environ.pop("DATAFORSEO_PASSWORD"))
    return directory
