"""The account pass: learn from user_data how many calls a minute the account may make. Changes no task."""

from daemon.dataforseo.errors import RemoteError
from daemon.passes.tools import Tools


async def ask(tools: Tools) -> None:
    """Ask user_data (free, 6 a minute) and let the general budget follow it; a refusal changes nothing."""
    if tools.remote.pause_ms(tools.ticks()):
        return
    tools.general.take(tools.ticks())
    try:
        facts = await tools.client.user_data()
    except RemoteError as error:
        tools.remote.troubled(error, now=tools.now(), ticks=tools.ticks(), rules=tools.rules)
        tools.log.warning("account.unanswered", problem=str(error))
        return
    tools.remote.well()
    now = tools.now()
    if facts.general_limit:
        tools.ledger.facts.put("general_limit", str(facts.general_limit), now)
        if tools.follow_account:
            tools.general.allow(facts.general_limit)
    tools.log.debug("account.read", general_limit=facts.general_limit)
