"""A walk through the verbs in any order, beside a plain dictionary that says what must be true."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ledger import Ledger
from ledger.reader import Reader, TaskFilter
from ledger.records import (
    Audit,
    Body,
    Evidence,
    Newcomer,
    Postponement,
    PrioritySource,
    Reason,
    Settlement,
    Sighting,
    State,
    Webhook,
)
from ledger.states import OUTSTANDING, TRANSITIONS, IllegalTransitionError

T0 = 1_795_000_000_000
LISTING = "/v3/serp/tasks_ready"
names = st.sampled_from([f"t{number}" for number in range(8)])
some_names = st.lists(names, max_size=5)
WAITING = {State.POSTED, State.DELIVERED, State.LOST}


class LedgerMachine(RuleBasedStateMachine):
    """`states` is the model: id -> state; `moves` counts transitions; `bodies` holds what was saved of each edition.

    `done` holds completion times that an audit or a re-parse made exact, `settled` when a task was last settled.
    """

    @initialize()
    def start(self) -> None:
        self.place = Path(tempfile.mkdtemp())
        self.path = self.place / "ledger.db"
        self.book = Ledger.open(self.path)
        self.now = T0
        self.states: dict[str, State] = {}
        self.moves: dict[str, int] = {}
        self.bodies: dict[tuple[str, int], bytes] = {}
        self.posted: dict[str, int] = {}
        self.postback: set[str] = set()
        self.done: dict[str, int] = {}
        self.settled: dict[str, int] = {}
        self.fixes: dict[str, int] = {}
        self.reparsed_after: dict[str, int] = {}
        self.priorities: dict[str, tuple[int, PrioritySource]] = {}
        self.retries: dict[str, int | None] = {}

    def teardown(self) -> None:
        if hasattr(self, "book"):
            self.book.close()
            shutil.rmtree(self.place)

    def tick(self) -> int:
        self.now += 1000
        return self.now

    def enter(self, name: str) -> None:
        self.states[name] = State.POSTED
        self.moves[name] = 1
        self.priorities[name] = (1, PrioritySource.POSTED)
        self.retries[name] = None
        self.posted[name] = self.now

    def move(self, name: str, to: State, steps: int = 1) -> None:
        self.states[name] = to
        self.moves[name] += steps
        self.retries[name] = None

    @rule(ids=some_names)
    def record(self, ids: list[str]) -> None:
        entry = {"status_code": 20100, "path": ["v3", "serp", "google", "organic", "task_post"]}
        at = self.tick()
        intake = self.book.record_posted({"tasks": [{"id": name, **entry} for name in ids]}, at, now=at)
        fresh = [name for name in dict.fromkeys(ids) if name not in self.states]
        assert list(intake.accepted) == fresh
        for name in fresh:
            self.enter(name)
        assert set(intake.known) == {name for name in ids if name not in fresh or ids.count(name) > 1}

    @rule(ids=some_names, adopt=st.booleans(), clear=st.booleans())
    def look(self, ids: list[str], *, adopt: bool, clear: bool) -> None:
        poll = self.book.polls.begin(LISTING, "due", self.tick())
        rows = [Sighting(name, "serp/google/organic", None, None, None) for name in ids]
        strangers = [row for row in rows if row.task_id not in self.states] if adopt else []
        outcome = self.book.record_look(
            poll,
            LISTING,
            rows,
            strangers,
            saturated=not clear,
            rows=len(rows),
            foreign=0,
            clear=clear,
            lag_ms=120_000,
            at=self.tick(),
        )
        for row in strangers:
            if row.task_id not in self.states:
                self.enter(row.task_id)
        ready = {name for name in ids if self.states.get(name) in WAITING}
        assert set(outcome.ready) == ready
        assert outcome.lingering == sum(self.states.get(name) is State.COLLECTED for name in set(ids))
        for name in ready:
            self.move(name, State.READY)

    @rule(name=names, content=st.binary(max_size=40))
    def collect(self, name: str, content: bytes) -> None:
        state = self.states.get(name)
        if state not in OUTSTANDING:
            return
        at = self.tick()
        edition = self.book.tasks.editions_of([name])[name]
        assert edition == 1 + self.fixes.get(name, 0)
        self.book.save_bodies([Body(name, "advanced", content, len(content), 20000, at, edition)])
        self.bodies[name, edition] = content
        done = Settlement(name, state, State.COLLECTED, Reason.FETCHED, 20000, None, at)
        assert self.book.settle([done]) == (name,)
        self.move(name, State.COLLECTED, 2 if state is State.POSTED else 1)
        self.settled[name] = at

    @rule(
        ids=some_names,
        age=st.none() | st.integers(0, 40_000),
        adopt=st.booleans(),
        webhook=st.sampled_from([Webhook.NONE, Webhook.POSTBACK]),
    )
    def audit(self, ids: list[str], age: int | None, webhook: Webhook, *, adopt: bool) -> None:
        asked_at = self.tick()
        call = self.book.audits.begin("serp", "due", asked_at, from_at=T0, to_at=asked_at, offset=0)
        at = self.tick()
        named = None if age is None else at - age
        strangers = [name for name in dict.fromkeys(ids) if adopt and name not in self.states]
        cursor = Audit("serp", None, None, 0, None, None, None, at, None, None, 0, 0)
        outcome = self.book.record_audit(
            call,
            cursor,
            [Evidence(name, named, None) for name in ids],
            [Newcomer(name, "serp/x", None, 1, webhook, None, at, None) for name in strangers],
            rows=len(ids),
            foreign=0,
            at=at,
        )
        assert outcome.adopted == len(strangers)
        for name in strangers:
            self.enter(name)
            self.postback |= {name} if webhook is Webhook.POSTBACK else set()
        known = [name for name in dict.fromkeys(ids) if self.states.get(name) in OUTSTANDING]
        assert set(outcome.ready) == {name for name in known if self.learn(name, named, at)}
        assert self.book.audits.all()["serp"].offset == at

    def learn(self, name: str, named: int | None, at: int) -> bool:
        """Say what a completion time that id_list named changes; whether the task becomes ready by it."""
        done = None if named is None else min(at, max(self.posted[name], named))
        if done is None or done <= self.reparsed_after.get(name, 0) or self.done.get(name) == done:
            return False
        self.done[name] = done
        if self.states[name] is State.READY:
            return False
        if name in self.postback:
            self.retries[name] = None
            return False
        self.move(name, State.READY)
        return True

    @rule(ids=some_names)
    def fix(self, ids: list[str]) -> None:
        at = self.tick()
        moved = self.book.record_fixed(ids, at)
        back = {name for name in ids if self.states.get(name) in {State.COLLECTED, State.DELIVERED}}
        assert set(moved) == back
        for name in back:
            self.move(name, State.READY)
            self.done[name] = at
            self.fixes[name] = self.fixes.get(name, 0) + 1
            self.reparsed_after[name] = self.settled[name]

    @rule(name=names, expected=st.sampled_from(State), to=st.sampled_from(State))
    def settle(self, name: str, expected: State, to: State) -> None:
        """Any pair at all: moved, skipped or refused, never anything else."""
        if to is State.COLLECTED:
            return
        one = Settlement(name, expected, to, Reason.EXPIRED, 1, "m", self.tick())
        here = self.states.get(name) is expected
        try:
            moved = self.book.settle([one])
        except IllegalTransitionError:
            assert here
            assert to not in TRANSITIONS[expected]
            return
        assert moved == ((name,) if here else ())
        if here:
            assert to in TRANSITIONS[expected]
            self.move(name, to)
            self.settled[name] = one.done_at
            if to is State.READY:
                self.done.pop(name, None)

    @rule(name=names, delay=st.integers(0, 5000))
    def postpone(self, name: str, delay: int) -> None:
        at = self.tick() + delay
        self.book.postpone([Postponement(name, 1, at, 40602, None, None)])
        if self.states.get(name) in OUTSTANDING:
            self.retries[name] = at

    @rule(
        name=names,
        priority=st.integers(1, 9),
        source=st.sampled_from([PrioritySource.RULE, PrioritySource.USER]),
    )
    def prioritise(self, name: str, priority: int, source: PrioritySource) -> None:
        changed = self.book.tasks.set_priorities([(name, priority)], source)
        may = self.states.get(name) in OUTSTANDING and (
            source is PrioritySource.USER or self.priorities[name][1] is not PrioritySource.USER
        )
        assert changed == may
        if may:
            self.priorities[name] = (priority, source)

    @rule(ids=some_names)
    def block(self, ids: list[str]) -> None:
        self.book.tasks.block(ids, self.tick())
        assert {one.id for one in self.book.tasks.blocked()} <= set(self.outstanding())
        self.book.tasks.unblock_except([])
        assert self.book.tasks.blocked() == []

    @rule()
    def reopen(self) -> None:
        self.book.close()
        self.book = Ledger.open(self.path)

    def outstanding(self) -> list[str]:
        return [name for name, state in self.states.items() if state in OUTSTANDING]

    @invariant()
    def the_ledger_says_what_the_model_says(self) -> None:
        if not hasattr(self, "book"):
            return
        assert self.book.tasks.states_of([f"t{number}" for number in range(8)]) == self.states
        due = {name for name in self.outstanding() if (self.retries[name] or 0) <= self.now}
        assert {one.id for one in self.book.tasks.candidates(self.now)} == due
        open_tasks = self.book.tasks.still_outstanding([*self.states, "nobody"])
        assert {name: one.state for name, one in open_tasks.items()} == {
            name: self.states[name] for name in self.outstanding()
        }
        assert {name: one.next_try_at for name, one in open_tasks.items()} == {
            name: self.retries[name] for name in self.outstanding()
        }
        counted = self.book.tasks.outstanding()
        assert sum(one.posted + one.ready for one in counted) == len(self.outstanding())
        assert self.book.bodies.count() == len(self.bodies)

    @invariant()
    def a_reader_says_the_same_and_every_story_is_whole(self) -> None:
        if not hasattr(self, "book"):
            return
        with Reader.open(self.path) as reader:
            tasks = {task.id: task for task in reader.tasks(TaskFilter())}
            assert {name: task.state for name, task in tasks.items()} == self.states
            for name, task in tasks.items():
                assert (task.priority, task.priority_source) == self.priorities[name]
                assert (task.earliest_done_at or 0) <= (task.latest_done_at or self.now)
                if name in self.done:
                    assert task.earliest_done_at == task.latest_done_at == self.done[name]
                moves = reader.history(name)
                assert len(moves) == self.moves[name]
                assert moves[-1].to_state is task.state
                kept = {one.edition: reader.body(task, edition=one.edition) for one in reader.editions(name)}
                assert {number: body.gzip for number, body in kept.items()} == {
                    number: content for (owner, number), content in self.bodies.items() if owner == name
                }
                if task.state is State.COLLECTED:
                    assert reader.body(task) == kept[1 + self.fixes.get(name, 0)]


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(
    max_examples=30,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
