"""Ledgers for tests: always a real file, with a few builders for what the remote would answer."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ledger import Ledger
from ledger.records import (
    Alert,
    Audit,
    Body,
    Evidence,
    Newcomer,
    Reason,
    Settlement,
    Sighting,
    State,
    Webhook,
)
from ledger.states import ENTRY, TRANSITIONS
from tests.driver import sqlite3

T0 = 1_795_000_000_000
"""A moment in November 2026; tests count from it."""

LISTING = "/v3/serp/tasks_ready"


class Kit:
    """Short words for what nearly every test needs."""

    t0 = T0
    listing = LISTING

    @staticmethod
    def answer(*ids: str, path: str = "serp/google/organic", **data: object) -> dict[str, Any]:
        """What task_post answers for these ids."""
        entries = [
            {
                "id": task_id,
                "status_code": 20100,
                "status_message": "Task Created.",
                "cost": 0.0015,
                "path": ["v3", *path.split("/"), "task_post"],
                "data": {"keyword": "k", **data},
                "result": None,
            }
            for task_id in ids
        ]
        return {"status_code": 20000, "status_message": "Ok.", "tasks": entries}

    def post(self, book: Ledger, *ids: str, at: int = T0, **more: object) -> None:
        intake = book.record_posted(self.answer(*ids, **more), at, now=at)  # type: ignore[arg-type]
        assert intake.accepted == ids

    @staticmethod
    def sighting(task_id: str, **more: Any) -> Sighting:
        facts = {"function": "serp/google/organic", "tag": None, "posted_at": None, "endpoint": None, **more}
        return Sighting(task_id=task_id, **facts)

    def look(self, book: Ledger, *ids: str, at: int, adopt: tuple[Sighting, ...] = (), **more: Any) -> Any:
        """One whole poll that showed these ids."""
        poll = book.polls.begin(more.pop("listing", LISTING), "due", at - 500)
        sightings = more.pop("sightings", [self.sighting(task_id) for task_id in ids])
        facts = {
            "saturated": False,
            "rows": len(sightings),
            "foreign": 0,
            "clear": True,
            "lag_ms": 120_000,
            **more,
        }
        return book.record_look(poll, LISTING, sightings, adopt, at=at, **facts)

    @staticmethod
    def newcomer(task_id: str, **more: Any) -> Newcomer:
        facts = {
            "function": "serp/google/organic",
            "tag": None,
            "priority": 1,
            "webhook": Webhook.NONE,
            "variant": None,
            "posted_at": T0,
            "cost": None,
            **more,
        }
        return Newcomer(task_id, **facts)

    def audit(
        self,
        book: Ledger,
        *evidence: Evidence,
        at: int,
        asked_at: int | None = None,
        adopt: tuple[Newcomer, ...] = (),
        **more: Any,
    ) -> Any:
        """One whole call of id_list whose page said this; what is given further is the cursor afterwards."""
        cursor = Audit(**{**self.cursor, **more})
        began_at = at - 500 if asked_at is None else asked_at
        call = book.audits.begin(cursor.api, "known tasks", began_at, from_at=T0, to_at=at, offset=0)
        return book.record_audit(call, cursor, evidence, adopt, rows=len(evidence), foreign=0, at=at)

    cursor: ClassVar[dict[str, Any]] = {
        "api": "serp",
        "asked_at": None,
        "answered_at": None,
        "failures": 0,
        "sweep_at": None,
        "from_at": None,
        "to_at": None,
        "offset": 0,
        "finished_at": None,
        "seen_to": None,
        "rows": 0,
        "foreign": 0,
    }

    @staticmethod
    def body(
        task_id: str, content: bytes = b"gzip", variant: str = "advanced", at: int = T0, edition: int = 1
    ) -> Body:
        return Body(task_id, variant, content, len(content), 20000, at, edition)

    @staticmethod
    def settlement(task_id: str, expected: State, to: State = State.COLLECTED, **more: Any) -> Settlement:
        facts = {"reason": Reason.FETCHED, "code": 20000, "message": "Ok.", "done_at": T0 + 900_000, **more}
        return Settlement(task_id, expected, to, **facts)

    def collect(self, book: Ledger, task_id: str, at: int = T0 + 900_000) -> None:
        """Body first, then state, as the daemon does."""
        book.save_bodies([self.body(task_id)])
        state = book.tasks.states_of([task_id])[task_id]
        assert book.settle([self.settlement(task_id, state, done_at=at)]) == (task_id,)

    @staticmethod
    def alert(**more: Any) -> Alert:
        facts = {
            "id": None,
            "kind": "expiring",
            "subject": "serp/google/organic",
            "step": "expiring",
            "count": 3,
            "nearest_deadline_at": T0 + 3_600_000,
            "task_ids": ("a", "b"),
            "detail": "3 tasks leave the list soon",
            "command": "readyd tasks --band expiring",
            "opened_at": T0,
            "escalated_at": None,
            "said_at": T0,
            "quiet_since": None,
            "closed_at": None,
            **more,
        }
        return Alert(**facts)

    @staticmethod
    def rows(path: Path, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Read a file as any other program would, but through the driver that the ledger itself uses.

        Two copies of SQLite in one process do not see each other's locks (https://sqlite.org/howtocorrupt.html,
        2.2.1), so the standard library's may touch a ledger only while nobody here has it open.
        """
        with closing(sqlite3.connect(path)) as database:
            return database.execute(sql, parameters).fetchall()

    def check(self, path: Path) -> None:
        """Whatever happened: the file is whole, no result is missing, every history is allowed."""
        assert self.rows(path, "pragma integrity_check") == [("ok",)]
        assert self.rows(path, "pragma foreign_key_check") == []
        bodies: set[str] = set()
        for month in (path.parent / "results").glob("*.db"):
            if not month.stat().st_size:
                continue  # its creation was cut short; the next save fills it
            assert self.rows(month, "pragma integrity_check") == [("ok",)]
            ((version,),) = self.rows(month, "pragma user_version")
            if not version:
                continue  # it was cut short a little later: SQLite has just undone what there was
            # A month that no writer has opened since there are editions holds first ones only.
            table = "body" if version == 1 else "bodies"
            bodies |= {task_id for (task_id,) in self.rows(month, f"select task_id from {table}")}
        states = dict(self.rows(path, "select id, state from task"))
        collected = {task_id for task_id, state in states.items() if state == "collected"}
        assert collected <= bodies, "a task says collected and has no body"
        at: dict[str, State | None] = dict.fromkeys(states)
        for task_id, origin, to in self.rows(
            path, "select task_id, from_state, to_state from transition order by id"
        ):
            assert at[task_id] == origin, "a move started where the one before did not end"
            assert to in (ENTRY if origin is None else TRANSITIONS[State(origin)])
            at[task_id] = State(to)
        assert {task_id: str(state) for task_id, state in at.items()} == states


@pytest.fixture(scope="session")
def kit() -> Kit:
    return Kit()


@pytest.fixture
def tmp_path(memory: Path) -> Path:
    """Write in memory: the tests of processes and of power cuts have a disk."""
    return memory


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def book(path: Path) -> Iterator[Ledger]:
    with Ledger.open(path) as ledger:
        yield ledger


@pytest.fixture
def refuses() -> Callable[..., str]:
    """Expect a ledger error and return its text, which must be one sentence for people."""

    def check(kind: type[Exception], act: Callable[[], object]) -> str:
        with pytest.raises(kind) as caught:
            act()
        text = str(caught.value)
        assert text
        assert "\n" not in text
        assert "Traceback" not in text
        return text

    return check
