"""Alert lines as a person reads them, one text each, and what must hold of them under any fault. Knows no fault."""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

MOST_AN_HOUR = 12
OPENED_WITHIN = 60 * SECOND
CLOSED_WITHIN = 5 * MINUTE
AT_WORK = SECOND  # a review is no instant: it reads, writes, and then says

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ")
_TASK = re.compile(r"\d{8}-\d{4}-\d{4}-\d{4}-\d{12}")
_KEY = re.compile(r"\bplan-[0-9a-z]+")


@dataclass(frozen=True)
class Said:
    """One line of the log about an alert (or about the ledger, which keeps them), and when it was logged."""

    at: int
    text: str
    about: str  # kind and subject


@dataclass
class Watch:
    """What a story says of the condition that it makes: from when to when it was true, by the rules of alerts."""

    true_at: int | None = None
    over_at: int | None = None
    kind: str = ""  # of several alerts, the one that this is about
    about: int = 0  # so much earlier than `true_at` it may have become true


Story = Callable[[Any, Watch], Awaitable[None]]


@dataclass(frozen=True)
class Fault:
    """A fault and how it is made; its lines are in `lines.txt`, under its name."""

    name: str
    story: Story
    world: dict[str, Any] = field(default_factory=dict)  # more arguments of `live`
    long: bool = False  # days, for which one tick a minute must do


def expected(name: str) -> tuple[list[str], int]:
    """The lines that a fault must bring, and how often it is said again that something stands."""
    chapters = Path(__file__).with_name("lines.txt").read_text().split("\n# ")
    (chapter,) = [one for one in chapters if one.splitlines()[0] == name]
    lines = [line for line in chapter.splitlines()[1:] if line]
    repeats = [int(line.split()[1]) for line in lines if line.startswith("repeated ")]
    return [line for line in lines if not line.startswith("repeated ")], sum(repeats)


def said(life: Any) -> list[Said]:
    """Every alert line of a life, in order."""
    found = map(json.loads, life.log.getvalue().splitlines())
    return [
        Said(_ms(line["at"]), _text(line).replace(str(life.path.parent), "DIR"), _about(line))
        for line in found
        if line["event"].startswith("alert.") or line["event"] == "ledger.trouble"
    ]


def _ms(text: str) -> int:
    return round(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC).timestamp() * 1000)


def _about(line: dict[str, Any]) -> str:
    return f"{line['kind']}/{line['subject']}" if "kind" in line else "the ledger"


def _text(line: dict[str, Any]) -> str:
    """Event, level and priority, kind and subject, step and numbers: what it says -> what lists the rest."""
    if line["event"] == "ledger.trouble":
        return f"trouble {line['level']}: {_sentence(line['problem'])}"
    event, level = line["event"].removeprefix("alert."), line["level"]
    head = f"{event} {level}{line.get('priority', '')} {line['kind']}/{line['subject']} {line['band']}"
    if event == "closed":
        return head
    numbers = f"count={line['count']}"
    numbers += f" left={line['left']}" if "left" in line else ""
    numbers += f" ids={len(line['tasks'])}" if "tasks" in line else ""
    return f"{head} {numbers}: {_sentence(line['detail'])} -> {_sentence(line['list_with'])}"


def _sentence(text: str) -> str:
    return _KEY.sub("KEY", _TASK.sub("ID", _INSTANT.sub("INSTANT", text)))


def most_in_an_hour(lines: list[Said]) -> int:
    """The most lines within any hour."""
    return max((sum(one.at <= other.at < one.at + HOUR for other in lines) for one in lines), default=0)


def check_repeats(lines: list[Said], many: int) -> None:
    """What stands is said again, so many times in all, and never within four hours of the last line about it."""
    last: dict[str, int] = {}
    for one in lines:
        if one.text.startswith("repeated"):
            # A line that was said in the future, by a clock that was then set back, is said again at once.
            assert not 0 <= one.at - last[one.about] < 4 * HOUR, one.text
        last[one.about] = one.at
    assert sum(one.text.startswith("repeated") for one in lines) == many


def check(life: Any, watch: Watch, fault: Fault) -> None:
    """The lines are those that were expected, none came late, and never too many at a time."""
    lines, (texts, repeats) = said(life), expected(fault.name)
    check_repeats(lines, repeats)
    told = [one.text for one in lines if not one.text.startswith("repeated")]
    assert told == texts, "\n".join(told)
    assert most_in_an_hour(lines) <= MOST_AN_HOUR
    named = [one for one in lines if f"{watch.kind}/" in one.text]
    if watch.true_at is not None:
        opened = next(one.at for one in named if one.text.startswith(("opened", "trouble")))
        assert -watch.about <= opened - watch.true_at <= OPENED_WITHIN + AT_WORK, (
            f"{opened - watch.true_at} ms"
        )
    if watch.over_at is not None:
        closed = next(one.at for one in reversed(named) if one.text.startswith("closed"))
        assert 0 <= closed - watch.over_at <= CLOSED_WITHIN + AT_WORK, f"{closed - watch.over_at} ms"
