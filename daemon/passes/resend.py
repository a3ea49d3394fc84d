"""Ask the remote to deliver again, a hundred tasks a call, for a person who waits. Changes nothing in the ledger.

The deliveries come by themselves: to the user's server, or to the receiver beside a daemon.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from daemon.dataforseo.client import Client
from daemon.dataforseo.errors import RemoteError
from daemon.dataforseo.resending import MOST_RESENDS, ResendWord
from daemon.policy.budget import Limiter

Progress = Callable[[int], None]


@dataclass(slots=True)
class Resent:
    """What the remote said of each task, and what it said of none because it could not be asked."""

    words: dict[str, ResendWord] = field(default_factory=dict)
    silent: list[str] = field(default_factory=list)  # named in an answered call, and not spoken of
    unasked: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    calls: int = 0
    stopped: RemoteError | None = None


async def run(
    client: Client, ids: Sequence[str], limiter: Limiter, ticks: Callable[[], int], on_step: Progress
) -> Resent:
    """Ask for all of them, call by call; the first call that brings no answer is the last one.

    `on_step` hears how many were asked for. What was not answered may be delivered all the same: asked for once more,
    it is delivered once more, which harms nobody and costs nothing.
    """
    found = Resent()
    for first in range(0, len(ids), MOST_RESENDS):
        group = ids[first : first + MOST_RESENDS]
        on_step(first)
        await asyncio.sleep(limiter.wait_ms(ticks()) / 1000)
        limiter.take(ticks())
        found.calls += 1
        try:
            answer = await client.resend(group)
        except RemoteError as error:
            found.stopped = error
            found.unasked = list(ids[first:])
            return found
        _take(found, group, answer.words)
        found.problems += answer.problems
    return found


def _take(found: Resent, group: Sequence[str], words: Mapping[str, ResendWord]) -> None:
    found.words |= words
    found.silent += [one for one in group if one not in words]
