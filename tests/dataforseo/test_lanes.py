"""Lanes: never more than agreed, kept while they are sound, thrown away when they are not."""

import asyncio
from collections.abc import Callable

import httpx
import pytest

from daemon.dataforseo.lanes import Lanes


class Yard:
    """Builds clients and remembers them."""

    def __init__(self, *, broken_close: bool = False) -> None:
        self.built: list[httpx.AsyncClient] = []
        self.closed: list[Transport] = []
        self.broken_close = broken_close

    def __call__(self) -> httpx.AsyncClient:
        client = httpx.AsyncClient(transport=Transport(self))
        self.built.append(client)
        return client


class Transport(httpx.AsyncBaseTransport):
    def __init__(self, yard: Yard) -> None:
        self.yard = yard

    async def aclose(self) -> None:
        self.yard.closed.append(self)
        if self.yard.broken_close:
            raise OSError("the line is dead")


async def work(lanes: Lanes, failure: BaseException | None = None) -> httpx.AsyncClient:
    async with lanes.borrow() as lane:
        await asyncio.sleep(0)
        if failure is not None:
            raise failure
        return lane


def test_nothing_is_built_before_it_is_needed_and_a_sound_lane_is_used_again() -> None:
    async def main() -> None:
        yard = Yard()
        lanes = Lanes(5, yard)
        assert yard.built == []
        assert await work(lanes) is await work(lanes)
        assert len(yard.built) == 1
        await lanes.aclose()
        assert len(yard.closed) == 1

    asyncio.run(main())


def test_never_more_than_agreed_are_out() -> None:
    async def main() -> None:
        lanes, out, most = Lanes(3, Yard()), 0, 0

        async def call() -> None:
            nonlocal out, most
            async with lanes.borrow():
                out += 1
                most = max(most, out)
                await asyncio.sleep(0)
                out -= 1

        await asyncio.gather(*(call() for _ in range(50)))
        assert most == 3
        await lanes.aclose()

    asyncio.run(main())


@pytest.mark.parametrize("broken_close", [False, True])
@pytest.mark.parametrize("failure", [httpx.ReadError("cut"), ValueError("ours"), asyncio.CancelledError()])
def test_a_lane_that_failed_is_closed_and_its_place_is_taken_by_a_new_one(
    failure: BaseException, broken_close: bool
) -> None:
    async def main() -> None:
        yard = Yard(broken_close=broken_close)
        lanes = Lanes(1, yard)
        with pytest.raises(type(failure)):
            await work(lanes, failure)
        assert len(yard.closed) == 1
        assert await work(lanes) is yard.built[1]
        await lanes.aclose()

    asyncio.run(main())


def test_a_lane_that_cannot_be_built_leaves_its_place_free() -> None:
    async def main() -> None:
        yard = Yard()
        builders: list[Callable[[], httpx.AsyncClient]] = [yard, failing]

        def build() -> httpx.AsyncClient:
            return builders.pop()()

        lanes = Lanes(1, build)
        with pytest.raises(OSError, match="no memory"):
            await work(lanes)
        async with asyncio.timeout(5):
            assert await work(lanes) is yard.built[0]
        await lanes.aclose()

    asyncio.run(main())


def failing() -> httpx.AsyncClient:
    raise OSError("no memory")


def test_a_lane_that_is_out_while_all_close_is_closed_when_it_comes_back() -> None:
    async def main() -> None:
        yard = Yard()
        lanes = Lanes(2, yard)
        async with lanes.borrow():
            await lanes.aclose()
            assert yard.closed == []
        assert len(yard.closed) == 1

    asyncio.run(main())
