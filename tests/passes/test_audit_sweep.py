"""A sweep of id_list over a large ledger: within the remote's limit, and every row is shown once and written once.

With 200,000 tasks the audit pass runs beside one poster and one collector only: 200 calls in 23 simulated minutes, at
most 9 in any of them. With fewer tasks the whole service runs. READYD_TEST_AUDITED (200,000 take a minute of CPU) and
READYD_TEST_SERVED (100,000 take a minute and a half) are other numbers of tasks.
"""

import asyncio
import contextlib
import gzip
import json
import os
from collections import Counter
from collections.abc import Callable
from typing import Any

from daemon.passes.audit import Auditor
from daemon.passes.collect import Collector
from daemon.simulator.records import Call, Reply
from daemon.simulator.world import World
from daemon.standing import as_candidate
from ledger.records import State
from ledger.store import Ledger

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
ORGANIC = "serp/google/organic"
ID_LIST_CALLS = 10
"""A minute (docs id_list)."""

MANY = int(os.environ.get("READYD_TEST_AUDITED", "200000"))
SOME = int(os.environ.get("READYD_TEST_SERVED", "9000"))

Live = Callable[..., Any]


class Watched(World):
    """A remote that remembers when its id_list was asked, and which ids each page showed."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.pages: list[tuple[int, list[str]]] = []

    def handle(self, call: Call) -> Reply:
        reply = super().handle(call)
        if call.path.endswith("/id_list"):
            body = gzip.decompress(reply.body) if "content-encoding" in reply.headers else reply.body
            entries = json.loads(body)["tasks"] or []  # null when the call was refused
            rows = [row for entry in entries for row in entry["result"] or []]
            self.pages.append((call.now, [row["id"] for row in rows]))
        return reply


def post(life: Any, count: int) -> list[str]:
    """Post so many tasks at this moment, and record them with few commits."""
    made: list[str] = []
    for first in range(0, count, 10_000):
        sizes = [min(100, count - start) for start in range(first, min(first + 10_000, count), 100)]
        answers = [life.world.post(ORGANIC, [{"keyword": f"k{n}"} for n in range(size)]) for size in sizes]
        made += life.ledger.record_posted(answers).accepted
    return made


async def post_over(life: Any, count: int, minutes: int) -> list[str]:
    """Post evenly over some minutes."""
    made: list[str] = []
    for minute in range(minutes):
        made += post(life, count * (minute + 1) // minutes - count * minute // minutes)
        await life.sleep(MINUTE)
    return made


def count_writes(life: Any) -> None:
    """Let this connection count each write of a completion time, by task."""
    with life.ledger._connection.reading() as database:
        database.execute_sql("create temp table if not exists written (id text)")
        database.execute_sql(
            """create temp trigger counted after update of latest_done_at on main.task
               begin insert into written values (new.id); end"""
        )


def writes(life: Any) -> Counter[str]:
    with life.ledger._connection.reading() as database:
        return Counter(one for (one,) in database.rows("select id from temp.written"))


def answered(life: Any) -> set[str]:
    """The tasks that a GET found done before anything else did."""
    with life.ledger._connection.reading() as database:
        return {one for (one,) in database.rows("select task_id from transition where reason = 'answered'")}


def finished_at(life: Any) -> int | None:
    audit = life.ledger.audits.all().get("serp")
    return None if audit is None or audit.sweep_at is not None else audit.finished_at


async def newcomers(life: Any, made: list[str]) -> None:
    """Somebody goes on posting."""
    while True:
        await life.sleep(MINUTE)
        made += post(life, 7)


def check_limit(life: Any) -> None:
    """No minute at the remote, wherever it begins, held more calls than are allowed."""
    asked = [at for at, _ in life.world.pages]
    assert max(sum(at <= other < at + MINUTE for other in asked) for at in asked) <= ID_LIST_CALLS


def check_pages(life: Any, ids: list[str]) -> None:
    """Every task was in exactly one page, and every page was taken in."""
    shown = Counter(one for _, page in life.world.pages for one in page)
    assert [one for one in ids if shown[one] != 1] == []
    with life.ledger._connection.reading() as database:
        rows = [
            rows
            for (rows,) in database.rows("select rows from audit_call where outcome = 'listed' order by id")
        ]
    assert rows == [len(page) for _, page in life.world.pages]


def check_exact(life: Any, ids: list[str]) -> None:
    """Of every task the ledger holds the true completion time (id_list writes whole seconds)."""
    with life.ledger._connection.reading() as database:
        known = {
            one: (earliest, latest)
            for one, earliest, latest in database.rows(
                "select id, earliest_done_at, latest_done_at from task"
            )
        }
    for one in ids:
        at = life.world.truth(one).done_at // SECOND * SECOND
        assert known[one] == (at, at), one


class Alone:
    """The audit pass, with nobody beside it but somebody who posts and somebody who fetches by id."""

    def __init__(self, life: Any, ids: list[str]) -> None:
        self.life = life
        self.unfetched = ids[::-3]  # from the far end: results that are home before their page is asked for
        self._stop = asyncio.Event()
        self._playing: list[asyncio.Task[None]] = []

    def start(self) -> None:
        count_writes(self.life)
        self._stop.clear()
        self.tools = self.life.tools()
        self._playing = [asyncio.create_task(self._audit()), asyncio.create_task(self._collect())]

    async def stop(self) -> None:
        self._stop.set()
        await asyncio.gather(*self._playing)
        await self.tools.client.aclose()

    async def _audit(self) -> None:
        auditor = Auditor(self.tools, lambda ids: None)
        while not self._stop.is_set():
            await auditor.run()
            await self._rest(5)

    async def _collect(self) -> None:
        collector = Collector(self.tools, lanes=1)
        while not self._stop.is_set():
            for one in self.unfetched[:10]:
                await collector._fetch(as_candidate(self.tools.ledger.tasks.get(one)))
            collector.flush()
            del self.unfetched[:10]
            await self._rest(10)

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()


async def restart(life: Any, alone: Alone) -> Counter[str]:
    """Begin anew with nothing but what the ledger holds; return what had been written."""
    await alone.stop()
    counted = writes(life)
    life.ledger.close()
    life.ledger = Ledger.open(life.path)
    alone.start()
    return counted


def test_every_task_of_a_large_ledger_is_shown_once_and_written_once(live: Live) -> None:
    async def story(life: Any) -> None:
        ids = await post_over(life, MANY, 30)
        await life.sleep(HOUR)
        alone, began, late = Alone(life, ids), life.now(), []
        alone.start()
        posting = asyncio.create_task(newcomers(life, late))
        counted: Counter[str] = Counter()
        for more in range(3):  # restarts, the second and third while the calls before the first still count
            half = MANY / 2_000 + more
            await life.until(lambda half=half: len(life.world.pages) >= half, within=HOUR, every=SECOND)
            counted += await restart(life, alone)
        await life.until(lambda: finished_at(life) is not None, within=HOUR)
        swept, fewest = life.now(), -(-MANY // 1_000)
        assert len(life.world.pages) in (fewest, fewest + 1), "the next page may be empty"
        assert swept - began <= (fewest / (ID_LIST_CALLS - 1) + 1) * MINUTE
        assert not set(late) & {one for _, page in life.world.pages for one in page}, "a sweep has an end"
        await life.sleep(5 * MINUTE)
        posting.cancel()
        # Those who came during the sweep: none of the others is asked for again.
        await life.until(lambda: set(late) <= writes(life).keys(), within=2 * HOUR, every=MINUTE)
        await alone.stop()
        counted += writes(life)
        early = answered(life)
        assert early, "some results were home before their page, and had an interval by then"
        assert [one for one in ids if counted[one] != 1 + (one in early)] == []
        check_limit(life)
        check_pages(life, ids)
        check_exact(life, ids)

    live(story, remote=Watched)


def test_the_whole_service_sweeps_no_less_carefully(live: Live) -> None:
    """Lists, reviews and GETs go on meanwhile."""

    async def story(life: Any) -> None:
        ids = await post_over(life, SOME, 30)
        await life.sleep(HOUR)
        late: list[str] = []
        life.start()
        posting = asyncio.create_task(newcomers(life, late))
        await life.until(lambda: len(life.world.pages) >= SOME / 2_000, within=HOUR)
        await life.restart()
        await life.until(lambda: finished_at(life) is not None, within=HOUR)
        posting.cancel()
        home = life.states()[State.COLLECTED]
        assert 100 < home < SOME / 2, "results came home meanwhile, and most did not"
        check_exact(life, ids)
        await life.sleep(4 * MINUTE)
        check_limit(life)
        check_pages(life, ids)

    live(story, remote=Watched, general_limit=400)
