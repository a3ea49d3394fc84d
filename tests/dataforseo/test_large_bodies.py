"""Large bodies come in one after the other, so that thirty at once do not fill memory; small ones pass them by."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx

from daemon.dataforseo.client import Caps, Client

CHUNK = 1_000
LARGE = 3 * CHUNK


@dataclass
class Road:
    """What comes in at the same time."""

    large: int = 0
    most_large: int = 0


class Load(httpx.AsyncByteStream):
    """A body in chunks, each after a turn of the loop; counts itself while more than `LARGE` bytes are out."""

    def __init__(self, road: Road, body: bytes) -> None:
        self.road, self.body = road, body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        counted = False
        try:
            for start in range(0, len(self.body), CHUNK):
                if start > LARGE + CHUNK and not counted:
                    counted = True
                    self.road.large += 1
                    self.road.most_large = max(self.road.most_large, self.road.large)
                yield self.body[start : start + CHUNK]
                await asyncio.sleep(0)
        finally:
            self.road.large -= counted


def answer(remote: Any, number: int, size: int) -> bytes:
    found = {"id": remote.task_id(number), "status_code": 20000, "result": [{"text": "x" * size}]}
    return json.dumps({"status_code": 20000, "tasks": [found]}).encode()


def fetch_all(remote: Any, sizes: list[int], monotonic: Any = None) -> tuple[Road, list[int]]:
    """Fetch bodies of these sizes side by side; return what was on the road, and the order of their ends."""
    road, ends = Road(), list[int]()

    def respond(request: httpx.Request) -> httpx.Response:
        number = int(request.url.path[-12:], 16)
        return httpx.Response(200, stream=Load(road, answer(remote, number, sizes[number])))

    async def main() -> None:
        client = Client(
            "https://api.example",
            "login",
            "password",
            transport=lambda: httpx.MockTransport(respond),
            caps=Caps(large_bytes=LARGE, total_s=100),
            monotonic=monotonic,
        )

        async def one(number: int) -> None:
            path = f"/v3/serp/google/organic/task_get/regular/{remote.task_id(number)}"
            fetched = await client.fetch(path, remote.task_id(number))
            assert fetched.size > sizes[number]
            ends.append(number)

        await asyncio.gather(*map(one, range(len(sizes))))
        await client.aclose()

    asyncio.run(main())
    return road, ends


def test_of_large_bodies_one_comes_in_at_a_time(remote: Any) -> None:
    road, ends = fetch_all(remote, [40_000] * 12)
    assert sorted(ends) == list(range(12))
    assert road.most_large == 1


def test_small_bodies_pass_large_ones_by(remote: Any) -> None:
    _, ends = fetch_all(remote, [40_000, 40_000, 100, 100])
    assert set(ends[:2]) == {2, 3}


def test_waiting_for_the_turn_is_not_slowness(remote: Any) -> None:
    # Each look at the clock is a second later; the last body waits for far longer than a call may take.
    seconds = iter(range(1_000_000))
    _, ends = fetch_all(remote, [40_000] * 12, monotonic=lambda: float(next(seconds)) / 3)
    assert len(ends) == 12
