"""What user_data says of the account. Knows no budget: it reports numbers, it applies none."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from daemon.dataforseo import shapes
from daemon.dataforseo.codes import OK
from daemon.dataforseo.errors import Garbled


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """Limits in calls per minute and the balance in US dollars; None where the remote does not say."""

    login: str | None
    general_limit: int | None
    tasks_ready_limit: int | None
    balance: float | None


@dataclass(frozen=True, slots=True)
class AccountAnswer:
    """What one call of user_data said; the facts are empty beside an error."""

    code: int | None
    message: str | None
    facts: AccountFacts


def read_account(body: bytes) -> AccountAnswer:
    """Read the answer of user_data.

    Raises:
        Garbled: this is no such answer.
    """
    call = shapes.read_call(body, "The answer of user_data")
    code, message = call.status()
    if code is None:
        raise Garbled("The answer of user_data has no status code; it is asked again later")
    results = [shapes.items(element.result) or [] for element in call.elements]
    found = [shapes.value(item) for items in results for item in items]
    facts = next((one for one in found if isinstance(one, dict)), {})
    if code == OK and not facts.keys() & {"login", "rates", "money"}:
        raise Garbled("The answer of user_data says nothing of an account; it is asked again later")
    return AccountAnswer(code, message, _facts(facts))


def _facts(facts: dict[str, object]) -> AccountFacts:
    minute = _child(_child(_child(facts, "rates"), "limits"), "minute")
    lists = _limit(_child(minute, "serp").get("tasks_ready"))
    others = [limit for limit in _tasks_ready_limits(minute) if limit is not None]
    login = facts.get("login")
    return AccountFacts(
        login=login if isinstance(login, str) else None,
        general_limit=_limit(minute.get("total")),
        tasks_ready_limit=lists if lists is not None else min(others, default=None),
        balance=shapes.number(_child(facts, "money").get("balance")),
    )


def _tasks_ready_limits(tree: dict[str, object], depth: int = 4) -> Iterator[int | None]:
    """Walk the counters: each API, and most functions, have a tasks_ready limit of their own."""
    for key, found in tree.items():
        if key == "tasks_ready":
            yield _limit(found)
        elif isinstance(found, dict) and depth:
            yield from _tasks_ready_limits(found, depth - 1)


def _child(tree: dict[str, object], key: str) -> dict[str, object]:
    found = tree.get(key)
    return found if isinstance(found, dict) else {}


def _limit(found: object) -> int | None:
    """Take a limit; zero stands for "no limit set" (docs sample: all daily limits are 0)."""
    limit = shapes.number(found)
    return math.floor(limit) if limit is not None and 1 <= limit <= 1_000_000 else None
