"""Parcels for doors, and a directory of their own."""

import gzip
from collections.abc import Callable
from typing import Any

import pytest

from daemon.handover.parcel import Parcel
from daemon.handover.target import Form
from ledger.records import Body

Make = Callable[..., Parcel]


@pytest.fixture
def parcel() -> Make:
    """Make a parcel; what is left out is usual."""

    def make(
        task_id: str = "11231402-1535-0066-0000-aaaaaaaaaaaa",
        content: bytes = b'{"tasks": []}',
        *,
        form: Form = Form.JSON,
        tag: str | None = "t:1",
        **more: Any,
    ) -> Parcel:
        facts: dict[str, Any] = {"variant": "advanced", "edition": 1, "gzip": gzip.compress(content), **more}
        body = Body(
            task_id, facts["variant"], facts["gzip"], len(content), 20000, 1_795_000_000_000, facts["edition"]
        )
        return Parcel(body, "serp/google/organic", tag, form)

    return make
