"""The official client's postback and pingback tasks arrive: from `readyd simulate` to `readyd run`, over loopback."""

import json
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.official

EACH = 12
HOME_BY_POSTBACK = "recorded,postback,postback"
FETCHED_AFTER = {"pingback_url": "recorded,pingback,fetched", "postback_url": "recorded,postback,fetched"}
"""A pingback task; and a postback task that was done before the client's answer was in the ledger."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def test_postbacks_arrive_without_a_get_and_pingbacks_with_one_each(
    simulate: Callable[..., Any],
    readyd: Callable[..., Any],
    official: Callable[..., list[str]],
    begin: Callable[..., Any],
    until: Callable[..., None],
    stop: Callable[..., int],
    tmp_path: Path,
) -> None:
    said = tmp_path / "simulator.log"
    remote = simulate("--seed", "8", "--turnaround", "300", "--speed", "60", "--faults", "none", said=said)
    program = readyd(
        remote,
        READYD_WEBHOOK_LISTEN=f"127.0.0.1:{free_port()}",
        READYD_WEBHOOK_SECRET_FILE=str(tmp_path / "secret"),
    )
    program("webhook-url", "--new-secret")
    urls = {
        f"{kind}back_url": printed(program, "--function", "serp/google/organic", f"--{kind}back")
        for kind in ("ping", "post")
    }
    daemon = begin(program, "run")
    until(lambda: '"webhook.listening"' in program.log(), "the receiver listens")
    ids = {
        name: recorded(program, official(remote, "post", str(EACH), *fields)) for name, fields in urls.items()
    }
    until(lambda: program.collected() == 2 * EACH, "all results are here")
    assert stop(daemon) == 0
    assert stop(remote.process) == 0

    story = dict(
        program.rows(
            "select task_id, group_concat(reason) from (select * from transition order by task_id, rowid)"
            " group by task_id"
        )
    )
    pinged = Counter(story[one] for one in ids["pingback_url"])
    posted = Counter(story[one] for one in ids["postback_url"])
    assert pinged == {FETCHED_AFTER["pingback_url"]: EACH}
    assert posted.keys() <= {HOME_BY_POSTBACK, FETCHED_AFTER["postback_url"]}
    assert posted[HOME_BY_POSTBACK] > EACH / 2
    counted = json.loads(said.read_text().rpartition("counted ")[2])
    assert counted["webhooks_sent"] == 2 * EACH
    assert "webhooks_failed" not in counted
    assert counted["delivered"] == EACH
    assert counted["gets"] == EACH + posted[FETCHED_AFTER["postback_url"]], "one each, none for a postback"
    assert sorted(program.stored()) == sorted(ids["pingback_url"] + ids["postback_url"])


def printed(program: Any, *words: str) -> list[str]:
    """What `readyd webhook-url` prints for people, as fields of a task."""
    lines = program("webhook-url", *words).stdout.splitlines()
    return ["=".join(line.split(None, 1)) for line in lines]


def recorded(program: Any, poster: list[str]) -> list[str]:
    """Let a client post, and record each of its answers as it comes, as in a pipeline of a shell."""
    with subprocess.Popen(poster, stdout=subprocess.PIPE) as posting:
        record = subprocess.run(
            [sys.executable, "-m", "daemon", "record", "--json", "-"],
            env=program.environ,
            stdin=posting.stdout,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert posting.wait(60) == 0
    assert record.returncode == 0, record.stderr
    accepted: list[str] = json.loads(record.stdout)["accepted"]
    assert len(accepted) == EACH
    return accepted
