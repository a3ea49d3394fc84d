"""Virtual time: days in seconds, repeatable, and everything put back afterwards."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from daemon import virtual
from daemon.clock import Clock, SystemClock
from daemon.virtual import VirtualClock, VirtualTimeError

START = 1_793_577_600_123
DAY_S = 86_400
DAY_MS = DAY_S * 1000


def wall() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  what APScheduler reads


def wall_s() -> float:
    return wall().timestamp()


async def a_day_of_ticks() -> list[tuple[int, float]]:
    clock: Clock = VirtualClock()
    scheduler = AsyncIOScheduler(
        timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
    )
    trace: list[tuple[int, float]] = []

    async def tick() -> None:
        trace.append((clock.now(), clock.monotonic()))

    scheduler.add_job(tick, "interval", seconds=3)
    scheduler.start()
    await asyncio.sleep(DAY_S + 0.001)
    scheduler.shutdown(wait=False)
    await asyncio.sleep(0)
    return trace


def test_a_job_every_three_seconds_runs_28800_times_in_a_simulated_day() -> None:
    began = time.perf_counter()
    trace = virtual.run(a_day_of_ticks, start=START)
    assert time.perf_counter() - began < 20
    assert [at for at, _ in trace] == [START + 3000 * (n + 1) for n in range(28_800)]
    assert trace[-1][1] - trace[0][1] == pytest.approx(DAY_S - 3)


def test_two_runs_are_the_same_run() -> None:
    async def mixed() -> list[object]:
        trace: list[object] = []

        async def worker(name: str, pause: float) -> None:
            for _ in range(50):
                await asyncio.sleep(pause)
                trace.append((name, VirtualClock().now(), VirtualClock().monotonic(), wall()))

        await asyncio.gather(*(worker(f"w{n}", 0.1 + n / 7) for n in range(7)))
        return trace

    assert virtual.run(mixed, start=START) == virtual.run(mixed, start=START)


def test_wall_and_monotonic_time_never_part_and_never_go_back() -> None:
    seen: list[tuple[int, float]] = []

    async def main() -> None:
        for n in range(2_000):
            await asyncio.sleep(0.1 if n % 2 else 1 / 3)
            seen.append((VirtualClock().now(), VirtualClock().monotonic()))

    virtual.run(main, start=START)
    assert seen == sorted(seen)
    assert len(set(seen)) == len(seen)
    offsets = [now / 1000 - ticks for now, ticks in seen]
    assert max(offsets) - min(offsets) < 0.002


def test_timers_fire_in_order_at_their_own_instant() -> None:
    async def main() -> list[tuple[str, int]]:
        loop, fired = asyncio.get_running_loop(), []
        for name, delay in (("late", 90_000.0), ("soon", 0.25), ("never", 7.0), ("next", 0.251)):
            timer = loop.call_later(
                delay, lambda name=name: fired.append((name, VirtualClock().now() - START))
            )
            if name == "never":
                timer.cancel()
        await asyncio.sleep(100_000)
        return fired

    assert virtual.run(main, start=START) == [("soon", 250), ("next", 251), ("late", 90_000_000)]


def test_a_run_begins_at_the_millisecond_it_was_told() -> None:
    async def main() -> tuple[int, datetime]:
        return VirtualClock().now(), wall()

    now, moment = virtual.run(main, start=START)
    assert now == START
    assert moment.microsecond == 123_000


def test_the_wall_clock_and_the_time_zone_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    before = wall_s()

    async def main() -> None:
        assert time.localtime().tm_hour == wall().hour
        await asyncio.sleep(DAY_S)

    virtual.run(main, start=START)
    assert 0 <= wall_s() - before < 60
    assert os.environ["TZ"] == "Asia/Tokyo"
    assert time.localtime().tm_gmtoff == 9 * 3600
    monkeypatch.undo()
    time.tzset()


def test_the_wall_clock_comes_back_after_an_exception() -> None:
    before = wall_s()

    async def main() -> None:
        await asyncio.sleep(DAY_S)
        raise LookupError("on purpose")

    with pytest.raises(LookupError, match="on purpose"):
        virtual.run(main, start=START)
    assert 0 <= wall_s() - before < 60
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


def test_waiting_for_nothing_is_an_error_that_names_who_waits() -> None:
    async def main() -> None:
        asyncio.current_task().set_name("the lonely one")  # type: ignore[union-attr]
        await asyncio.Event().wait()

    before = wall_s()
    with pytest.raises(VirtualTimeError, match=r"no timer is set.*1 unfinished.*the lonely one"):
        virtual.run(main, start=START)
    assert 0 <= wall_s() - before < 60


def test_virtual_time_is_not_entered_twice() -> None:
    async def inner() -> int:
        return 1

    async def outer() -> None:
        with pytest.raises(VirtualTimeError, match="already runs"):
            virtual.run(inner, start=START)
        await asyncio.sleep(5)

    virtual.run(outer, start=START)
    with pytest.raises(VirtualTimeError, match="already runs"):
        asyncio.run(outer_in_a_real_loop(inner))
    assert virtual.run(inner, start=START) == 1


async def outer_in_a_real_loop(inner: object) -> None:
    virtual.run(inner, start=START)  # type: ignore[arg-type]


def test_the_pace_hears_of_every_move_of_time() -> None:
    heard: list[int] = []

    async def main() -> None:
        await asyncio.sleep(1)
        await asyncio.sleep(0)
        await asyncio.sleep(2)

    virtual.run(main, start=START, pace=heard.append)
    assert heard == [START + 1000, START + 3000]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A shell lets its background jobs ignore SIGINT, and their children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_interrupting_ends_a_run_cleanly_in_the_middle_of_busy_days() -> None:
    ended: list[str] = []
    moves = 0

    def pace(_: int) -> None:
        nonlocal moves
        moves += 1
        if moves == 100:
            os.kill(os.getpid(), signal.SIGINT)

    async def main() -> None:
        try:
            for _ in range(1_000_000):
                await asyncio.sleep(60)
        finally:
            ended.append("cleaned up")

    before = wall_s()
    with pytest.raises(KeyboardInterrupt):
        virtual.run(main, start=START, pace=pace)
    assert ended == ["cleaned up"]
    assert moves < 110, "the signal is looked at while time flies"
    assert 0 <= wall_s() - before < 60


def test_a_signal_handler_of_the_loop_is_called() -> None:
    async def main() -> int:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        asyncio.get_running_loop().call_later(30, os.kill, os.getpid(), signal.SIGTERM)
        timers = 0
        while not stop.is_set():
            await asyncio.sleep(1)
            timers += 1
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
        return timers

    assert 29 <= virtual.run(main, start=START) <= 32


def test_sockets_that_are_ready_go_before_time() -> None:
    async def main() -> tuple[bytes, int]:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        theirs.sendall(b"here")
        answer = await asyncio.wait_for(reader.readexactly(4), timeout=10)
        theirs.close()
        writer.close()
        await writer.wait_closed()
        return answer, VirtualClock().now() - START

    assert virtual.run(main, start=START) == (b"here", 0)


def test_http_in_process_takes_the_virtual_time_it_says() -> None:
    async def slow(_: Request) -> PlainTextResponse:
        await asyncio.sleep(3600)
        return PlainTextResponse(wall().isoformat())

    app = Starlette(routes=[Route("/", slow)])

    async def main() -> tuple[str, int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://remote") as client:
            answer = await client.get("/")
        return answer.text, VirtualClock().now() - START

    text, elapsed = virtual.run(main, start=START)
    assert elapsed == 3_600_000
    assert datetime.fromisoformat(text).timestamp() * 1000 == START + 3_600_000


def test_work_for_a_thread_is_done_in_place_and_its_errors_arrive() -> None:
    async def main() -> int:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        failing = asyncio.get_running_loop().run_in_executor(None, lambda: 1 // 0)
        await asyncio.sleep(0)
        assert isinstance(failing.exception(), ZeroDivisionError)
        assert await asyncio.to_thread(lambda a, b: a + b, 1, b=2) == 3
        return VirtualClock().now()

    assert virtual.run(main, start=START) == START


def test_a_stepped_wall_clock_leaves_timers_alone() -> None:
    async def main() -> tuple[int, float]:
        loop = asyncio.get_running_loop()
        before = loop.time()
        virtual.step_wall_clock(-DAY_MS)
        await asyncio.sleep(10)
        return VirtualClock().now() - START, loop.time() - before

    assert virtual.run(main, start=START) == (10_000 - DAY_MS, 10.0)
    with pytest.raises(VirtualTimeError, match="only a virtual run"):
        virtual.step_wall_clock(1)


def test_the_system_clock_tells_the_machines_time() -> None:
    clock: Clock = SystemClock()
    before, ticks = wall_s(), clock.monotonic()
    assert abs(clock.now() / 1000 - before) < 5
    assert 0 <= clock.monotonic() - ticks < 5
