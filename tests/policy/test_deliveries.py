"""When it is asked why deliveries failed, and what is said of it."""

from dataclasses import replace

import pytest

from daemon.policy import alerts, deliveries
from daemon.policy.deliveries import MOST_ROWS, PAGE_ROWS, Ask, Asked, Question
from daemon.policy.rules import HOUR_MS, MINUTE_MS, SECOND_MS, Rules
from ledger.failure_records import DeliveryFailure, FailureCause, Unexplained
from ledger.records import Webhook

NOON = 1_000_000 * HOUR_MS
RULES = Rules()
SERP = Question("serp", Webhook.POSTBACK)
PINGS = Question("serp", Webhook.PINGBACK)
APIS = ("serp", "merchant")


def task(
    number: int,
    function: str = "serp/google/organic",
    posted_at: int = NOON,
    hook: Webhook = Webhook.POSTBACK,
) -> Unexplained:
    return Unexplained(f"t{number}", function, posted_at, NOON, hook)


def plan(*tasks: Unexplained, now: int = NOON, **asked: Asked) -> list[Ask]:
    known = {SERP: asked["serp"]} if "serp" in asked else {}
    known |= {PINGS: asked["pings"]} if "pings" in asked else {}
    return deliveries.plan(tasks, known, APIS, now, RULES)


def test_nothing_unexplained_nothing_asked() -> None:
    assert plan() == []
    assert plan(task(1, "ai_optimization/gemini/llm_responses")) == [], "it has no errors to ask"


def test_one_call_for_all_tasks_of_an_api_and_a_kind_of_webhook_from_the_oldest_on() -> None:
    (ask,) = plan(task(1), task(2, posted_at=NOON - HOUR_MS), task(3, "serp/bing/organic"))
    assert (ask.question, ask.due_at, ask.offset) == (SERP, NOON, 0)
    assert ask.since == NOON - HOUR_MS - RULES.audit_margin_ms
    (ask,) = plan(task(1, posted_at=NOON - 100 * HOUR_MS))
    assert ask.since == NOON - RULES.errors_reach_ms, "no further than every version of the docs allows"
    asks = plan(task(1), task(2, hook=Webhook.PINGBACK), task(3, "merchant/google/products"))
    assert {ask.question for ask in asks} == {SERP, PINGS, Question("merchant", Webhook.POSTBACK)}


@pytest.mark.parametrize(
    ("asked", "due_at"),
    [
        (Asked(NOON - MINUTE_MS), NOON - MINUTE_MS + RULES.errors_ms),
        (Asked(NOON - MINUTE_MS, fruitless=2), NOON - MINUTE_MS + 4 * RULES.errors_ms),
        (Asked(NOON - MINUTE_MS, fruitless=99), NOON - MINUTE_MS + RULES.errors_most_ms),
        (Asked(NOON - SECOND_MS, offset=200), NOON - SECOND_MS + RULES.errors_apart_ms),
        (Asked(NOON + HOUR_MS), NOON),  # before somebody set the clock back
    ],
)
def test_a_question_is_repeated_after_minutes_and_ever_more_rarely_when_it_tells_nothing(
    asked: Asked, due_at: int
) -> None:
    (ask,) = plan(task(1), serp=asked)
    assert ask.due_at == due_at
    assert ask.offset == (0 if asked.at > NOON else asked.offset)


def test_two_questions_are_never_asked_in_one_breath() -> None:
    ping = task(2, hook=Webhook.PINGBACK)
    first, second = plan(task(1), ping, serp=Asked(NOON - SECOND_MS))
    assert (first.question, first.due_at) == (PINGS, NOON - SECOND_MS + RULES.errors_apart_ms)
    assert second.question == SERP


def test_pages_follow_each_other_until_one_is_not_full() -> None:
    asked = Asked(NOON, fruitless=3)
    more = deliveries.after(asked, PAGE_ROWS, news=0)
    assert (more.offset, more.fruitless) == (PAGE_ROWS, 3)
    assert deliveries.after(more, 7, news=0) == Asked(NOON, fruitless=4)
    assert deliveries.after(more, 7, news=1) == Asked(NOON, fruitless=0)
    last = replace(asked, offset=MOST_ROWS - PAGE_ROWS)
    assert deliveries.after(last, PAGE_ROWS, news=1).offset == 0, "not for ever"
    assert deliveries.after_failure(more) == Asked(NOON, fruitless=4)


# what is said -------------------------------------------------------------------------------------------


def failure(number: int, **more: object) -> DeliveryFailure:
    fields = {"webhook": Webhook.POSTBACK, "at": NOON, "host": "a.example", "http_code": 500, "took_ms": 40}
    rest = {"answer": None, "code": None, "message": None}
    return DeliveryFailure(f"t{number}", **{**fields, **rest, **more})  # type: ignore[arg-type]


def test_causes_are_counted_by_who_answered_what_the_commonest_first() -> None:
    rows = [
        failure(1),
        failure(2),
        failure(2, at=NOON - 1, http_code=404),  # an older one of the same task
        failure(3, http_code=None, took_ms=10_000),
        failure(4, http_code=None, took_ms=3),
        failure(5, host=None, http_code=200, took_ms=9_900),
    ]
    assert deliveries.reasons(deliveries.counted(rows)) == (
        "a.example answered 500 (2), the receiver answered 200, too late (1), "
        "a.example could not be reached (1), others (1)"
    )
    assert deliveries.told(deliveries.counted([rows[3]])[0]) == "a.example gave no answer within 10 s"
    assert deliveries.reasons([]) == ""


def cause(hook: Webhook, count: int) -> FailureCause:
    return FailureCause(hook, "a.example", 500, False, count)


def test_one_condition_for_all_failed_postbacks_and_one_for_pingbacks() -> None:
    assert deliveries.conditions([], []) == []
    assert deliveries.conditions([], [cause(Webhook.POSTBACK, 2)]) == [], "explained, and long ago"
    (plain,) = deliveries.conditions(["a", "b"], [])
    assert (plain.subject, plain.count, plain.command) == ("postbacks", 2, "readyd explain a")
    assert "Why" not in plain.detail
    posts, pings = deliveries.conditions(["a"], [cause(Webhook.PINGBACK, 1), cause(Webhook.POSTBACK, 7)])
    assert posts.detail.endswith("so they come here. Why: a.example answered 500 (7)")
    assert (pings.subject, pings.count) == ("pingbacks", 1)
    assert pings.detail.endswith("the results come here all the same. Why: a.example answered 500 (1)")


def test_reasons_reach_an_alert_that_is_open_already_without_a_second_line() -> None:
    (before,) = deliveries.conditions(["a"], [])
    opened = replace(alerts.decide([before], [], NOON, RULES).opened[0], id=1)
    (after,) = deliveries.conditions(["a"], [cause(Webhook.POSTBACK, 1)])
    changes = alerts.decide([after], [opened], NOON + MINUTE_MS, RULES)
    assert [one.detail for one in changes.silent] == [after.detail]
    assert not changes.opened + changes.escalated + changes.repeated
