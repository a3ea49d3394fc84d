"""What the recorder makes of answers while other things happen to their tasks: no service runs here."""

from collections.abc import Callable
from typing import Any

from daemon.passes.recorder import GROUP_BYTES, Fetched, Recorder
from daemon.policy.answers import Answer, AnswerKind
from ledger.deliveries import Arrival
from ledger.records import Body, Postponement, Reason, State

MINUTE = 60_000
DAY = 24 * 60 * MINUTE

Live = Callable[..., Any]


def candidate_of(life: Any, task_id: str) -> Any:
    return next(one for one in life.ledger.tasks.candidates(life.now() + DAY) if one.id == task_id)


def test_a_large_result_does_not_wait_for_company(live: Live) -> None:
    async def story(life: Any) -> None:
        (task_id,) = life.post()
        recorder, done = Recorder(life.tools()), Answer(AnswerKind.DONE, 20000, "Ok.")
        candidate = candidate_of(life, task_id)
        for size, full in ((GROUP_BYTES // 2, False), (GROUP_BYTES // 2, True)):
            recorder.add(Fetched(candidate, done, Body(task_id, "advanced", bytes(size), size, 20000, 0)))
            assert recorder.is_full is full

    live(story)


def test_not_yet_that_is_read_after_the_pingback_puts_nothing_off_for_long(live: Live) -> None:
    """The answer was true a moment before; sixteen like it are no reason to wait for an hour now (world 8505)."""

    async def story(life: Any) -> None:
        (task_id,) = life.post(pingback_url="https://hooks.example/take?id=$id")
        before = Postponement(task_id, 15, life.now(), 40602, "Task In Queue.", life.now())
        life.ledger.postpone([before])
        recorder, not_yet = Recorder(life.tools()), Answer(AnswerKind.PENDING, 40602, "Task In Queue.")
        recorder.add(Fetched(candidate_of(life, task_id), not_yet, None, life.now()))
        life.ledger.record_arrivals([Arrival(task_id, Reason.PINGBACK, None, life.now())], [], lag_ms=0)
        recorder.flush()
        task = life.task(task_id)
        assert (task.state, task.attempts) == (State.READY, 1)
        assert task.next_try_at - life.now() <= 6 * MINUTE

    live(story)
