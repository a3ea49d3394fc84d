"""For each fault: exactly these alert lines, in time and few."""

from collections.abc import Callable
from typing import Any

import pytest

from daemon import service
from tests.passes.alerts import lines, own_faults, remote_faults
from tests.passes.alerts.lines import Fault, Watch

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


def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wake every pass once a minute at most: days cost a tenth, and alerts are reviewed as ever."""
    monkeypatch.setattr(service, "TICKS", {name: max(60, seconds) for name, seconds in service.TICKS.items()})
    monkeypatch.setattr(service, "TICK_S", 60)
