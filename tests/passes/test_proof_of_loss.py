"""What looks like loss and is none: full windows, empty lists, what id_list omits or says, a month of silence."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from daemon.policy.rules import Rules
from daemon.simulator.options import Options
from ledger.records import State

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WINDOW = 20

Live = Callable[..., Any]
Answer = tuple[int, bytes]


def page(path: str, rows: list[dict[str, Any]] | None) -> Answer:
    """A good answer of a list or of id_list with these rows."""
    segments = path.strip("/").split("/")
    entry = {
        "id": "x",
        "status_code": 20000,
        "path": segments,
        "result_count": len(rows or []),
        "result": rows,
    }
    return 200, json.dumps({"status_code": 20000, "tasks_count": 1, "tasks": [entry]}).encode()


def row(task_id: str, status: object, done_at: str | None = None) -> dict[str, Any]:
    """What id_list might say of a task."""
    url = "https://api.dataforseo.com/v3/serp/google/organic/task_post"
    posted = "2026-11-02 00:00:00 +00:00"
    return {"id": task_id, "url": url, "datetime_posted": posted, "datetime_done": done_at, "status": status}


def calls_off(path: str) -> Answer | None:
    """No GET by id is answered, so nothing can be brought home meanwhile."""
    return (500, b"") if "task_get" in path else None


def empty_lists(path: str) -> Answer | None:
    return page(path, None) if path.endswith("tasks_ready") else calls_off(path)


def omitted(path: str) -> Answer | None:
    return page(path, []) if path.endswith("id_list") else empty_lists(path)


def refused(path: str) -> Answer | None:
    code = b'{"status_code": 40401, "status_message": "Task Not Found.", "tasks": null}'
    return (200, code) if path.endswith(("id_list", "tasks_ready")) else calls_off(path)


STATUSES = [
    "Task Not Found.", "Results Expired.", "40401", 40401, "40403", 40403, "Task execution failed, resubmit.", 40103,
    "Internal SE Server Error.", "ok", "", None, "lost",
]  # fmt: skip


DONE = "2026-11-02 00:05:00 +00:00"


def test_nothing_that_lists_and_id_list_do_makes_a_task_lost(live: Live) -> None:
    async def story(life: Any) -> None:
        ids = life.post(count=3 * WINDOW)
        await life.sleep(HOUR)
        # Thirteen statuses, and every other task has a date: each status comes with one and without.
        rows = [row(one, STATUSES[place % 13], DONE if place % 2 else None) for place, one in enumerate(ids)]

        def condemned(path: str) -> Answer | None:
            return page(path, rows) if path.endswith("id_list") else empty_lists(path)

        life.line.instead = calls_off  # full windows: of 60 tasks they show 20, and never another one
        life.start()
        await life.sleep(HOUR)
        assert life.ledger.polls.looks()["/v3/serp/tasks_ready"].saturated
        for attack in (empty_lists, omitted, condemned, refused):
            life.line.instead = attack
            await life.sleep(HOUR)
            assert not life.tasks(State.LOST), attack
        await life.stop()  # and then a month of silence, most of it with the machine off
        life.line.instead = calls_off
        life.line.outage(0, life.now() + 29 * DAY)
        await life.sleep(29 * DAY - 2 * HOUR)
        life.start()
        await life.sleep(HOUR)
        assert not life.tasks(State.LOST)
        life.line.instead = lambda path: None
        await life.until_settled(within=3 * HOUR)
        assert life.states() == {State.COLLECTED: len(ids)}
        with life.ledger._connection.reading() as database:
            assert database.rows("select * from transition where to_state in ('lost', 'failed')") == []

    live(story, options=Options(window=WINDOW), rules=Rules(window_cap=WINDOW))


@pytest.mark.parametrize("known", [True, False])
def test_the_retention_deadline_is_proof_only_from_the_remotes_mouth(live: Live, known: bool) -> None:
    """Sixty days of silence; then the GETs are answered, one by one and differently."""

    async def story(life: Any) -> None:
        ids = life.post(count=6)
        if known:  # some were seen done before the silence began
            life.line.instead = calls_off
            life.start()
            await life.sleep(HOUR)
            await life.stop()
            assert life.states() == {State.READY: 6}
        life.line.outage(0, life.now() + 60 * DAY)
        await life.sleep(60 * DAY - HOUR)
        life.start()
        await life.sleep(HOUR - MINUTE)
        assert not life.tasks(State.LOST), "nobody has said so"
        spared = ids[0]
        life.line.instead = lambda path: calls_off(path) if spared in path else None
        await life.until(lambda: len(life.tasks(State.LOST)) == 5, within=HOUR)
        await life.sleep(5 * HOUR)
        assert life.task(spared).state not in (State.LOST, State.FAILED)
        life.line.instead = lambda path: None
        await life.until(lambda: life.task(spared).state is State.LOST, within=HOUR)
        assert {life.task(one).code for one in ids} == {40403}
        assert {life.history(one)[-1].reason for one in ids} == {"expired"}

    live(story)
