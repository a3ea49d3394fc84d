"""What must hold in every simulated world, whatever is done to it."""

import ast
import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import daemon.simulator
from daemon.simulator.faults import Faults
from daemon.simulator.options import LOGIN, PASSWORD, Options, Turnaround
from daemon.simulator.records import Call
from daemon.simulator.shelf import Shelf
from daemon.simulator.world import World

HOUR, DAY = 3_600_000, 86_400_000
FUNCTIONS = ("serp/google/organic", "serp/bing/organic", "merchant/google/products")
WINDOW = 5


class AnyLife(RuleBasedStateMachine):
    """Post, wait, look and fetch in any order; a small window and quick faults make everything happen."""

    @initialize(
        seed=st.integers(0, 1000),
        mode=st.sampled_from(
            ["", "variant_only:1", "fails:0.3,failed_unlisted:1", "unlisted:0.3,shuffled:1"]
        ),
    )
    def begin(self, seed: int, mode: str) -> None:
        self.at = 1_793_577_600_000
        quick = Turnaround(HOUR, 4 * HOUR, HOUR // 60, HOUR // 60, {})
        self.world = World(lambda: self.at, seed=seed, faults=Faults.parse(mode), options=Options(
            turnaround=quick, window=WINDOW, tasks_ready_limit=10**6, general_limit=10**6))  # fmt: skip
        self.variant_only = "variant_only" in mode
        self.fetched: set[str] = set()
        self.ids: list[str] = []

    def call(self, path: str) -> Any:
        word = base64.b64encode(f"{LOGIN}:{PASSWORD}".encode()).decode()
        header = {"authorization": f"Basic {word}"}
        reply = self.world.handle(Call("GET", path, header))
        reply.finish()
        return json.loads(reply.body)["tasks"][0]

    @rule(count=st.integers(1, 6), function=st.sampled_from(FUNCTIONS), priority=st.sampled_from([1, 2]))
    def post(self, count: int, function: str, priority: int) -> None:
        tasks = [{"keyword": "k", "priority": priority}] * count
        self.ids += [task["id"] for task in self.world.post(function, tasks)["tasks"]]

    @rule(hours=st.sampled_from([0.01, 0.5, 3, 20, 71, 73, 24 * 8, 24 * 23]))
    def wait(self, hours: float) -> None:
        self.at += round(hours * HOUR)

    @rule(scope=st.sampled_from(["serp", "serp/google", "merchant", *FUNCTIONS]))
    def look(self, scope: str) -> None:
        rows = self.call(f"/v3/{scope}/tasks_ready")["result"] or []
        assert len(rows) <= WINDOW
        for row in rows:
            truth = self.world.truth(row["id"])
            assert truth.function.startswith(scope)
            assert truth.done
            assert self.at < truth.done_at + 72 * HOUR
            assert row["id"] not in self.fetched

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), variant=st.sampled_from(["advanced", "html"]))
    def fetch(self, data: st.DataObject, variant: str) -> None:
        task_id = data.draw(st.sampled_from(self.ids))
        truth = self.world.truth(task_id)
        code = self.call(f"/v3/{truth.function}/task_get/{variant}/{task_id}")["status_code"]
        kept = (7 if variant == "html" else 30) * DAY
        if self.at >= truth.posted_at + kept:
            assert code == 40403
        elif not truth.done:
            assert code in (40601, 40602)
        else:
            assert code == truth.code
            if not self.variant_only:
                self.fetched.add(task_id)

    @invariant()
    def rows_leave_only_by_collection_or_age(self) -> None:
        for task_id in getattr(self, "ids", []):
            truth = self.world.truth(task_id)
            if truth.listed:
                assert truth.left_at is None
                assert truth.done
                assert truth.collected_at is None
            elif truth.listed_at is not None:
                assert truth.left_why in {"collected", "age"}
                assert truth.left_at is not None
                old = truth.left_at >= truth.done_at + 72 * HOUR
                assert old is (truth.left_why == "age")


AnyLife.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestAnyLife = AnyLife.TestCase


def test_lists_stay_cheap_with_fifty_thousand_rows(remote: Any) -> None:
    functions = ("serp/google/organic", "serp/google/maps", "serp/bing/organic", "merchant/google/products")
    for number in range(500):
        remote.world.post(functions[number % 4], [{"keyword": "k"}] * 100)
    remote.pass_(HOUR)
    ids = remote.ready().ids
    began = time.perf_counter()
    for task_id in ids[:200]:
        assert len(remote.ready().rows) == 1000
        remote.world.finish(task_id)
    assert (time.perf_counter() - began) / 200 < 0.05, "seconds per list of 1000 out of 37,500"


@pytest.mark.parametrize("count", [0, 1, 50])
def test_a_shelf_is_in_order_whatever_comes_and_goes(count: int) -> None:
    class Row:
        def __init__(self, number: int) -> None:
            self.order = (number * 7919 % 50, number)

    rows = [Row(number) for number in range(count)]
    shelf: Shelf[Any] = Shelf()
    for row in rows + rows:
        shelf.add(row)
    for row in rows[::3]:
        assert shelf.remove(row)
        assert not shelf.remove(row)
    left = [row for place, row in enumerate(rows) if place % 3]
    assert [row for _, row in shelf] == sorted(left, key=lambda row: row.order)
    assert len(shelf) == len(left)
    assert all((row in shelf) is (row in left) for row in rows)


def test_rows_nobody_ever_saw_are_counted_when_they_leave(simulate: Any) -> None:
    remote = simulate(window=10)
    remote.create(25)
    remote.world.post("serp/google/organic", [{"keyword": "k"}] * 5, owner="foreign")
    remote.pass_(HOUR)
    seen = remote.ready().ids
    remote.fetch(seen[0])
    remote.pass_(80 * HOUR)
    counts = remote.world.counts()
    assert counts["dropped"] == 24
    assert counts["dropped_unseen"] == 15
    assert counts["fetched_distinct"] == 1


def test_the_simulator_shares_no_code_with_what_it_tests() -> None:
    for file in Path(daemon.simulator.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert not name.startswith("ledger"), file
                assert not name.startswith("daemon.") or name.startswith("daemon.simulator"), file
