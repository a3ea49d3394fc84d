"""A ledger that was restored from a copy posts nothing a second time, and forgets nothing that it had planned."""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.keys import split_tag
from ledger.records import State

MINUTE = 60_000
HOUR = 60 * MINUTE

Live = Callable[..., Any]


@pytest.mark.parametrize("posted_since", [True, False])
def test_what_a_restored_ledger_has_planned_is_posted_once(
    live: Live, tmp_path: Path, posted_since: bool
) -> None:
    copy = tmp_path / "copies" / "ledger.db"

    async def story(life: Any) -> None:
        life.ledger.plan(
            [{"function": "serp/google/organic", "keyword": f"k{n}"} for n in range(5)], "b", now=life.now()
        )
        life.ledger.backup(copy, life.now())
        if posted_since:
            life.start()
            await life.sleep(2 * HOUR)
            assert life.states() == {State.COLLECTED: 5}
            await life.stop()
        life.close()
        for left in life.path.parent.glob(f"{life.path.name}*"):
            left.unlink()
        shutil.copy(copy, life.path)
        life.__post_init__()
        life.start()
        await life.sleep(MINUTE)
        assert life.states() == {State.POSTING: 5}, "nothing is sent before it is known what exists"
        await life.until(lambda: life.states() == {State.COLLECTED: 5}, within=3 * HOUR)
        keys = Counter(split_tag(task.tag)[1] for task in life.world._state.tasks.values())
        assert set(keys.values()) == {1}
        assert len(keys) == 5

    live(story)
