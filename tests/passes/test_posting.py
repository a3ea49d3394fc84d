"""Posting in virtual time: each planned task is posted once, whatever becomes of the answers."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from daemon.simulator.faults import Faults
from daemon.simulator.options import AccountOptions, Options
from ledger.keys import split_tag
from ledger.records import State
from tests.passes.conftest import Bytes

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
ORGANIC = "serp/google/organic"

Live = Callable[..., Any]


def plan(life: Any, count: int, *, function: str = ORGANIC, batch: str = "b", **fields: Any) -> Any:
    """Plan tasks as a program does."""
    tasks = [{"function": function, "keyword": f"k{n}", "tag": "mine", **fields} for n in range(count)]
    return life.ledger.plan(tasks, batch, now=life.now())


def posted_by_key(life: Any) -> Counter[str]:
    """How often the remote got each key."""
    keys = (split_tag(task.tag)[1] for task in life.world._state.tasks.values())
    return Counter(key for key in keys if key is not None)


def check_once(life: Any, count: int) -> None:
    """Every planned task exists there exactly once, and the ledger knows it under that id with the user's own tag."""
    there = posted_by_key(life)
    assert len(there) == count, "none was forgotten"
    assert set(there.values()) == {1}, "none was posted twice"
    known = life.tasks()
    assert set(known) == set(life.world.task_ids())
    assert {task.tag for task in known.values()} == {"mine"}


def test_planned_tasks_are_posted_collected_and_searchable_by_the_tag_of_their_user(live: Live) -> None:
    async def story(life: Any) -> None:
        assert plan(life, 250).planned == 250
        assert plan(life, 250).known == 250
        life.start()
        await life.until(lambda: life.states() == {State.COLLECTED: 250}, within=HOUR)
        assert len(life.line.since(0, "task_post")) == 3
        check_once(life, 250)
        (task, *_) = life.tasks().values()
        assert task.cost == pytest.approx(0.0006)
        assert life.why(task.id)[:3] == ["planned", "sent", "accepted"]

    live(story)


def test_the_most_important_goes_first_by_the_rules_of_the_user_too(live: Live) -> None:
    from daemon.policy.rules import PriorityRule, Rules

    async def story(life: Any) -> None:
        plan(life, 300, batch="plain")
        plan(life, 20, batch="important", priority=2, tag="mine")
        plan(life, 5, batch="ruled", tag="urgent:1", function="serp/bing/organic")
        life.start()
        await life.until(lambda: len(life.world.task_ids()) == 325, within=10 * MINUTE)
        order = [task.function.name for task in life.world._state.tasks.values()]
        assert order[:5] == ["serp/bing/organic"] * 5
        first = list(life.world._state.tasks.values())[5:25]
        assert {task.fields.get("priority") for task in first} == {2}

    live(story, rules=Rules(priority_rules=(PriorityRule(None, "urgent:*", 9),)))


def test_rejections_keep_their_reason_and_hold_up_nobody(live: Live) -> None:
    async def story(life: Any) -> None:
        good = plan(life, 30)
        bad = life.ledger.plan(
            [{"function": ORGANIC, "keyword": "x" * 800, "tag": "mine"}], "bad", now=life.now()
        )
        assert (good.planned, bad.planned) == (30, 1)
        life.start()
        await life.until(lambda: life.states().get(State.POSTED, 0) == 30, within=MINUTE, every=SECOND)
        (refused,) = [task for task in life.tasks().values() if task.state is State.REJECTED]
        assert (refused.code, refused.message) == (40501, "Invalid Field: 'keyword'.")
        assert life.why(refused.id) == ["planned", "sent", "refused"]
        await life.sleep(30 * MINUTE)
        assert posted_by_key(life).total() == 30

    live(story)


@pytest.mark.parametrize(
    "fault", ["lost_answer", "read_timeout", "reset_body", "truncated_body", "truncated_json"]
)
def test_a_lost_answer_is_looked_up_and_never_sent_again(live: Live, fault: str) -> None:
    async def story(life: Any) -> None:
        plan(life, 120)
        life.world._state.faults = Faults.only(**{fault: 1.0})
        life.start()
        await life.until(
            lambda: life.states() == {State.POSTING: 100, State.PLANNED: 20}, within=MINUTE, every=SECOND
        )
        life.world._state.faults = Faults.none()
        await life.until(lambda: State.POSTING not in life.states(), within=20 * MINUTE)
        await life.until(lambda: set(life.states()) == {State.COLLECTED}, within=2 * HOUR)
        check_once(life, 120)

    live(story)


def test_a_task_whose_call_never_arrived_is_posted_again_when_that_is_proven(live: Live) -> None:
    """The network takes the call and swallows it: only id_list can tell that from a lost answer."""

    async def story(life: Any) -> None:
        plan(life, 40)
        swallow(life, 1)
        life.start()
        await life.until(lambda: life.states() == {State.POSTING: 40}, within=2 * MINUTE, every=SECOND)
        sent_at = life.now()
        await life.until(lambda: len(life.world.task_ids()) == 40, within=30 * MINUTE, every=SECOND)
        assert life.now() - sent_at >= 10 * MINUTE, "two whole reads, minutes apart"
        check_once(life, 40)
        (first, *_) = life.tasks()
        assert life.why(first)[:5] == ["planned", "sent", "absent", "sent", "accepted"]

    live(story)


@pytest.mark.parametrize("status", [401, 402, 403, 407, 429])
@pytest.mark.parametrize(
    "body", [b"<html>Blocked", b'{"status_code": 20000, "tasks": []}'], ids=["page", "envelope"]
)
def test_an_answer_that_somebody_between_replaced_proves_no_refusal(
    live: Live, status: int, body: bytes
) -> None:
    """A filter took the answer away, after the remote had made the tasks and had taken the money."""

    async def story(life: Any) -> None:
        plan(life, 3)
        replace_answers(life, 1, status, body)
        life.start()
        await life.until(lambda: life.states() == {State.COLLECTED: 3}, within=2 * HOUR)
        check_once(life, 3)

    live(story, foreign=True, throttled=True)


def replace_answers(life: Any, calls: int, status: int, body: bytes) -> None:
    """Let so many answers of task_post be replaced on their way."""
    left, carry = [calls], type(life.line).handle_async_request

    async def handle(request: httpx.Request) -> httpx.Response:
        answer = await carry(life.line, request)
        if left[0] and request.url.path.endswith("task_post"):
            left[0] -= 1
            return httpx.Response(status, stream=Bytes(body), request=request)
        return answer

    life.line.handle_async_request = handle


def test_a_call_too_old_to_be_looked_up_does_not_keep_younger_ones_in_doubt(live: Live) -> None:
    """id_list tells the keys of a month: about the old call only a person can decide (`readyd repost`)."""

    async def story(life: Any) -> None:
        plan(life, 2)
        swallow(life, 2)
        life.start()
        await life.until(lambda: life.states() == {State.POSTING: 2}, within=2 * MINUTE, every=SECOND)
        await life.stop()
        await life.sleep(31 * 24 * HOUR)
        plan(life, 3)  # with the keys of the first two
        life.start()
        await life.until(lambda: life.states() == {State.POSTING: 3}, within=2 * MINUTE, every=SECOND)
        await life.until(
            lambda: life.states() == {State.POSTING: 2, State.COLLECTED: 1}, within=2 * HOUR, every=MINUTE
        )

    live(story)


def swallow(life: Any, calls: int) -> None:
    """Let so many calls of task_post vanish after they were sent."""
    left, carry = [calls], type(life.line).handle_async_request

    async def handle(request: httpx.Request) -> httpx.Response:
        if left[0] and request.url.path.endswith("task_post"):
            left[0] -= 1
            raise httpx.ReadError("gone (made up)", request=request)
        return await carry(life.line, request)

    life.line.handle_async_request = handle


def test_without_the_look_up_the_same_story_posts_twice(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: a poster that takes silence for a refusal. It shows that the tests above can fail."""
    from daemon.passes import post
    from daemon.policy import posting

    class Impatient(post.Poster):
        def _refused(self, call_id: int, function: str, intents: Any, error: Any) -> Any:
            ending = super()._refused(call_id, function, intents, error)
            again = [posting.put_off(one, None, "no answer") for one in intents]
            return post.Ending(call_id, again, ending.outcome, None, None)

    monkeypatch.setattr(post, "Poster", Impatient)

    async def story(life: Any) -> None:
        plan(life, 120)
        life.world._state.faults = Faults.only(lost_answer=1.0)
        life.start()
        await life.until(lambda: len(life.world.task_ids()) >= 100, within=MINUTE, every=SECOND)
        life.world._state.faults = Faults.none()
        await life.until(lambda: len(posted_by_key(life)) == 120, within=20 * MINUTE)
        assert max(posted_by_key(life).values()) > 1

    live(story)


def test_a_list_that_shows_a_task_in_doubt_gives_it_its_id(live: Live) -> None:
    """An API without id_list: only the list, once the task is done, can tell."""
    function = "ai_optimization/claude/llm_responses"

    async def story(life: Any) -> None:
        plan(life, 3, function=function, user_prompt="p")
        life.world._state.faults = Faults.only(lost_answer=1.0)
        life.start()
        await life.until(lambda: life.states() == {State.POSTING: 3}, within=MINUTE, every=SECOND)
        life.world._state.faults = Faults.none()
        await life.sleep(10 * MINUTE)
        (alert,) = life.alerts("unanswered")
        assert "readyd repost" in alert.detail
        await life.until(lambda: life.states() == {State.COLLECTED: 3}, within=100 * HOUR, every=MINUTE)
        check_once(life, 3)
        assert "found" in life.why(next(iter(life.tasks())))

    live(story)


def test_no_money_stops_posting_and_nothing_else_with_one_alert(live: Live) -> None:
    async def story(life: Any) -> None:
        life.post(count=50)
        plan(life, 300)
        life.world.set_balance(0.0006 * 130 + 0.0001)
        life.start()
        await life.until(lambda: life.states().get(State.COLLECTED, 0) >= 180, within=HOUR)
        assert life.states() == {State.COLLECTED: 180, State.PLANNED: 170}
        calls = len(life.line.since(0, "task_post"))
        assert calls <= 7, "tried again slowly"
        await life.sleep(HOUR)
        (alert,) = life.alerts("posting")
        assert alert.step == "critical"
        assert alert.count == 170
        assert not life.alerts("account")
        life.world.set_balance(10)
        await life.until(lambda: life.states() == {State.COLLECTED: 350}, within=2 * HOUR)
        assert life.alerts("posting")[0].closed_at is not None

    live(story)


def test_http_402_stops_posting_alone_too(live: Live) -> None:
    async def story(life: Any) -> None:
        life.post(count=20)
        plan(life, 30)
        life.world.set_balance(0)
        life.start()
        await life.until(lambda: life.states() == {State.COLLECTED: 20, State.PLANNED: 30}, within=HOUR)
        assert [alert.kind for alert in life.alerts("posting")] == ["posting"]
        life.world.set_balance(10)
        await life.until(lambda: life.states() == {State.COLLECTED: 50}, within=2 * HOUR)

    live(story, faults=Faults.only(payment_402=1.0))


def test_the_daily_limit_of_the_user_is_waited_out_until_their_midnight(live: Live) -> None:
    async def story(life: Any) -> None:
        await life.sleep(20 * HOUR)
        plan(life, 200)
        life.start()
        await life.until(lambda: len(life.world.task_ids()) == 100, within=HOUR)
        await life.sleep(2 * HOUR)
        assert len(life.line.since(0, "task_post")) <= 3
        await life.until(lambda: len(life.world.task_ids()) == 200, within=3 * HOUR)
        assert (life.now() // HOUR) % 24 == 0
        check_once(life, 200)

    live(story, options=Options(accounts=(AccountOptions(day_cost_limit=0.06),)))


def test_duplicates_beyond_the_limit_of_the_account_are_explained_and_posted_later(live: Live) -> None:
    async def story(life: Any) -> None:
        same = [{"function": "keywords_data/bing/audience_estimation", "job": "x"} for _ in range(3)]
        life.ledger.plan(same, "same", now=life.now())
        life.start()
        await life.until(lambda: life.states().get(State.PLANNED) == 1, within=MINUTE, every=SECOND)
        (waiting,) = [task for task in life.tasks().values() if task.state is State.PLANNED]
        assert waiting.code == 40205
        assert "identical tasks an hour" in waiting.message
        await life.until(lambda: len(life.world.task_ids()) == 3, within=2 * HOUR)

    live(story, options=Options(accounts=(AccountOptions(duplicates_per_hour=2),)))


def test_a_refused_connection_sends_nothing_and_is_tried_again_at_once(live: Live) -> None:
    async def story(life: Any) -> None:
        plan(life, 10)
        life.line.outage(0, life.now() + 2 * MINUTE)
        life.start()
        await life.sleep(MINUTE)
        assert life.states() == {State.PLANNED: 10}
        await life.until(lambda: len(life.world.task_ids()) == 10, within=4 * MINUTE)
        assert not life.line.since(0, "id_list")
        check_once(life, 10)

    live(story)


def test_throttled_calls_wait_and_are_sent_once(live: Live) -> None:
    async def story(life: Any) -> None:
        plan(life, 900)
        life.start()
        await life.until(lambda: len(life.world.task_ids()) == 900, within=20 * MINUTE)
        assert life.world.counts()["throttled"]
        check_once(life, 900)

    live(story, options=Options(general_limit=4), throttled=True)


@pytest.mark.parametrize(
    ("seed", "mode"), [(1, {}), (2, {"throttle_in_task": 1.0}), (3, {"throttle_429": 1.0})]
)
def test_with_every_fault_at_once_each_task_is_posted_once(
    live: Live, mode: dict[str, float], seed: int
) -> None:
    faults = Faults(
        {
            **Faults.default().probabilities,
            "lost_answer": 0.1,
            "connect_error": 0.1,
            "error_50000": 0.1,
            **mode,
        }
    )

    async def story(life: Any) -> None:
        plan(life, 900)
        life.start()
        for _ in range(6):
            await life.sleep(5 * MINUTE)
            await life.restart()
        await life.until(
            lambda: not {State.PLANNED, State.POSTING} & set(life.states()), within=24 * HOUR, every=MINUTE
        )
        there = posted_by_key(life)
        assert len(there) == 900
        assert set(there.values()) == {1}

    live(story, faults=faults, seed=seed, foreign=True, throttled=True)
