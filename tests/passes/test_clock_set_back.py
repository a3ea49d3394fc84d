"""A clock that was ahead is set right: nothing that it dated is believed later. The remote's clock is always right."""

import contextlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daemon import virtual
from daemon.handover.target import TargetKind, TargetRule
from daemon.passes import clock_step, lookup
from daemon.policy.rules import AdoptRule, Rules
from daemon.settings_secret import Secret
from daemon.simulator.faults import Faults
from daemon.simulator.options import AccountOptions, Options
from ledger.keys import split_tag
from ledger.records import Reason, Settlement, State
from ledger.restored import PROOFS
from tests.driver import sqlite3
from tests.passes.ticks import coarse

SECOND = 1_000
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
ORGANIC = "serp/google/organic"
VOLUME = "keywords_data/google_ads/search_volume"
DOWN = (503, b"<html>down")

Live = Callable[..., Any]


def plan(life: Any, count: int, batch: str) -> None:
    tasks = [{"function": VOLUME, "keywords": [f"{batch} {number}"]} for number in range(count)]
    life.ledger.plan(tasks, batch, now=life.now())


def times_posted(life: Any) -> Counter[str]:
    """How often the remote has each task that we planned."""
    keys = (split_tag(task.tag)[1] for task in life.world._state.tasks.values())
    return Counter(key for key in keys if key)


@pytest.mark.parametrize("down", [None, 68 * MINUTE, 4 * HOUR], ids=["awake", "down", "down for longer"])
def test_a_task_that_was_sent_by_a_clock_that_was_ahead_is_not_paid_for_twice(
    live: Live, down: int | None
) -> None:
    """Its moment as the ledger has it lies after the true one: a read from there on would prove it absent."""

    async def story(life: Any) -> None:
        virtual.step_wall_clock(3 * HOUR)
        life.start()
        plan(life, 1, "before")
        await life.sleep(MINUTE)
        life.world._state.faults = Faults.only(lost_answer=1.0)
        plan(life, 5, "lost")
        await life.until(lambda: life.states().get(State.POSTING) == 5, within=MINUTE, every=SECOND)
        life.world._state.faults = Faults.none()
        if down:
            await life.stop()
        await life.sleep(down or 68 * MINUTE)
        virtual.step_wall_clock(-3 * HOUR)
        if down:
            await life.restart()
        await life.sleep(SECOND)
        plan(life, 1, "after")  # a witness: with it a read looks as if it had seen all there is
        await life.sleep(HOUR)
        assert life.events("clock.stepped")
        assert set(times_posted(life).values()) == {1}
        assert State.POSTING not in life.states()

    live(story, true_time=True)


@pytest.mark.parametrize(
    ("moved", "newest_at", "step"),
    [
        (
            -3 * HOUR,
            10 * HOUR,
            (-3 * HOUR, 7 * HOUR),
        ),  # the newest entry was made at 7 h, as the clock is now
        (-3 * HOUR, 16 * HOUR, (-3 * HOUR, 12 * HOUR)),  # never later than now
        (
            None,
            16 * HOUR,
            (-4 * HOUR, 12 * HOUR),
        ),  # another start of the machine: the entry of the future tells
        (0, 16 * HOUR, (-4 * HOUR, 12 * HOUR)),
        (None, 10 * HOUR, None),
        (3 * HOUR, 10 * HOUR, None),  # set ahead, or the machine was asleep
        (-4 * SECOND, 10 * HOUR, None),
        (-3 * HOUR, None, None),  # an empty ledger
    ],
)
def test_a_start_notices_that_the_clock_was_set_back(
    moved: int | None, newest_at: int | None, step: tuple[int, int] | None
) -> None:
    assert clock_step.set_back(moved, newest_at, 12 * HOUR) == step


@pytest.mark.parametrize("awake", [True, False])
def test_a_step_that_the_ledger_cannot_take_in_is_told_to_it_later(live: Live, awake: bool) -> None:
    """Meanwhile no look-up begins: what it must read depends on that."""

    async def story(life: Any) -> None:
        tools = life.tools()
        clock_step.at_start(tools)
        plan(life, 1, "lost")
        (intent,) = life.ledger.intents.next(VOLUME, life.now(), life.now(), 100)
        call = life.ledger.intents.begin(VOLUME, [intent], life.now())
        with contextlib.closing(sqlite3.connect(life.path, isolation_level=None)) as other:
            other.execute("begin immediate")
            virtual.step_wall_clock(-3 * HOUR)
            if awake:
                clock_step.run(tools, -3 * HOUR)
            else:
                tools = life.tools()
                clock_step.at_start(tools)
        assert clock_step.is_unsure(tools)
        assert await lookup.Finder(tools).run() == 0
        assert life.ledger.facts.get(PROOFS) is None, "nothing was noticed"
        clock_step.write(tools)
        assert not clock_step.is_unsure(tools)
        assert life.ledger.intents.undated().call_id == call

    live(story, true_time=True)


def test_what_others_post_is_taken_in_soon_after_the_clock_was_set_right(live: Live) -> None:
    async def story(life: Any) -> None:
        virtual.step_wall_clock(6 * HOUR)
        life.start()
        await life.sleep(10 * MINUTE)
        virtual.step_wall_clock(-6 * HOUR)
        await life.sleep(5 * MINUTE)
        life.post(count=3, owner="foreign", tag="nightly:1")
        await life.sleep(90 * MINUTE)
        assert life.states() == {State.COLLECTED: 3}

    rules = Rules(adopt_rules=(AdoptRule("serp/*", "nightly:*"),))
    live(story, true_time=True, foreign=True, rules=rules)


def test_a_list_that_fails_takes_no_other_lists_turn_after_the_clock_was_set_back(live: Live) -> None:
    """Started at an instant that now lies ahead, readyd took each of its failures for one before a restart."""

    async def story(life: Any) -> None:
        gone = b'{"status_code": 40400, "status_message": "Not Found.", "tasks": null}'
        life.line.instead = lambda path: (
            (200, gone) if path.startswith("/v3/keywords_data/") and "tasks_ready" in path else None
        )
        life.start()
        await life.sleep(MINUTE)
        virtual.step_wall_clock(-3 * HOUR)
        await life.sleep(MINUTE)
        life.post(VOLUME)
        life.post()
        at = life.world.now()
        await life.sleep(30 * MINUTE)
        assert len(life.line.since(at, "keywords_data")) < 20
        assert life.states()[State.COLLECTED] == 1
        life.line.instead = lambda path: None

    live(story, true_time=True)


@pytest.mark.parametrize("recorded_ahead", [True, False])
def test_expiry_is_told_in_time_of_what_a_clock_that_was_ahead_had_seen(
    live: Live, monkeypatch: pytest.MonkeyPatch, recorded_ahead: bool
) -> None:
    """Two days ahead, the list was read and was clear: that says nothing of two days later."""
    coarse(monkeypatch)

    async def story(life: Any) -> None:
        virtual.step_wall_clock(2 * DAY)
        life.start()
        life.post()
        await life.until_settled()
        ids = life.post(count=3) if recorded_ahead else []
        virtual.step_wall_clock(-2 * DAY)
        await life.sleep(MINUTE)
        ids += life.post(count=3 - len(ids))
        life.line.instead = lambda path: DOWN
        await life.sleep(30 * MINUTE)
        assert life.alerts("poll stale")
        await life.sleep(71 * HOUR)
        (alert,) = life.alerts("expiring")
        assert set(alert.task_ids) == set(ids)
        for one in ids:
            forgotten_at = life.world.truth(one).done_at + 3 * DAY
            assert alert.opened_at < forgotten_at - 20 * HOUR
            assert life.task(one).expires_at <= forgotten_at
        life.line.instead = lambda path: None

    live(story, true_time=True)


@pytest.mark.parametrize("told", [True, False])
def test_a_target_that_is_down_is_told_of_whatever_the_clock_does(
    live: Live, tmp_path: Path, told: bool
) -> None:
    async def story(life: Any) -> None:
        life.start()
        life.post(count=2)
        await life.until_settled()
        await life.sleep(15 * MINUTE if told else MINUTE)
        assert bool(life.alerts("handover")) is told
        virtual.step_wall_clock(-6 * HOUR)
        await life.sleep(20 * MINUTE)
        (alert,) = life.alerts("handover")
        assert alert.closed_at is None

    missing = TargetRule("files", TargetKind.DIRECTORY, Secret(str(tmp_path / "missing")))
    live(story, true_time=True, targets=(missing,))


def test_posting_that_waits_for_money_goes_on_when_there_is_some(live: Live) -> None:
    async def story(life: Any) -> None:
        plan(life, 3, "poor")
        life.start()
        await life.sleep(MINUTE)
        assert life.states() == {State.PLANNED: 3}
        virtual.step_wall_clock(-6 * HOUR)
        (account,) = life.world._state.accounts
        account.balance = 1_000.0
        await life.sleep(30 * MINUTE)
        assert State.PLANNED not in life.states()

    live(story, true_time=True, options=Options(accounts=(AccountOptions(balance=0.0),)))


def test_a_loss_is_told_for_an_hour_and_not_for_as_long_as_the_clock_was_ahead(live: Live) -> None:
    async def story(life: Any) -> None:
        life.start()
        one = "11020240-1535-0066-0000-94e2a22617f3"  # of which the remote has never heard
        entry = {
            "id": one,
            "status_code": 20100,
            "path": ["v3", *ORGANIC.split("/"), "task_post"],
            "data": {},
        }
        life.ledger.record_posted({"tasks": [entry]}, now=life.now())
        expired = Settlement(
            one, State.POSTED, State.LOST, Reason.EXPIRED, 40403, "Results Expired.", life.now()
        )
        life.ledger.settle([expired])
        await life.sleep(2 * MINUTE)
        assert life.alerts("lost")
        virtual.step_wall_clock(-2 * DAY)
        await life.sleep(70 * MINUTE)
        (alert,) = life.alerts("lost")
        assert alert.closed_at is not None

    live(story, true_time=True)
