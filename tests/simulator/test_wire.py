"""What httpx sees of the simulated remote: in process, through ASGI, and with everything a network does."""

import asyncio
import gzip
import json
import zlib
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import httpx
import pytest

from daemon import virtual
from daemon.simulator.app import build_app
from daemon.simulator.courier import Courier, send_to_loopback
from daemon.simulator.faults import Faults
from daemon.simulator.options import LOGIN, PASSWORD, Options
from daemon.simulator.transport import SimulatedTransport
from daemon.simulator.world import World
from ledger.times import wall_clock_ms

START = 1_793_577_600_000
HOUR = 3_600_000
LIST = "/v3/serp/tasks_ready"
Use = Callable[[httpx.AsyncClient, World, SimulatedTransport], Awaitable[Any]]


def live(use: Use, *, faults: Faults | None = None, options: Options | None = None, **transport: Any) -> Any:
    """Run a client against a world in virtual time."""

    async def main() -> Any:
        world = World(wall_clock_ms, seed=5, faults=faults, options=options)
        line = SimulatedTransport(world, **transport)
        async with httpx.AsyncClient(
            transport=line, base_url="https://api.example", auth=(LOGIN, PASSWORD), timeout=30
        ) as client:
            return await use(client, world, line)

    return virtual.run(main, start=START)


async def post(client: httpx.AsyncClient, count: int = 1, **fields: object) -> list[str]:
    tasks = [{"keyword": f"k{number}", **fields} for number in range(count)]
    answer = await client.post("/v3/serp/google/organic/task_post", json=tasks)
    return [task["id"] for task in answer.json()["tasks"]]


def path_of(task_id: str) -> str:
    return f"/v3/serp/google/organic/task_get/advanced/{task_id}"


def one_done_task(world: World) -> str:
    """Put a task there without HTTP, so that no accident hits the posting."""
    task_id: str = world.post("serp/google/organic", [{"keyword": "k"}])["tasks"][0]["id"]
    world.finish(task_id)
    return task_id


def test_the_body_comes_as_the_gzip_bytes_that_were_sent_if_the_client_takes_gzip() -> None:
    async def use(client: httpx.AsyncClient, world: World, _: SimulatedTransport) -> None:
        path = path_of(one_done_task(world))
        async with client.stream("GET", path, headers={"accept-encoding": "gzip"}) as answer:
            raw = b"".join([chunk async for chunk in answer.aiter_raw()])
        assert answer.headers["content-encoding"] == "gzip"
        assert int(answer.headers["content-length"]) == len(raw)
        zipped = json.loads(gzip.decompress(raw))
        plain = await client.get(path, headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.json()["tasks"][0]["result"] == zipped["tasks"][0]["result"]

    live(use)


def test_results_are_as_large_as_asked_for() -> None:
    async def use(client: httpx.AsyncClient, world: World, _: SimulatedTransport) -> list[int]:
        answers = [await client.get(path_of(one_done_task(world))) for _ in range(100)]
        return [len(answer.content) for answer in answers]

    sizes = live(use, options=Options(body_kb=(2, 60)))
    assert min(sizes) > 2 * 1024
    assert max(sizes) < 66 * 1024
    assert max(sizes) > 10 * min(sizes)


@pytest.mark.parametrize(
    ("accident", "error"),
    [
        ("connect_error", httpx.ConnectError),
        ("read_timeout", httpx.ReadTimeout),
        ("lost_answer", httpx.ReadError),
        ("reset_body", httpx.ReadError),
    ],
)
def test_network_accidents_are_the_errors_httpx_raises(accident: str, error: type[Exception]) -> None:
    async def use(client: httpx.AsyncClient, world: World, _: SimulatedTransport) -> float:
        path = path_of(one_done_task(world))
        before = asyncio.get_running_loop().time()
        with pytest.raises(error) as raised:
            await client.get(path)
        assert isinstance(raised.value, httpx.RequestError)
        assert raised.value.request.url.path == path
        assert world.counts()["gets"] == (0 if accident == "connect_error" else 1)
        return asyncio.get_running_loop().time() - before

    waited = live(use, faults=Faults.only(**{accident: 1.0}))
    assert waited == pytest.approx(30 if accident == "read_timeout" else 0, abs=0.01)


def test_a_truncated_body_ends_without_an_error_and_does_not_inflate() -> None:
    async def use(client: httpx.AsyncClient, world: World, _: SimulatedTransport) -> bytes:
        async with client.stream("GET", path_of(one_done_task(world))) as answer:
            assert "content-length" not in answer.headers
            return b"".join([chunk async for chunk in answer.aiter_raw()])

    raw = live(use, faults=Faults.only(truncated_body=1.0))
    inflater = zlib.decompressobj(wbits=31)
    inflater.decompress(raw)
    assert not inflater.eof


def test_a_slow_body_takes_seconds_and_arrives_whole() -> None:
    async def use(client: httpx.AsyncClient, world: World, _: SimulatedTransport) -> float:
        before = asyncio.get_running_loop().time()
        answer = await client.get(path_of(one_done_task(world)))
        assert answer.json()["tasks"][0]["status_code"] == 20000
        return asyncio.get_running_loop().time() - before

    assert 5 <= live(use, faults=Faults.only(slow_body=1.0)) <= 20


def test_an_outage_refuses_connections_and_breaks_answers_under_way() -> None:
    async def use(client: httpx.AsyncClient, world: World, line: SimulatedTransport) -> None:
        task_id = one_done_task(world)
        line.outage(START + 1_000, START + HOUR)
        await asyncio.sleep(0.8)
        with pytest.raises(httpx.ReadError):
            await client.get(path_of(task_id))
        await asyncio.sleep(1)
        calls = world.counts()["calls"]
        with pytest.raises(httpx.ConnectError):
            await client.get(LIST)
        assert world.counts()["calls"] == calls, "the remote saw nothing"
        await asyncio.sleep(3600)
        assert (await client.get(LIST)).status_code == 200

    live(use, latency_s=(0.5, 0.5))


def test_latency_passes_and_is_drawn_from_its_bounds() -> None:
    async def use(client: httpx.AsyncClient, _: World, __: SimulatedTransport) -> list[float]:
        times = [asyncio.get_running_loop().time()]
        for _ in range(50):
            await client.get("/v3/appendix/nothing")
            times.append(asyncio.get_running_loop().time())
        return [after - before for before, after in pairwise(times)]

    waits = live(use, latency_s=(0.1, 0.8))
    assert min(waits) >= 0.1
    assert max(waits) <= 0.81
    assert len(set(waits)) > 10


def test_a_slot_is_held_until_the_body_is_read_or_closed() -> None:
    async def use(client: httpx.AsyncClient, world: World, _: SimulatedTransport) -> None:
        requests = [client.build_request("GET", path_of(one_done_task(world))) for _ in range(31)]
        answers = [await client.send(request, stream=True) for request in requests]
        assert world.counts()["throttled"] == 1
        for answer in answers:
            await answer.aclose()
        assert (await client.get(path_of(one_done_task(world)))).json()["tasks"][0]["status_code"] == 20000
        assert world.counts()["throttled"] == 1

    live(use)


def test_a_cancelled_request_frees_its_slot() -> None:
    async def use(client: httpx.AsyncClient, world: World, _: SimulatedTransport) -> None:
        for _ in range(40):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await client.get(LIST)
        assert world.counts()["throttled"] == 20, "by the lists' own limit, not for being too many at once"
        assert (await client.get(path_of(one_done_task(world)))).json()["tasks"][0]["status_code"] == 20000

    live(use, latency_s=(0.5, 0.5))


def test_many_clients_may_share_a_transport_and_closing_one_closes_nothing() -> None:
    async def use(client: httpx.AsyncClient, _: World, line: SimulatedTransport) -> None:
        async with httpx.AsyncClient(transport=line, base_url="https://x", auth=(LOGIN, PASSWORD)) as other:
            assert (await other.get(LIST)).status_code == 200
        assert (await client.get(LIST)).status_code == 200

    live(use)


def test_the_same_seed_gives_the_same_answers_and_another_seed_others() -> None:
    def life(seed: int) -> list[str]:
        async def main() -> list[str]:
            world = World(wall_clock_ms, seed=seed, faults=Faults.default())
            line = SimulatedTransport(world, latency_s=(0.1, 0.8), seed=seed)
            seen: list[str] = []
            async with httpx.AsyncClient(
                transport=line, base_url="https://x", auth=(LOGIN, PASSWORD)
            ) as client:
                for turn in range(150):
                    try:
                        if turn % 5 == 0:
                            await post(client, 10)
                        answer = await client.get(LIST)
                        seen.append(f"{answer.status_code} {answer.text}")
                        rows = answer.json()["tasks"][0].get("result") or []
                        seen += [(await client.get(row["endpoint_advanced"])).text for row in rows[:5]]
                    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
                        seen.append(f"{type(error).__name__}")
                    await asyncio.sleep(30)
            return [*seen, str(world.counts())]

        return virtual.run(main, start=START)

    first = life(3)
    assert first == life(3)
    assert first != life(4)
    assert any("ReadError" in line for line in first)


def test_the_courier_delivers_on_time_and_failed_postbacks_reach_the_list() -> None:
    async def main() -> None:
        world = World(wall_clock_ms, seed=5)
        arrived: list[tuple[int, str, str]] = []

        async def send(method: str, url: str, body: bytes, headers: Any) -> int:
            arrived.append((wall_clock_ms(), method, url))
            if "dead" in url:
                await asyncio.sleep(11)
            if "gone" in url:
                raise ConnectionRefusedError
            return 200

        async with asyncio.TaskGroup() as group:
            carrying = group.create_task(Courier(world, send).run())
            await asyncio.sleep(10)
            urls = {kind: f"https://{kind}.example/$id" for kind in ("good", "dead", "gone")}
            ids = {
                kind: world.post(
                    "serp/google/maps", [{"keyword": "k", "postback_url": url, "postback_data": "advanced"}]
                )
                for kind, url in urls.items()
            }
            world.post("serp/google/maps", [{"keyword": "k", "pingback_url": "https://good.example/ping"}])
            await asyncio.sleep(3600)
            done = {kind: answer["tasks"][0]["id"] for kind, answer in ids.items()}
            truths = {kind: world.truth(task_id) for kind, task_id in done.items()}
            assert truths["good"].delivered_at is not None
            assert not truths["good"].listed
            assert truths["dead"].listed
            assert truths["gone"].listed
            when = next(at for at, _, url in arrived if url == f"https://good.example/{done['good']}")
            assert 50 <= when - truths["good"].done_at <= 1000
            assert [method for _, method, _ in arrived].count("GET") == 1
            counts = world.counts()
            assert (counts["delivered"], counts["webhooks_sent"], counts["webhooks_failed"]) == (1, 2, 2)
            carrying.cancel()

    virtual.run(main, start=START)


def test_webhooks_may_get_lost_or_come_twice() -> None:
    def arrivals(fault: str) -> int:
        async def main() -> int:
            world = World(wall_clock_ms, seed=5, faults=Faults.only(**{fault: 1.0}))
            arrived = []

            async def send(method: str, url: str, body: bytes, headers: Any) -> int:
                arrived.append(url)
                return 200

            carrying = asyncio.create_task(Courier(world, send).run())
            world.post("serp/google/maps", [{"keyword": "k", "pingback_url": "https://x.example"}])
            await asyncio.sleep(7200)
            carrying.cancel()
            await asyncio.gather(carrying, return_exceptions=True)
            return len(arrived)

        return virtual.run(main, start=START)

    assert arrivals("webhook_lost") == 0
    assert arrivals("webhook_twice") == 2


def test_real_webhooks_go_to_this_machine_only() -> None:
    for url in ("https://example.com/x", "http://10.0.0.1/", "http://localhost.example.com/", "http:///"):
        with pytest.raises(OSError, match="not on this machine"):
            asyncio.run(send_to_loopback("GET", url, b"", {}))


@pytest.mark.parametrize("seed", range(3))
def test_the_asgi_app_says_what_the_transport_says(seed: int) -> None:
    async def main() -> None:
        world = World(lambda: START, seed=seed)
        over_asgi = httpx.AsyncClient(
            transport=httpx.ASGITransport(build_app(world)), base_url="http://sim", auth=(LOGIN, PASSWORD)
        )
        over_line = httpx.AsyncClient(
            transport=SimulatedTransport(world), base_url="http://sim", auth=(LOGIN, PASSWORD)
        )
        async with over_asgi, over_line:
            await post(over_asgi, 3)
            path = path_of(one_done_task(world))
            one, other = await over_asgi.get(path), await over_line.get(path)
            assert one.json()["tasks"][0]["result"] == other.json()["tasks"][0]["result"]
            assert one.headers["content-encoding"] == other.headers["content-encoding"] == "gzip"
            assert (await over_asgi.get("/")).status_code == (await over_line.get("/")).status_code == 404
            assert (await over_asgi.get(LIST, auth=("a", "b"))).status_code == 401

    asyncio.run(main())
