"""Die at the first write, then at the second, and so on until nothing dies: the ledger is whole each time, and the
work goes on where it stopped. First by exception in the same process, then by SIGKILL in a forked child.
"""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ledger import Ledger
from ledger.database import LedgerDatabase
from ledger.records import Evidence, Postponement, PrioritySource, Reason, State

T0 = 1_795_000_000_000
MONTH = 31 * 86_400_000
MINUTE = 60_000
LISTING = "/v3/serp/tasks_ready"


class Crash(BaseException):
    """The process ends here; nothing may catch it."""


class Mortal(LedgerDatabase):
    """Counts every call that may write, and dies before (and around a commit: after) the one it is told to."""

    left = 0
    die: Callable[[], None]

    @classmethod
    def step(cls) -> None:
        cls.left -= 1
        if cls.left == 0:
            cls.die()

    def begin(self, lock_type: Any = None) -> None:
        self.step()
        super().begin(lock_type)

    def commit(self) -> None:
        self.step()
        super().commit()  # type: ignore[no-untyped-call]
        self.step()

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        if not sql.startswith(("select", "pragma table", "pragma page")):
            self.step()
        return super().execute_sql(sql, params)

    def executemany(self, sql: str, rows: Any) -> int:
        self.step()
        return super().executemany(sql, rows)


def story(path: Path, kit: Any) -> None:
    """A ledger's whole life, told so that it can be told again from any point."""
    with Ledger.open(path, driver=Mortal) as book:
        book.record_posted(kit.answer("a", "b", tag="t"), T0, now=T0)
        book.record_posted(kit.answer("c", "d", priority=2), T0 + MONTH, now=T0 + MONTH)
        book.record_posted(kit.answer("delivery", postback_url="https://example.org"), T0, now=T0)
        book.tasks.set_priorities([("a", 5)], PrioritySource.RULE)
        poll = book.polls.begin(LISTING, "due", T0 + MONTH)
        theirs = kit.sighting("theirs", posted_at=T0 + MONTH)
        sightings = [kit.sighting("a"), kit.sighting("c"), theirs]
        book.record_look(
            poll,
            LISTING,
            sightings,
            [theirs],
            saturated=False,
            rows=3,
            foreign=0,
            clear=True,
            lag_ms=1,
            at=T0 + MONTH,
        )
        book.postpone([Postponement("d", 1, T0, 40602, "Task In Queue.", T0)])
        ids = ["a", "b", "c", "theirs"]
        editions = book.tasks.editions_of(ids)
        book.save_bodies([kit.body(name, name.encode() * 3000, edition=editions[name]) for name in ids])
        for task_id, state in book.tasks.states_of(ids).items():
            if state is not State.COLLECTED:
                book.settle([kit.settlement(task_id, state, done_at=T0 + MONTH + MINUTE)])
        dead = kit.settlement("d", State.POSTED, State.LOST, reason=Reason.EXPIRED, code=40403)
        book.settle([dead])
        sweep(book, kit)
        for task_id in reparsed(book):
            book.save_bodies([kit.body(task_id, b"anew", edition=book.tasks.editions_of([task_id])[task_id])])
            book.settle([kit.settlement(task_id, State.READY, done_at=T0 + MONTH + 3 * MINUTE)])
        for alert in book.alerts.open() or [kit.alert()]:
            (opened,) = book.alerts.write([alert])
            book.alerts.write([replace(opened, step="urgent")])
        book.facts.put("pid", "1", T0)
        book.polls.prune(T0)
        book.audits.prune(T0)
        book.maintain()
        book.backup(path.parent / "copies" / path.name)


def sweep(book: Ledger, kit: Any) -> None:
    """One call of id_list that fails, one that tells of a delivery and of somebody else's task, and then a re-parse."""
    at = T0 + MONTH + 2 * MINUTE
    call = book.audits.begin("serp", "due", at, from_at=T0, to_at=at, offset=0)
    book.audits.close(call, "serp", outcome="throttled", code=40202, at=at)
    page = [Evidence(name, T0 + MINUTE, None) for name in ("a", "audited", "delivery")]
    kit.audit(book, *page, at=at, adopt=(kit.newcomer("audited"),), offset=3)
    if book.tasks.editions_of(["a"]) == {"a": 1}:
        assert book.record_fixed(["a", "audited"], at) == ("a",)


def reparsed(book: Ledger) -> list[str]:
    return [name for name, state in book.tasks.states_of(["a"]).items() if state is State.READY]


def finished(path: Path, kit: Any) -> None:
    """After the last telling everything has happened exactly once, however often it was begun."""
    states = dict(kit.rows(path, "select id, state from task"))
    assert states == {
        "a": "collected",
        "b": "collected",
        "c": "collected",
        "d": "lost",
        "theirs": "collected",
        "audited": "ready",
        "delivery": "posted",
    }
    exact = (
        "select id, earliest_done_at, latest_done_at from task where state in ('posted', 'ready') order by id"
    )
    assert kit.rows(path, exact) == [(name, T0 + MINUTE, T0 + MINUTE) for name in ("audited", "delivery")]
    assert kit.rows(path, "select api, failures, page_offset from audit") == [("serp", 0, 3)]
    moves = kit.rows(path, "select task_id, count(*) from transition group by task_id order by task_id")
    assert moves == [("a", 5), ("audited", 2), ("b", 3), ("c", 3), ("d", 2), ("delivery", 1), ("theirs", 3)]
    assert kit.rows(path, "select count(*) from alert") == [(1,)]
    bodies = [kit.rows(month, "select task_id, edition from bodies order by 1, 2") for month in months(path)]
    assert bodies == [[("a", 1), ("a", 2), ("b", 1)], [("c", 1), ("theirs", 1)]]
    kit.check(path.parent / "copies" / path.name)
    assert not list(path.parent.rglob("*.tmp")), "a copy that was killed left something behind"


def months(path: Path) -> list[Path]:
    return sorted((path.parent / "results").glob("*.db"))


def whole(path: Path, kit: Any) -> None:
    """Whatever point was reached, the file is a ledger that keeps its promises; its copy, if any, too."""
    with Ledger.open(path):
        kit.check(path)
    copy = path.parent / "copies" / path.name
    if copy.exists():
        kit.check(copy)
    assert kit.rows(path, "select count(*) from transition where from_state is null") == kit.rows(
        path, "select count(*) from task"
    )


def tell_until_it_ends(path: Path, kit: Any, tell: Callable[[], bool]) -> int:
    """Die at point 1, 2, 3 ...; each time a fresh ledger, then check, then finish the story without dying."""
    for point in count(1):
        for file in sorted(path.parent.rglob("*"), reverse=True):
            file.rmdir() if file.is_dir() else file.unlink()
        Mortal.left = point
        died = tell()
        whole(path, kit)
        Mortal.left = 0
        story(path, kit)
        finished(path, kit)
        kit.check(path)
        if not died:
            return point
    raise AssertionError


def test_an_exception_at_any_write_leaves_a_whole_ledger(path: Path, kit: Any) -> None:
    def crash() -> None:
        raise Crash

    Mortal.die = staticmethod(crash)

    def tell() -> bool:
        try:
            story(path, kit)
        except Crash:
            return True
        return False

    assert tell_until_it_ends(path, kit, tell) > 90


def test_a_kill_at_any_write_leaves_a_whole_ledger(path: Path, kit: Any) -> None:
    Mortal.die = staticmethod(lambda: os.kill(os.getpid(), signal.SIGKILL))

    def tell() -> bool:
        child = os.fork()
        if child == 0:
            try:
                story(path, kit)
                os._exit(0)
            except BaseException:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
        return os.WIFSIGNALED(status)

    assert tell_until_it_ends(path, kit, tell) > 90


def test_an_exception_inside_a_verb_leaves_the_same_ledger_usable(path: Path, kit: Any) -> None:
    def crash() -> None:
        raise Crash

    Mortal.die = staticmethod(crash)
    Mortal.left = 0
    with Ledger.open(path, driver=Mortal) as book:
        for point in count(1):
            Mortal.left = point
            try:
                book.record_posted(kit.answer(f"t{point}"), T0)
            except Crash:
                Mortal.left = 0
                # Dying after the commit is the one point where the row is there.
                there = bool(book.tasks.states_of([f"t{point}"]))
                kit.check(path)
                assert book.record_posted(kit.answer(f"t{point}"), T0).accepted == (
                    () if there else (f"t{point}",)
                )
            else:
                break
        assert point > 4


def test_a_copy_that_dies_between_its_renames_is_still_whole(
    path: Path, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Mortal.left = 0
    story(path, kit)
    rename, left = Path.replace, [0]

    def dying(self: Path, target: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise Crash
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", dying)
    with Ledger.open(path) as book:
        for point in (1, 2, 3):
            kit.post(book, f"new-{point}")
            kit.collect(book, f"new-{point}")
            left[0] = point
            with pytest.raises(Crash):
                book.backup(path.parent / "copies" / path.name)
            kit.check(path.parent / "copies" / path.name)
            names = [file.name for file in (path.parent / "copies").rglob("*") if file.is_file()]
            assert not [name for name in names if name.endswith(".tmp")]
