"""`check`, `simulate` and `demo`: what they say before, while and after they work."""

import dataclasses
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from daemon.cli import live
from daemon.cli.layout import cells
from daemon.cli.options import Shared, WrongUseError
from daemon.cli.render import Screen
from daemon.cli.running import MARK, _stage
from daemon.demo_records import DemoFrame, DemoSummary

Run = Callable[..., Any]
FRAME = DemoFrame(
    at=1_795_442_520_000,
    hour=30.5,
    counts={
        "serp/google/organic": {"posted": 1150, "ready": 3, "collected": 2400},
        "keywords_data/google_ads/search_volume": {"posted": 1, "collected": 20, "lost": 1},
    },
    bands={"fresh": 1000, "expiring": 150, "urgent": 3, "critical": 0, "past": 0},
    alerts=tuple(
        f"expiring (urgent): many tasks of function number {number}, " + "x" * 200 for number in range(5)
    ),
    events=tuple(f"2026-11-03 08:14:3{number}Z [warning] alert.repeated " + "y" * 300 for number in range(6)),
    gets_per_min=118.4,
)
SUMMARY = DemoSummary(
    simulated_hours=72.0,
    wall_seconds=41.5,
    posted=4865,
    collected=4581,
    failed=108,
    delivered=176,
    lost=0,
    expired_unseen=0,
    foreign_collected=0,
    polls=2322,
    gets=5176,
    throttled=0,
    window_saturated_times=2,
    done_in_outage=1303,
    done_in_outage_exact=1303,
    exact_after_outage_min=2.1,
    alerts_opened=8,
    alerts_closed=8,
    important_wait_mean_s=2.0,
    other_wait_mean_s=None,
    ledger="/somewhere/with blanks/ledger.db",
)


# check


def outcomes(said: Any) -> dict[str, str]:
    return {one["topic"]: one["outcome"] for one in said.json["checks"]}


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAFORSEO_LOGIN", "sim@readyd.local")
    monkeypatch.setenv("DATAFORSEO_PASSWORD", "simulate")


def test_a_good_place_is_ok(readyd: Run, book: Any, credentials: None) -> None:
    book.post(3)
    said = readyd("check", "--json")
    assert said.code == 0
    assert outcomes(said) == dict.fromkeys(
        ["settings", "credentials", "ledger", "engine", "daemon", "names"], "ok"
    )
    assert "3 tasks" in readyd("check").out


def test_every_setting_is_shown_with_its_source_and_no_secret(
    readyd: Run, book: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATAFORSEO_PASSWORD", "hunter2")
    said = readyd("check", "--json")
    settings = {one["name"]: one for one in said.json["settings"]}
    assert settings["ledger"]["source"] == "environment variable READYD_LEDGER"
    assert settings["password"]["value"] == "***"
    assert "hunter2" not in said.out + readyd("check").out


def test_a_ledger_that_is_not_there_yet_is_ok_where_it_can_be_made(
    readyd: Run, book: Any, credentials: None
) -> None:
    said = readyd("check", "--json")
    assert (said.code, outcomes(said)["engine"]) == (0, "ok")
    assert not book.path.parent.exists()
    said = readyd("check", "--ledger", "/dev/null/ledger.db", "--json")
    assert said.code == 78
    assert outcomes(said)["ledger"] == "fail"


def test_missing_credentials_and_a_broken_ledger_are_both_named(readyd: Run, book: Any) -> None:
    book.path.parent.mkdir()
    book.path.write_text("no ledger")
    said = readyd("check", "--json")
    assert said.code == 78
    assert (outcomes(said)["credentials"], outcomes(said)["ledger"]) == ("fail", "fail")


def test_a_variable_that_sets_nothing_needs_attention(
    readyd: Run, book: Any, credentials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("READYD_LANE", "3")
    said = readyd("check")
    assert said.code == 1
    assert "READYD_LANES" in said.out


WEBHOOK = '[webhook]\nlisten = "127.0.0.1:8470"\n'


def checked(readyd: Run, tmp_path: Path, text: str) -> Any:
    """Check a configuration of this text."""
    file = tmp_path / "readyd.toml"
    file.write_text(text)
    return readyd("check", "--json", "--config", str(file))


def detail(said: Any, topic: str) -> str:
    return " ".join(one["detail"] for one in said.json["checks"] if one["topic"] == topic)


def test_a_receiver_without_a_secret_is_found_before_run_refuses_it(
    readyd: Run, book: Any, credentials: None, tmp_path: Path
) -> None:
    said = checked(readyd, tmp_path, WEBHOOK)
    assert (said.code, outcomes(said)["webhook"]) == (78, "fail")
    assert "webhook.secret_file" in detail(said, "webhook")
    named = WEBHOOK + 'secret_file = "secret"\n'
    said = checked(readyd, tmp_path, named)
    assert (said.code, outcomes(said)["webhook"]) == (78, "fail")
    secret = "s" * 43
    (tmp_path / "secret").write_text(secret)
    (tmp_path / "secret").chmod(0o600)
    said = checked(readyd, tmp_path, named)
    assert (said.code, outcomes(said)["webhook"]) == (0, "ok")
    assert "1 secret" in detail(said, "webhook")
    assert secret not in said.out


def test_targets_that_cannot_take_results_are_found(
    readyd: Run, book: Any, credentials: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "results"
    files = f'[[target]]\nname = "files"\nkind = "directory"\npath = "{place}"\n'
    said = checked(readyd, tmp_path, files)
    assert (said.code, outcomes(said)["targets"]) == (1, "warn")
    assert "files" in detail(said, "targets")
    assert not place.exists()
    place.mkdir()
    said = checked(readyd, tmp_path, files)
    assert (said.code, detail(said, "targets")) == (0, "1 target: files")
    assert not list(place.iterdir())
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    lake = '[[target]]\nname = "lake"\nkind = "object"\nurl = "s3://bucket/prefix"\n'
    said = checked(readyd, tmp_path, files + lake)
    assert (said.code, outcomes(said)["targets"]) == (78, "fail")
    assert detail(said, "targets").startswith("lake: an object target needs obstore")


def test_another_package_of_our_name_is_found(
    readyd: Run, book: Any, credentials: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = tmp_path / "site" / "python_daemon-3.1.2.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: python-daemon\nVersion: 3.1.2\n")
    (about / "top_level.txt").write_text("daemon\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    said = readyd("check")
    assert said.code == 78
    assert "python-daemon installs a package daemon too" in said.out


@pytest.fixture(scope="module")
def simulator() -> Iterator[tuple[str, str, str]]:
    """Serve a simulated remote with the command itself; its URL, login and password."""
    process = subprocess.Popen(
        [sys.executable, "-m", "daemon", "simulate", "--seed", "3", "--speed", "60"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
    )
    assert process.stdout is not None
    url, login, password = process.stdout.readline().split()
    yield url, login.removeprefix("login="), password.removeprefix("password=")
    process.send_signal(signal.SIGINT)
    assert process.wait(15) == 0
    process.stdout.close()


def test_the_account_is_asked_online(
    readyd: Run, book: Any, simulator: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, login, password = simulator
    monkeypatch.setenv("READYD_BASE_URL", url)
    monkeypatch.setenv("DATAFORSEO_LOGIN", login)
    monkeypatch.setenv("DATAFORSEO_PASSWORD", password)
    said = readyd("check", "--online")
    assert said.code == 0
    assert "2,000 calls a minute, 20 of them for Tasks Ready; balance 1,000.00 USD" in said.out
    monkeypatch.setenv("DATAFORSEO_PASSWORD", "wrong")
    refused = readyd("check", "--online")
    assert refused.code == 78
    assert "DATAFORSEO_PASSWORD" in refused.out
    assert "wrong" not in refused.out


def test_a_remote_that_is_not_there_is_69(
    readyd: Run, book: Any, credentials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("READYD_BASE_URL", "http://127.0.0.1:1")
    assert readyd("check", "--online").code == 69
    monkeypatch.setenv("READYD_BASE_URL", "http://example.com")
    said = readyd("check", "--online", "--json")
    assert (said.code, outcomes(said)["settings"]) == (78, "fail")


@pytest.mark.parametrize(
    ("where", "password", "code"), [(None, None, 0), (None, "wrong", 78), ("http://127.0.0.1:1", None, 69)]
)
def test_one_round_tells_a_refused_login_from_a_remote_that_is_not_there(
    process: Run,
    environ: dict[str, str],
    simulator: tuple[str, str, str],
    where: str | None,
    password: str | None,
    code: int,
) -> None:
    url, login, right = simulator
    environ |= {"READYD_BASE_URL": where or url, "DATAFORSEO_LOGIN": login}
    environ["DATAFORSEO_PASSWORD"] = password or right
    assert process("run", "--once").returncode == code


# simulate


def test_a_taken_port_is_one_sentence(readyd: Run, simulator: tuple[str, str, str]) -> None:
    port = simulator[0].rpartition(":")[2]
    said = readyd("simulate", "--port", port)
    assert said.code == 2
    assert f"port {port} cannot be used" in said.err


@pytest.mark.parametrize("wrong", ["gremlins", "conect_error"])
def test_a_wrong_fault_lists_those_there_are_once(readyd: Run, wrong: str) -> None:
    said = readyd("simulate", "--faults", wrong).err
    assert "are none, default, connect_error, " in said
    assert said.count("reset_body") == 1


# demo


def drawn(frame: DemoFrame, width: int) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=width, force_terminal=True, no_color=True, markup=False).print(
        live.picture(frame, width)
    )
    return [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("width", [80, 200])
def test_a_frame_fits_a_terminal_of_24_lines(width: int) -> None:
    functions = {
        f"business_data/google/function_{number}": {"posted": 10**4, "blocked": 10**3} for number in range(9)
    }
    lines = drawn(dataclasses.replace(FRAME, counts=functions), width)
    assert len(lines) <= 24
    assert all(cells(line) <= width for line in lines)
    text = "\n".join(lines)
    assert "day 2, 06:30" in text
    assert "90,000" in text
    assert "2 more alerts" in text
    assert "118 GETs a minute" in text


def test_a_frame_of_the_first_moment_and_of_long_after_the_end_can_be_drawn() -> None:
    empty = DemoFrame(at=0, hour=0.0, counts={})
    assert drawn(empty, 80)
    assert drawn(dataclasses.replace(FRAME, hour=200.0), 80)
    assert drawn(dataclasses.replace(FRAME, events=("\x1b]0;evil\x07",)), 80)


def test_a_pipe_gets_one_line_per_simulated_hour(capsys: pytest.CaptureFixture[str]) -> None:
    with live.shown(Shared(), quiet=False) as progress:
        for tenth in range(35):
            progress(dataclasses.replace(FRAME, hour=tenth / 10))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["0", "1", "2", "3"]
    assert "1,151 posted, 3 ready, 0 blocked, 2,420 collected" in lines[0]


def test_progress_never_reaches_the_output_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    with live.shown(Shared(), quiet=True) as progress:
        progress(FRAME)
    assert capsys.readouterr() == ("", "")


def test_the_summary_is_told_for_people_and_whole_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    live.tell(Screen(terminal=False, width=80), SUMMARY)
    said = capsys.readouterr().out
    assert "every result came home" in said
    assert "important 2.0s, other none on average" in said
    assert (
        "1,303 tasks completed meanwhile; 2m 6s after its end the ledger knew of each of them exactly" in said
    )
    assert "--ledger '/somewhere/with blanks/ledger.db' status" in said
    assert list(json.loads(json.dumps(SUMMARY.as_json()))) == [
        "simulated_hours",
        "wall_seconds",
        "posted",
        "collected",
        "failed",
        "delivered",
        "lost",
        "expired_unseen",
        "foreign_collected",
        "polls",
        "gets",
        "throttled",
        "window_saturated_times",
        "done_in_outage",
        "done_in_outage_exact",
        "exact_after_outage_min",
        "alerts_opened",
        "alerts_closed",
        "important_wait_mean_s",
        "other_wait_mean_s",
        "ledger",
    ]


@pytest.mark.parametrize(
    "wrong", [{"lost": 1}, {"collected": 4580}, {"expired_unseen": 1}, {"foreign_collected": 1}]
)
def test_a_summary_with_a_loss_is_not_complete(
    wrong: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert SUMMARY.complete
    bad = dataclasses.replace(SUMMARY, **wrong)
    assert not bad.complete
    live.tell(Screen(terminal=False, width=80), bad)
    assert "something is missing" in capsys.readouterr().out


def test_completions_that_were_never_known_exactly_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    bad = dataclasses.replace(SUMMARY, done_in_outage_exact=1296, exact_after_outage_min=None)
    live.tell(Screen(terminal=False, width=80), bad)
    assert (
        "1,303 tasks completed meanwhile; of 1,296 the ledger knows exactly when" in capsys.readouterr().out
    )


def test_a_demo_replaces_an_earlier_demo_and_nothing_else(tmp_path: Path) -> None:
    stage = _stage(tmp_path / "a" / "b")
    (stage / "ledger.db").write_text("old")
    assert [path.name for path in _stage(stage).iterdir()] == [MARK]
    precious = tmp_path / "precious"
    precious.mkdir()
    assert _stage(precious) == precious, "an empty directory is nobody's"
    (precious / MARK).unlink()
    (precious / "thesis.txt").write_text("years")
    with pytest.raises(WrongUseError, match="no demo made it"):
        _stage(precious)
    assert (precious / "thesis.txt").read_text() == "years"


def test_a_place_where_no_demo_can_be_kept_is_one_sentence(readyd: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below", "/proc/nope"):
        said = readyd("demo", "--keep", str(place))
        assert said.code == 2, said
        assert said.err.count("\n") == 1
