"""A simulated remote under the test's own clock, spoken to as any HTTP client would."""

import base64
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from daemon.simulator.faults import Faults
from daemon.simulator.options import LOGIN, PASSWORD, Options, Turnaround
from daemon.simulator.records import Call, Reply
from daemon.simulator.world import World

START = 1_793_577_600_000
SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
ORGANIC = "serp/google/organic"


class Clock:
    """Time that moves only when told."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> int:
        return self.at

    def pass_(self, ms: int) -> None:
        self.at += ms


def basic(login: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{login}:{password}".encode()).decode()


@dataclass
class Answer:
    """An HTTP answer, read."""

    reply: Reply
    text: bytes

    @property
    def status(self) -> int:
        return self.reply.status

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.text)

    @property
    def task(self) -> dict[str, Any]:
        return self.json["tasks"][0]

    @property
    def code(self) -> int:
        return self.task["status_code"]

    @property
    def rows(self) -> list[dict[str, Any]]:
        return self.task.get("result") or []

    @property
    def ids(self) -> list[str]:
        return [row["id"] for row in self.rows]


@dataclass
class Remote:
    """A world, its clock, and someone who asks it over HTTP."""

    world: World
    clock: Clock
    login: str = LOGIN
    password: str = PASSWORD
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, body: object = None, *, hold: bool = False) -> Answer:
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        headers = {"authorization": basic(self.login, self.password), **self.headers}
        reply = self.world.handle(Call(method, path, headers, raw))
        if not hold:
            reply.finish()
        zipped = reply.headers.get("content-encoding") == "gzip"
        return Answer(reply, gzip.decompress(reply.body) if zipped else reply.body)

    def get(self, path: str) -> Answer:
        return self.call("GET", path)

    def post(self, path: str, body: object) -> Answer:
        return self.call("POST", path, body)

    def create(self, count: int = 1, function: str = ORGANIC, **fields: object) -> list[str]:
        """Post tasks in full calls; gives their ids."""
        ids: list[str] = []
        for first in range(0, count, 100):
            tasks = [
                {"keyword": f"k{number}", "location_code": 2840, **fields}
                for number in range(first, min(count, first + 100))
            ]
            answer = self.post(f"/v3/{function}/task_post", tasks)
            ids += [task["id"] for task in answer.json["tasks"] if task["status_code"] == 20100]
        return ids

    def ready(self, scope: str = "serp") -> Answer:
        return self.get(f"/v3/{scope}/tasks_ready")

    def fetch(self, task_id: str, function: str = ORGANIC, variant: str = "advanced/") -> Answer:
        return self.get(f"/v3/{function}/task_get/{variant}{task_id}")

    def pass_(self, ms: int) -> None:
        self.clock.pass_(ms)

    def as_user(self, login: str, password: str) -> "Remote":
        return Remote(self.world, self.clock, login, password)


SOON = Turnaround(MINUTE, 2 * MINUTE, 10 * SECOND, 20 * SECOND, {})
"""Everything is done within two minutes: tests that are not about turnaround need not wait."""


@pytest.fixture
def simulate() -> Callable[..., Remote]:
    """Make a remote; keywords that are no faults or seed go into its options."""

    def make(*, faults: Faults | None = None, seed: int = 7, start: int = START, **options: Any) -> Remote:
        clock = Clock()
        clock.at = start
        options.setdefault("turnaround", SOON)
        options.setdefault("general_limit", 1_000_000)
        options.setdefault("tasks_ready_limit", 1_000_000)
        world = World(clock, seed=seed, faults=faults, options=Options(**options))
        return Remote(world, clock)

    return make


@pytest.fixture
def remote(simulate: Callable[..., Remote]) -> Remote:
    """A remote that behaves, with limits that do not get in the way."""
    return simulate()
