"""The demo's story: who posts what, and when, over three days. Pure; knows neither the simulator nor the ledger.

The same seed gives the same story. Numbers are chosen so that everything readyd is there for happens:
a burst that fills the 1000-row window, an outage longer than a night, urgent work among the rest, tasks of
other software on the account, results delivered to somebody else's server.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS

HOURS = 72
POSTING_ENDS_H = 68
OUTAGE_H = (20, 50)
SHORT_CUT_H = (8.01, 8.35)
"""Half a minute after the burst the network is gone for twenty minutes: then more is done than any window shows."""

ERRORS_H = (58, 59)
BURST_H = 8
EVE_H = 19.994
"""Seconds before the outage a large order goes out; it completes while nobody can look."""

URGENT_TAG = "urgent"
PER_CALL = 100

PINGBACK_URL = "https://hooks.example/ping?id=$id&tag=$tag"
POSTBACK_URL = "https://hooks.example/post?id=$id"

MIX: tuple[tuple[str, int], ...] = (
    ("serp/google/organic", 44),
    ("serp/google/maps", 10),
    ("serp/bing/organic", 8),
    ("serp/youtube/organic", 6),
    ("merchant/google/products", 8),
    ("business_data/google/reviews", 8),
    ("app_data/apple/app_info", 5),
    ("keywords_data/google_ads/search_volume", 7),
    ("on_page/lighthouse", 4),
)
"""Functions and their share of the steady work."""


@dataclass(frozen=True, slots=True)
class Order:
    """One task_post call. `foreign` orders belong to other software on the account: readyd never hears of them."""

    at: int
    function: str
    tasks: tuple[dict[str, object], ...]
    foreign: bool = False


def story(seed: int, start: int) -> list[Order]:
    """Tell who posts what and when, in order of time."""
    source = random.Random(seed)  # noqa: S311  a story wants to be told twice alike, not kept secret
    orders = [
        *_steady(source, start),
        *_bulk(source, start + BURST_H * HOUR_MS, "serp/google/organic", 2300),
        *_bulk(source, start + round(EVE_H * HOUR_MS), "serp/google/organic", 1150),
        *_bulk(source, start + round(EVE_H * HOUR_MS), "serp/google/maps", 150),
        *_foreign(source, start),
    ]
    return sorted(orders, key=lambda order: (order.at, order.foreign, order.function))


def _cut_off(hour: float) -> bool:
    return any(start <= hour < end for start, end in (OUTAGE_H, SHORT_CUT_H))


def _steady(source: random.Random, start: int) -> Iterator[Order]:
    """Every quarter of an hour a small order, as long as the poster's own network is there."""
    names = [name for name, _ in MIX]
    weights = [share for _, share in MIX]
    for quarter in range(POSTING_ENDS_H * 4):
        if _cut_off(quarter / 4):
            continue
        function = source.choices(names, weights)[0]
        at = start + quarter * 15 * MINUTE_MS + source.randrange(5 * MINUTE_MS)
        yield Order(at, function, _tasks(source, source.randint(5, 12)))


def _bulk(source: random.Random, at: int, function: str, count: int) -> Iterator[Order]:
    """One large order in full calls, a second apart."""
    for number, first in enumerate(range(0, count, PER_CALL)):
        yield Order(at + number * 1000, function, _tasks(source, min(PER_CALL, count - first)))


def _foreign(source: random.Random, start: int) -> Iterator[Order]:
    """Other software posts on the same account, and is slow to collect."""
    for hour in range(1, POSTING_ENDS_H, 6):
        if _cut_off(hour):
            continue
        at = start + hour * HOUR_MS + source.randrange(HOUR_MS)
        yield Order(at, "serp/google/organic", _tasks(source, 15, tag="other-tool"), foreign=True)


def _tasks(source: random.Random, count: int, tag: str | None = None) -> tuple[dict[str, object], ...]:
    return tuple(_task(source, tag) for _ in range(count))


def _task(source: random.Random, tag: str | None) -> dict[str, object]:
    number = source.randrange(1_000_000)
    task: dict[str, object] = {"keyword": f"keyword {number}", "location_code": 2840, "language_code": "en"}
    draw = source.random()
    task["tag"] = tag or (f"{URGENT_TAG}:{number}" if draw < 0.08 else f"batch:{number % 50}")
    if tag is None and 0.08 <= draw < 0.14:
        task["pingback_url"] = PINGBACK_URL
    elif tag is None and 0.14 <= draw < 0.19:
        task["postback_url"] = POSTBACK_URL
        task["postback_data"] = "advanced"
    return task
