"""Turns what a person wants to post into plans, and plans in groups. Knows no file and no function of the remote."""

import json
import re
import secrets
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from ledger.intake import facts_of
from ledger.intents import IntentTable, Plan, keyed

GROUP = 1_000
"""Tasks per transaction: the daemon's own writes get their turn in between, and memory stays small."""

_FUNCTION = re.compile(r"[a-z0-9_]{1,64}(?:/[a-z0-9_]{1,64})*")


@dataclass(frozen=True, slots=True)
class Planned:
    """What became of one planning: tasks planned now, and those that the batch had planned before."""

    batch: str
    planned: int
    known: int


def plan(table: IntentTable, tasks: Iterable[Mapping[str, object]], batch: str | None, now: int) -> Planned:
    """Plan all tasks, numbered from 1 as they come.

    Raises:
        ValueError: a task cannot be planned, or the batch has an empty name.
    """
    if batch is not None and not batch.strip():
        raise ValueError(
            "the batch has an empty name; give it one, or None for a batch that nobody names again"
        )
    batch = random_batch() if batch is None else batch
    return plan_lines(table, (read_plan(line, task) for line, task in enumerate(tasks, 1)), batch, now)


def plan_lines(table: IntentTable, plans: Iterable[Plan], batch: str, now: int) -> Planned:
    """Plan in groups, each in a transaction of its own."""
    planned = known = 0
    for group in _groups(iter(plans)):
        new = table.add(batch, group, now)
        planned += new
        known += len(group) - new
    return Planned(batch, planned, known)


def known_functions(
    knows: Callable[[Collection[str]], set[str]], plans: Iterable[Plan], batch: str
) -> Counter[str]:
    """Count by function the lines of a batch that were planned before; `knows` says which keys were."""
    found: Counter[str] = Counter()
    for group in _groups(iter(plans)):
        lines = keyed(batch, group)
        found.update(lines[key].function for key in knows(lines.keys()))
    return found


def random_batch() -> str:
    """Name a batch that nobody names again."""
    return secrets.token_hex(16)


def read_plan(line: int, task: Mapping[str, object]) -> Plan:
    """Read one task.

    Raises:
        ValueError: it cannot be planned; the sentence says why, without the place where it stands.
    """
    payload = dict(task)
    named = payload.pop("function", None)
    function = str("" if named is None else named).strip("/").removeprefix("v3/").removesuffix("/task_post")
    if named is None:
        raise ValueError("it has no 'function', such as serp/google/organic")
    if not _FUNCTION.fullmatch(function):
        raise ValueError(f"its 'function' is {str(named)[:80]!r}; it must be like serp/google/organic")
    if not payload:
        raise ValueError("it holds nothing but its function, so there is nothing to post")
    if not isinstance(payload.get("tag") or "", str):
        raise ValueError("its 'tag' is no text")  # noqa: TRY004  a line of a file is wrong, not a call
    try:
        json.dumps(payload, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"it cannot be written as JSON: {error}") from None
    return Plan(line, function, payload, *facts_of(payload))


def _groups(plans: Iterator[Plan]) -> Iterator[list[Plan]]:
    while group := list(islice(plans, GROUP)):
        yield group
