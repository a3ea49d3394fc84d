"""The deadlines that views show are those of the last review, also where the band stayed what it was."""

from collections.abc import Callable
from typing import Any

from daemon.passes import review
from daemon.standing import Standings, as_candidate
from ledger.records import Band
from tests.passes.alerts.lines import HOUR, MINUTE, SECOND
from tests.passes.alerts.remote_faults import mended, refusal

Live = Callable[..., Any]

BROKEN = refusal(50000, "Internal Error.")


def stored(life: Any) -> dict[str, tuple[Band, int | None]]:
    return {task.id: (task.band, task.expires_at) for task in life.tasks().values()}


def commits(life: Any) -> int:
    """A number that changes when somebody else commits."""
    with life._reader._connection.reading() as database:
        return int(database.one("pragma data_version"))


def test_a_deadline_that_is_known_better_is_stored_and_once(live: Live) -> None:
    async def story(life: Any) -> None:
        life.start()
        life.post("keywords_data/google_ads/search_volume", 2)
        await life.sleep(30 * SECOND)
        await life.stop()
        await life.sleep(25 * HOUR)
        life.line.instead = lambda path: BROKEN
        life.start()
        await life.sleep(3 * MINUTE)
        guessed = stored(life)
        assert {band for band, _ in guessed.values()} == {Band.EXPIRING}
        life.line.instead = lambda path: BROKEN if "tasks_ready" in path or "task_get" in path else None
        await life.sleep(
            20 * MINUTE
        )  # id_list tells when they were completed, some minutes after they were posted
        await life.stop()
        standings = Standings(life.ledger.polls.looks(), life.now(), life.rules)
        true = {one.id: standings.of(as_candidate(one)).deadline_at for one in life.tasks().values()}
        assert stored(life) == {task_id: (Band.EXPIRING, at) for task_id, at in true.items()} != guessed
        tools = life.tools()
        before = commits(life)
        life.ledger.tasks.set_bands([(task_id, *guessed[task_id]) for task_id in true])
        review.run(tools)
        assert commits(life) > before
        before = commits(life)
        review.run(tools)
        assert commits(life) == before, "nothing is new, so nothing is written"
        mended(life)
        life.start()
        await life.until_settled(within=5 * HOUR)

    live(story)
