"""What a person sees on a terminal: nothing wrapped, no id cut, colours only where they are wanted."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from daemon.cli.layout import cells
from daemon.cli.main import readyd as group
from ledger import Ledger

Terminal = Callable[..., tuple[int, list[str]]]
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
GMB = "business_data/google/my_business_updates"


@pytest.fixture
def terminal(environ: dict[str, str]) -> Terminal:
    """Run readyd on a terminal of its own, so many columns wide; return its exit code and its lines as written."""

    def call(*words: str, width: int = 80, raw: bool = False, **more: str) -> tuple[int, list[str]]:
        leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        process = subprocess.Popen(
            [sys.executable, "-m", "daemon", *words],
            env={**environ, "TERM": "xterm-256color", **more},
            stdin=follower,
            stdout=follower,
            stderr=follower,
        )
        os.close(follower)
        said = b""
        while chunk := _read(leader):
            said += chunk
        os.close(leader)
        text = said.decode().replace("\r\n", "\n")
        return process.wait(30), (text if raw else ANSI.sub("", text)).splitlines()

    return call


def _read(leader: int) -> bytes:
    try:
        return os.read(leader, 65536)
    except OSError:  # Linux: the other side was closed
        return b""


@pytest.fixture
def full(book: Any) -> list[str]:
    """A ledger with something of everything; returns the ids that `tasks` shows."""
    ids: list[str] = book.post(8)
    ids += book.post(3, GMB, hours_ago=68, tag="日本語のタグ, and a very long one at that " * 3)
    ids += book.post(2, "keywords_data/google_ads/search_volume", hours_ago=90)
    book.look(ids[:4])
    book.collect(ids[:2])
    with Ledger.open(book.path) as ledger:
        ledger.tasks.block(ids[4:5], book.ago(0.3))
    book.alert("critical")
    return ids


@pytest.mark.parametrize("width", [80, 132, 200])
def test_tables_fit_and_ids_stay_whole(terminal: Terminal, full: list[str], width: int) -> None:
    code, lines = terminal("tasks", width=width)
    assert code == 0
    assert all(cells(line.rstrip()) <= width for line in lines)
    shown = [line.split(" ")[0] for line in lines[1:] if line.startswith("1")]
    assert sorted(shown) == sorted(full)


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize("words", [["status"], ["alerts"], ["check"]], ids=lambda words: words[0])
def test_sentences_are_folded_to_the_terminal_and_ids_stay_whole(
    terminal: Terminal, full: list[str], book: Any, width: int, words: list[str]
) -> None:
    _, lines = terminal(*words, width=width)
    # A path is left whole even where it is longer than a line: it is there to be copied.
    assert all(cells(line.rstrip()) <= width for line in lines if str(book.path) not in line)
    fragments = re.findall(r"\b1123[0-9a-f]{4}-[0-9a-f-]*", "\n".join(lines))
    assert all(len(one) == 36 for one in fragments)
    assert fragments or words == ["check"]


def helps(command: click.Command, *words: str) -> Iterator[tuple[str, ...]]:
    """Find every command and what stands before its --help."""
    yield words
    for name, inner in command.commands.items() if isinstance(command, click.Group) else ():
        yield from helps(inner, *words, name)


@pytest.mark.parametrize("words", [*helps(group)], ids=" ".join)
def test_every_help_fits(readyd: Any, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = readyd(*words, "--help")
    assert said.out.startswith(f"Usage: {' '.join(['readyd', *words])} ")
    assert [line for line in said.out.splitlines() if cells(line) > 80] == []


@pytest.mark.parametrize("width", [80, 132])
def test_check_shows_the_names_of_all_variables_whole(
    terminal: Terminal, environ: dict[str, str], width: int, tmp_path: Path
) -> None:
    del environ["READYD_LEDGER"]
    deep = tmp_path / ("deep" * 20)
    deep.mkdir()
    (deep / "readyd.toml").write_text("[webhook]\nverify = true\n")
    values = {
        "READYD_LEDGER": str(deep / "ledger.db"),
        "READYD_ALERTS_POLL_STALE_MIN": "12",
        "READYD_CONFIG": str(deep / "readyd.toml"),
    }
    _, lines = terminal("check", width=width, **values)
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.strip()}
    assert rows["setting"] == ["value", "from"]
    assert rows["alerts.poll_stale_min"] == ["12", "READYD_ALERTS_POLL_STALE_MIN"]
    assert rows["ledger"][-1] == "READYD_LEDGER"
    assert rows["webhook.verify"][0] == "true"
    assert all(cells(line.rstrip()) <= width for line in lines[: list(rows).index("[[target]]") + 1])


@pytest.mark.parametrize("width", [80, 200])
def test_show_fits(terminal: Terminal, full: list[str], width: int) -> None:
    for one in (full[0], full[4], full[9]):
        code, lines = terminal("show", one, width=width)
        assert code == 0
        assert one in lines[0]
        assert all(cells(line.rstrip()) <= width for line in lines)


def test_a_wide_terminal_shows_every_value_whole(terminal: Terminal, full: list[str]) -> None:
    _, lines = terminal("tasks", width=300)
    assert "waiting" in lines[0]
    assert any(GMB in line for line in lines)
    assert "…" not in "".join(lines)


def test_a_narrow_terminal_names_what_it_left_out(terminal: Terminal, full: list[str]) -> None:
    _, lines = terminal("tasks", width=80)
    assert any("too narrow for:" in line and "waiting" in line for line in lines)
    _, lines = terminal("tasks", width=40)
    assert sorted(line.strip() for line in lines if line.startswith("1123")) == sorted(full)


def test_a_terminal_shows_the_first_fifty_and_says_so(terminal: Terminal, book: Any) -> None:
    book.post(70)
    _, lines = terminal("tasks")
    assert sum(line.startswith("1123") for line in lines) == 50
    assert lines[-1].startswith("50 of 70 tasks")


def test_colours_are_drawn_and_can_be_switched_off(terminal: Terminal, full: list[str]) -> None:
    def coloured(*words: str, **more: str) -> bool:
        _, lines = terminal(*words, raw=True, **more)
        return any(re.search(r"\x1b\[[0-9;]*3[0-9]", line) for line in lines)

    assert coloured("status")
    assert not coloured("status", NO_COLOR="1")
    assert not coloured("--no-color", "status")
    assert not coloured("status", "--no-color")
    assert not coloured("status", TERM="dumb")
    assert any(GMB in line for line in terminal("tasks", TERM="dumb")[1]), "no table, as in a pipe"


def test_a_result_is_written_to_a_terminal_too(terminal: Terminal, full: list[str], book: Any) -> None:
    _, lines = terminal("show", full[0], "--result")
    assert "\n".join(lines).encode() == book.result(full[0])


def test_an_export_on_a_terminal_draws_a_bar_and_ends_with_a_summary(
    terminal: Terminal, full: list[str], book: Any, tmp_path: Any
) -> None:
    code, lines = terminal("export", "--to", str(tmp_path / "out"), width=200)
    assert code == 0
    assert lines[-1].endswith(f"2 results written to {tmp_path / 'out'}")


def test_record_without_input_on_a_terminal_does_not_wait(terminal: Terminal, book: Any) -> None:
    code, lines = terminal("record", width=200)
    assert code == 2
    assert "pipe them in" in lines[0]
