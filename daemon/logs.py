"""Log events: stable names with bound context, written for people, for the journal or for machines.

Knows no pass and no setting by name. An event is `log.info("task.collected", task=..., function=...)`; the
keys `at`, `level`, `event` and `exception` belong to this file. `priority=1` on an event sets its syslog
priority (0 to 7) in the journal; a task's own priority therefore goes by another key.
"""

import contextlib
import json
import logging
import os
import sys
import traceback
from collections.abc import Mapping
from typing import Any, TextIO, TypeAlias

import structlog

from daemon.logs_text import Hidden, escape, plain, word
from ledger.times import as_text, wall_clock_ms

Logger: TypeAlias = structlog.typing.FilteringBoundLogger

LEVELS = ("debug", "info", "warning", "error", "critical")
FORMATS = ("auto", "console", "json", "journal")

_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
_JOURNAL_LINE = 40_000
"""journald breaks longer lines (LineMax=48K), and what follows the break has no priority."""

_hidden = Hidden()


def configure(
    *,
    stream: TextIO,
    environ: Mapping[str, str],
    level: str = "info",
    format: str = "auto",  # noqa: A002  the word users know it by
) -> None:
    """Send every event from `level` up to `stream`, and the libraries' own logs from WARNING up with it.

    `format` is one of `FORMATS`; `auto` writes for the journal when `JOURNAL_STREAM` says that `stream` ends
    there, for people on a terminal, and JSON Lines otherwise. May be called again; the last call counts.
    """
    form = _form_of(stream, environ) if format == "auto" else format
    render = _console(stream, environ) if form == "console" else _RENDERERS[form]
    lines = _Lines(stream)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _tidy,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=False,
    )
    _bridge_libraries()


def get_logger() -> Logger:
    """Return a logger; `bind` gives it context. Before `configure`, warnings go to standard error."""
    if not structlog.is_configured():
        # structlog's own default prints every event to standard output, and local variables with tracebacks.
        configure(stream=sys.stderr, environ={}, level="warning")
    logger: Logger = structlog.get_logger()
    return logger


def hide(secret: str) -> None:
    """Write *** wherever `secret` would appear from now on, in any value, message or traceback.

    Its base64, percent-encoded, JSON and Python forms are hidden too. The empty string hides nothing.
    """
    _hidden.add(secret)


def without_secrets(text: str) -> str:
    """Return a text with every hidden secret masked, for what is written elsewhere than in the log."""
    return _hidden.out_of(text)


def hide_credentials(login: str, password: str) -> None:
    """Hide a password, and the header that Basic authentication makes of it."""
    _hidden.add(password)
    _hidden.add_encoded(f"{login}:{password}")


def _form_of(stream: TextIO, environ: Mapping[str, str]) -> str:
    """Choose what `auto` stands for."""
    if _is_terminal(stream):
        return "console"
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # closed, or not backed by a file
        return "json"
    # systemd.exec(5): set when standard output or error go to the journal, but a redirected stream may not.
    return "journal" if environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}" else "json"


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def _tidy(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Bring an event into plain, bounded, redacted values, with its traceback as text."""
    raised = _exception_of(event.pop("exc_info", None))
    tidy: dict[str, Any] = {str(key): plain(value, _hidden) for key, value in event.items()}
    tidy["event"] = str(tidy.get("event", ""))
    if raised is not None:
        tidy["exception"] = _hidden.out_of(_traceback_of(raised))
    return tidy


def _exception_of(exc_info: object) -> BaseException | None:
    if isinstance(exc_info, tuple) and len(exc_info) == 3:
        exc_info = exc_info[1]
    if isinstance(exc_info, BaseException):
        return exc_info
    return sys.exc_info()[1] if exc_info else None


def _traceback_of(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error)).rstrip("\n")
    except Exception:  # an exception whose own text cannot be made
        return f"{type(error).__name__} (its text cannot be shown)"


def _json_line(_: object, __: str, event: structlog.typing.EventDict) -> str:
    """Write an event as one line of JSON: instant, level and name first."""
    exception = {"exception": event.pop("exception")} if "exception" in event else {}
    head = {"at": _instant(wall_clock_ms()), "level": event.pop("level"), "event": event.pop("event")}
    # ASCII, because a stream's encoding is not ours to choose, and a lone surrogate fits none.
    return json.dumps({**head, **{k: v for k, v in event.items() if k not in head}, **exception})


def _instant(at: int) -> str:
    return f"{as_text(at)[:-1].replace(' ', 'T')}.{at % 1000:03d}Z"


def _journal(_: object, __: str, event: structlog.typing.EventDict) -> str:
    """Write an event for the journal: `<N>` on every line, or a traceback would lose the event's priority."""
    level = str(event.pop("level"))
    number = event.get("priority")
    valid = isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= 7
    prefix = f"<{event.pop('priority') if valid else _PRIORITIES[level]}>"
    trace = str(event.pop("exception", "")).splitlines()
    first = " ".join(
        [escape(event.pop("event")), *(f"{escape(key)}={word(value)}" for key, value in event.items())]
    )
    return "\n".join(prefix + line[:_JOURNAL_LINE] for line in (first, *map(escape, trace)))


def _console(stream: TextIO, environ: Mapping[str, str]) -> structlog.typing.Processor:
    """Write events for people; colours only where they are welcome."""
    welcome = not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    colors = welcome and _is_terminal(stream)
    renderer = structlog.dev.ConsoleRenderer(
        colors=colors,
        sort_keys=False,
        pad_event_to=24,
        timestamp_key="at",
        exception_formatter=structlog.dev.plain_traceback,
    )

    def render(logger: Any, name: str, event: structlog.typing.EventDict) -> str:
        event.pop("priority", None)
        trace = [escape(line) for line in str(event.pop("exception", "")).splitlines()]
        head = {key: escape(str(event.pop(key))) for key in ("level", "event")}
        shown = {escape(key): _Verbatim(word(value)) for key, value in event.items()}
        at = as_text(wall_clock_ms())
        return "\n".join([str(renderer(logger, name, {**shown, **head, "at": at})), *trace])

    return render


_RENDERERS: Mapping[str, structlog.typing.Processor] = {"journal": _journal, "json": _json_line}


class _Verbatim:
    """A value that is already written as it should stand; the renderer quotes strings in its own way."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


class _Lines:
    """Writes finished lines. A log that cannot be written (closed pipe, full disk) ends nothing."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, text: str) -> None:
        try:
            self._write(text + "\n")
        except (OSError, ValueError):  # ValueError: the stream was closed
            return

    debug = info = warning = error = critical = log = msg

    def _write(self, text: str) -> None:
        try:
            descriptor = self._stream.fileno()
        except (OSError, ValueError):  # in memory
            self._stream.write(text)
            self._stream.flush()
            return
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()  # what others printed came first
        # Past Python's buffer: a line that failed would stay in there, and fail again when the process ends.
        rest = text.encode(self._stream.encoding or "utf-8", "backslashreplace")
        while rest:
            rest = rest[os.write(descriptor, rest) :]


class _Bridge(logging.Handler):
    """Takes in what libraries say through `logging`, so that it gets the same form and the same redaction."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except (
            Exception
        ):  # a message whose arguments do not fit is the library's mistake, not a reason to stop
            message = str(record.msg)
        say = getattr(get_logger(), _level_name(record.levelno))
        say("library.message", library=record.name, message=message, exc_info=record.exc_info)


def _level_name(number: int) -> str:
    return LEVELS[max(0, min(number // 10 - 1, len(LEVELS) - 1))]


def _bridge_libraries() -> None:
    """Route the standard library's logging here from WARNING up (httpx tells each request at INFO)."""
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, _Bridge)]:
        root.removeHandler(handler)
    root.addHandler(_Bridge(logging.WARNING))
    logging.captureWarnings(True)
