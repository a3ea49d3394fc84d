"""Run by the fault tests: readyd itself, hurried, from planning to the last result. Not a test.

Usage: cycle.py MANNER BATCH FILE
Plans the file (`readyd post`), then is `readyd run`, and ends when all is home. It waits less than readyd does; what it
does, and in which order, is readyd's own. `impatient` takes silence for a refusal, and `hasty` writes states before
bodies, `normal` syncs less: as readyd never does, so that tests can show that they would notice. `hanging` stands
still as soon as something is posted. `poor` may open no file and no connection, and `short` let no file grow, once
it has begun and before its first call; whoever started it may allow it again.
"""

import os
import resource
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from daemon import composition, service
from daemon.cli.main import run
from daemon.passes import audit, collect, lookup, reconcile
from daemon.policy.rules import Turnaround
from daemon.settings import Settings
from ledger import database, engine, schema
from ledger.records import Body, Settlement
from ledger.store import Ledger

HURRY = {
    "pace_normal_ms": 200,
    "audit_ms": 500,
    "audit_age_ms": 0,
    "audit_young_ms": 0,
    "lookup_grace_ms": 300,
    "lookup_between_ms": 300,
    "lookup_retry_ms": 100,
    "pending_least_ms": 200,
    "retry_least_ms": 200,
    "post_trouble_least_ms": 500,
    "turnarounds": (Turnaround("", 1_000, 60_000),),
}
TICK_S = 0.3
LIMITS = {"poor": (resource.RLIMIT_NOFILE, 3), "short": (resource.RLIMIT_FSIZE, 512)}
"""What is allowed at first: no descriptor but those that are open, and files of so many bytes."""

PLENTY = 6_000
"""Calls a minute of each kind: the simulator beside it allows more."""


def hurried(settings: Settings, *words: Any, **more: Any) -> Any:
    rules = replace(settings.rules, **HURRY)  # type: ignore[arg-type]
    return build(
        replace(settings, rules=rules, tasks_ready_limit=PLENTY, general_limit=10 * PLENTY), *words, **more
    )


async def reviewed(self: service.Service) -> None:
    """Review, and stop when everything is home."""
    await review(self)
    ledger = self.tools.ledger
    if not (ledger.intents.counts() or ledger.intents.unknown() or ledger.tasks.outstanding()):
        self.ask_to_stop()


async def running(self: service.Service) -> None:
    if manner == "impatient":
        lookup.adopt_listed = lookup.adopt_posted = lambda *_: None
        intents = self.tools.ledger.intents
        intents.absent([one.call_id for one in intents.unknown()], 0)
    await work(self)


def hasty() -> None:
    save, settle = Ledger.save_bodies, Ledger.settle
    waiting: list[Body] = []

    def settled(self: Ledger, ends: Sequence[Settlement]) -> tuple[str, ...]:
        moved = settle(self, ends)
        save(self, waiting)
        waiting.clear()
        return moved

    Ledger.save_bodies = lambda _, bodies: waiting.extend(bodies)  # type: ignore[method-assign]
    Ledger.settle = settled  # type: ignore[method-assign]


def normal() -> None:
    database._SYNCHRONOUS["normal"] = 1
    schema.choose = lambda _: engine.Engine("any", "wal", "normal", None)  # type: ignore[attr-defined]
    Ledger.maintain = lambda _: None  # type: ignore[method-assign]  # it would sync, by chance


def hanging() -> None:
    reconcile_once = service.Service._reconcile

    async def hung(self: service.Service) -> None:
        await reconcile_once(self)
        if self.tools.ledger.tasks.outstanding():
            signal.pause()

    service.Service._reconcile = hung  # type: ignore[method-assign]


def limited() -> None:
    begin, (kind, least) = service.Service._record_start, LIMITS[manner]

    def begun(self: service.Service) -> None:
        begin(self)
        resource.setrlimit(kind, (least, resource.getrlimit(kind)[1]))

    service.Service._record_start = begun  # type: ignore[method-assign]


manner, batch, file = sys.argv[1:]
build, review, work = service.build_tools, service.Service._review, service.Service.run  # type: ignore[attr-defined]
service.build_tools = hurried  # type: ignore[attr-defined]
service.Service._review = reviewed  # type: ignore[method-assign]
service.Service.run = running  # type: ignore[method-assign]
service.TICKS.update(dict.fromkeys(service.TICKS.keys() - {"maintain"}, TICK_S))  # type: ignore[arg-type]
composition.ID_LIST_LIMIT = PLENTY
audit.REPLAN_MS = reconcile.REPLAN_MS = 200
collect.LEDGER_REST_MS, service.AFTER_FAILURE_S = 1_000, 1
manners = {"hasty": hasty, "normal": normal, "hanging": hanging, "poor": limited, "short": limited}
if manner in manners:
    manners[manner]()
os.environ["READYD_LOG_FORMAT"] = "json"
code = run(["post", "--batch", batch, file])
sys.exit(code or run(["run"]))
