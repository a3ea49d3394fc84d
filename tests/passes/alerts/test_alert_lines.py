"""For each fault: exactly these alert lines, in time and few."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.passes.alerts import lines, own_faults, remote_faults
from tests.passes.alerts.lines import Fault, Watch
from tests.passes.ticks import coarse

Live = Callable[..., Any]
FAULTS = (*remote_faults.FAULTS, *own_faults.FAULTS)


@pytest.mark.parametrize("fault", FAULTS, ids=[one.name for one in FAULTS])
def test_a_fault_says_what_it_is_in_time_and_in_few_lines(
    live: Live, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch()
    if fault.long:
        coarse(monkeypatch)

    async def story(life: Any) -> None:
        await fault.story(life, watch)

    life = live(story, **fault.world)
    lines.check(life, watch, fault)
