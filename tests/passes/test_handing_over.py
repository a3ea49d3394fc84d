"""The service hands results over to targets: in order, at least once, and a target that is down delays only itself."""

import asyncio
import gzip
import io
import json
import sqlite3
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import pytest

from daemon import logs, virtual
from daemon.composition import build_tools
from daemon.handover.door import HandoverError
from daemon.handover.parcel import Parcel
from daemon.handover.target import Form, TargetKind, TargetRule
from daemon.passes.handover import HandOver
from daemon.policy.rules import Rules
from daemon.service import Service
from daemon.settings import Secret, Settings
from daemon.virtual import VirtualClock
from ledger.database import LedgerDatabase
from ledger.records import Body, Reason, Settlement, State
from ledger.store import Ledger

START = 1_793_577_600_000
SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
ORGANIC = "serp/google/organic"

Live = Callable[..., Any]


def directory(path: Path, name: str = "files", **more: Any) -> TargetRule:
    return TargetRule(name, TargetKind.DIRECTORY, Secret(str(path)), **more)


def arrived(path: Path) -> int:
    return len(list(path.iterdir()))


def contents(path: Path) -> dict[str, Any]:
    return {file.name: json.loads(file.read_bytes()) for file in path.iterdir()}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    path = tmp_path / "out"
    path.mkdir()
    return path


def test_every_result_that_matches_arrives_as_it_came(live: Live, out: Path) -> None:
    async def story(life: Any) -> None:
        life.start()
        wanted = life.post(count=30, tag="keep:1")
        life.post(count=5, tag="other")
        await life.until_settled()
        await life.until(lambda: arrived(out) >= 30, within=10 * SECOND)
        found = contents(out)
        assert found.keys() == {f"{one}.advanced.1.json" for one in wanted}
        for task_id in wanted:
            body = life.ledger.bodies.load(task_id, life.task(task_id).recorded_at)
            assert found[f"{task_id}.advanced.1.json"] == json.loads(gzip.decompress(body.gzip))
        assert sum(line["count"] for line in life.events("results.handed_over")) == 30

    live(story, targets=(directory(out, tag="keep:*"),))


def test_a_target_that_is_down_delays_only_itself_and_is_one_alert(live: Live, out: Path) -> None:
    gone = out.parent / "gone"

    async def story(life: Any) -> None:
        life.start()
        life.post(count=20)
        await life.until_settled()
        await life.until(lambda: arrived(out) == 20, within=10 * SECOND)
        began = life.ledger.handovers.target("gone").failing_since
        await life.sleep(began + 9 * MINUTE - life.now())
        assert not life.alerts("handover"), "it may come back"
        await life.sleep(50 * MINUTE)
        (alert,) = life.alerts("handover")
        assert alert.subject == "gone"
        assert began + 9 * MINUTE < alert.opened_at < began + 12 * MINUTE
        assert "does not exist" in alert.detail
        later = life.post(count=3)
        await life.until(lambda: arrived(out) == 23, within=HOUR)
        gone.mkdir()
        await life.until(lambda: arrived(gone) == 23, within=11 * MINUTE)
        await life.sleep(10 * MINUTE)
        (alert,) = life.alerts("handover")
        assert alert.closed_at is not None
        assert len(later) == 3

    live(story, targets=(directory(gone, "gone"), directory(out)))


def test_a_retry_asked_for_by_a_person_is_followed_within_seconds(live: Live, out: Path) -> None:
    gone = out.parent / "gone"

    async def story(life: Any) -> None:
        life.start()
        life.post()
        await life.until_settled()
        await life.sleep(HOUR)
        gone.mkdir()
        with Ledger.open(life.path) as beside:
            assert beside.handovers.retry("gone") == 1
        await life.until(lambda: arrived(gone) == 1, within=6 * SECOND, every=SECOND)

    live(story, targets=(directory(gone, "gone"),))


def test_a_new_edition_is_handed_over_beside_the_first(live: Live, out: Path) -> None:
    async def story(life: Any) -> None:
        life.start()
        (task_id,) = life.post()
        await life.until(lambda: arrived(out) == 1, within=HOUR)
        await life.sleep(3 * HOUR)
        life.world.reparse(task_id)
        await life.until(lambda: arrived(out) == 2, within=HOUR + 5 * MINUTE)
        found = contents(out)
        for edition in (1, 2):
            body = life.ledger.bodies.load(task_id, life.task(task_id).recorded_at, edition=edition)
            file = f"{task_id}.advanced.{edition}.json"
            assert found[file] == json.loads(gzip.decompress(body.gzip))

    live(story, targets=(directory(out),))


def test_a_restart_hands_nothing_over_twice_and_a_new_target_begins_now_or_with_all(
    live: Live, out: Path
) -> None:
    places = {name: out.parent / name for name in ("now", "all")}

    async def story(life: Any) -> None:
        for place in places.values():
            place.mkdir()
        life.start()
        life.post(count=10)
        await life.until_settled()
        await life.until(lambda: arrived(out) == 10, within=10 * SECOND)
        life.settings["targets"] = (
            directory(out),
            directory(places["now"], "now"),
            directory(places["all"], "all", backfill=True),
        )
        await life.restart()
        life.post()
        await life.until_settled()
        await life.sleep(10 * SECOND)
        assert [arrived(place) for place in (out, *places.values())] == [11, 1, 11]
        handed: dict[str, int] = {}
        for line in life.events("results.handed_over"):
            handed[line["target"]] = handed.get(line["target"], 0) + line["count"]
        assert handed == {"files": 11, "now": 1, "all": 11}

    live(story, targets=(directory(out),))


def test_one_round_for_cron_hands_over_too(live: Live, out: Path) -> None:
    async def story(life: Any) -> None:
        life.post(count=3)
        await life.sleep(HOUR)
        assert await Service(life.tools(), lanes=30).run_once() == 0
        assert arrived(out) == 3

    live(story, targets=(directory(out),))


class Door:
    """A target that notes what it gets, and refuses as told."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.refuses: Callable[[Parcel], HandoverError | None] = lambda parcel: None

    async def put(self, parcel: Parcel) -> None:
        await asyncio.sleep(0.01)  # virtual: an answer takes its time
        error = self.refuses(parcel)
        if error is not None:
            raise error
        self.got.append(parcel.body.task_id)

    async def aclose(self) -> None: ...


class Crash(BaseException):
    """The process ends here."""


class Mortal(LedgerDatabase):
    """Dies at the n-th call that may write, and after a commit."""

    left: ClassVar[int] = 0

    def _step(self) -> None:
        type(self).left -= 1
        if type(self).left == 0:
            raise Crash

    def begin(self, lock_type: Any = None) -> None:
        self._step()
        super().begin(lock_type)

    def commit(self) -> None:
        self._step()
        super().commit()  # type: ignore[no-untyped-call]
        self._step()

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        if not sql.lstrip().startswith(("select", "pragma")):
            self._step()
        return super().execute_sql(sql, params)

    def executemany(self, sql: str, rows: Any) -> int:
        self._step()
        return super().executemany(sql, rows)


RULE = TargetRule("t", TargetKind.HTTP, Secret("http://127.0.0.1/"), form=Form.GZIP, backfill=True)


def stock(path: Path, ids: list[str]) -> None:
    """A ledger with these results at home."""
    entries = [
        {"id": one, "status_code": 20100, "path": ["v3", *ORGANIC.split("/"), "task_post"], "data": {}}
        for one in ids
    ]
    with Ledger.open(path) as book:
        book.record_posted({"status_code": 20000, "tasks": entries}, START, now=START)
        book.save_bodies([Body(one, "advanced", gzip.compress(b"{}"), 2, 20000, START) for one in ids])
        book.settle(
            [
                Settlement(one, State.POSTED, State.COLLECTED, Reason.FETCHED, 20000, "Ok.", START)
                for one in ids
            ]
        )


def hand_over(
    path: Path, door: Door, *, for_ms: int = 0, driver: type[LedgerDatabase] = LedgerDatabase
) -> None:
    """Run the pass for a target, as often as it wishes to be woken, for so long in virtual time."""

    async def main() -> None:
        logs.configure(stream=io.StringIO(), environ={}, level="info", format="json")
        settings = Settings(ledger=path, login="me", password=Secret("x"), rules=Rules())
        with Ledger.open(path, driver=driver) as ledger:
            work = HandOver(build_tools(settings, ledger, VirtualClock()), RULE, door)
            stop, woken = asyncio.Event(), asyncio.Event()
            work.wake = woken.set
            if for_ms:
                asyncio.get_running_loop().call_later(for_ms / 1000, lambda: (stop.set(), woken.set()))
            await work.run(stop)
            while for_ms and not stop.is_set():
                await woken.wait()
                woken.clear()
                await work.run(stop)
            await work.aclose()

    virtual.run(main, start=START + MINUTE)


def test_a_crash_at_any_write_repeats_one_hand_over_at_most_and_loses_none(tmp_path: Path) -> None:
    repeated = 0
    for point in count(1):
        path = tmp_path / str(point) / "ledger.db"
        stock(path, ["a", "b", "c"])
        door, Mortal.left = Door(), point
        try:
            hand_over(path, door, driver=Mortal)
        except Crash:
            died = True
        else:
            died = False
        Mortal.left = 0
        hand_over(path, door)
        assert sorted(set(door.got)) == ["a", "b", "c"]
        assert len(door.got) <= 4
        repeated += len(door.got) - 3
        if not died:
            break
    assert point > 15
    assert repeated > 0, "some point lies between handing over and noting it"


def test_a_result_that_breaks_its_target_does_not_hold_up_the_others(tmp_path: Path) -> None:
    path, door = tmp_path / "ledger.db", Door()
    ids = [f"{number:03}" for number in range(200)]
    stock(path, ids)
    door.refuses = lambda parcel: HandoverError("it answered 500") if parcel.body.task_id == "000" else None
    hand_over(path, door, for_ms=30 * SECOND)
    assert sorted(door.got) == ids[1:]


def test_a_refused_result_waits_alone_and_arrives_when_it_is_wanted(tmp_path: Path) -> None:
    path, door = tmp_path / "ledger.db", Door()
    stock(path, ["a", "b"])
    refused = HandoverError("it answered 422", about_result=True)
    door.refuses = lambda parcel: refused if parcel.body.task_id == "a" else None
    hand_over(path, door, for_ms=20 * MINUTE)
    assert door.got == ["b"]
    with Ledger.open(path) as book:
        (target,) = book.handovers.targets()
        assert (target.waiting, target.stuck, target.failures, target.problem) == (1, 1, 0, "it answered 422")
        book.handovers.retry("t")
    door.refuses = lambda parcel: None
    hand_over(path, door)
    assert door.got == ["b", "a"]


def test_an_outage_ends_within_its_longest_pause_and_nothing_is_forgotten(tmp_path: Path) -> None:
    path, door = tmp_path / "ledger.db", Door()
    ids = [f"{number:03}" for number in range(50)]
    stock(path, ids)
    tries: list[str] = []

    def down(parcel: Parcel) -> HandoverError:
        tries.append(parcel.body.task_id)
        return HandoverError("no connection to it can be made")

    door.refuses = down
    hand_over(path, door, for_ms=6 * HOUR)
    assert 40 < len(tries) < 60, "a few quick tries, then one in ten minutes"
    door.refuses = lambda parcel: None
    with Ledger.open(path) as book:
        book.handovers.retry("t")
    hand_over(path, door)
    assert sorted(door.got) == ids


def test_a_result_whose_body_is_gone_is_told_of_and_the_others_go_on(tmp_path: Path) -> None:
    path, door = tmp_path / "ledger.db", Door()
    stock(path, ["a", "b"])
    (month,) = (path.parent / "results").glob("*.db")
    with sqlite3.connect(month) as database:
        database.execute("delete from body where task_id = 'a'")
    database.close()
    hand_over(path, door)
    assert door.got == ["b"]
    with Ledger.open(path) as book:
        (target,) = book.handovers.targets()
        assert target.waiting == 1
        assert "is not where results are kept" in str(target.problem)
