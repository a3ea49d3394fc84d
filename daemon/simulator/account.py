"""Who asks, what he may still do, and what the remote tells about his account and itself. Knows no lists."""

import base64
import binascii
from typing import Any

from daemon.simulator.catalogue import FUNCTIONS, UMBRELLAS
from daemon.simulator.envelopes import Entry, as_bytes
from daemon.simulator.messages import MESSAGES, OK
from daemon.simulator.moments import as_text, day_of
from daemon.simulator.records import Account, Call, Route
from daemon.simulator.state import State

SMALL_LIMITS = {"user_data": 6, "status": 10, "errors": 10, "id_list": 10, "tasks_fixed": 20}
"""Calls per minute (help center, rate limits)."""


def authorize(state: State, header: str) -> Account | None:
    """Find the account of a Basic authorization."""
    scheme, _, word = header.partition(" ")
    try:
        login, _, password = base64.b64decode(word, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    if scheme.lower() != "basic":
        return None
    for account in state.accounts:
        if login in account.options.logins and account.options.logins[login] == password:
            return account
    return None


def admit(state: State, account: Account, route: Route, now: int) -> tuple[bool, int, int, int]:
    """Count the call against its limits: (accepted, limit, remaining, when the next one is)."""
    bucket = account.limits.bucket("total", state.options.general_limit)
    own = _own_limit(state, route)
    if own is not None:
        narrow = account.limits.bucket(*own)
        if narrow.used(now) >= narrow.limit:
            return False, narrow.limit, 0, narrow.frees_at(now)
        if bucket.take(now) and narrow.take(now):
            return True, narrow.limit, narrow.limit - narrow.used(now), now
        return False, bucket.limit, 0, bucket.frees_at(now)
    accepted = bucket.take(now)
    return accepted, bucket.limit, bucket.limit - bucket.used(now), bucket.frees_at(now)


def _own_limit(state: State, route: Route) -> tuple[str, int] | None:
    if route.verb == "tasks_ready":
        return _ready_bucket(state, route), state.options.tasks_ready_limit
    if route.verb in SMALL_LIMITS:
        return f"{route.verb}:{route.api}" if route.verb == "errors" else route.verb, SMALL_LIMITS[route.verb]
    return None


def _ready_bucket(state: State, route: Route) -> str:
    """Name the bucket of a list: one for the account, or as the counters of user_data suggest."""
    if "buckets_per_function" not in state.modes or route.listing is None:
        return "tasks_ready"
    api = route.listing.path.split("/")[2]
    return f"tasks_ready:{'serp' if api == 'serp' else route.listing.path}"


def user_data(state: State, account: Account, call: Call) -> Entry:
    """Tell login, limits, use and money."""
    used = account.limits.bucket("total", state.options.general_limit).used(call.now)
    day, minute = as_text(call.now)[:10], as_text(call.now)[:16]
    spent = account.spent_today if account.spent_day == day_of(call.now) else 0.0
    cost_limit = account.options.day_cost_limit or 0
    facts = {
        "login": next(iter(account.options.logins)),
        "timezone": "Europe/Kyiv",
        "rates": {
            "limits": {"day": {"total": 0}, "minute": _minute_limits(state)},
            "statistics": {
                "day": {"total": state.tally["calls"], "value": day},
                "minute": {"total": used, "value": minute},
            },
        },
        "money": {
            "total": account.options.balance,
            "balance": round(account.balance, 6),
            "limits": {"day": {"total": cost_limit}, "minute": {"total": 0}},
            "statistics": {
                "day": {"total": round(spent, 6), "value": day},
                "minute": {"total": 0, "value": minute},
            },
        },
        "price": {"serp": {"task_post": {"priority_normal": [{"cost_type": "per_result", "cost": 0.0006}]}}},
        "backlinks_subscription_expiry_date": None,
        "llm_mentions_subscription_expiry_date": None,
    }
    return _entry(state, account, call, [facts])


def _minute_limits(state: State) -> dict[str, Any]:
    general, ready = state.options.general_limit, state.options.tasks_ready_limit
    limits: dict[str, Any] = {api: {"tasks_ready": ready} for api in (*UMBRELLAS, "keywords_data", "on_page")}
    limits["serp"] = {
        "task_post": general,
        "task_get": {"regular": general, "advanced": general, "html": general},
        "tasks_ready": ready,
        "tasks_fixed": 20,
        "tasks_ready_queue": ready,
    }
    limits["on_page"]["lighthouse"] = {"tasks_ready": ready}
    limits["appendix"] = {name: SMALL_LIMITS[name] for name in ("user_data", "status", "errors")}
    return {**limits, "total": general, "total_serp": general}


def status(state: State, account: Account, call: Call) -> Entry:
    """Tell how each API is. The healthy value is not documented; null is what the schema allows."""
    apis = sorted({function.api for function in FUNCTIONS.values()})
    rows = [
        {
            "api": api,
            "status": None,
            "endpoints": [{"endpoint": name, "status": None} for name in ("task_get", "task_post")],
        }
        for api in apis
    ]
    return _entry(state, account, call, rows)


def code_list(state: State, account: Account, call: Call) -> Entry:
    """Tell the status codes there are."""
    return _entry(
        state, account, call, [{"code": code, "message": words} for code, words in MESSAGES.items()]
    )


def _entry(state: State, account: Account, call: Call, rows: list[dict[str, Any]]) -> Entry:
    some_id = state.call_id(account, "0074", call.now)
    data = {"api": "appendix", "function": call.segments[-1]}
    return Entry(some_id, OK, call.segments, data, as_bytes(rows), len(rows))
