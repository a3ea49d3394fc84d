"""Log lines as people, the journal and machines get them; none may leak, break or end the daemon."""

import base64
import io
import json
import logging
import os
import re
import socket
import sys
import warnings
from collections.abc import Callable
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as budget
from hypothesis import strategies as st

from daemon import logs
from daemon.logs_text import Hidden
from daemon.settings import Secret

LOGIN = (
    "you@example.com"  # with its colon no multiple of 3: base64 of the pair does not end in the password's
)
CANARY = "cAn4ry\"pa$$'wörd\\/+%"
FORMS = ["console", "json", "journal"]
LogTo = Callable[..., io.StringIO]


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def fail(error: Exception, cause: Exception | None = None) -> None:
    raise error from cause


def lines(stream: io.StringIO) -> list[str]:
    return stream.getvalue().splitlines()


def disguises(secret: str) -> list[str]:
    """The ways in which a secret could be read out of a text."""
    header = base64.b64encode(f"{LOGIN}:{secret}".encode()).decode()
    return [
        secret,
        repr(secret)[1:-1],
        json.dumps(secret)[1:-1],
        json.dumps(json.dumps(secret)[1:-1])[1:-1],
        quote(secret, safe=""),
        base64.b64encode(secret.encode()).decode().rstrip("="),
        header.rstrip("="),
    ]


class Band(StrEnum):
    FRESH = "fresh"


class New(StrEnum):
    B = "b"


def test_a_json_line_tells_instant_level_event_and_context(log_to: LogTo) -> None:
    stream = log_to("json")
    log = logs.get_logger().bind(listing="/v3/serp/tasks_ready")
    log.info("listing.read", ready=3, tasks=["a", "b"], cost=None, band=Band.FRESH)
    (line,) = lines(stream)
    event = json.loads(line)
    assert list(event)[:3] == ["at", "level", "event"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event.pop("at"))
    assert event == {
        "level": "info",
        "event": "listing.read",
        "listing": "/v3/serp/tasks_ready",
        "ready": 3,
        "tasks": ["a", "b"],
        "cost": None,
        "band": "fresh",
    }


def test_a_journal_line_has_its_priority_and_no_timestamp(log_to: LogTo) -> None:
    stream = log_to("journal", level="debug")
    log = logs.get_logger()
    for name in ("debug", "info", "warning", "error", "critical"):
        getattr(log, name)("some.event", task="0923-1", why="two words", n=1)
    assert lines(stream) == [f'<{n}>some.event task=0923-1 why="two words" n=1' for n in (7, 6, 4, 3, 2)]


def test_an_event_can_raise_its_own_priority(log_to: LogTo) -> None:
    stream = log_to("journal")
    logs.get_logger().critical("alert.opened", priority=1, count=4000)
    logs.get_logger().warning("odd.priority", priority=9)
    logs.get_logger().warning("odd.priority", priority="1")
    assert lines(stream) == [
        "<1>alert.opened count=4000",
        "<4>odd.priority priority=9",
        "<4>odd.priority priority=1",
    ]


def test_every_line_of_a_traceback_has_the_priority(log_to: LogTo) -> None:
    stream = log_to("journal")
    try:
        fail(ValueError("first\nsecond\r\n<0>third\x1b[2J"))
    except ValueError:
        logs.get_logger().exception("pass.failed", job="review")
    assert len(lines(stream)) > 5
    assert [line for line in lines(stream) if not line.startswith("<3>")] == []
    assert lines(stream)[0] == "<3>pass.failed job=review"
    assert r"<3><0>third\x1b[2J" in lines(stream)


@pytest.mark.parametrize("form", FORMS)
def test_exceptions_are_shown_however_they_are_handed_over(form: str, log_to: LogTo) -> None:
    stream = log_to(form)
    try:
        fail(ValueError("on purpose"))
    except ValueError as error:
        caught = error
        logs.get_logger().error("a", exc_info=True)
    logs.get_logger().error("b", exc_info=caught)
    logs.get_logger().error("c", exc_info=(ValueError, caught, caught.__traceback__))
    logs.get_logger().error("d", exc_info=True)
    logs.get_logger().error("e", exc_info=BaseExceptionGroup("group", [caught, KeyboardInterrupt()]))
    assert stream.getvalue().count("ValueError: on purpose") == 4
    assert "group" in stream.getvalue()


@pytest.mark.parametrize("form", FORMS)
def test_a_value_cannot_begin_a_line_nor_command_a_terminal(form: str, log_to: LogTo) -> None:
    stream = log_to(form)
    evil = "tag\n<0>fake.event\r\n\x1b[2J\x9b\u2028\u202ex\udc80\0"
    logs.get_logger().info("task.recorded", tag=evil, tags=[evil], deep={"k": {"l": evil}})
    logs.get_logger().info("evil" + evil)
    logs.get_logger().info("key", **{"k\nx": 1})
    text = stream.getvalue()
    assert len(text.splitlines()) == 3
    assert [one for one in text if not one.isprintable()] == ["\n"] * 3


@pytest.mark.parametrize("form", FORMS)
def test_no_secret_appears_at_any_depth_or_in_any_disguise(form: str, log_to: LogTo) -> None:
    stream = log_to(form)
    logs.hide_credentials(LOGIN, CANARY)
    logs.hide("webhook-s3cret")
    log = logs.get_logger().bind(bound=f"x{CANARY}y")
    header = base64.b64encode(f"{LOGIN}:{CANARY}".encode()).decode()
    log.info(
        f"event {CANARY}",
        plain=CANARY,
        raw=CANARY.encode(),
        url=f"https://x/?p={quote(CANARY, safe='')}&s=webhook-s3cret",
        headers={"Authorization": f"Basic {header}", CANARY: 1},
        deep=[{"a": ({CANARY}, [CANARY])}],
        secret=Secret(CANARY),
        written=repr(CANARY),
        error=ValueError(CANARY),
        json=json.dumps({"p": CANARY}),
        long="x" * 3_995 + CANARY,
    )
    try:
        fail(RuntimeError(f"Basic {header}"), KeyError(CANARY))
    except RuntimeError:
        log.exception("failed")
    logging.getLogger("library").error("said %s", CANARY)
    text = stream.getvalue()
    assert [form for form in [*disguises(CANARY), "webhook-s3cret", CANARY[:6]] if form in text] == []
    assert text.count("***") > 10


def test_a_secret_that_is_a_number_is_hidden_too(log_to: LogTo) -> None:
    stream = log_to("json")
    logs.hide("48151623")
    logs.hide("")
    logs.get_logger().info("n", code=48151623, deep=[48151623], ok=42)
    assert "48151623" not in stream.getvalue()
    assert json.loads(stream.getvalue())["ok"] == 42


@pytest.mark.parametrize("form", FORMS)
def test_strange_and_huge_values_stay_one_bounded_line(form: str, log_to: LogTo) -> None:
    stream = log_to(form)
    loop: list[Any] = []
    loop.append(loop)
    odd = {"a": Unprintable(), "b": loop, "c": float("nan"), "d": 10**5000, "e": "x" * 100_000, "g": b"\xff"}
    huge = {"f": list(range(100_000)), "h": {n: n for n in range(10_000)}, "i": {"b", "a"}}
    logs.get_logger().info("odd", **odd, **huge, at="mine", level="mine")
    (line,) = lines(stream)
    assert len(line) < 12_000
    assert "a Unprintable that cannot be shown" in line
    assert "99950 more" in line
    assert "96000 more characters" in line
    if form == "json":
        event = json.loads(line)
        assert event["level"] == "info"
        assert event["at"].endswith("Z")
        assert event["i"] == ["a", "b"]


def test_the_journal_never_gets_a_line_that_it_would_break(log_to: LogTo) -> None:
    stream = log_to("journal")
    logs.get_logger().info("long", **{f"key{n}": "x" * 4_000 for n in range(40)})
    assert max(map(len, lines(stream))) < 48 * 1024


@pytest.mark.parametrize("form", FORMS)
@budget(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    secret=st.text(st.characters(exclude_categories=["Cs"]), min_size=6, max_size=20).filter(
        lambda s: s.strip("* ")
    ),
    around=st.text(max_size=5),
)
def test_any_secret_stays_secret(form: str, secret: str, around: str, log_to: LogTo) -> None:
    stream = log_to(form)
    logs._hidden = Hidden()
    logs.hide(secret)
    logs.get_logger().info(
        "e", a=around + secret + around, b=[{"c": secret}], d=repr(secret), f=secret.encode()
    )
    text = stream.getvalue()
    if form == "json":
        decoded = json.loads(text)
        assert secret not in decoded["a"]
        assert secret not in decoded["b"][0]["c"]
        assert repr(secret)[1:-1] not in decoded["d"]
    assert len(text.splitlines()) == 1
    assert "***" in text


def test_a_terminal_gets_readable_lines_and_colour_only_where_welcome(log_to: LogTo) -> None:
    def on_terminal(environ: dict[str, str]) -> str:
        stream = io.StringIO()
        stream.isatty = lambda: True  # type: ignore[method-assign]
        logs.configure(stream=stream, environ=environ)
        logs.get_logger().warning("alert.opened", kind="expiring", count=3)
        return stream.getvalue()

    log_to()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ \[warning  \] alert\.opened +kind=expiring count=3\n",
        on_terminal({"NO_COLOR": "1"}),
    )
    assert "\x1b[" not in on_terminal({"TERM": "dumb"})
    assert "\x1b[" in on_terminal({"TERM": "xterm"})


def test_auto_means_the_journal_when_the_stream_ends_there(tmp_path: Path, log_to: LogTo) -> None:
    log_to()
    for name, line in (("same", "<6>some.event"), ("other", '{"at": '), ("none", '{"at": ')):
        with (tmp_path / name).open("w") as stream:
            status = os.fstat(stream.fileno())
            place = {
                "same": f"{status.st_dev}:{status.st_ino}",
                "other": f"{status.st_dev}:{status.st_ino + 1}",
            }
            environ = {"JOURNAL_STREAM": place[name]} if name in place else {}
            logs.configure(stream=stream, environ=environ)
            logs.get_logger().info("some.event")
        assert (tmp_path / name).read_text().startswith(line)


def test_words_of_an_enum_are_written_as_their_value(log_to: LogTo) -> None:
    stream = log_to("journal")
    odd = Enum("Odd", {"A": "a word"}, type=str)
    logs.get_logger().info("e", new=New.B, old=odd.A)
    assert lines(stream) == ['<6>e new=b old="a word"']


def test_levels_filter(log_to: LogTo) -> None:
    stream = log_to("journal", level="warning")
    logs.get_logger().info("no")
    logs.get_logger().warning("yes")
    assert lines(stream) == ["<4>yes"]


def test_libraries_are_heard_from_warning_up(log_to: LogTo, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = log_to("journal", level="debug")
    monkeypatch.setattr(logging.getLogger("httpx"), "level", logging.INFO)
    logging.getLogger("httpx").info("HTTP Request: GET https://secret.example")
    logging.getLogger("apscheduler.scheduler").debug("woke up")
    logging.getLogger("apscheduler.executors").warning("run of job %s was missed", "review")
    (bridge,) = [one for one in logging.getLogger().handlers if isinstance(one, logs._Bridge)]
    bridge.handle(logging.LogRecord("uvicorn.error", 50, "x.py", 1, "no arguments fit %d", ("this",), None))
    logging.getLogger("custom").log(35, "between levels")
    warnings.showwarning("old", DeprecationWarning, "x.py", 1)
    assert lines(stream)[:3] == [
        '<4>library.message library=apscheduler.executors message="run of job review was missed"',
        '<2>library.message library=uvicorn.error message="no arguments fit %d"',
        '<4>library.message library=custom message="between levels"',
    ]
    assert lines(stream)[3].startswith("<4>library.message library=py.warnings message=")
    assert len(lines(stream)) == 4


def test_configuring_again_replaces_and_does_not_double(log_to: LogTo) -> None:
    first, second = log_to("json"), log_to("journal")
    logging.getLogger("x").warning("once")
    logs.get_logger().info("twice")
    assert first.getvalue() == ""
    assert len(lines(second)) == 2


def test_a_logger_taken_before_configuring_follows(log_to: LogTo) -> None:
    log_to("json")
    early = logs.get_logger()
    stream = log_to("journal")
    early.info("late.binding")
    assert lines(stream) == ["<6>late.binding"]


def test_unconfigured_logs_keep_standard_output_clean(
    capsys: pytest.CaptureFixture[str], log_to: LogTo
) -> None:
    logs.get_logger().info("quiet")
    logs.get_logger().warning("heard")
    out, err = capsys.readouterr()
    assert out == ""
    assert "heard" in err
    assert "quiet" not in err


def test_a_closed_pipe_does_not_end_the_daemon(log_to: LogTo) -> None:
    log_to()
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        logs.configure(stream=stream, environ={}, format="json")
        logs.get_logger().info("read")
        os.close(reading)
        logs.get_logger().info("unread")
        logging.getLogger("x").error("unread")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here: no full disk was MET")
def test_a_full_disk_does_not_end_the_daemon(log_to: LogTo) -> None:
    log_to()
    with open("/dev/full", "w") as stream:
        logs.configure(stream=stream, environ={}, format="json")
        logs.get_logger().info("x" * 3000)


def test_a_closed_stream_does_not_end_the_daemon(tmp_path: Path, log_to: LogTo) -> None:
    log_to()
    for stream in (io.StringIO(), (tmp_path / "file").open("w")):
        logs.configure(stream=stream, environ={}, format="console")
        stream.close()
        logs.get_logger().info("nobody hears")
        logs.configure(stream=stream, environ={})


def test_a_slow_reader_gets_whole_lines(log_to: LogTo) -> None:
    log_to()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs, ours.makefile("w", encoding="utf-8") as stream:
        logs.configure(stream=stream, environ={}, format="journal")
        logs.get_logger().info("first", tag="ü")
        assert theirs.recv(1000) == "<6>first tag=ü\n".encode()


def test_text_that_the_stream_cannot_encode_is_written_anyway(tmp_path: Path, log_to: LogTo) -> None:
    log_to()
    with (tmp_path / "ascii").open("w", encoding="ascii") as stream:
        logs.configure(stream=stream, environ={}, format="journal")
        logs.get_logger().info("odd", tag="日本")
    assert (tmp_path / "ascii").read_text() == "<6>odd tag=\\u65e5\\u672c\n"


def test_events_come_after_what_was_printed_before_them(tmp_path: Path, log_to: LogTo) -> None:
    log_to()
    with (tmp_path / "both").open("w") as stream:
        logs.configure(stream=stream, environ={}, format="journal")
        print("printed", file=stream)
        logs.get_logger().info("logged")
    assert (tmp_path / "both").read_text() == "printed\n<6>logged\n"


def test_no_local_variable_is_ever_shown(log_to: LogTo) -> None:
    stream = log_to("console")
    local_value = "l0cal-" + str(len(sys.argv))
    try:
        fail(ValueError("plain"))
    except ValueError:
        logs.get_logger().exception("failed")
    assert local_value not in stream.getvalue()
