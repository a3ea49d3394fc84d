"""Builds what a pass works with, from settings: the one place that knows which part goes where."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx

from daemon import logs
from daemon.clock import Clock
from daemon.dataforseo.client import Caps, Client
from daemon.handover.opening import door_of
from daemon.passes.audit_budget import AuditBudget
from daemon.passes.postbox import Postbox
from daemon.passes.tools import Tools
from daemon.policy.budget import Limit, Limiter
from daemon.settings import Settings
from daemon.settings_webhook import Webhook
from daemon.standing import scopes
from ledger.store import Ledger

if TYPE_CHECKING:
    from daemon.web.server import Front

MINUTE_MS = 60_000
GENERAL_LIMIT = 2_000
"""Requests a minute until user_data says more; raised to 10,000 for most accounts in 2026-10, but not for all."""

ID_LIST_LIMIT = 10
"""Calls a minute (help center, id_list)."""


def build_tools(
    settings: Settings,
    ledger: Ledger,
    clock: Clock,
    *,
    transport: Callable[[], httpx.AsyncBaseTransport] | None = None,
    by_hand: float | None = None,
) -> Tools:
    """Wire the collaborators of every pass.

    `by_hand` is for a command that a person waits for: which part of id_list's calls it may make. None: a daemon.
    """
    now, ticks = clock.now(), round(clock.monotonic() * 1000)
    # Calls of the last minute, made before a restart, still count: they are in the ledger. One from the future was
    # made before somebody set the clock back; counted as made now, it costs a minute and not hours.
    asked = [ticks - max(0, now - at) for at in ledger.polls.asked_since(now - MINUTE_MS)]
    return Tools(
        ledger=ledger,
        client=build_client(settings, transport=transport),
        clock=clock,
        rules=settings.rules,
        scopes=scopes(),
        lists=Limiter(Limit(settings.tasks_ready_limit, MINUTE_MS), settings.share, asked),
        audits=_audit_budget(ledger, clock, settings.share, by_hand),
        # Calls of id_list count here too, also those of other processes, which nobody sees in time: they have their
        # own room in this limit.
        general=Limiter(
            Limit(settings.general_limit or GENERAL_LIMIT, MINUTE_MS), settings.share, set_aside=ID_LIST_LIMIT
        ),
        log=logs.get_logger(),
        variants=settings.variants,
        started_at=now,
        follow_account=settings.general_limit is None,
        targets=[(rule, door_of(rule)) for rule in settings.targets],
        postbox=Postbox(enabled=settings.post_enabled == "yes"),
    )


def build_client(
    settings: Settings, *, transport: Callable[[], httpx.AsyncBaseTransport] | None = None
) -> Client:
    """Build the client of the account.

    Raises:
        SettingsError: credentials are missing.
    """
    login, password = settings.credentials()
    return Client(
        settings.base_url,
        login,
        password,
        lanes=settings.lanes,
        transport=transport,
        caps=Caps(inflated_bytes=settings.max_body_mb << 20),
    )


def _audit_budget(ledger: Ledger, clock: Clock, share: float, by_hand: float | None) -> AuditBudget:
    now, ticks = clock.now(), round(clock.monotonic() * 1000)
    limit = Limit(ID_LIST_LIMIT, MINUTE_MS)
    # Others' calls are read from the ledger, and so are ours from before a restart; as above, one from the future
    # counts as made now.
    ahead = [ticks for _ in ledger.audits.calls_since(now + MINUTE_MS).calls]
    own = None if by_hand is None else Limiter(limit, share * by_hand, even=False)
    return AuditBudget(ledger.audits, clock, Limiter(limit, share, ahead, even=by_hand is None), own)


def build_front(tools: Tools, webhook: Webhook | None, wake: Callable[[], None]) -> "Front | None":
    """Build the receiver of webhooks, if one is wanted; `wake` is told when there is something to fetch.

    Raises:
        SettingsError: it has no secret that it can use.
    """
    if webhook is None or webhook.listen is None:
        return None
    from daemon.web.limits import Limits  # noqa: PLC0415  uvicorn takes time and memory, and most do not need it
    from daemon.web.server import Front  # noqa: PLC0415

    limits = replace(Limits(), inflated_bytes=tools.client.caps.inflated_bytes)
    return Front(tools, webhook, wake, limits=limits)
