"""Rules 22 to 33 of the remote, one by one: limits, money, webhooks and their errors."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from daemon.simulator.faults import Faults
from daemon.simulator.moments import as_text
from daemon.simulator.options import AccountOptions
from daemon.simulator.records import Receipt

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
Make = Callable[..., Any]
PING = "https://me.example/ping?id=$id&tag=$tag"
POST = "https://me.example/post?id=$id"
LISTS = ("serp", "serp/google", "serp/google/organic", "merchant", "keywords_data/google_ads/search_volume")


def throttled(answer: Any) -> int:
    """Give the code of a throttled answer, whichever level it stands at; 0 when it is not throttled."""
    envelope = answer.json
    code = envelope["status_code"] if envelope["tasks"] is None else envelope["tasks"][0]["status_code"]
    return code if code in (40202, 40209) else 0


def test_rule_22_the_21st_list_call_of_a_minute_is_throttled_for_the_whole_account(simulate: Make) -> None:
    remote = simulate(tasks_ready_limit=20)
    for number in range(20):
        assert not throttled(remote.ready(LISTS[number % len(LISTS)]))
        remote.pass_(SECOND)
    refused = remote.ready("merchant")
    assert (refused.status, refused.json["status_code"], refused.json["tasks"]) == (200, 40202, None)
    assert not throttled(remote.get("/v3/appendix/user_data")), "other calls go on"
    remote.pass_(40 * SECOND - 1)
    assert throttled(remote.ready()), "the first call is not yet a minute old"
    remote.pass_(1)
    assert not throttled(remote.ready())
    assert remote.world.counts()["throttled"] == 2


def test_rule_22_throttling_may_stand_in_the_task_or_be_http_429(simulate: Make) -> None:
    for fault, status in (("throttle_in_task", 200), ("throttle_429", 429)):
        remote = simulate(tasks_ready_limit=1, faults=Faults.only(**{fault: 1.0}))
        remote.ready()
        remote.pass_(15 * SECOND)
        refused = remote.ready()
        assert (refused.status, throttled(refused)) == (status, 40202)
        assert (refused.json["tasks"] is None) == (fault == "throttle_429")
        assert refused.reply.headers.get("retry-after") == ("45" if status == 429 else None)


def test_rule_22_buckets_may_be_one_per_function_with_one_for_serp(simulate: Make) -> None:
    remote = simulate(tasks_ready_limit=20, faults=Faults.only(buckets_per_function=1.0))
    for _ in range(20):
        assert not throttled(remote.ready("serp/google/organic"))
    assert throttled(remote.ready("serp/bing/organic")), "SERP shares one bucket"
    assert not throttled(remote.ready("merchant"))
    assert not throttled(remote.ready("merchant/google/products"))


def test_rule_22_minutes_slide_unless_they_are_those_of_the_clock(simulate: Make) -> None:
    for faults, throttles in ((None, True), (Faults.only(fixed_minutes=1.0), False)):
        remote = simulate(tasks_ready_limit=20, faults=faults)
        remote.pass_(59 * SECOND)
        assert not any(throttled(remote.ready()) for _ in range(20))
        remote.pass_(2 * SECOND)
        assert bool(throttled(remote.ready())) is throttles


def test_rule_23_the_general_limit_counts_every_call(simulate: Make) -> None:
    for limit in (2000, 10_000):
        remote = simulate(general_limit=limit)
        assert not any(throttled(remote.fetch("nonsense")) for _ in range(limit))
        assert throttled(remote.fetch("nonsense")) == 40202
        assert throttled(remote.post("/v3/serp/google/organic/task_post", [{"keyword": "k"}])) == 40202
        remote.pass_(MINUTE)
        assert not throttled(remote.fetch("nonsense"))
    assert remote.world.counts()["posted"] == 0


def test_rule_23_rate_headers_may_be_sent(simulate: Make) -> None:
    remote = simulate(general_limit=2000, tasks_ready_limit=20, faults=Faults.only(rate_headers=1.0))
    headers = [remote.ready().reply.headers for _ in range(2)][1]
    assert (headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"]) == ("20", "18")
    assert remote.fetch("nonsense").reply.headers["x-ratelimit-remaining"] == "1997"
    assert "x-ratelimit-limit" not in simulate().ready().reply.headers


def test_rule_24_the_31st_simultaneous_request_is_refused(remote: Any) -> None:
    under_way = [remote.call("GET", "/v3/serp/tasks_ready", hold=True) for _ in range(30)]
    assert not any(throttled(answer) for answer in under_way)
    assert throttled(remote.ready()) == 40209
    under_way[0].reply.finish()
    under_way[0].reply.finish()
    assert not throttled(remote.ready()), (
        "the refused call left its slot, the finished one freed its own once"
    )
    remote.call("GET", "/v3/serp/tasks_ready", hold=True)
    assert throttled(remote.ready()) == 40209


def test_rule_25_user_data_and_id_list_have_limits_of_their_own(remote: Any) -> None:
    span = [{"datetime_from": as_text(remote.clock.at - DAY), "datetime_to": as_text(remote.clock.at)}]
    asks: list[tuple[int, Callable[[], Any]]] = [
        (6, lambda: remote.get("/v3/appendix/user_data")),
        (10, lambda: remote.post("/v3/serp/id_list", span)),
        (10, lambda: remote.get("/v3/appendix/status")),
        (10, lambda: remote.get("/v3/appendix/errors")),
    ]
    for most, ask in asks:
        assert not any(throttled(ask()) for _ in range(most))
        assert throttled(ask()) == 40202
    remote.pass_(MINUTE)
    facts = remote.get("/v3/appendix/user_data").rows[0]
    assert facts["login"] == remote.login
    assert facts["rates"]["limits"]["minute"]["serp"]["tasks_ready"] == 1_000_000
    assert facts["rates"]["limits"]["minute"]["total"] == 1_000_000
    assert facts["money"]["balance"] == 1000.0


def test_rule_26_without_money_posting_stops_and_collecting_goes_on(simulate: Make) -> None:
    for mode in (None, "payment_402"):
        remote = simulate(faults=Faults.only(**{mode: 1.0}) if mode else None)
        (task_id,) = remote.create()
        (llm,) = remote.create(function="ai_optimization/gemini/llm_responses")
        remote.pass_(HOUR)
        remote.world.set_balance(0)
        answer = remote.post("/v3/serp/google/organic/task_post", [{"keyword": "k"}])
        if mode:
            assert (answer.status, answer.json["status_code"], answer.json["tasks"]) == (402, 40200, None)
        else:
            assert (answer.status, answer.code) == (200, 40210)
        assert remote.fetch(task_id).code == 20000
        remote.world.set_balance(-0.01)
        withheld = remote.fetch(llm, "ai_optimization/gemini/llm_responses", "")
        assert withheld.task["result"] is None
        remote.world.set_balance(1)
        assert remote.fetch(llm, "ai_optimization/gemini/llm_responses", "").code == 20000


def test_rule_27_a_daily_cost_limit_holds_until_midnight_utc(simulate: Make) -> None:
    remote = simulate(accounts=(AccountOptions(day_cost_limit=0.0012),))
    remote.pass_(23 * HOUR)
    batch = [{"keyword": str(number)} for number in range(3)]
    path = "/v3/serp/google/organic/task_post"
    codes = [task["status_code"] for task in remote.post(path, batch).json["tasks"]]
    assert codes == [20100, 20100, 40203]
    remote.pass_(HOUR - 1)
    assert remote.post(path, batch[:1]).code == 40203
    remote.pass_(1)
    assert remote.post(path, batch[:1]).code == 20100


def test_rule_28_identical_tasks_are_limited_only_on_request(simulate: Make) -> None:
    path = "/v3/serp/google/organic/task_post"
    batch = [{"keyword": "same", "tag": "x"}] * 12 + [{"keyword": "other"}]
    free, limited = simulate(), simulate(accounts=(AccountOptions(duplicates_per_hour=10),))
    assert {task["status_code"] for task in free.post(path, batch).json["tasks"]} == {20100}
    codes = [task["status_code"] for task in limited.post(path, batch).json["tasks"]]
    assert codes == [20100] * 10 + [40205] * 2 + [20100]
    limited.pass_(HOUR)
    assert limited.post(path, batch[:1]).code == 20100


@pytest.mark.parametrize(
    ("status", "listed"), [(200, False), (299, False), (301, True), (404, True), (503, True), (None, True)]
)
def test_rule_29_a_postback_task_is_listed_only_when_delivery_failed(
    remote: Any, status: int | None, listed: bool
) -> None:
    remote.world.attend(lambda: None)
    (task_id,) = remote.create(postback_url=POST, postback_data="advanced")
    remote.pass_(HOUR)
    assert remote.ready().ids == [], "not before delivery was tried"
    (delivery,) = remote.world.due_webhooks()
    remote.world.settle_webhook(delivery, status)
    assert remote.world.due_webhooks() == [], "nothing is tried again by itself"
    remote.pass_(MINUTE)
    assert remote.ready().ids == ([task_id] if listed else [])
    assert remote.world.counts()["delivered"] == (not listed)
    assert remote.fetch(task_id).code == 20000, "by id it can be had in any case"


def test_rule_29_without_any_receiver_postbacks_fail_by_themselves(remote: Any) -> None:
    (task_id,) = remote.create(postback_url=POST, postback_data="advanced")
    remote.pass_(HOUR)
    assert remote.ready().ids == [task_id]


def test_rule_30_webhooks_have_the_documented_form(remote: Any) -> None:
    tag = "a b/c#d&é"
    (pinged,) = remote.create(pingback_url=PING + "#end", tag=tag)
    (posted,) = remote.create(postback_url=POST, postback_data="html", tag=tag)
    remote.world.attend(lambda: None)
    remote.pass_(HOUR)
    ping, post = sorted(remote.world.due_webhooks(), key=lambda delivery: delivery.method)
    assert ping.method == "GET"
    assert ping.url == f"https://me.example/ping?id={pinged}&tag=a%20b%2Fc%23d%26%C3%A9%23end"
    assert ping.body == b""
    assert (post.method, post.url) == ("POST", f"https://me.example/post?id={posted}")
    assert post.headers["content-encoding"] == "gzip"
    told = json.loads(gzip.decompress(post.body))["tasks"][0]
    assert told["id"] == posted
    assert told["data"]["tag"] == tag
    assert told["result"] == remote.fetch(posted, variant="html/").task["result"]


def test_rule_31_a_pingback_task_stays_listed_until_it_is_fetched(remote: Any) -> None:
    remote.world.attend(lambda: None)
    (task_id,) = remote.create(pingback_url=PING)
    remote.pass_(HOUR)
    (delivery,) = remote.world.due_webhooks()
    remote.world.settle_webhook(delivery, 200)
    assert remote.ready().ids == [task_id]
    remote.fetch(task_id)
    assert remote.ready().ids == []


def test_rule_32_webhook_resend_sends_once_more_and_says_nothing(remote: Any) -> None:
    remote.world.attend(lambda: None)
    (task_id,) = remote.create(postback_url=POST, postback_data="advanced")
    (silent,) = remote.create()
    remote.pass_(HOUR)
    (first,) = remote.world.due_webhooks()
    remote.world.settle_webhook(first, 500)
    remote.pass_(MINUTE)
    assert remote.ready().ids == [task_id, silent] or remote.ready().ids == [silent, task_id]
    ids = [task_id, "unknown", silent]
    answer = remote.post("/v3/appendix/webhook_resend", [{"id": one} for one in ids])
    assert [task["status_code"] for task in answer.json["tasks"]] == [20000, 40401, 40501]
    assert all(task["result"] is None for task in answer.json["tasks"])
    (again,) = remote.world.due_webhooks()
    remote.world.settle_webhook(again, 200)
    assert remote.ready().ids == [silent], "delivered counts as collected"
    assert remote.world.due_webhooks() == []
    many = remote.post("/v3/appendix/webhook_resend", [{"id": task_id}] * 101)
    assert [task["status_code"] for task in many.json["tasks"]][99:] == [20000, 40006]


def test_rule_33_errors_tells_failed_webhooks_and_calls_of_seven_days(remote: Any) -> None:
    remote.world.attend(lambda: None)
    (task_id,) = remote.create(pingback_url=PING)
    remote.pass_(HOUR)
    (delivery,) = remote.world.due_webhooks()
    remote.world.settle_webhook(delivery, 404)
    remote.fetch("11230841-1535-0066-0000-aaaaaaaaaaaa")
    remote.get("/v3/merchant/google/products/task_get/advanced/x")

    def errors(**asked: object) -> Any:
        return remote.post("/v3/serp/errors", [asked]).rows

    assert [row["function"] for row in errors()] == ["serp/task_get/advanced", "pingback_url"]
    (webhook,) = errors(filtered_function="pingback_url")
    assert (webhook["id"], webhook["http_code"], webhook["http_method"]) == (task_id, 404, "GET")
    assert webhook["datetime"].endswith(" +00:00")
    assert errors(limit=1, offset=1) == [webhook]
    assert errors(datetime_to=as_text(remote.clock.at - SECOND)) == []
    assert len(errors(datetime_from=as_text(remote.clock.at), datetime_to=None)) == 2
    assert remote.post("/v3/serp/errors", [{"datetime_from": "soon"}]).code == 40501
    remote.pass_(MINUTE)
    assert errors(datetime_from=as_text(remote.clock.at)) == []
    assert remote.post("/v3/serp/errors", [{"limit": 1001}]).code == 40501
    remote.pass_(7 * DAY + 1)
    assert errors() == []


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Receipt(502, "<h1>Bad Gateway</h1>", 3.25), (502, 3.25, "<h1>Bad Gateway</h1>")),
        (Receipt(None, took_s=0.002), (0, 0.002, None)),
        (None, (0, 10.0, None)),
    ],
)
def test_rule_33_errors_tells_what_the_receiver_answered_and_where(
    remote: Any, answer: Receipt | None, told: tuple[int, float, str | None]
) -> None:
    remote.world.attend(lambda: None)
    (task_id,) = remote.create(postback_url=POST, postback_data="advanced")
    remote.pass_(HOUR)
    (delivery,) = remote.world.due_webhooks()
    remote.world.settle_webhook(delivery, answer)
    (row,) = remote.post("/v3/serp/errors", [{"filtered_function": "postback_url"}]).rows
    assert (row["http_code"], row["http_time"], row["http_response"]) == told
    assert (row["http_method"], row["http_url"]) == ("POST", f"https://me.example/post?id={task_id}")
    assert remote.post("/v3/merchant/errors", [{}]).rows == [], "each API tells of its own"
    remote.post("/v3/appendix/webhook_resend", [{"id": task_id}])
    (again,) = remote.world.due_webhooks()
    remote.pass_(SECOND)
    remote.world.settle_webhook(again, 500)
    assert [one["http_code"] for one in remote.post("/v3/serp/errors", [{}]).rows] == [500, told[0]]
