"""Rules 13 to 21 of the remote, one by one: retention, ids, the shape of rows and lists, OnPage."""

import re
import string
from collections.abc import Callable
from typing import Any

import pytest

from daemon.simulator.catalogue import FUNCTIONS
from daemon.simulator.faults import Faults
from daemon.simulator.options import AccountOptions, Turnaround

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
ID = re.compile(r"\d{8}-\d{4}-\d{4}-\d{4}-[0-9a-f]{12}")
Make = Callable[..., Any]


def test_rule_13_results_are_kept_30_days_and_html_7_days_from_posting(remote: Any) -> None:
    (task_id,) = remote.create()
    posted_at = remote.world.truth(task_id).posted_at
    remote.clock.at = posted_at + 7 * DAY - 1
    assert remote.fetch(task_id, variant="html/").code == 20000
    remote.pass_(1)
    assert remote.fetch(task_id, variant="html/").code == 40403
    assert remote.fetch(task_id, variant="advanced/").code == 20000
    remote.clock.at = posted_at + 30 * DAY - 1
    assert remote.fetch(task_id).code == 20000
    remote.pass_(1)
    expired = remote.fetch(task_id)
    assert (expired.code, expired.task["result"]) == (40403, None)


def test_rule_14_ids_only_work_where_they_belong(simulate: Make) -> None:
    other = AccountOptions({"other": "secret"}, user="2222")
    remote = simulate(accounts=(AccountOptions(), other))
    (task_id,) = remote.create()
    list_id = remote.ready().task["id"]
    remote.pass_(HOUR)
    assert remote.fetch(list_id).code == 40004, "the id of a call is never data"
    assert remote.fetch("11230841-1535-0066-0000-aaaaaaaaaaaa").code == 40401
    assert remote.as_user("other", "secret").fetch(task_id).code == 40001
    assert remote.fetch(task_id, "serp/bing/organic").code == 40002
    assert remote.fetch(task_id, "serp/google/news").code == 40003
    assert remote.fetch(task_id, "merchant/google/products").code == 40004
    assert remote.as_user("other", "secret").ready().ids == []
    assert remote.ready().ids == [task_id], "none of these touched the row"


def test_rule_15_the_outer_id_is_new_on_every_call_and_looks_like_a_task(remote: Any) -> None:
    (task_id,) = remote.create()
    remote.pass_(HOUR)
    outer = [remote.ready().task["id"] for _ in range(5)]
    assert len(set(outer)) == 5
    assert task_id not in outer
    assert all(ID.fullmatch(one) for one in outer)


SHAPES = {
    "A": "id se se_type date_posted tag endpoint_regular endpoint_advanced endpoint_html",
    "B": "id se function date_posted tag endpoint_advanced endpoint_html",
    "C": "id se se_type date_posted tag endpoint_advanced endpoint_html",
    "D": "id se se_type date_posted tag endpoint",
    "E": "id se se_type function date_posted tag endpoint",
    "F": "id target date_posted tag",
    "G": "id tag endpoint_json",
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_rule_16_rows_have_exactly_the_keys_of_their_shape(remote: Any, name: str) -> None:
    function = FUNCTIONS[name]
    (task_id,) = remote.create(1, name, target="e.example")
    remote.pass_(HOUR)
    (row,) = remote.ready(name).rows
    assert list(row) == SHAPES[function.shape].split()
    endpoints = {key: value for key, value in row.items() if key.startswith("endpoint")}
    for key, value in endpoints.items():
        variant = key.removeprefix("endpoint").removeprefix("_") or function.variants[0]
        assert (value is not None) == (variant in function.variants), key
        if value is not None:
            assert value.startswith("/v3/")
            assert value.endswith("/" + task_id)
            assert remote.get(value).code == 20000


def test_rule_17_tags_are_text_empty_null_or_absent(simulate: Make) -> None:
    def shown(fault: str | None, **fields: object) -> object:
        remote = simulate(faults=Faults.only(**{fault: 1.0}) if fault else None)
        remote.create(**fields)
        remote.pass_(HOUR)
        return remote.ready().rows[0].get("tag", "absent")

    assert shown(None, tag="mine") == "mine"
    assert shown(None) == ""
    assert shown("tag_null") is None
    assert shown("tag_missing") == "absent"
    assert shown("tag_missing", tag="mine") == "mine"


def test_rule_18_an_empty_list_is_null_an_array_or_nothing(simulate: Make) -> None:
    assert simulate().ready().task["result"] is None
    assert simulate(faults=Faults.only(empty_array=1.0)).ready().task["result"] == []
    assert "result" not in simulate(faults=Faults.only(empty_missing=1.0)).ready().task


def test_rule_19_dates_are_utc_with_a_colon_in_the_offset(remote: Any) -> None:
    remote.create()
    remote.pass_(HOUR)
    assert remote.ready().rows[0]["date_posted"] == "2026-11-02 00:00:00 +00:00"


def test_rule_20_rows_come_oldest_first_unless_shuffled(simulate: Make) -> None:
    for faults, in_order in ((None, True), (Faults.only(shuffled=1.0), False)):
        remote = simulate(faults=faults)
        posted = []
        for function in ("serp/bing/organic", "serp/google/organic", "serp/google/maps") * 4:
            posted += remote.create(3, function)
            remote.pass_(SECOND)
        remote.pass_(HOUR)
        shown = remote.ready().ids
        assert sorted(shown) == sorted(posted)
        assert (shown == posted) is in_order


def test_rule_20_rows_may_repeat_mislead_and_carry_unknown_keys(simulate: Make) -> None:
    def rows(fault: str) -> tuple[list[str], list[dict[str, Any]]]:
        remote = simulate(faults=Faults.only(**{fault: 1.0}))
        posted = remote.create(5)
        remote.pass_(HOUR)
        return posted, remote.ready().rows

    posted, repeated = rows("duplicate_rows")
    assert len(repeated) == 6
    assert {row["id"] for row in repeated} == set(posted)
    _, misleading = rows("malformed_endpoint")
    for row in misleading:
        others = [key for key in row if key.startswith("endpoint") and not row[key].endswith(row["id"])]
        assert others == ["endpoint_regular"]
        assert len(row["endpoint_regular"].rsplit("/", 1)[1]) == 36
    _, strange = rows("unknown_keys")
    assert all(set(row) - set(SHAPES["A"].split()) for row in strange)


def test_rule_21_on_page_is_collected_by_its_summary_when_the_crawl_is_finished(simulate: Make) -> None:
    remote = simulate(turnaround=Turnaround(HOUR, HOUR, special={}))
    (task_id,) = remote.create(function="on_page", target="e.example")
    assert remote.get(f"/v3/on_page/task_get/{task_id}").status == 404
    summary = f"/v3/on_page/summary/{task_id}"
    assert remote.get(summary).code in (40601, 40602)
    remote.clock.at = remote.world.truth(task_id).done_at - 1
    crawling = remote.get(summary)
    assert crawling.code == 20000
    assert crawling.rows[0]["crawl_progress"] == "in_progress"
    remote.pass_(HOUR)
    assert remote.ready("on_page").ids == [task_id]
    assert remote.get(summary).rows[0]["crawl_progress"] == "finished"
    assert remote.ready("on_page").ids == []


def test_ids_look_like_the_documented_ones(remote: Any) -> None:
    (task_id,) = remote.create()
    assert task_id.startswith("11020200-1535-0066-0000-"), "local time two hours ahead, account, function"
    assert set(task_id) <= set(string.hexdigits + "-")
