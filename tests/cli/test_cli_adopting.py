"""`readyd adopt`: what other software posted on the account, shown and taken in."""

import base64
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.fixture
def remote(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve a simulated remote with the command itself, on which somebody posted."""
    process = subprocess.Popen(
        [sys.executable, "-m", "daemon", "simulate", "--seed", "3"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
    )
    assert process.stdout is not None
    try:
        url, login, password = process.stdout.readline().split()
        login, password = login.removeprefix("login="), password.removeprefix("password=")
        monkeypatch.setenv("READYD_BASE_URL", url)
        monkeypatch.setenv("DATAFORSEO_LOGIN", login)
        monkeypatch.setenv("DATAFORSEO_PASSWORD", password)
        _post(url, f"{login}:{password}")
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(15)
        process.stdout.close()


def _post(url: str, account: str) -> None:
    tasks = [
        {"keyword": f"k{n}", "location_code": 2840, "language_code": "en", "tag": tag}
        for n, tag in enumerate(["nightly:1", "nightly:1", "nightly:2", "other"])
    ]
    request = urllib.request.Request(
        f"{url}/v3/serp/google/organic/task_post",
        json.dumps(tasks).encode(),
        {"authorization": "Basic " + base64.b64encode(account.encode()).decode()},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert json.load(answer)["tasks_error"] == 0


def test_what_would_be_taken_is_shown_and_then_taken_and_twice_changes_nothing(
    readyd: Run, remote: str
) -> None:
    words = ("adopt", "--since", "1h", "--function", "serp/*", "--tag", "nightly:*")
    shown = readyd(*words, "--dry-run")
    assert shown.code == 0
    assert "3 tasks would be taken, 0 known already, 1 foreign" in shown.out
    assert "not taken: foreign, no rule matches" in shown.out
    assert readyd("tasks", "--json").json["tasks"] == []
    taken = readyd(*words, "--json").json
    assert (taken["taken"], taken["known"], taken["foreign"]) == (3, 0, 1)
    kept = readyd("tasks", "--json").json["tasks"]
    assert sorted(one["tag"] for one in kept) == ["nightly:1", "nightly:1", "nightly:2"]
    assert sorted(taken["ids"]) == sorted(one["id"] for one in kept)
    again = readyd(*words)
    assert "0 tasks taken, 3 known already, 1 foreign" in again.out
    assert "adopt" in readyd("explain", taken["ids"][0]).out


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ((), "nothing says which tasks to take"),
        (("--tag", ""), "an empty tag matches nothing"),
        (("--tag", "x", "--since", "90d"), "more than 30 days ago"),
        (("--tag", "x", "--since", "soon"), "soon"),
        (("--tag", "x", "--api", "nonsense"), "ai_optimization (named by the help center only)"),
        (("--function", "serp/*", "--api", "merchant"), "no rule matches any function of merchant"),
    ],
)
def test_what_cannot_be_meant_is_said_in_a_sentence_before_a_ledger_is_made(
    readyd: Run, book: Any, words: tuple[str, ...], problem: str
) -> None:
    said = readyd("adopt", *words)
    assert said.code == 2
    assert problem in said.err + said.out
    assert not book.path.exists()


@pytest.mark.parametrize("dry_run", [(), ("--dry-run",)], ids=["for real", "dry"])
def test_a_remote_that_is_away_promises_nothing_and_names_no_task_that_was_not_taken(
    readyd: Run, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, dry_run: tuple[str, ...]
) -> None:
    monkeypatch.setenv("DATAFORSEO_LOGIN", "sim@readyd.local")
    monkeypatch.setenv("DATAFORSEO_PASSWORD", "simulate")
    monkeypatch.setenv("READYD_BASE_URL", "http://127.0.0.1:1")
    said = readyd("adopt", "--since", "1h", "--tag", "x", "--api", "serp", *dry_run)
    assert said.code == 69
    assert said.err.endswith("; give the command again later\n")
