"""The second half of the rules: limits, money, webhooks, looking back, accidents, time."""

import asyncio
import gzip
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from daemon.simulator.faults import Faults
from daemon.simulator.moments import as_text
from daemon.simulator.options import AccountOptions, Turnaround
from daemon.simulator.transport import SimulatedTransport

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
    for most, ask in (
        (6, lambda: remote.get("/v3/appendix/user_data")),
        (10, lambda: remote.post("/v3/serp/id_list", span)),
        (10, lambda: remote.get("/v3/appendix/status")),
        (10, lambda: remote.get("/v3/appendix/errors")),
    ):
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
    assert remote.post("/v3/serp/errors", [{"limit": 1001}]).code == 40501
    remote.pass_(7 * DAY + 1)
    assert errors() == []


def test_rule_34_id_list_knows_every_task_of_the_api(simulate: Make) -> None:
    remote = simulate(
        turnaround=Turnaround(MINUTE, MINUTE, special={"serp/google/maps": (10 * HOUR, 10 * HOUR)})
    )
    first = remote.create(3, tag="mine")
    (failed,) = remote.create(1)
    remote.world.finish(failed, 40101)
    remote.create(1, "merchant/google/products")
    remote.pass_(5 * MINUTE)
    remote.fetch(first[0])
    (pending,) = remote.create(1, "serp/google/maps")
    remote.pass_(MINUTE)
    span = {"datetime_from": as_text(remote.clock.at - DAY), "datetime_to": as_text(remote.clock.at + DAY)}

    def look(**asked: object) -> Any:
        return remote.post("/v3/serp/id_list", [{**span, **asked}])

    rows = look().rows
    assert [row["id"] for row in rows] == [*first, failed, pending], "collected, failed and pending ones too"
    assert [row["datetime_done"] is None for row in rows] == [False] * 4 + [True]
    assert rows[0]["datetime_done"] == as_text(remote.world.truth(first[0]).done_at)
    assert [row["status"] for row in rows[2:]] == ["ok", "Internal SE Server Error.", "Task In Queue."]
    assert rows[0]["metadata"] is None
    assert look(include_metadata=True).rows[0]["metadata"]["tag"] == "mine"
    assert [row["id"] for row in look(sort="desc", limit=2, offset=1).rows] == [failed, first[2]]
    assert look(limit=1001).code == 40501
    old = as_text(remote.clock.at - 40 * DAY)
    assert look(datetime_from=old).code == 20000
    assert look(datetime_from=old, include_metadata=True).code == 40501
    assert look(datetime_from=as_text(remote.clock.at - 200 * DAY)).code == 40501
    assert look(datetime_to=span["datetime_from"]).code == 40501
    hyphens = as_text(remote.clock.at - DAY).replace(":", "-", 2)
    assert look(datetime_from=hyphens).task["result"] == rows
    assert look(datetime_from="yesterday").code == 40501


def test_rule_34_id_list_pages_at_a_thousand(remote: Any) -> None:
    remote.create(1003)
    span = {"datetime_from": as_text(remote.clock.at - DAY), "datetime_to": as_text(remote.clock.at + SECOND)}
    assert len(remote.post("/v3/serp/id_list", [span]).rows) == 1000
    assert len(remote.post("/v3/serp/id_list", [{**span, "offset": 1000}]).rows) == 3


def test_rule_35_tasks_fixed_lists_a_collected_task_again_with_changed_content(remote: Any) -> None:
    (task_id,) = remote.create()
    remote.pass_(HOUR)
    before = remote.fetch(task_id).task["result"]
    fixed = "/v3/serp/google/organic/tasks_fixed"
    assert remote.get(fixed).ids == []
    remote.world.reparse(task_id)
    assert remote.ready().ids == []
    (row,) = remote.get(fixed).rows
    assert row["id"] == task_id
    after = remote.fetch(task_id).task["result"]
    assert after != before
    assert remote.get(fixed).ids == []


def test_rule_36_codes_that_look_wrong_are_possible(simulate: Make) -> None:
    slow = Turnaround(10 * MINUTE, 10 * MINUTE, special={})
    remote = simulate(faults=Faults.only(created_on_get=1.0), turnaround=slow)
    assert remote.fetch(remote.create()[0]).code == 20100
    for fault, code, result in (
        ("partial", 40106, "data"),
        ("no_results", 40102, None),
        ("null_result", 20000, [None]),
    ):
        remote = simulate(faults=Faults.only(**{fault: 1.0}))
        (task_id,) = remote.create()
        remote.pass_(HOUR)
        assert remote.ready().ids == [task_id]
        answer = remote.fetch(task_id)
        assert answer.code == code
        assert (
            (answer.task["result"][0]["items"] != [])
            if result == "data"
            else (answer.task["result"] == result)
        )
        assert remote.ready().ids == []


def test_rule_37_tasks_error_may_say_zero_beside_a_failed_task(simulate: Make) -> None:
    assert simulate().fetch("nonsense").json["tasks_error"] == 1
    assert simulate(faults=Faults.only(tasks_error_zero=1.0)).fetch("nonsense").json["tasks_error"] == 0


def test_rule_38_a_lost_answer_leaves_a_task_that_was_paid(simulate: Make) -> None:
    remote = simulate(faults=Faults.only(lost_answer=1.0))

    async def post() -> None:
        transport = SimulatedTransport(remote.world)
        auth = (remote.login, remote.password)
        async with httpx.AsyncClient(transport=transport, base_url="http://sim", auth=auth) as client:
            with pytest.raises(httpx.ReadError):
                await client.post("/v3/serp/google/organic/task_post", json=[{"keyword": "k"}])

    asyncio.run(post())
    assert remote.world.counts()["posted"] == 1
    assert remote.world.balance() < 1000


def test_rule_39_other_softwares_tasks_appear_in_the_lists(simulate: Make) -> None:
    remote = simulate(foreign_tag="other:")
    (mine,) = remote.create(tag="mine")
    (theirs,) = remote.create(tag="other:1")
    answer = remote.world.post("serp/google/organic", [{"keyword": "k"}], owner="foreign")
    third = answer["tasks"][0]["id"]
    remote.pass_(HOUR)
    assert set(remote.ready().ids) == {mine, theirs, third}
    remote.fetch(mine)
    assert remote.world.counts()["foreign_collected"] == 0
    remote.fetch(third)
    remote.fetch(third)
    counts = remote.world.counts()
    assert (counts["foreign_collected"], counts["foreign_posted"], counts["posted"]) == (1, 2, 1)


def test_rule_39_other_software_may_post_by_itself(simulate: Make) -> None:
    remote = simulate(faults=Faults.only(foreign_posts=1.0))
    posted = remote.create(5, tag="mine")
    remote.pass_(HOUR)
    rows = remote.ready().rows
    assert len(rows) == 10
    assert all(row["tag"] != "mine" for row in rows if row["id"] not in posted)
    assert remote.world.counts()["foreign_posted"] == 5


@pytest.mark.parametrize("trouble", ["error_50000", "error_50301", "error_50303", "http_500"])
def test_rule_40_a_troubled_remote_does_nothing_and_keeps_the_row(simulate: Make, trouble: str) -> None:
    remote = simulate(faults=Faults.only(**{trouble: 1.0}))
    task_id = remote.world.post("serp/google/organic", [{"keyword": "k"}])["tasks"][0]["id"]
    remote.pass_(HOUR)
    for answer in (remote.fetch(task_id), remote.ready()):
        if trouble == "http_500":
            assert answer.status == 500
            assert answer.text.startswith(b"<html")
        else:
            envelope = answer.json
            codes = {envelope["status_code"], *(task["status_code"] for task in envelope["tasks"] or [])}
            assert int(trouble[-5:]) in codes
    assert remote.world.truth(task_id).listed
    remote.post("/v3/serp/google/organic/task_post", [{"keyword": "k"}])
    assert remote.world.counts()["posted"] == 1


BROKEN = ["read_timeout", "lost_answer", "reset_body", "truncated_body", "truncated_json"]


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("accident", BROKEN)
def test_rule_40_a_result_that_did_not_arrive_keeps_or_loses_its_row(
    simulate: Make, accident: str, keeps: bool
) -> None:
    remote = simulate(faults=Faults.only(**{accident: 1.0, "broken_get_keeps_row": float(keeps)}))
    task_id = remote.world.post("serp/google/organic", [{"keyword": "k"}])["tasks"][0]["id"]
    remote.pass_(HOUR)
    answer = remote.fetch(task_id)
    assert answer.reply.accident == (None if accident == "truncated_json" else accident)
    if accident == "truncated_json":
        with pytest.raises(json.JSONDecodeError):
            _ = answer.json
    truth = remote.world.truth(task_id)
    assert truth.listed is keeps
    assert bool(truth.fetched) is not keeps


def test_rule_40_an_hour_of_errors_spares_no_call(remote: Any) -> None:
    (task_id,) = remote.create()
    start = remote.clock.at + HOUR
    remote.world.error_hour(start, start + HOUR)

    def works() -> bool:
        answer = remote.fetch("nonsense")
        try:
            return answer.status == 200 and answer.code == 40401
        except (ValueError, TypeError):
            return False

    assert works()
    remote.clock.at = start
    assert not any(works() for _ in range(200))
    remote.clock.at = start + HOUR
    assert works()
    assert remote.world.truth(task_id).listed


def test_rule_41_a_month_passes_in_no_time(remote: Any) -> None:
    ids = remote.create(50)
    for _ in range(31):
        remote.pass_(DAY)
        remote.ready()
    assert {remote.fetch(one).code for one in ids} == {40403}
    counts = remote.world.counts()
    assert counts["dropped"] == 50
    assert counts["dropped_unseen"] == 0
    assert counts["expired_unfetched"] == 50


def test_rule_42_the_sandbox_id_answers_everywhere_and_is_on_no_list(remote: Any) -> None:
    magic = "00000000-0000-0000-0000-000000000000"
    for function, variant in (
        ("serp/google/organic", "html/"),
        ("merchant/amazon/asin", "advanced/"),
        ("business_data/google/reviews", ""),
    ):
        answer = remote.fetch(magic, function, variant)
        assert (answer.code, answer.task["id"]) == (20000, magic)
        assert answer.rows[0]["items"]
    assert remote.ready().ids == []
