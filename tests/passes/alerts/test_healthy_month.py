"""Thirty days in which nothing is wrong: what is ordinary brings no alert.

Passes are woken once a minute, not every five seconds: a month in seconds' steps costs minutes of computing.
"""

import random
from collections.abc import Callable
from typing import Any

import pytest

from daemon.simulator.faults import Faults
from ledger.records import State
from tests.passes.alerts.lines import DAY, HOUR, MINUTE, said
from tests.passes.ticks import coarse

FUNCTIONS = (
    "serp/google/organic",
    "serp/google/maps",
    "merchant/google/products",
    "keywords_data/google_ads/search_volume",
    "ai_optimization/claude/llm_responses",
    "on_page/lighthouse",
)
DAYS = 30

Live = Callable[..., Any]


def test_thirty_healthy_days_bring_at_most_one_false_alert(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    coarse(monkeypatch)
    dice = random.Random(30)
    # Lists lag by tens of seconds, some rows by half an hour; a call in a hundred fails; some tasks take eight times as
    # long; early GETs are told to come again.
    ordinary = Faults.only(
        lag_spike=0.01, long_tail=0.02, connect_error=0.004, lost_answer=0.003, http_500=0.003, slow_body=0.004,
        created_on_get=0.1, fails=0.02, no_results=0.02, shuffled=0.1, duplicate_rows=0.05, tag_null=0.2,
    )  # fmt: skip

    async def story(life: Any) -> None:
        life.start()
        for day in range(DAYS):
            for _ in range(6):
                life.post(dice.choice(FUNCTIONS[:3]), dice.randrange(1, 5), priority=dice.choice([1, 2]))
                life.post(dice.choice(FUNCTIONS))
                await life.sleep(dice.randrange(30, 210) * MINUTE)
            if day % 5 == 2:
                await life.restart()
            if day % 7 == 3:
                life.post("serp/google/organic", 300)  # a batch
            await life.sleep((day + 1) * DAY - (life.now() - life_began))
        await life.until_settled(within=90 * HOUR, every=MINUTE)
        assert set(life.states()) <= {State.COLLECTED, State.FAILED}
        assert sum(life.states().values()) > 1_500

    life_began = 1_793_577_600_000
    life = live(story, faults=ordinary)
    assert len([one for one in said(life) if one.text.startswith("opened")]) <= 1, said(life)
