"""The account pass: learn from user_data how many calls a minute the account may make. Changes no task."""

from daemon.dataforseo.errors import RemoteError, Throttled
from daemon.passes.tools import Tools
from ledger.times import MINUTE_MS

ASK_AGAIN_MS = MINUTE_MS
"""user_data may be asked 6 times a minute (docs: appendix/user_data), and a service may restart more often."""


async def ask(tools: Tools) -> None:
    """Ask user_data (free) and let the general budget follow it; a refusal changes nothing."""
    known = tools.ledger.facts.get("general_limit")
    if known is not None:
        _follow(tools, int(known))
    if tools.remote.pause_ms(tools.ticks()) or _asked_recently(tools):
        return
    tools.ledger.facts.put("account_asked", str(tools.now()), tools.now())
    tools.general.take(tools.ticks())
    try:
        facts = await tools.client.user_data()
    except RemoteError as error:
        if not isinstance(error, Throttled):  # that is about user_data alone, which has a limit of its own
            tools.remote.troubled(error, now=tools.now(), ticks=tools.ticks(), rules=tools.rules)
        tools.log.warning("account.unanswered", problem=str(error))
        return
    tools.remote.well()
    if facts.general_limit:
        tools.ledger.facts.put("general_limit", str(facts.general_limit), tools.now())
        _follow(tools, facts.general_limit)
    tools.log.debug("account.read", general_limit=facts.general_limit)


def _asked_recently(tools: Tools) -> bool:
    asked_at = tools.ledger.facts.get("account_asked")
    return asked_at is not None and 0 <= tools.now() - int(asked_at) < ASK_AGAIN_MS


def _follow(tools: Tools, general_limit: int) -> None:
    if tools.follow_account:
        tools.general.allow(general_limit)
