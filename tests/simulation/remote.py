"""The remote of a world and the way there: counts calls, swaps answers, dies with its caller. Knows no ledger."""

import asyncio
import random
from collections import Counter, defaultdict, deque
from typing import Any

import httpx

from daemon.simulator.records import Call, Delivery, Reply
from daemon.simulator.records import Task as RemoteTask
from daemon.simulator.transport import SimulatedTransport
from daemon.simulator.world import World
from tests.simulation.fate import Fate, Sentence
from tests.simulation.timeline import MINUTE, SECOND, Timeline

TASK_GET = "task_get"


class Remote(World):
    """A world that remembers who asked for what, and that can be made worse than its documentation."""

    def __init__(self, time: Timeline, dice: random.Random, **more: Any) -> None:
        super().__init__(time.now, **more)
        self.gets: dict[str, list[int]] = defaultdict(list)  # task -> when its result was asked for
        self.calls: deque[str] = deque(maxlen=4_000)
        self.tally: Counter[str] = Counter()
        self.swaps = 0.0  # how likely an answer is replaced by an earlier one, of another call
        self.stuck_until = 0  # no result is given, whatever lists say
        self.busy_until = 0  # other software uses up the account's limits
        self._dice = dice
        self._before: tuple[str, Reply | None] = ("", None)
        self._under_way: list[Reply] = []

    def hang_up(self) -> None:
        """Notice that the caller is gone: none of his calls is under way any more."""
        for reply in self._under_way:
            reply.finish()
        self._under_way.clear()

    def handle(self, call: Call) -> Reply:
        now = self.now()
        if now < self.busy_until:
            self._crowd(now)
        if now < self.stuck_until and f"/{TASK_GET}/" in call.path:
            self.tally["gets refused"] += 1
            return Reply(500, b"")
        reply = super().handle(call)
        if f"/{TASK_GET}/" in call.path or "/summary/" in call.path:
            self.gets[call.path.rsplit("/", 1)[-1]].append(now)
        self.calls.append(f"{now} {call.method} {call.path} -> {reply.status} {reply.accident or ''}")
        self._under_way = [*self._under_way[-50:], reply]
        return self._swapped(reply, call.path)

    def _crowd(self, now: int) -> None:
        """Let others of the account make all the calls that are left this minute, of one kind."""
        for account in self._state.accounts:
            name = self._dice.choice(["tasks_ready", "id_list"])
            limit = {"tasks_ready": self._state.options.tasks_ready_limit, "id_list": 10}[name]
            while account.limits.bucket(name, limit).take(now):
                self.tally["calls of others"] += 1

    def _swapped(self, reply: Reply, path: str) -> Reply:
        """Put the answer of an earlier call in its place.

        Of another path: an old list would look like a new one. And no bare refusal: it names nobody.
        """
        (before_path, before), drawn = self._before, self._dice.random()
        if reply.status == 200 and b'"tasks":null' not in reply.body:
            self._before = (path, reply)
        if before is None or before_path == path or drawn >= self.swaps:
            return reply
        self.tally["answers swapped"] += 1
        names = {name: text for name, text in reply.headers.items() if name != "content-encoding"}
        if "content-encoding" in before.headers:
            names["content-encoding"] = before.headers["content-encoding"]
        return Reply(before.status, before.body, names, reply.accident, reply.finish)


class Line(SimulatedTransport):
    """The network path of a process that may die before a call and after it."""

    def __init__(self, remote: Remote, fate: Fate, seed: int) -> None:
        super().__init__(remote, latency_s=(0.05, 0.3), seed=seed)
        self._fate = fate

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._fate.dead:
            raise httpx.ConnectError("this process is dead", request=request)
        self._fate.step("send")
        response = await super().handle_async_request(request)
        self._fate.step("answer")
        return response


class Postman:
    """Carries the remote's webhooks to the receiver while there is one, and now and then an old one again."""

    def __init__(self, remote: Remote, fate: Fate, dice: random.Random) -> None:
        self._remote = remote
        self._fate = fate
        self._dice = dice
        self._news = asyncio.Event()
        self._way: httpx.AsyncClient | None = None
        self._under_way: dict[int, Delivery] = {}
        self._numbers = 0
        self.sent: deque[Delivery] = deque(maxlen=20)

    async def run(self, app: Any) -> None:
        """Carry to `app` until cancelled."""
        remote, self._news = self._remote, asyncio.Event()
        remote.attend(self._news.set)
        transport = httpx.ASGITransport(app=app, client=("192.0.2.7", 1))
        self._way = httpx.AsyncClient(transport=transport, base_url="https://hooks.invalid", trust_env=False)
        tasks: set[asyncio.Task[None]] = set()
        while True:
            self._news.clear()
            for delivery in remote.due_webhooks():
                task = asyncio.create_task(self._carry(delivery))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            at = remote.next_webhook_at()
            wait = 10 * MINUTE if at is None else max(1, at - remote.now())
            try:
                async with asyncio.timeout(min(wait, 10 * MINUTE) / 1000):
                    await self._news.wait()
            except TimeoutError:
                pass

    def bury(self) -> None:
        """Let what was under way fail: its receiver is dead."""
        self._remote.attend(None)
        self._way = None
        for number in sorted(self._under_way):
            self._remote.settle_webhook(self._under_way[number], None)
        self._under_way.clear()

    async def again(self) -> None:
        """Send an old webhook once more; somebody replays what he has seen."""
        if self.sent and self._way is not None:
            one = self._dice.choice(self.sent)
            self._remote.tally["webhooks replayed"] += 1
            await self._send(one)

    async def _carry(self, delivery: Delivery) -> None:
        self._numbers += 1
        number = self._numbers
        self._under_way[number] = delivery
        if self._dice.random() < 0.1 and not delivery.lost:
            # Death while it is taken in.
            step, count = self._dice.choice(["write", "commit", "committed"]), self._dice.randint(1, 5)
            self._fate.may_arm(Sentence(step, count, power=False, down_ms=5_000))
        status = None if delivery.lost else await self._send(delivery)
        if self._under_way.pop(number, None) is not None:
            self.sent.append(delivery)
            self._remote.settle_webhook(delivery, status)

    async def _send(self, delivery: Delivery) -> int | None:
        if self._way is None or self._fate.dead:
            return None
        try:
            async with asyncio.timeout(10):
                answer = await self._way.request(
                    delivery.method, delivery.url, content=delivery.body, headers=dict(delivery.headers)
                )
        except (TimeoutError, OSError, httpx.HTTPError):
            return None
        return answer.status_code


STORM = 12
STORM_WITHIN = 10 * MINUTE


def is_never_seen(task: RemoteTask) -> bool:
    """Say whether nothing shows a task: no list does, and its API has no id_list, so only a GET by id tells of it."""
    return task.function.api == "ai_optimization" and task.is_never_listed


def storm(times: list[int], most: int = STORM) -> bool:
    """Say whether a task was asked for more often within some minutes than any back-off allows."""
    return any(later - first < STORM_WITHIN for first, later in zip(times, times[most:], strict=False))


__all__ = ["SECOND", "Line", "Postman", "Remote", "is_never_seen", "storm"]
