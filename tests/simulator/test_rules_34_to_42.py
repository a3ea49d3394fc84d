"""Rules 34 to 42 of the remote, one by one: looking back, odd answers, other software, trouble, time, the sandbox."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from daemon.simulator.faults import Faults
from daemon.simulator.moments import as_text
from daemon.simulator.options import Turnaround
from daemon.simulator.transport import SimulatedTransport

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
Make = Callable[..., Any]
PING = "https://me.example/ping?id=$id&tag=$tag"
POST = "https://me.example/post?id=$id"
LISTS = ("serp", "serp/google", "serp/google/organic", "merchant", "keywords_data/google_ads/search_volume")


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


@pytest.mark.parametrize(
    ("more", "written"),
    [
        ({}, "2026-11-23 12:00:00 +00:00"),
        ({"id_list_hyphens": True}, "2026-11-23 12-00-00 +00:00"),
        ({"id_list_offset_min": 120}, "2026-11-23 14:00:00 +02:00"),
        ({"id_list_hyphens": True, "id_list_offset_min": -330}, "2026-11-23 06-30-00 -05:30"),
    ],
)
def test_rule_34_id_list_writes_times_as_any_part_of_the_docs_does(
    simulate: Make, more: dict[str, Any], written: str
) -> None:
    remote = simulate(**more)
    remote.clock.at = 1_795_435_200_000
    remote.create(1)
    remote.pass_(HOUR)
    span = {"datetime_from": as_text(remote.clock.at - DAY), "datetime_to": as_text(remote.clock.at)}
    (row,) = remote.post("/v3/serp/id_list", [span]).rows
    assert row["datetime_posted"] == written
    assert row["datetime_done"][-6:] == written[-6:]


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
