"""Ask the remote to deliver again, a hundred tasks a call, for a person who waits. Moves no task.

The deliveries come by themselves: to the user's server, or to the receiver beside a daemon. The calls are counted with
those of id_list, of which a daemon knows from the ledger: at its full rate it leaves no room for others.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from daemon.dataforseo.errors import RemoteError, Throttled
from daemon.dataforseo.resending import MOST_RESENDS, ResendAnswer, ResendWord
from daemon.passes.remote import outcome_of
from daemon.passes.tools import Tools
from daemon.policy.audit import Page, Why
from daemon.policy.rules import SECOND_MS

API = "appendix"

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Resent:
    """What the remote said of each task; tasks without a word were not asked for, or are among the silent ones."""

    words: dict[str, ResendWord] = field(default_factory=dict)
    silent: list[str] = field(default_factory=list)  # named in an answered call, and not spoken of
    problems: list[str] = field(default_factory=list)
    calls: int = 0
    stopped: RemoteError | None = None


async def run(tools: Tools, ids: Sequence[str], on_step: Progress) -> Resent:
    """Ask for all of them, call by call; the first call that brings no answer is the last one.

    `on_step` hears how many were asked for, and how long the next call waits (ms). What was not answered may be
    delivered all the same: asked for once more it is delivered once more, which harms nobody and costs nothing.
    """
    found = Resent()
    for first in range(0, len(ids), MOST_RESENDS):
        group = ids[first : first + MOST_RESENDS]
        call_id = await _slot(tools, partial(on_step, first))
        found.calls += 1
        try:
            with tools.audits.counted():
                answer = await tools.client.resend(group)
        except RemoteError as error:
            _close(tools, call_id, outcome_of(error), error.code)
            if isinstance(error, Throttled):
                tools.audits.tighten()
            found.stopped = error
            return found
        _close(tools, call_id, "resent", answer.code)
        _take(found, group, answer)
    return found


async def _slot(tools: Tools, on_wait: Callable[[int], None]) -> int:
    """Wait for a call that the budget of all processes allows, and write it down."""
    while True:
        wait = tools.audits.wait_ms()
        on_wait(wait)
        if not wait:
            now = tools.now()
            call_id = tools.audits.begin(API, Why.BY_HAND, Page(now, now, 0), sweep=False)
            if call_id is not None:
                return call_id
        # By a second at a time: others may have called meanwhile.
        await asyncio.sleep(min(wait, SECOND_MS) / 1000)


def _close(tools: Tools, call_id: int, outcome: str, code: int | None) -> None:
    tools.ledger.audits.close(call_id, API, outcome=outcome, code=code, at=tools.now(), failed=False)


def _take(found: Resent, group: Sequence[str], answer: ResendAnswer) -> None:
    found.words |= answer.words
    found.silent += [one for one in group if one not in answer.words]
    found.problems += answer.problems
