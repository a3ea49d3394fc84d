"""Whole days with everything that goes wrong by default, each with a seed: what is found here is kept as a seed."""

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from daemon.policy.rules import PriorityRule, Rules
from daemon.simulator.courier import Courier
from daemon.simulator.faults import Faults
from ledger.records import State

MINUTE = 60_000
HOUR = 60 * MINUTE
HOOK = "https://hooks.example/take?id=$id"
FUNCTIONS = (
    "serp/google/organic",
    "serp/google/maps",
    "merchant/google/products",
    "business_data/google/reviews",
    "keywords_data/google_ads/search_volume",
    "on_page/lighthouse",
    "ai_optimization/claude/llm_responses",
)

Live = Callable[..., Any]


@pytest.mark.parametrize("seed", range(1, 11))
def test_a_day_with_all_faults_settles_every_task_and_loses_none(live: Live, seed: int) -> None:
    dice = random.Random(seed)

    async def send(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        return 503 if dice.random() < 0.25 else 200

    def fields() -> dict[str, Any]:
        webhook = dice.choice(
            [{}, {}, {"pingback_url": HOOK}, {"postback_url": HOOK, "postback_data": "advanced"}]
        )
        return {"priority": dice.choice([1, 1, 2]), "tag": dice.choice(["urgent:1", "batch", ""]), **webhook}

    async def story(life: Any) -> None:
        courier = asyncio.create_task(Courier(life.world, send).run())
        life.start()
        try:
            for _ in range(20):
                life.post(dice.choice(FUNCTIONS[:3]), **fields())
                life.post(dice.choice(FUNCTIONS))
                life.post(owner="foreign", tag="theirs")
                if dice.random() < 0.1:
                    await life.restart()
                await life.sleep(dice.randrange(80) * MINUTE)
            await life.until_settled(within=90 * HOUR, every=MINUTE)
        finally:
            courier.cancel()
            await asyncio.gather(courier, return_exceptions=True)
        settled = life.states()
        assert sum(settled.values()) == 40
        assert set(settled) <= {State.COLLECTED, State.DELIVERED, State.FAILED}
        failed = {one for one in life.tasks() if life.world.truth(one).code in (40101, 40103)}
        assert {task.id for task in life.tasks().values() if task.state is State.FAILED} == failed

    rules = Rules(priority_rules=(PriorityRule(None, "urgent:*", 5),))
    live(story, seed=seed, faults=Faults.default(), rules=rules)


def test_a_bug_in_fetching_one_task_neither_stops_the_others_nor_storms_the_remote(live: Live) -> None:
    async def story(life: Any) -> None:
        life.start()
        poison, *others = life.post(count=10)

        def trip(path: str) -> None:
            if poison in path:
                raise RuntimeError("nobody expected this")

        life.line.instead = trip
        await life.sleep(2 * HOUR)
        assert {life.task(one).state for one in others} == {State.COLLECTED}
        assert life.task(poison).state is State.READY
        assert len(life.line.since(0, poison)) < 30
        assert len(life.events("collect.bug")) == len(life.line.since(0, poison))
        assert [alert.count for alert in life.alerts("stuck")] == [1]
        life.line.instead = lambda path: None
        await life.until_settled(within=2 * HOUR)

    live(story, bugs=True)
