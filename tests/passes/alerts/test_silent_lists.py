"""One silence of the lists is one alert, however many processes see it and whatever comes home meanwhile."""

import asyncio
from collections.abc import Callable
from typing import Any

from daemon.passes import review
from ledger.deliveries import Arrival
from ledger.records import Reason
from tests.passes.alerts.lines import CLOSED_WITHIN, HOUR, MINUTE, SECOND, said
from tests.passes.alerts.remote_faults import mended, refusal

Live = Callable[..., Any]

BROKEN = refusal(50000, "Internal Error.")


def lines(life: Any, about: str) -> list[str]:
    return [one.text.split()[0] for one in said(life) if one.about == about]


def test_restarts_in_an_outage_neither_end_its_alert_nor_open_it_again(live: Live) -> None:
    async def story(life: Any) -> None:
        life.start()
        life.post(count=5)
        await life.sleep(30 * SECOND)
        life.line.outage(life.now(), life.now() + 3 * HOUR)
        await life.sleep(30 * MINUTE)
        for _ in range(3):
            await life.restart()
            await life.sleep(40 * MINUTE)
        assert lines(life, "poll stale/lists") == ["opened"]
        await life.sleep(HOUR)
        assert lines(life, "poll stale/lists") == ["opened", "closed"]

    live(story)


def test_the_alert_stands_while_pingbacks_bring_home_what_no_list_shows(live: Live) -> None:
    async def told(life: Any, task_id: str) -> None:
        """The remote says that a task is done, and its GET works."""
        await life.until(lambda: life.world.truth(task_id).done, within=HOUR)
        signs = [Arrival(task_id, Reason.PINGBACK, None, life.now())]
        life.ledger.record_arrivals(signs, [], lag_ms=2 * MINUTE)
        life.service.collector.refresh()

    async def story(life: Any) -> None:
        life.line.instead = lambda path: BROKEN if "tasks_ready" in path or "id_list" in path else None
        life.start()
        telling = []
        for _ in range(45):
            telling += [asyncio.create_task(told(life, task_id)) for task_id in life.post(count=2)]
            await life.sleep(4 * MINUTE)
        assert life.states()["collected"] > 60
        assert lines(life, "poll stale/lists") == ["opened"]
        life.post(count=2)
        mended(life)
        mended_at = life.now()
        await asyncio.gather(*telling)
        await life.until_settled(within=HOUR)
        await life.sleep(5 * MINUTE)
        (closed,) = [one for one in said(life) if one.text.startswith("closed")]
        read_at = life.line.since(mended_at, "tasks_ready")[0]
        assert closed.at - read_at <= CLOSED_WITHIN + SECOND

    live(story)


def test_a_restart_does_not_end_the_doubt_about_a_task(live: Live) -> None:
    async def story(life: Any) -> None:
        life.ledger.plan([{"function": "serp/google/organic", "keyword": "k"}], "b", now=life.now())
        life.line.instead = lambda path: (
            (502, b"") if "task_post" in path else BROKEN if "id_list" in path else None
        )
        life.start()
        await life.sleep(2 * HOUR)
        await life.restart()
        await life.sleep(90 * MINUTE)
        assert lines(life, "unanswered/serp") == ["opened"]
        mended(life)
        await life.sleep(2 * HOUR)
        assert lines(life, "unanswered/serp") == ["opened", "closed"]

    live(story)


def test_a_task_recorded_hours_late_is_no_silence_of_hours_and_then_one_like_any_other(live: Live) -> None:
    async def story(life: Any) -> None:
        life.start()
        life.post()
        await life.until_settled()
        await life.stop()
        posted_at = life.now()
        answer = life.world.post("serp/google/organic", [{"keyword": "k"}])
        tools = life.tools()
        review.run(tools)  # nothing is outstanding
        await life.sleep(4 * HOUR)  # and no list is asked
        review.run(tools)
        life.ledger.record_posted(answer, posted_at, now=life.now())
        known_at = life.now()
        while life.now() - known_at < 10 * MINUTE:
            await life.sleep(MINUTE)
            assert lines(life, "poll stale/lists") == []
            review.run(tools)
        assert lines(life, "poll stale/lists") == ["opened"]

    live(story)
