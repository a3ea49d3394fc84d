"""Made-up secrets on every way through real processes: none is found in what was said, written or handed over."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.process import canaries
from tests.process.canaries import HOOK, LOGIN, PASSWORD, WRONG_PASSWORD, found_in, found_under

REMOTE = f"""
from daemon.simulator import server
from daemon.simulator.options import AccountOptions, Options, Turnaround
server.LOGIN, server.PASSWORD = {LOGIN!r}, "elsewhere"
accounts = (AccountOptions(logins={{{LOGIN!r}: {PASSWORD!r}}}),)
server.serve(port=0, seed=5, speed=60, options=Options(accounts=accounts, turnaround=Turnaround.around(1)))
"""

BROKEN = """
import sys
from daemon.cli import main
from daemon.passes import audit, collect, review
from daemon.passes.handover import HandOver
from ledger.reader import Reader

def broken(what):
    def fail(self, *args, **more):
        from os import environ
        from tests.process import canaries
        said = " ".join(f"{name}: {secret} " for name, secret in canaries.SECRETS.items())
        raise RuntimeError(f"{what} met {said}") from ValueError(repr(canaries.PASSWORD))
    return fail

async def broken_run(self, *args, **more):
    broken("a pass")(self)

if "audit" in sys.argv[1]: audit.Auditor.run = broken_run
if "collect" in sys.argv[1]: collect.Collector._path_of = broken("a GET")
if "handover" in sys.argv[1]: HandOver.run = broken_run
if "reader" in sys.argv[1]: Reader.counts = broken("a command")
if "unmasked" in sys.argv[1]:
    from daemon import logs_text
    logs_text.Hidden.out_of = lambda self, text: text
sys.argv[1:] = sys.argv[2:]
main()
"""
"""readyd with bugs: each raises what holds every secret there is."""

SECRET_FILES = ("readyd.toml", "hook-secret", "dataforseo.login", "dataforseo.password", "password")


@pytest.fixture
def remote(simulate: Callable[..., Any]) -> Any:
    there = simulate(code=REMOTE)
    return replace(there, login=LOGIN, password=PASSWORD)


@pytest.fixture
def stage(tmp_path: Path, remote: Any, readyd: Callable[..., Any]) -> Callable[..., Any]:
    """A program whose every secret is a canary; the password comes from `place`."""

    def prepare(place: str, *, log_format: str = "json", password: str = PASSWORD, base_url: str = "") -> Any:
        (tmp_path / "hook-secret").write_text(f"{HOOK}\n")
        (tmp_path / "hook-secret").chmod(0o600)
        (tmp_path / "out").mkdir(exist_ok=True)
        (tmp_path / "readyd.toml").write_text(config(tmp_path, log_format))
        program = readyd(
            remote,
            READYD_CONFIG=str(tmp_path / "readyd.toml"),
            AWS_ACCESS_KEY_ID="canary-id",
            AWS_SECRET_ACCESS_KEY=canaries.STORE_KEY,
            AWS_ENDPOINT="http://127.0.0.1:9",
            AWS_ALLOW_HTTP="true",
            AWS_REGION="eu-central-1",
            HTTPS_PROXY=f"http://me:{canaries.PROXY_PASSWORD}@127.0.0.1:9",
            **({"READYD_BASE_URL": base_url} if base_url else {}),
        )
        keep_password(tmp_path, place, password, program.environ)
        return program

    return prepare


def config(directory: Path, log_format: str) -> str:
    query = canaries.quote(canaries.QUERY_TOKEN, safe="")
    return f"""
log_level = "debug"
log_format = "{log_format}"
[webhook]
listen = "127.0.0.1:0"
secret_file = "{directory}/hook-secret"
public_url = "https://hooks.example"
[[target]]
name = "files"
kind = "directory"
path = "{directory}/out"
[[target]]
name = "shop"
kind = "http"
url = "https://127.0.0.1:9/in/{canaries.PATH_TOKEN}/$id?key={query}"
[[target]]
name = "store"
kind = "object"
url = "s3://bucket/prefix"
"""


def keep_password(directory: Path, place: str, password: str, environ: dict[str, str]) -> None:
    """Put login and password where `place` says, and nowhere else."""
    environ["DATAFORSEO_PASSWORD"] = password
    if place == "environment":
        return
    del environ["DATAFORSEO_PASSWORD"]
    if place == "file":
        (directory / "password").write_text(password)
        (directory / "password").chmod(0o600)
        text = (directory / "readyd.toml").read_text()
        (directory / "readyd.toml").write_text(f'password_file = "{directory}/password"\n{text}')
        return
    del environ["DATAFORSEO_LOGIN"]
    credentials = directory / "credentials"
    credentials.mkdir()
    (credentials / "dataforseo.login").write_text(LOGIN)
    (credentials / "dataforseo.password").write_text(password)
    environ["CREDENTIALS_DIRECTORY"] = str(credentials)


def everything_said(program: Any, *commands: tuple[str, ...]) -> set[str]:
    """Run commands, and name the secrets in what they said."""
    found: set[str] = set()
    for words in commands:
        done = program(*words, ok=False)
        found |= found_in(f"readyd {' '.join(words)}", (done.stdout + done.stderr).encode())
    return found


def seen_from_outside(pid: int) -> bytes:
    """The command line of a process; everybody on the machine may read it."""
    return Path(f"/proc/{pid}/cmdline").read_bytes()


COMMANDS = (
    ("status",), ("status", "--json"), ("tasks",), ("tasks", "--json"), ("alerts", "--json"), ("check",),
    ("check", "--json"), ("check", "--online"), ("targets",), ("targets", "--json"), ("spend", "--json"),
    ("run", "--once"),
    ("tasks", "--no-such-option"), ("show", "no-such-task"), ("--ledger", "/no/such/ledger.db", "status"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("place", "log_format"), [("environment", "json"), ("file", "journal"), ("credentials", "console")]
)
def test_no_secret_is_said_written_or_handed_over(
    stage: Any, begin: Any, stopped: Any, until: Any, tmp_path: Path, remote: Any, place: str, log_format: str
) -> None:
    program = stage(place, log_format=log_format)
    program.record(remote, 12)
    process = begin(program, "run")
    until(lambda: len(list((tmp_path / "out").iterdir())) == 12, "all results are handed over")
    until(lambda: "target.trouble" in program.log() or "shop" in program("targets").stdout, "a target fails")
    outside = seen_from_outside(process.pid)
    if place == "credentials":
        outside += (
            Path(f"/proc/{process.pid}/environ")
            .read_bytes()
            .replace(canaries.STORE_KEY.encode(), b"")
            .replace(canaries.PROXY_PASSWORD.encode(), b"")
        )  # those are given in the environment
    found = found_in("what others see of the process", outside)
    found |= everything_said(program, *COMMANDS)
    (tmp_path / "backup").mkdir()
    program("backup", str(tmp_path / "backup" / "copy.db"))
    (tmp_path / "export.jsonl").write_text(program("export", "--state", "collected", ok=False).stdout)
    assert stopped(process) == 0
    assert len(program.log()) > 1_000, "it said something"
    assert not found | found_under(tmp_path, but=SECRET_FILES)


def test_a_refused_login_and_a_proxy_that_is_not_there_show_no_secret(
    stage: Any, begin: Any, stopped: Any, until: Any, tmp_path: Path, remote: Any
) -> None:
    program = stage("environment", password=WRONG_PASSWORD)
    program.record(remote, 3)
    process = begin(program, "run")
    until(lambda: "alert.opened" in program.log(), "the refusal is an alert")
    assert stopped(process) == 0
    program.environ["READYD_BASE_URL"] = "https://api.invalid"  # through the proxy
    found = everything_said(
        program, ("run", "--once"), ("check", "--online"), ("status", "--json"), ("alerts",)
    )
    asked = program("check", "--online", ok=False)
    assert "brought no whole answer" in asked.stdout + asked.stderr, "it did go through the proxy"
    assert not found | found_under(tmp_path, but=SECRET_FILES)


def run_broken(program: Any, bugs: str, *words: str) -> bytes:
    done = subprocess.run(
        [sys.executable, "-c", BROKEN, bugs, *words],
        env={**program.environ, "READYD_DEBUG": "1", "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("bugs", "words"),
    [("collect", ("run", "--once")), ("handover", ("run", "--once")), ("reader", ("status",))],
)
def test_the_traceback_of_a_bug_shows_no_secret_that_it_met(
    stage: Any, tmp_path: Path, remote: Any, until: Any, bugs: str, words: tuple[str, ...]
) -> None:
    program = stage("environment")
    program.record(remote, 3)
    until(lambda: len(remote.listed()) == 3, "all tasks are listed")
    said = run_broken(program, bugs, *words)
    assert b"Traceback" in said
    assert b"RuntimeError" in said
    # What this process was given; the webhook secret it never read, and the wrong password is not its own.
    hidden = canaries.SECRETS.keys() - {"wrong password", "webhook secret"}
    leaks = found_in("a traceback", said) | found_under(tmp_path, but=SECRET_FILES)
    assert not {one for one in leaks if any(one.startswith(name) for name in hidden)}


def test_a_planted_leak_is_found(stage: Any, tmp_path: Path, remote: Any, until: Any) -> None:
    """The control: with the masks taken off, the same search finds every secret."""
    program = stage("environment")
    program.record(remote, 3)
    until(lambda: len(remote.listed()) == 3, "all tasks are listed")
    said = run_broken(program, "collect unmasked", "run", "--once")
    (tmp_path / "leak.log").write_bytes(said)
    assert {one.partition(" in ")[0] for one in found_in("a log", said)} >= {"password", "webhook secret"}
    assert any("leak.log" in one for one in found_under(tmp_path, but=SECRET_FILES))
    for name, forms in canaries.FORMS.items():
        assert all(f"{name} in x" in found_in("x", b"<" + form + b">") for form in forms)
