"""What was said is remembered: a hundred processes that are killed while alerts stand repeat none and forget none."""

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from ledger.database import LedgerDatabase
from ledger.trouble import sqlite
from tests.passes.alerts.lines import HOUR, MINUTE, SECOND, most_in_an_hour, said
from tests.passes.alerts.remote_faults import mended, refusal

KILLS = 100
ORGANIC = "serp/google/organic"

Live = Callable[..., Any]


class Killed(LedgerDatabase):
    """Once its process is killed it writes nothing any more, whatever the rest of that process still tries."""

    alive: ClassVar[set[int]] = set()

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        type(self).alive.add(id(self))

    def _check(self) -> None:
        if id(self) not in type(self).alive:
            raise sqlite.OperationalError("this process was killed")

    def begin(self, lock_type: Any = None) -> None:
        self._check()
        super().begin(lock_type)

    def commit(self) -> None:
        self._check()
        super().commit()  # type: ignore[no-untyped-call]


async def kill(life: Any) -> None:
    """End the process at once: nothing is flushed, nothing is said, and a new one starts with what the file holds."""
    Killed.alive.clear()
    life._playing.cancel()
    await asyncio.gather(life._playing, return_exceptions=True)
    life.service = life._playing = None
    life.ledger.close()
    life.ledger = type(life.ledger).open(life.path, driver=Killed)
    life.start()


@pytest.mark.parametrize("apart_s", [7, 61, 97])
def test_a_hundred_kills_while_alerts_stand_repeat_no_line_and_forget_no_end(
    live: Live, apart_s: int
) -> None:
    async def story(life: Any) -> None:
        life.post(count=10)
        life.post("serp/google/maps", 3)
        await life.sleep(25 * HOUR)  # they expire in 47 hours, and nothing comes home
        life.line.instead = lambda path: refusal(40100, "You are not authorized.", 401)
        life.start()
        await life.sleep(2 * MINUTE)
        before = [one.text for one in said(life)]
        assert len(before) == 3, before
        for _ in range(KILLS):
            await life.sleep(apart_s * SECOND)
            await kill(life)
        await life.sleep(SECOND)
        after = [one.text for one in said(life)]
        assert len(life.events("service.started")) == KILLS + 1
        again = [text for text in after[3:] if not text.startswith("repeated")]
        assert not again, again
        assert most_in_an_hour(said(life)) <= 12
        mended(life)
        await life.until_settled(within=HOUR)
        mended_at = life.now()
        while len([one for one in said(life) if one.text.startswith("closed")]) < 3:
            await life.sleep(59 * SECOND)
            await kill(life)
            assert life.now() - mended_at < HOUR
        await life.sleep(10 * MINUTE)
        closed = [one.text for one in said(life) if one.text.startswith("closed")]
        assert len(closed) == 3, "each end is said once"

    live(story, driver=Killed)
