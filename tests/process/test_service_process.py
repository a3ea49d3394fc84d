"""The real service as a process: signals, pauses, a second one, cron, and a login that is refused."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TASKS = 150
SLOW = {"READYD_GENERAL_LIMIT": "3000"}
"""Fifty GETs a second: the middle of the work lasts long enough to be met."""

FAST = {"READYD_GENERAL_LIMIT": "30000"}

Start = Callable[..., Any]
Until = Callable[[Callable[[], object], str], None]


def outstanding(program: Any) -> set[str]:
    return {row[0] for row in program.rows("select id from task where state in ('posted', 'ready')")}


# signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_in_the_middle_keeps_every_answer_and_the_next_run_fetches_the_rest(
    posted: Start, remote: Any, readyd: Start, begin: Start, until: Until, number: int, stopped: Start
) -> None:
    program = posted(TASKS, **SLOW)
    daemon = begin(program, "run")
    until(lambda: program.collected() >= TASKS // 5, "a part is collected")
    assert stopped(daemon, number) == 0

    done, rest = program.collected(), outstanding(program)
    assert 0 < done < TASKS
    assert len(rest) == TASKS - done
    assert not rest & set(program.stored())
    assert len(program.stored()) == done
    # What the remote handed out is off its list: nothing may be off the list that is not in the ledger.
    until(lambda: len(remote.listed()) <= len(rest), "the list has followed")
    assert remote.listed() == rest
    last = program.events()[-1]
    assert (last["event"], last["abandoned"]) == ("service.stopped", 0)

    daemon = begin(readyd(remote, **FAST), "run")
    until(lambda: program.collected() == TASKS, "the rest is collected")
    assert stopped(daemon, number) == 0
    assert sorted(program.stored()) == sorted(set(program.stored()))
    assert len(program.stored()) == TASKS
    ways = program.rows(
        "select to_state, count(*), count(distinct task_id) from transition group by to_state"
    )
    assert sorted(ways) == [("collected", TASKS, TASKS), ("posted", TASKS, TASKS), ("ready", TASKS, TASKS)]


def test_a_stop_before_the_first_pass_ends_cleanly(
    posted: Start, begin: Start, until: Until, stopped: Start
) -> None:
    program = posted(20)
    daemon = begin(program, "run")
    until(lambda: "service.started" in program.log(), "it is about to begin")
    assert stopped(daemon) == 0
    assert program.events()[-1]["event"] == "service.stopped"
    assert len(program.stored()) == program.collected()


def test_a_stop_while_it_still_starts_leaves_a_sound_ledger(
    posted: Start, begin: Start, until: Until, tmp_path: Path, stopped: Start
) -> None:
    program = posted(20, **FAST)
    lock = tmp_path / "ledger.db.lock"
    for begun in (lambda: True, lambda: lock.exists() and lock.read_text()):
        daemon = begin(program, "run")
        until(begun, "it starts")
        # Before it listens to signals the kernel ends it, which systemd counts as clean as well.
        assert stopped(daemon) in (0, -signal.SIGTERM)
        assert program.rows("pragma integrity_check") == [("ok",)]
    assert "Traceback" not in program.log()
    assert program("run", "--once").returncode == 0
    assert program.collected() == 20


def test_a_stop_ends_in_time_although_the_remote_hangs(
    posted: Start, remote: Any, readyd: Start, begin: Start, until: Until, stopped: Start
) -> None:
    posted(20)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        program = readyd(remote, READYD_BASE_URL=f"http://127.0.0.1:{mute.getsockname()[1]}")
        daemon = begin(program, "run")
        caller, _ = mute.accept()  # it has asked, and nobody will ever answer
        with caller:
            assert stopped(daemon) == 0
    assert len(outstanding(program)) == 20
    assert program.events()[-1]["event"] == "service.stopped"


@pytest.mark.parametrize("words", [("run",), ("run", "--once")])
def test_a_stop_ends_in_time_although_a_directory_hangs(
    remote: Any, readyd: Start, begin: Start, until: Until, tmp_path: Path, words: tuple[str], stopped: Start
) -> None:
    """A pipe that nobody reads lies where the file is written: to open it hangs, as a share does that is gone."""
    settings, out = tmp_path / "readyd.toml", tmp_path / "out"
    settings.write_text(f'[[target]]\nname = "files"\nkind = "directory"\npath = "{out}"\n')
    program = readyd(remote, READYD_CONFIG=str(settings))
    out.mkdir()
    (task_id,) = program.record(remote, 1)
    os.mkfifo(out / f".{task_id}.advanced.1.json.part")
    until(remote.listed, "the task is listed")
    running = begin(program, *words)
    until(lambda: program.collected() and threads(running) > 1, "it hands over, in a thread of its own")
    assert stopped(running) == 0
    assert program.events()[-1]["event"] == "service.stopped"
    assert "Traceback" not in program.log()
    assert program.states() == {"collected": 1}
    assert program.rows("select count(*) from handover") == [(1,)], "it still waits for its target"


def threads(process: subprocess.Popen[str]) -> int:
    return len(list(Path(f"/proc/{process.pid}/task").iterdir()))


def test_a_stop_ends_a_round_in_time_although_the_remote_hangs(
    posted: Start, remote: Any, readyd: Start, begin: Start, stopped: Start
) -> None:
    posted(20)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        program = readyd(remote, READYD_BASE_URL=f"http://127.0.0.1:{mute.getsockname()[1]}")
        running = begin(program, "run", "--once")
        caller, _ = mute.accept()
        with caller:
            assert stopped(running) == 0
    assert len(outstanding(program)) == 20
    assert program.events()[-1]["event"] == "service.stopped"


def test_a_pause_of_the_whole_process_is_survived(
    posted: Start, begin: Start, until: Until, stopped: Start
) -> None:
    program = posted(TASKS, **SLOW)
    daemon = begin(program, "run")
    until(lambda: program.collected() > 0, "it has begun")
    daemon.send_signal(signal.SIGSTOP)
    looks: list[str] = []

    def some_seconds_have_passed() -> bool:
        looks.append(Path(f"/proc/{daemon.pid}/stat").read_text().rpartition(")")[2].split()[0])
        return len(looks) == 40

    until(some_seconds_have_passed, "it was stopped for some seconds")
    assert set(looks[5:]) == {"T"}
    daemon.send_signal(signal.SIGCONT)
    until(lambda: program.collected() == TASKS, "all is collected")
    assert stopped(daemon) == 0
    assert [one for one in program.events() if one["level"] != "info"] == []


# one daemon per ledger, and cron


def test_a_second_daemon_is_refused_and_the_first_goes_on(
    posted: Start, begin: Start, until: Until, stopped: Start
) -> None:
    program = posted(TASKS, **SLOW)
    first = begin(program, "run")
    until(lambda: program.collected() > 0, "the first works")
    for words in (("run",), ("run", "--once")):
        second = program(*words, ok=False)
        assert second.returncode == 75
        assert second.stdout == ""
        (sentence,) = second.stderr.splitlines()
        assert f"process {first.pid}," in sentence
        assert str(program.ledger) in sentence
    assert first.poll() is None
    until(lambda: program.collected() == TASKS, "the first has done it all")
    assert stopped(first) == 0


def test_one_round_for_cron_brings_everything_home(posted: Start) -> None:
    program = posted(TASKS, **FAST)
    assert program("run", "--once").returncode == 0
    assert program.states() == {"collected": TASKS}


@pytest.mark.parametrize("count", [0, 10])
def test_one_round_without_the_remote_says_so_and_changes_nothing(
    remote: Any, readyd: Start, count: int
) -> None:
    program = readyd(remote)
    if count:
        program.record(remote, count)
    with socket.socket() as closed:  # bound and not listening: every connection is refused
        closed.bind(("127.0.0.1", 0))
        cut_off = readyd(remote, READYD_BASE_URL=f"http://127.0.0.1:{closed.getsockname()[1]}")
        done = cut_off("run", "--once", ok=False)
    assert done.returncode == 69
    assert done.stdout == ""
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert any("ConnectError" in str(event.get("problem")) for event in events)
    assert not any("exception" in event for event in events)
    assert program.states() == ({"posted": count} if count else {})


# the account


QUICK_REVIEW = """
from daemon import service
from daemon.cli import main
service.TICKS["review"] = 1
main(["run"])
"""
"""The service as it is, but for reviewing each second instead of each minute."""


def test_a_refused_login_is_an_alert_that_ends_with_the_right_password(
    posted: Start, remote: Any, readyd: Start, begin: Start, until: Until, stopped: Start, stop: Start
) -> None:
    program = posted(20, **FAST, DATAFORSEO_PASSWORD="not-the-one")
    daemon = subprocess.Popen(
        [sys.executable, "-c", QUICK_REVIEW], env=program.environ, stderr=subprocess.DEVNULL, text=True
    )
    try:
        until(lambda: program.rows("select 1 from alert"), "the refusal is an alert")
        (alert,) = open_alerts(program)
        assert (alert["kind"], alert["step"], alert["closed_at"]) == ("account", "critical", None)
        assert alert["command"] == "readyd check --online"
        assert program("check", "--online", ok=False).returncode == 78
        assert program.rows("select kind, closed from alerts") == [("account", "open")]
        assert daemon.poll() is None, "the service goes on"
    finally:
        assert stop(daemon) == 0
    assert len(outstanding(program)) == 20

    pass_time(program, minutes=10)
    right = readyd(remote, **FAST)
    first = begin(right, "run")
    until(lambda: program.collected() == 20, "all is collected")
    assert stopped(first) == 0
    assert len(open_alerts(program)) == 1, "it closes when it has been quiet for a while"
    pass_time(program, minutes=10)
    second = begin(right, "run")
    until(lambda: not open_alerts(program), "the alert is closed")
    assert stopped(second) == 0
    assert program.rows("select kind, closed = 'open' from alerts") == [("account", 0)]
    assert [one["kind"] for one in program.events() if one["event"] == "alert.closed"] == ["account"]


def open_alerts(program: Any) -> list[dict[str, Any]]:
    alerts: list[dict[str, Any]] = json.loads(program("alerts", "--json").stdout)["alerts"]
    return alerts


def pass_time(program: Any, *, minutes: int) -> None:
    """Let time pass in the ledger while nobody works on it: what it remembers becomes that much older."""
    instants = {
        "alert": ("opened_at", "said_at", "quiet_since"),
        "look": ("asked_at", "answered_at", "clear_at"),
        "poll": ("asked_at", "answered_at"),
    }
    sql = ";".join(
        f"update {table} set " + ", ".join(f"{one} = {one} - {minutes * 60_000}" for one in columns)
        for table, columns in instants.items()
    )
    write = "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); d.executescript(sys.argv[2]); d.close()"
    subprocess.run([sys.executable, "-c", write, str(program.ledger), sql], timeout=30, check=True)
