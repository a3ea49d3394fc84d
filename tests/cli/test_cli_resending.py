"""`readyd resend`: which tasks are asked for, what the remote said of each, and how that is told."""

import base64
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ledger import Ledger
from ledger.failure_records import DeliveryFailure
from ledger.records import Webhook
from ledger.times import HOUR_MS

Run = Callable[..., Any]
SECRET = "q7Zt_Lr2-0aXvBn4mK8sWd1eRf5gTh6yUj3iOp9lPqA"
HOOK = {"postback_url": f"https://hooks.example/hook/{SECRET}", "postback_data": "advanced"}
WAIT_S = 30


class Receiver:
    """A server of the user's that answers every delivery with an error, and shows what came."""

    def __init__(self) -> None:
        came = self.came = queue.Queue[str]()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self.send_error(500, "Out of order")
                came.put(self.path)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/{SECRET}?id=$id"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.close()


class Remote:
    """A simulated remote, served by the command itself; its time runs a thousand times as fast."""

    def __init__(self) -> None:
        words = ["simulate", "--seed", "3", "--turnaround", "1", "--speed", "1000"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "daemon", *words],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": ""},
        )
        assert self.process.stdout is not None
        self.url, login, password = self.process.stdout.readline().split()
        self.login, self.password = login.removeprefix("login="), password.removeprefix("password=")

    def post(self, count: int, **fields: str) -> bytes:
        """Post tasks and return the answer."""
        account = base64.b64encode(f"{self.login}:{self.password}".encode()).decode()
        tasks = [
            {"keyword": f"k{n}", "location_code": 2840, "language_code": "en", **fields} for n in range(count)
        ]
        request = urllib.request.Request(
            f"{self.url}/v3/serp/google/organic/task_post",
            json.dumps(tasks).encode(),
            {"authorization": f"Basic {account}"},
        )
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            return bytes(answer.read())

    def close(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(15)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def remote(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    one = Remote()
    monkeypatch.setenv("READYD_BASE_URL", one.url)
    monkeypatch.setenv("DATAFORSEO_LOGIN", one.login)
    monkeypatch.setenv("DATAFORSEO_PASSWORD", one.password)
    yield one
    one.close()


def record(book: Any, answer: bytes) -> list[str]:
    with Ledger.open(book.path) as ledger:
        return list(ledger.record_posted(answer).accepted)


def explain(book: Any, task_id: str, hours_ago: float = 1, **changes: Any) -> None:
    """Let the ledger know why a delivery failed."""
    fields = {"webhook": Webhook.POSTBACK, "host": "hooks.example", "http_code": 500, "took_ms": 350}
    fields |= {"answer": "Out of order", "code": None, "message": None, **changes}
    with Ledger.open(book.path) as ledger:
        assert ledger.failures.record([DeliveryFailure(task_id, at=book.ago(hours_ago), **fields)])


def test_the_remote_delivers_again_and_says_so_of_each_task(
    readyd: Run, book: Any, remote: Remote, receiver: Receiver
) -> None:
    ids = record(book, remote.post(2, postback_url=receiver.url, postback_data="advanced"))
    (mute,) = record(book, remote.post(1))
    first = {receiver.came.get(timeout=WAIT_S) for _ in ids}
    assert first == {f"/{SECRET}?id={one}" for one in ids}
    said = readyd("resend", *ids, mute)
    assert said.code == 1, "one of them has no webhook"
    assert said.out.count("its postback goes out again") == 2
    assert "left alone: posted without a webhook" in said.out
    assert "2 webhooks go out again, of 3 tasks" in said.out
    assert {receiver.came.get(timeout=WAIT_S) for _ in ids} == first
    for one in ids:
        explain(book, one)
    failed = readyd("resend", "--failed", "--json").json
    assert [(one["id"], one["accepted"], one["code"]) for one in failed["tasks"]] == [
        (one, True, 20000) for one in sorted(ids)
    ]
    assert {receiver.came.get(timeout=WAIT_S) for _ in ids} == first
    assert SECRET not in said.out + said.err + str(failed)


def test_a_hundred_tasks_are_asked_for_in_one_call(readyd: Run, book: Any, remote: Remote) -> None:
    ids = record(book, remote.post(100, pingback_url="http://127.0.0.1:9/x"))
    ids += record(book, remote.post(30, pingback_url="http://127.0.0.1:9/x"))
    assert readyd("resend", *ids, "--json").json["calls"] == 2


def test_what_the_remote_refuses_is_told_with_its_code(readyd: Run, book: Any, remote: Remote) -> None:
    (stranger,) = book.post(1, **HOOK)
    said = readyd("resend", stranger)
    assert said.code == 1
    assert "refused: 40401 Task Not Found." in said.out
    assert "0 webhooks go out again, of 1 task" in said.out


def test_without_a_remote_nothing_is_claimed(
    readyd: Run, book: Any, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = book.post(1, **HOOK)
    monkeypatch.setenv("READYD_BASE_URL", "http://127.0.0.1:9")
    assert readyd("resend", one).code == 78, "no credentials"
    monkeypatch.setenv("DATAFORSEO_LOGIN", "me@example.org")
    monkeypatch.setenv("DATAFORSEO_PASSWORD", "secret password")
    said = readyd("resend", one)
    assert said.code == 69
    assert "not asked for" in said.out
    assert "brought no whole answer" in said.err


def test_a_rehearsal_needs_no_remote_and_shows_who_would_be_asked_for(readyd: Run, book: Any) -> None:
    hooked, old = book.post(2, **HOOK)
    (plain,) = book.post(1)
    explain(book, hooked)
    explain(book, old, hours_ago=30)
    said = readyd("resend", "--failed", "--dry-run")
    assert said.code == 0
    assert f"{hooked}  posted  would be asked for (postback)" in said.out
    assert old not in said.out
    assert "1 task would be asked for; nothing was sent" in said.out
    assert old in readyd("resend", "--failed", "--since", "2d", "--dry-run").out
    assert readyd("resend", plain, "--dry-run").code == 1
    none = readyd("resend", "--failed", "--since", "5m", "--dry-run")
    assert (none.code, "no delivery is known to have failed since " in none.out) == (0, True)


def test_a_planned_task_is_left_alone(readyd: Run, book: Any) -> None:
    task = {"function": "serp/google/organic", "keyword": "k", **HOOK}
    with Ledger.open(book.path) as ledger:
        ledger.plan([task], "b", now=book.now - HOUR_MS)
    (planned,) = (one["id"] for one in readyd("tasks", "--json").json["tasks"])
    said = readyd("resend", planned)
    assert said.code == 1
    assert "left alone: not posted: it is planned" in said.out


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ((), "name tasks by ID"),
        (("--failed", "1123"), "not both"),
        (("1123", "--since", "3d"), "--since goes with --failed"),
        (("--failed", "--since", "soon"), "soon"),
        (("9999",), "no task in the ledger has an id that begins with"),
    ],
)
def test_what_cannot_be_meant_is_said_in_a_sentence(
    readyd: Run, book: Any, words: tuple[str, ...], problem: str
) -> None:
    book.post(1)
    said = readyd("resend", *words)
    assert said.code == 2
    assert problem in said.err + said.out


# readyd explain -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "hooks.example answered HTTP 500 after 0.35 s and said 'Out of order'."),
        ({"http_code": None, "took_ms": 10_000, "answer": None}, "hooks.example gave no answer after 10 s."),
        (
            {"http_code": None, "took_ms": None, "answer": None, "host": None, "message": "no\x1broute"},
            "its receiver gave no answer (no\ufffdroute).",
        ),
    ],
)
def test_explain_tells_who_answered_what_and_when(
    readyd: Run, book: Any, changes: dict[str, Any], sentence: str
) -> None:
    (one,) = book.post(1, **HOOK)
    book.look([one])
    before = " ".join(readyd("explain", one, "--json").json["known"])
    assert "Why the delivery failed is not known" in before
    explain(book, one, **changes)
    known = " ".join(readyd("explain", one, "--json").json["known"])
    assert "The postback failed at " in known
    assert ", 1h ago: " + sentence in known
    assert "`readyd resend ID` lets the remote deliver it once more." in known
    assert "not known" not in known


def test_explain_says_nothing_of_deliveries_that_did_not_fail(readyd: Run, book: Any) -> None:
    (one,) = book.post(1, **HOOK)
    assert "failed at" not in readyd("explain", one).out
    assert "Why the delivery" not in readyd("explain", one).out
