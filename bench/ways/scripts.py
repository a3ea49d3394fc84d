"""Baselines: what a plain script does that knows one way only, without a ledger. Shares nothing with readyd.

Each is kinder to itself than most: it never crashes, and what it got counts as saved at once.
"""

import asyncio
import contextlib
import gzip
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from bench.ways.stage import FUNCTION, Stage
from daemon.simulator.options import LOGIN, PASSWORD

FIRST_GET_S = 5 * 60
"""GET by id: the usual time of a SERP task (help center), then once a minute."""

NEXT_GET_S = 60
LIST_S = 5 * 60
"""Tasks Ready: the shortest pace that the help center names for normal priority."""

DONE = 20000


class Script:
    """One way, and a dictionary for a disk."""

    secret = "script"  # noqa: S105  nobody checks it

    def __init__(self, stage: Stage) -> None:
        """Prepare."""
        self._stage = stage
        self._way = stage.cell.way
        self._client = httpx.AsyncClient(
            transport=stage.line, base_url="https://simulator.invalid", auth=(LOGIN, PASSWORD)
        )
        self._mine: set[str] = set()
        self._saved: dict[str, int] = {}
        self._work: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin."""
        if self._way.lists:
            self._begin(self._watch_list())

    def posted(self, answer: dict[str, Any]) -> None:
        """Remember the id."""
        (task,) = answer["tasks"]
        self._mine.add(task["id"])
        if self._way.ids:
            self._begin(self._ask_until_done(task["id"]))

    async def hook(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Save a postback; fetch what a pingback names."""
        (task_id,) = parse_qs(urlsplit(url).query)["id"]
        if method == "POST":
            (entry,) = json.loads(gzip.decompress(body))["tasks"]
            self._save(task_id, entry)
        else:
            self._begin(self._fetch_for_ping(task_id))
        return 200

    async def stop(self) -> None:
        """End."""
        for one in self._work:
            one.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        await self._client.aclose()

    def home(self) -> dict[str, int]:
        """Tell what was saved."""
        return self._saved

    def warnings(self) -> list[tuple[int, str]]:
        """Tell nothing: a script has nobody to warn."""
        return []

    def _begin(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _ask_until_done(self, task_id: str) -> None:
        pause_s = FIRST_GET_S
        while True:
            await asyncio.sleep(pause_s)
            if await self._fetch(task_id):
                return
            pause_s = NEXT_GET_S

    async def _fetch_for_ping(self, task_id: str) -> None:
        await self._fetch(task_id)

    async def _watch_list(self) -> None:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                answer = await self._client.get("/v3/serp/tasks_ready")
                if answer.status_code == httpx.codes.OK:
                    await self._fetch_listed(answer.json())
            await asyncio.sleep(LIST_S)

    async def _fetch_listed(self, answer: dict[str, Any]) -> None:
        """Fetch what is ours: a GET would take other people's tasks off the list they look at."""
        for row in answer["tasks"][0].get("result") or []:
            if row["id"] in self._mine and row["id"] not in self._saved:
                await self._fetch(row["id"])

    async def _fetch(self, task_id: str) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            answer = await self._client.get(f"/v3/{FUNCTION}/task_get/advanced/{task_id}")
            return self._save(task_id, answer.json()["tasks"][0])
        return False

    def _save(self, task_id: str, entry: dict[str, Any]) -> bool:
        if entry["status_code"] != DONE or not entry["result"]:
            return False
        self._saved.setdefault(task_id, self._stage.clock.now())
        return True
