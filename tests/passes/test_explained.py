"""What `readyd explain` says of tasks that really came to where they are: what is known, from whom, and what comes."""

import asyncio
import re
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from daemon.cli import explaining
from daemon.cli.explained import explanation
from daemon.cli.render import Screen
from daemon.policy.rules import Rules
from daemon.settings import Settings
from daemon.simulator.courier import Courier
from ledger.reader import Reader
from ledger.records import State

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
ORGANIC = "serp/google/organic"
VOLUME = "keywords_data/google_ads/search_volume"
AT = r"2026-\d\d-\d\d \d\d:\d\d:\d\dZ"

Live = Callable[..., Any]


def explained(life: Any, task_id: str) -> dict[str, str]:
    """What the command says now; each group of sentences as one text, that fits a terminal of 80 columns."""
    with Reader.open(life.path) as reader:
        task = reader.task(task_id)
        settings = Settings(ledger=life.path, rules=life.rules)
        case = explaining._case(reader, task, settings, life.now())
    told = {title: list(sentences) for title, sentences in explanation(case, life.now())}
    with redirect_stdout(StringIO()) as drawn:
        explaining._tell(Screen(terminal=True, width=80, color=False), told)
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in drawn.getvalue().splitlines()]
    assert max(map(len, lines)) <= 80
    return {title: " ".join(sentences) for title, sentences in told.items()}


def says(text: str, pattern: str) -> bool:
    """Whether this is said; @ stands for an instant."""
    return re.search(re.escape(pattern).replace("@", AT), text) is not None


def no_id_list(path: str) -> tuple[int, bytes] | None:
    refused = b'{"status_code": 40400, "status_message": "Not Found.", "tasks": null}'
    return (404, refused) if path.endswith("id_list") else None


async def hide_one(life: Any) -> str:
    """Fill both windows that could show a task, and let readyd believe that it is done."""
    life.post(count=2_200)
    await life.sleep(40 * MINUTE)
    (one,) = life.post()
    await life.sleep(50 * MINUTE)
    life.start()
    return str(one)


def test_hidden_behind_saturated_windows(live: Live) -> None:
    async def story(life: Any) -> None:
        life.line.instead = no_id_list
        one = await hide_one(life)
        await life.until(lambda: life.task(one).blocked_at, within=10 * MINUTE, every=SECOND)
        text = explained(life, one)
        for path in ("/v3/serp/tasks_ready", f"/v3/{ORGANIC}/tasks_ready"):
            assert f"{path}, read 2026-11-02 01:30:" in text["known"]
        assert text["known"].count("was full (1,000 rows) without it; that proves nothing.") == 2
        assert says(
            text["known"], "It counts as blocked since @: believed done, and hidden behind full lists."
        )
        assert "the lists that could show it are full; its turn comes" in text["next"]

    live(story, general_limit=60)


def test_known_by_id_list(live: Live) -> None:
    async def story(life: Any) -> None:
        one = await hide_one(life)
        await life.until(lambda: life.task(one).state is State.READY, within=10 * MINUTE, every=SECOND)
        text = explained(life, one)
        assert says(
            text["known"],
            "@: id_list named its completion time, before any list showed it; so it became ready.",
        )
        assert says(text["known"], "It was done at @, exactly: id_list says so.")
        assert "without it" not in text["known"], "what lists did not show is no news any more"
        assert says(text["time"], "Tasks Ready shows it until @ (2d 23h left); band: fresh.")
        assert "since it is done; its turn comes by priority" in text["next"]

    live(story, general_limit=60)


def test_pending_by_id_list(live: Live) -> None:
    async def story(life: Any) -> None:
        (one,) = life.post(VOLUME)
        life.start()
        await life.until(lambda: life.task(one).pending_at, within=30 * MINUTE, every=SECOND)
        text = explained(life, one)
        assert says(text["known"], "id_list said at @ that it was not done, 1s ago.")
        assert says(text["time"], "If it is done, Tasks Ready shows it until @ at the earliest (2d 23h left)")
        assert "id_list is asked about it too, every 5m once it is 10m old." in text["next"]
        assert says(text["next"], "If none shows it before, it is asked for by id at @, in 2h 49m.")

    live(story)


def test_delisted(live: Live) -> None:
    """The machine was off for days. With id_list it is known when the lists forgot it; without, when they may have."""

    async def story(life: Any) -> None:
        one = life.post(count=30)[-1]
        await life.sleep(90 * HOUR)
        text = explained(life, one)
        assert "no sign yet that it is done" in text["known"]
        assert says(
            text["time"], "If it is done, Tasks Ready may have forgotten it since @ (18h ago); band: past."
        )
        assert says(text["time"], "The remote keeps its result until @ (26d 6h left), and a GET by id works")
        assert "It is worth a GET now: if it is done, Tasks Ready may have forgotten it;" in text["next"]
        life.line.instead = lambda path: (500, b"") if "task_get" in path else None
        life.start()
        await life.until(lambda: life.task(one).state is State.READY, within=30 * MINUTE, every=SECOND)
        text = explained(life, one)
        assert says(text["time"], "Tasks Ready forgot it at @ (17h 5")
        assert "If it is done" not in text["time"]

    live(story)


def test_a_postback_that_awaits_its_grace_and_is_delivered(live: Live) -> None:
    async def send(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        return 200

    async def story(life: Any) -> None:
        courier = asyncio.create_task(Courier(life.world, send).run())
        life.start()
        (one,) = life.post(postback_url="https://hooks.example.com/done", postback_data="advanced")
        try:
            assert (
                "If none shows before that its delivery failed, a GET finds out at"
                in explained(life, one)["next"]
            )
            await life.until(lambda: life.task(one).latest_done_at, within=HOUR)
            text = explained(life, one)
            assert (
                "It is posted: done at the remote; whether the postback server has its result"
                in text["known"]
            )
            assert says(
                text["known"], "did not show it, so no delivery had failed then, but for its small lag."
            )
            assert says(text["known"], "It was done at @, exactly: id_list says so.")
            assert "no sign" not in text["known"]
            assert "it was not done" not in text["known"]
            assert says(
                text["next"],
                "If none shows before @, in 4m 4s, that its delivery failed, it counts as delivered.",
            )
            assert "A GET makes sure of it then, and brings its result here too." in text["next"]
            await life.until(lambda: life.task(one).state is State.DELIVERED, within=HOUR)
            text = explained(life, one)
            assert says(text["known"], "@: it is done and no list shows it, so the postback server has it;")
            assert "Nothing: its result is here" in text["next"]
        finally:
            courier.cancel()
            await asyncio.gather(courier, return_exceptions=True)

    live(story, rules=Rules(audit_age_ms=MINUTE, audit_ms=MINUTE))


def test_a_failed_delivery_that_a_list_shows(live: Live) -> None:
    async def story(life: Any) -> None:
        life.line.instead = lambda path: (500, b"") if "task_get" in path else None
        life.start()
        (one,) = life.post(postback_url="https://hooks.example.com/done", postback_data="advanced")
        await life.until(lambda: life.task(one).state is State.READY, within=HOUR, every=SECOND)
        text = explained(life, one)
        failed = "@: a list of Tasks Ready showed it, so the delivery to the postback server failed;"
        assert says(text["known"], failed)
        assert says(text["known"], "It was done between @ and @.")
        assert says(text["time"], "Tasks Ready shows it until @ at the earliest")

    live(story)


def test_expired_before_and_after_it_is_proven(live: Live) -> None:
    async def story(life: Any) -> None:
        (one,) = life.post()
        await life.sleep(31 * DAY)
        text = explained(life, one)
        assert "It is posted" in text["known"]
        assert says(text["time"], "Since @ (1d ago) the remote may have deleted its result.")
        assert "Only when two GETs are answered so (40403) does it count as lost." in text["time"]
        life.start()
        await life.until(lambda: life.task(one).state is State.LOST, within=HOUR)
        text = explained(life, one)
        assert says(
            text["known"],
            "@: the remote answered a GET that the result is deleted (40403); so it became lost.",
        )
        assert "The last answer about it was 40403 Results Expired." in text["known"]
        assert text["next"] == "Nothing, unless a list shows it after all."

    live(story)


def test_a_task_that_the_remote_does_not_know(live: Live) -> None:
    async def story(life: Any) -> None:
        answer = life.world.post(ORGANIC, [{"keyword": "k"}])
        one = answer["tasks"][0]["id"] = "11020000-1535-0066-0000-00000000dead"
        life.ledger.record_posted(answer)
        life.start()
        await life.until(lambda: life.task(one).attempts == 3, within=10 * HOUR)
        text = explained(life, one)
        assert "The last answer about it was 40401 Task Not Found." in text["known"]
        assert says(text["next"], "The next GET is not before @, in 21m 59s after 3 answers of this kind.")
        assert "After 10 answers of this kind in a row it counts as lost." in text["next"]
        while life.task(one).state is State.POSTED:  # the machine is on only when there is something to do
            await life.stop()
            await life.sleep(life.task(one).next_try_at - life.now())
            tries = life.task(one).attempts
            life.start()
            await life.until(lambda tries=tries: life.task(one).attempts != tries, within=10 * MINUTE)
        text = explained(life, one)
        assert (
            "again and again, for most of a day, that there is no such task (40401); so it became lost."
            in text["known"]
        )
        assert text["next"] == "Nothing, unless a list shows it after all."

    live(story)
