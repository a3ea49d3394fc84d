"""What every part of the tests may need: logging that is put back as it was, figures that are told. Knows no part."""

import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from daemon import logs
from daemon.logs_text import Hidden
from tests import order
from tests.memory import directory


@pytest.fixture
def memory() -> Iterator[Path]:
    """A directory in memory, where there is such a place."""
    with directory() as place:
        yield place


@pytest.fixture
def restored_logs() -> Iterator[None]:
    """Put logging back after the test, whatever it configured."""
    show = warnings.showwarning
    yield
    structlog.reset_defaults()
    logs._hidden = Hidden()
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, logs._Bridge)]:
        root.removeHandler(handler)
    logging.captureWarnings(False)
    warnings.showwarning = show


@pytest.hookimpl(optionalhook=True)  # there are no workers without xdist
def pytest_xdist_auto_num_workers() -> int:
    """Let one more process test than there are cores: a quarter of the time they wait for the processes they start."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the long stories: a minute's test that starts last is a minute in which one core has nothing to do."""
    items[:] = order.dealt(items, order.workers(config))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how much the long tests did: what was found is in their assertions."""
    for report in terminalreporter.stats.get("passed", []):
        for name, said in report.user_properties:
            if name == "figures":
                terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {said}")
