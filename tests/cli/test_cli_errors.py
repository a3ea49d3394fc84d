"""Bad input gets one sentence and a documented exit code; help is useful; good runs load only what they need."""

import errno
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from daemon.cli.main import SECTIONS, _code_of, run
from daemon.cli.main import readyd as group
from ledger import Ledger
from ledger.errors import LedgerError, LedgerUnavailableError, LedgerWriteError, NotALedgerError

Run = Callable[..., Any]
COMMANDS = [command for commands in SECTIONS.values() for command in commands]
READING = (
    ["status"],
    ["tasks"],
    ["show", "x"],
    ["explain", "x"],
    ["alerts"],
    ["export", "--to", "-"],
    ["prioritise", "--tag", "x", "--priority", "2"],
)


def one_sentence(said: Any, code: int) -> None:
    assert said.code == code, said
    assert said.err.startswith("readyd: "), said.err
    assert said.err.count("\n") == 1, said.err
    assert "Traceback" not in said.err
    assert said.out == ""


# help


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.name)
def test_every_command_has_a_useful_help(readyd: Run, command: click.Command) -> None:
    said = readyd(str(command.name), "--help")
    assert said.code == 0
    assert "Examples:\n" in said.out
    assert f"readyd {command.name}" in said.out or "readyd --ledger" in said.out
    described = [one for one in command.params if isinstance(one, click.Option)]
    assert all(one.help for one in described)


def test_the_help_names_every_command_and_every_exit_code(readyd: Run) -> None:
    said = readyd("--help")
    assert said.code == 0
    for command in COMMANDS:
        assert f"  {command.name} " in said.out
    for code in (0, 1, 2, 69, 70, 75, 78, 130):
        assert f" {code}  " in said.out
    assert set(group.commands) == {command.name for command in COMMANDS}


def test_the_version_is_told(readyd: Run) -> None:
    from importlib.metadata import version

    assert readyd("--version").out == f"readyd {version('readyd')}\n"


@pytest.mark.parametrize(
    "words",
    [["nonsense"], ["tasks", "--state", "eaten"], ["tasks", "--limit", "-1"], ["show"], ["show", "a", "b"], ["--nope"],
     ["demo", "--seed", "x"], ["simulate", "--port", "70000"], ["simulate", "--speed", "0"],
     ["simulate", "--speed", "nan"], ["simulate", "--faults", "gremlins"], ["simulate", "--turnaround", "-1"],
     ["export"]],
)  # fmt: skip
def test_wrong_usage_is_exit_code_2_without_a_traceback(readyd: Run, words: list[str]) -> None:
    said = readyd(*words)
    assert said.code == 2
    assert said.err.startswith("readyd: ")
    assert "Traceback" not in said.err
    assert said.err.count("\n") <= 2


# ledgers that are none


def foreign(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("create table t (x)")
    database.close()


LEDGERS: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: None,
    "empty directory": lambda path: path.mkdir(),
    "text": lambda path: path.write_text("hello " * 1000),
    "binary": lambda path: path.write_bytes(os.urandom(5000)),
    "another program's database": foreign,
    "truncated": lambda path: (Ledger.open(path).close(), os.truncate(path, 5000)),
    "damaged": lambda path: (
        Ledger.open(path).close(),
        path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 60000),
    ),
}


@pytest.mark.parametrize("kind", LEDGERS)
@pytest.mark.parametrize("words", READING, ids=lambda words: words[0])
def test_an_unusable_ledger_is_one_sentence_and_78(
    readyd: Run, tmp_path: Path, kind: str, words: list[str]
) -> None:
    path = tmp_path / "some.db"
    LEDGERS[kind](path)
    said = readyd("--ledger", str(path), *words)
    one_sentence(said, 78)
    assert str(path) in said.err


def test_a_missing_ledger_names_the_commands_that_make_one(readyd: Run, tmp_path: Path) -> None:
    said = readyd("--ledger", str(tmp_path / "some.db"), "status")
    assert all(f"`{name}`" in said.err for name in ("readyd run", "record", "post", "adopt"))


@pytest.mark.parametrize("kind", ["empty directory", "text", "another program's database"])
def test_nothing_is_recorded_into_what_is_no_ledger(
    readyd: Run, tmp_path: Path, kind: str, book: Any
) -> None:
    path = tmp_path / "some.db"
    LEDGERS[kind](path)
    before = path.read_bytes() if path.is_file() else None
    said = readyd("--ledger", str(path), "record", stdin="{}")
    one_sentence(said, 78)
    assert before is None or path.read_bytes() == before


@pytest.mark.parametrize(
    "name", ["", "\x00", "/proc/nope/ledger.db", "x" * 5000, "/dev/null/ledger.db", "/dev/null"]
)
def test_an_impossible_name_of_a_ledger_is_one_sentence(readyd: Run, name: str) -> None:
    said = readyd("--ledger", name, "status")
    assert said.code == 78
    assert said.err.startswith("readyd: ")
    assert said.err.count("\n") == 1


def test_a_busy_ledger_is_exit_code_75(readyd: Run, book: Any, monkeypatch: Any) -> None:
    from ledger.errors import LedgerBusyError

    book.post(1)

    def busy(*_: object) -> None:
        raise LedgerBusyError("somebody else has it")

    monkeypatch.setattr("ledger.store.Ledger.record_posted", busy)
    one_sentence(readyd("record", stdin='{"tasks": []}'), 75)


def test_a_second_daemon_is_exit_code_75(readyd: Run, book: Any, monkeypatch: Any) -> None:
    from ledger.lock import DaemonLock

    book.post(1)
    monkeypatch.setenv("DATAFORSEO_LOGIN", "me@example.com")
    monkeypatch.setenv("DATAFORSEO_PASSWORD", "hunter2")
    with DaemonLock(book.path):
        said = readyd("run")
    assert said.code == 75
    assert f"process {os.getpid()}" in said.err
    assert "hunter2" not in said.err


# settings


@pytest.mark.parametrize(
    "text",
    ["share = 'much'", "nonsense = 1", "= [", "lanes = 99999999999999999999999999", "\x00", "ledger = 7"],
)
def test_settings_that_cannot_be_used_are_one_sentence_and_78(readyd: Run, tmp_path: Path, text: str) -> None:
    config = tmp_path / "readyd.toml"
    config.write_text(text)
    one_sentence(readyd("--config", str(config), "status"), 78)
    assert readyd("check", "--config", str(config)).code == 78


def test_a_missing_configuration_is_one_sentence(readyd: Run, tmp_path: Path) -> None:
    one_sentence(readyd("status", "--config", str(tmp_path / "none.toml")), 78)
    one_sentence(readyd("status", "--config", str(tmp_path)), 78)


def test_run_without_credentials_says_what_is_missing(readyd: Run, book: Any) -> None:
    one_sentence(readyd("run"), 78)
    assert "DATAFORSEO_LOGIN" in readyd("run").err


def test_shared_options_may_stand_before_or_after_the_command(readyd: Run, book: Any, tmp_path: Path) -> None:
    book.post(3)
    other = str(tmp_path / "none.db")
    assert readyd("--ledger", other, "tasks").code == 78
    assert readyd("tasks", "--ledger", other).code == 78
    assert readyd("--ledger", other, "tasks", "--ledger", str(book.path)).code == 0


def test_the_configuration_may_be_named_in_the_environment(
    readyd: Run, book: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("READYD_CONFIG", str(tmp_path / "none.toml"))
    said = readyd("status").err
    assert "none.toml" in said
    assert "READYD_CONFIG" in said


# input of record


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"not json", b"\x00\x01\xff" * 50, b"{", b"[]", b"null", b"7", b'"text"', b'{"tasks": null}',
     b'{"tasks": 5}', b'{"tasks": [null, 7, "x", []]}', b"9" * 5000, b"[" * 50_000, b'{"tasks": [{"id": 5}]}',
     b'{"tasks": [{"id": "x", "status_code": 20100}]}', b'{"tasks": [{"id": "a\\u0000b", "status_code": 20100}]}',
     b'{"tasks": [{"id": "x", "status_code": 1e999, "cost": NaN}]}', "ÿþ".encode("utf-16"), b"\xef\xbb\xbf"],
)  # fmt: skip
def test_what_is_no_task_post_answer_is_rejected_with_a_reason(
    readyd: Run, book: Any, content: bytes
) -> None:
    said = readyd("record", stdin=content)
    assert said.code == 1, said
    assert said.err.startswith("readyd: standard input line 1")
    assert "Traceback" not in said.err
    assert readyd("tasks", "--json").json["total"] == 0


@pytest.mark.parametrize("name", ["none.json", ".", "\x00", "x" * 5000])
def test_a_file_that_cannot_be_read_is_one_sentence(
    readyd: Run, tmp_path: Path, monkeypatch: Any, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    one_sentence(readyd("record", name), 2)


# the wall


def test_a_bug_is_a_sentence_and_70_with_the_traceback_on_request(
    readyd: Run, book: Any, monkeypatch: Any
) -> None:
    book.post(1)

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("ledger.reader.Reader.counts", broken)
    one_sentence(readyd("status"), 70)
    assert "ZeroDivisionError: oops" in readyd("status").err
    for said in (readyd("--debug", "status"), readyd("status", "--debug")):
        assert said.code == 70
        assert "in broken" in said.err
    monkeypatch.setenv("READYD_DEBUG", "1")
    assert "in broken" in readyd("status").err


def test_ctrl_c_is_quiet(readyd: Run, book: Any, monkeypatch: Any) -> None:
    book.post(1)

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ledger.reader.Reader.counts", interrupted)
    said = readyd("status")
    assert (said.code, said.out, said.err) == (130, "", "")


def test_a_closed_pipe_is_silent(environ: dict[str, str], book: Any) -> None:
    book.post(900, tag="x" * 200)
    for words in (["tasks"], ["tasks", "--json"]):
        reader, writer = os.pipe()
        process = subprocess.Popen(
            [sys.executable, "-m", "daemon", *words], env=environ, stdout=writer, stderr=subprocess.PIPE
        )
        os.close(writer)
        os.read(reader, 10)
        os.close(reader)
        _, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (141, b"")


def test_a_full_disk_behind_stdout_is_one_sentence(environ: dict[str, str], book: Any) -> None:
    book.post(5)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "daemon", "tasks"],
            env=environ,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 75
    assert done.stderr.startswith(b"readyd: ")
    assert done.stderr.count(b"\n") == 1


def test_sigterm_ends_a_reading_command_like_any_program(environ: dict[str, str], book: Any) -> None:
    book.post(1)
    process = subprocess.Popen([sys.executable, "-m", "daemon", "record"], env=environ, stdin=subprocess.PIPE)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == -signal.SIGTERM
    assert process.stdin is not None
    process.stdin.close()


# what is loaded

HEAVY = (
    "httpx",
    "apscheduler",
    "starlette",
    "uvicorn",
    "time_machine",
    "daemon.simulator",
    "daemon.service",
    "daemon.demo",
)
LOADED = """
import sys
from daemon.cli.main import run
code = run(sys.argv[1:])
print(code, *(name for name in sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "words",
    [
        ["status"],
        ["tasks"],
        ["alerts"],
        ["record"],
        ["check"],
        ["--help"],
        ["prioritise", "--tag", "x", "--priority", "1"],
    ],
    ids=lambda words: words[0],
)
def test_looking_loads_no_network_no_scheduler_no_simulator(
    environ: dict[str, str], book: Any, words: list[str]
) -> None:
    book.post(1)
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *words],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        input="{}",
    )
    loaded = done.stderr.splitlines()[-1].split()
    assert loaded[0] in {"0", "1", "78"}
    assert [
        name for name in loaded if name in HEAVY or name.startswith(tuple(f"{one}." for one in HEAVY))
    ] == []


def test_run_is_what_the_console_script_calls(book: Any, environ: dict[str, str]) -> None:
    from importlib.metadata import entry_points

    from daemon.cli import main

    (script,) = (one for one in entry_points(group="console_scripts") if one.name == "readyd")
    assert script.load() is main
    assert run([]) == 2


def _from(cause: OSError) -> LedgerError:
    error = LedgerError("the lock file cannot be used")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (LedgerWriteError("the disk is full"), 75),
        (LedgerUnavailableError("no descriptor is left"), 75),
        (_from(OSError(errno.ENOSPC, "No space left on device")), 75),
        (_from(OSError(errno.EACCES, "Permission denied")), 78),
        (NotALedgerError("it is a picture"), 78),
    ],
)
def test_a_disk_that_is_full_is_tried_again_and_a_wrong_file_is_not(error: Exception, code: int) -> None:
    # systemd does not restart after 78 (RestartPreventExitStatus): a full disk must never end in it.
    assert _code_of(error) == code
