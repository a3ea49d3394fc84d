"""What every part of the tests may need: logging that is put back as it was. Knows no part."""

import logging
import warnings
from collections.abc import Iterator

import pytest
import structlog

from daemon import logs


@pytest.fixture
def restored_logs() -> Iterator[None]:
    """Put logging back after the test, whatever it configured."""
    show = warnings.showwarning
    yield
    structlog.reset_defaults()
    logs._hidden = logs.Hidden()
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, logs._Bridge)]:
        root.removeHandler(handler)
    logging.captureWarnings(False)
    warnings.showwarning = show
