"""task_post: what is accepted, what it costs, and what will become of it. Knows no lists and no webhooks."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from daemon.simulator.catalogue import PLAIN, Function
from daemon.simulator.envelopes import Entry, as_bytes
from daemon.simulator.faults import CATALOGUE
from daemon.simulator.messages import CREATED, OK
from daemon.simulator.moments import HOUR_MS, MINUTE_MS, day_of
from daemon.simulator.options import LOGIN
from daemon.simulator.records import FOREIGN, OWN, Account, Call, Task
from daemon.simulator.state import State

MOST_TASKS = 100
MOST_TAG = 255
LLM_CAP_MS = 72 * HOUR_MS
SPIKE_MS = 30 * MINUTE_MS

_MANNER_WORDS = (
    "tag priority pingback_url postback_url postback_data location_code location_name location_coordinate "
    "language_code language_name device os depth se_domain"
)
_MANNER = frozenset(_MANNER_WORDS.split())
"""Fields that say how and where. A task needs another one that says what it is about."""

_ABOUT_NOTHING = ("audience_estimation", "finance_explore", "finance_markets")
"""Functions whose tasks need no subject."""

_TASK_LUCK = tuple(name for name, fault in CATALOGUE.items() if fault.kind in {"task", "row"})
_FORMS = frozenset({"regular", "advanced", "html", "json", PLAIN})


class Refused(Exception):  # noqa: N818  a verdict on one task of a batch, not an error of ours
    """One task is not accepted: a code and the field that is to blame."""

    def __init__(self, code: int, detail: str | None = None) -> None:
        """Keep the verdict."""
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


def read_batch(body: bytes) -> list[object] | int:
    """Read the tasks of a body, or say with which code the whole call is refused.

    The array is the specified form; old official samples send an object of index to task.
    """
    if not body.strip():
        return 40502
    try:
        posted = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return 40503
    if isinstance(posted, dict):
        indexed = all(isinstance(value, dict) for value in posted.values())
        posted = list(posted.values()) if indexed else [posted]
    if not isinstance(posted, list):
        return 40503
    return [_set_fields(fields) if isinstance(fields, dict) else fields for fields in posted] or 40502


def post(
    state: State, account: Account, function: Function, batch: Sequence[object], path: list[str], *, now: int,
    owner: str | None = None,
) -> list[Entry]:  # fmt: skip
    """Take a batch: each task is accepted and billed, or refused, on its own and in order."""
    return [
        _post_one(state, account, function, fields, place, path, now, owner)
        for place, fields in enumerate(batch)
    ]


def _post_one(
    state: State, account: Account, function: Function, fields: object, place: int, path: list[str], now: int,
    owner: str | None,
) -> Entry:  # fmt: skip
    se_data = {"se": function.se, "se_type": function.se_type} if function.se else {}
    data: dict[str, Any] = {"api": function.api, "function": "task_post", **se_data}
    data |= _set_fields(fields) if isinstance(fields, dict) else {}
    try:
        accepted = check(function, fields, place)
        cost = _price(function, accepted)
        _check_account(account, accepted, cost, now)
    except Refused as refused:
        state.tally["rejected"] += 1
        some_id = state.call_id(account, function.post_code, now)
        return Entry(some_id, refused.code, path, data, detail=refused.detail)
    account.balance -= cost
    _spend(account, cost, now)
    task = create(state, account, function, accepted, cost, now, owner)
    if owner is None and task.owner == OWN and "foreign_posts" in task.luck:
        create(state, account, function, _foreign_twin(accepted), cost, now, FOREIGN)
    return Entry(task.id, CREATED, path, data, cost=cost)


def _set_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out nulls: the official client sends every field it knows, as null where it was not set."""
    return {name: value for name, value in fields.items() if value is not None}


def check(function: Function, fields: object, place: int = 0) -> dict[str, Any]:
    """Give the fields of an acceptable task.

    Raises:
        Refused: it is not acceptable.
    """
    if place >= MOST_TASKS:
        raise Refused(40006)
    if not isinstance(fields, dict) or not fields:
        raise Refused(40503)
    fields = _set_fields(fields)
    if not function.name.endswith(_ABOUT_NOTHING) and not any(
        value and name not in _MANNER for name, value in fields.items()
    ):
        raise Refused(40501, "'keyword'")
    keyword = fields.get("keyword", "")
    if not isinstance(keyword, str) or len(keyword) > 700:
        raise Refused(40501, "'keyword'")
    tag = fields.get("tag")
    if tag is not None and (not isinstance(tag, str) or len(tag) > MOST_TAG):
        raise Refused(40501, "'tag'")
    if str(fields.get("priority", 1)) not in {"1", "2"}:
        raise Refused(40501, "'priority'")
    _check_webhooks(function, fields)
    return fields


def _check_webhooks(function: Function, fields: dict[str, Any]) -> None:
    for name in ("pingback_url", "postback_url"):
        url = fields.get(name)
        if url is None:
            continue
        if not function.takes_webhooks or not isinstance(url, str) or "://" not in url:
            raise Refused(40501, f"'{name}'")
    if function.name == "on_page" and fields.get("postback_url"):
        raise Refused(40501, "'postback_url'")  # the crawl has pingbacks only
    form = fields.get("postback_data")
    if form is not None and str(form) not in _FORMS:
        raise Refused(40501, "'postback_data'")
    named_forms = {"regular", "advanced", "html"} & set(function.variants)
    if fields.get("postback_url") and named_forms and form is None:
        raise Refused(40501, "'postback_data'")


def _check_account(account: Account, fields: dict[str, Any], cost: float, now: int) -> None:
    if account.balance < cost:
        raise Refused(40210)
    limit = account.options.day_cost_limit
    spent = account.spent_today if account.spent_day == day_of(now) else 0.0
    if limit is not None and spent + cost > limit + 1e-9:
        raise Refused(40203)
    most = account.options.duplicates_per_hour
    if most is not None:
        key = (as_bytes(dict(sorted(fields.items()))).decode(), now // HOUR_MS)
        account.duplicates[key] = account.duplicates.get(key, 0) + 1
        if account.duplicates[key] > most:
            raise Refused(40205)


def _spend(account: Account, cost: float, now: int) -> None:
    if account.spent_day != day_of(now):
        account.spent_day, account.spent_today = day_of(now), 0.0
    account.spent_today += cost


def _price(function: Function, fields: Mapping[str, Any]) -> float:
    depth = fields.get("depth")
    pages = -(-depth // 10) if isinstance(depth, int) and depth > 0 and function.api == "serp" else 1
    doubled = 2 if function.takes_priority and priority(fields) > 1 else 1
    return round(function.price * pages * doubled, 6)


def priority(fields: Mapping[str, Any]) -> int:
    """Give 1 or 2; it may have been posted as text."""
    return 2 if str(fields.get("priority", 1)) == "2" else 1


def create(
    state: State, account: Account, function: Function, fields: dict[str, Any], cost: float, now: int,
    owner: str | None,
) -> Task:  # fmt: skip
    """Make a task and decide all its luck from its own number: other calls to the world change nothing."""
    number = len(state.tasks) + 1
    dice = random.Random(state.seed * 1_000_003 + number)
    luck = frozenset(name for name in _TASK_LUCK if state.faults.happens(name, dice))
    turnaround = state.options.turnaround.draw(function.name, priority(fields), dice)
    if "long_tail" in luck:
        turnaround *= 8
    lag = dice.randint(*state.options.list_lag_ms) + (dice.randrange(SPIKE_MS) if "lag_spike" in luck else 0)
    code = _outcome(luck, dice)
    if "llm_expires" in luck and function.name.endswith("llm_responses"):
        code, turnaround = 40103, LLM_CAP_MS
    made = state.make_id(account, function.post_code, now, number)
    owner = owner or owner_of(state, fields)
    task = Task(
        made, number, account, function, dict(fields), owner, cost, now, now + turnaround, lag, code, luck
    )
    state.admit(task)
    return task


def owner_of(state: State, fields: Mapping[str, Any]) -> str:
    """Say whose a task is when the caller did not say."""
    prefix = state.options.foreign_tag
    return FOREIGN if prefix and str(fields.get("tag") or "").startswith(prefix) else OWN


def _outcome(luck: frozenset[str], dice: random.Random) -> int:
    draw = dice.random()
    if "fails" in luck:
        return 40101 if draw < 0.7 else 40103
    if "no_results" in luck:
        return 40102
    return 40106 if "partial" in luck else OK


def _foreign_twin(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Make what other software might post at the same time: the same thing, its own tag, no webhooks."""
    kept = {
        name: value for name, value in fields.items() if name not in {"tag", "pingback_url", "postback_url"}
    }
    return kept | {"tag": f"other-software:{LOGIN}"}


def answer(state: State, account: Account, call: Call, function: Function) -> list[Entry] | int:
    """Answer a task_post call: one entry per task, or the code that refuses the whole call."""
    batch = read_batch(call.body)
    if isinstance(batch, int):
        return batch
    return post(state, account, function, batch, call.segments, now=call.now)
