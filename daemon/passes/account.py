"""The account pass: learn from user_data how many calls a minute the account may make. Changes no task."""

from daemon.dataforseo.errors import RemoteError, Throttled
from daemon.passes.tools import Tools
from ledger.times import HOUR_MS

AT_MOST_MS = 15_000
"""user_data may be asked 6 times a minute (docs: appendix/user_data), and a service may restart more often."""

FRESH_MS = HOUR_MS
"""Limits change rarely; so old an answer is asked for anew, and so is one from before the start."""


async def ask(tools: Tools) -> None:
    """Ask user_data (free) and let the general budget follow it; a refusal changes nothing."""
    known = tools.ledger.facts.get("general_limit")
    if known is not None:
        _follow(tools, int(known))
    if tools.remote.pause_ms(tools.ticks()) or not _is_due(tools):
        return
    tools.ledger.facts.put("account_asked", str(tools.now()), tools.now())
    tools.general.take(tools.ticks())
    try:
        facts = await tools.client.user_data()
    except RemoteError as error:
        if not isinstance(error, Throttled):  # that is about user_data alone, which has a limit of its own
            tools.remote.troubled(error, "appendix", now=tools.now(), ticks=tools.ticks(), rules=tools.rules)
        tools.log.warning("account.unanswered", problem=str(error))
        return
    tools.answered("appendix")
    tools.ledger.facts.put("account_answered", str(tools.now()), tools.now())
    if facts.general_limit:
        tools.ledger.facts.put("general_limit", str(facts.general_limit), tools.now())
        _follow(tools, facts.general_limit)
    tools.log.debug("account.read", general_limit=facts.general_limit)


def _is_due(tools: Tools) -> bool:
    now, facts = tools.now(), tools.ledger.facts
    asked_at, answered_at = (int(facts.get(name) or 0) for name in ("account_asked", "account_answered"))
    if 0 <= now - asked_at < AT_MOST_MS:
        return False
    # A start in the future was before somebody set the clock back; until then, no answer would be good enough.
    started_at = tools.started_at if tools.started_at <= now else 0
    return not max(started_at, now - FRESH_MS) <= answered_at <= now


def _follow(tools: Tools, general_limit: int) -> None:
    if tools.follow_account:
        tools.general.allow(general_limit)
