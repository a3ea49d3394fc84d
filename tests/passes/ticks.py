"""Wakes the service's passes more rarely, for stories of days in which nothing depends on seconds. Knows no pass."""

import pytest

from daemon import service

MINUTE_S = 60


def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wake every pass once a minute at most: days cost a tenth, and alerts are reviewed as ever."""
    rarely = {name: max(MINUTE_S, seconds) for name, seconds in service.TICKS.items()}
    monkeypatch.setattr(service, "TICKS", rarely)
    monkeypatch.setattr(service, "TICK_S", MINUTE_S)
