"""A disk that refuses, and a process that dies at any write: the work goes on, and no result is lost or doubled."""

import contextlib
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import pytest

from daemon.policy.rules import Rules
from ledger import database
from ledger.database import LedgerDatabase
from ledger.records import State
from ledger.trouble import sqlite

SECOND = 1_000
MINUTE = 60_000
HOUR = 60 * MINUTE

Live = Callable[..., Any]
READS = ("select", "with recursive", "pragma", "begin")


class Refusing(LedgerDatabase):
    """Refuses to write, as a full disk does, while `full` says so."""

    full: ClassVar[Callable[[], bool]] = staticmethod(lambda: False)
    only_results: ClassVar[bool] = False
    refused: ClassVar[int] = 0

    def _refuse(self) -> None:
        if type(self).full() and (not self.only_results or "results" in str(self.database)):
            type(self).refused += 1
            error = sqlite.OperationalError("database or disk is full")
            error.sqlite_errorname = "SQLITE_FULL"
            raise error

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        if not sql.lstrip().lower().startswith(READS):
            self._refuse()
        return super().execute_sql(sql, params)

    def executemany(self, sql: str, rows: Any) -> int:
        self._refuse()
        return super().executemany(sql, rows)

    def commit(self) -> None:
        self._refuse()
        super().commit()  # type: ignore[no-untyped-call]


@pytest.fixture
def refusing() -> Any:
    Refusing.refused, Refusing.only_results = 0, False
    yield Refusing
    Refusing.full = staticmethod(lambda: False)


@pytest.mark.parametrize("only_results", [False, True], ids=["the whole disk", "the results' disk"])
@pytest.mark.parametrize("tasks", [5, 120])
def test_a_disk_that_refuses_for_an_hour_is_said_and_loses_nothing(
    live: Live, refusing: Any, only_results: bool, tasks: int
) -> None:
    async def story(life: Any) -> None:
        refusing.only_results = only_results
        life.post(count=tasks)
        await life.sleep(HOUR)
        # Before the first look is written, or between it and the last results.
        began = life.now() + (1 if tasks == 5 else 4 * SECOND)
        refusing.full = staticmethod(lambda: began <= life.now() < began + HOUR)
        life.start()
        await life.sleep(HOUR)
        gets = life.world.counts()["gets"]
        await life.until_settled(within=2 * HOUR)
        assert life.states() == {State.COLLECTED: tasks}
        assert gets <= tasks + 3 * 120, "while nothing can be kept, little is fetched"
        await life.sleep(15 * MINUTE)
        (alert,) = life.alerts("ledger")
        assert "disk" in alert.detail
        assert alert.closed_at is not None
        assert 1 <= len(life.events("ledger.trouble")) <= 60, "said, and not at every tick"

    live(story, driver=Refusing, general_limit=600)
    assert refusing.refused > 0


def test_a_short_refusal_with_nothing_to_collect_is_said_and_over(live: Live, refusing: Any) -> None:
    async def story(life: Any) -> None:
        life.start()
        life.post("keywords_data/google_ads/search_volume", 3)
        await life.sleep(13 * MINUTE)
        until = life.now() + 6 * MINUTE
        refusing.full = staticmethod(lambda: life.now() < until)
        await life.sleep(20 * MINUTE)
        assert refusing.refused
        (alert,) = life.alerts("ledger")
        assert alert.closed_at is not None, "nothing was collected since, but the ledger is well"
        await life.until_settled(within=8 * HOUR)

    live(story, driver=Refusing)


def test_a_program_that_reads_on_and_on_is_told_and_hinders_nothing(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(database._WRITER, "journal_size_limit", 50_000)
    monkeypatch.setitem(database._WRITER, "wal_autocheckpoint", 10)

    async def story(life: Any) -> None:
        life.start()
        with contextlib.closing(sqlite.connect(life.path)) as reader:
            reader.execute("begin")
            reader.execute("select count(*) from task").fetchone()
            life.post(count=150)
            await life.until_settled(within=3 * HOUR)
            await life.sleep(2 * MINUTE)
            (alert,) = life.alerts("ledger")
            assert (alert.subject, alert.step, alert.closed_at) == ("log", "warning", None)
        life.post(count=50)
        await life.until_settled(within=3 * HOUR)
        await life.sleep(15 * MINUTE)
        (alert,) = life.alerts("ledger")
        assert alert.closed_at is not None

    live(story, rules=Rules(ledger_log_bytes=150_000))


class Crash(SystemExit):
    """The process ends here. asyncio lets nothing but SystemExit and KeyboardInterrupt end a loop."""


class Mortal(LedgerDatabase):
    """Dies at the n-th call that may write: before it, and around a commit also after it. The dead write nothing."""

    left: ClassVar[int] = 0
    dead: ClassVar[bool] = False

    def _step(self) -> None:
        if type(self).dead:
            raise sqlite.OperationalError("this process is dead")
        Mortal.left -= 1
        if Mortal.left == 0:
            Mortal.dead = True
            raise Crash

    def begin(self, lock_type: Any = None) -> None:
        self._step()
        super().begin(lock_type)

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        if not sql.lstrip().lower().startswith(READS):
            self._step()
        return super().execute_sql(sql, params)

    def executemany(self, sql: str, rows: Any) -> int:
        self._step()
        return super().executemany(sql, rows)

    def commit(self) -> None:
        self._step()
        super().commit()  # type: ignore[no-untyped-call]
        self._step()


@pytest.mark.parametrize(
    ("reparsed", "least"), [(False, 40), (True, 25)], ids=["the first time", "parsed anew"]
)
def test_a_crash_at_any_write_of_a_cycle_loses_nothing_and_doubles_nothing(
    memory: Path, cycle: Callable[..., bool], reparsed: bool, least: int
) -> None:
    points = 0
    for point in count(1):
        Mortal.left, Mortal.dead = point, False
        if not cycle(memory / str(point), Mortal, reparsed=reparsed):
            break
        points = point
    assert points > least, "a cycle writes a lot"
