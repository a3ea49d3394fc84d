"""Rules 1 to 12 of a faithful DataForSEO, one by one: calls, tasks, windows, scopes, when rows come and go."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from daemon.simulator.catalogue import FUNCTIONS, LISTINGS
from daemon.simulator.faults import Faults
from daemon.simulator.options import Turnaround

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
ID = re.compile(r"\d{8}-\d{4}-\d{4}-\d{4}-[0-9a-f]{12}")
Make = Callable[..., Any]


def test_rule_01_wrong_credentials_are_http_401_with_a_challenge(remote: Any) -> None:
    for stranger in (remote.as_user(remote.login, "wrong"), remote.as_user("nobody", remote.password)):
        answer = stranger.ready()
        assert answer.status == 401
        assert answer.json["status_code"] == 40100
        assert answer.json["tasks"] is None
        assert answer.reply.headers["www-authenticate"].startswith("Basic realm=")
    for header in ("", "Basic !", "Bearer abc", "Basic " + "w" * 8):
        remote.headers = {"authorization": header}
        assert remote.ready().status == 401


def test_rule_02_unknown_urls_are_http_404(remote: Any) -> None:
    for method, path in [
        ("GET", "/"),
        ("GET", "/v3/serp/google/organic"),
        ("GET", "/v3/keywords_data/tasks_ready"),
        ("GET", "/v3/serp/google/maps/task_get/regular/x"),
        ("GET", "/v3/serp/google/organic/task_get/a/b/c"),
        ("POST", "/v3/serp/google/organic/tasks_ready"),
        ("POST", "/v3/nothing/here/task_post"),
        ("DELETE", "/v3/serp/tasks_ready"),
    ]:
        answer = remote.call(method, path)
        assert (answer.status, answer.json["status_code"]) == (404, 40400), path
        assert answer.json["tasks_count"] == 0
        assert answer.json["tasks"] is None


def test_rule_03_everything_else_is_http_200_with_the_envelope(remote: Any) -> None:
    for answer in (remote.ready(), remote.get("/v3/appendix/user_data"), remote.fetch("nonsense")):
        assert answer.status == 200
        assert set(answer.json) == {
            "version", "status_code", "status_message", "time", "cost", "tasks_count", "tasks_error", "tasks",
        }  # fmt: skip
        assert set(answer.task) == {
            "id", "status_code", "status_message", "time", "cost", "result_count", "path", "data", "result",
        }  # fmt: skip
        assert answer.json["time"].endswith(" sec.")
        assert answer.task["time"].endswith(" sec.")


def test_rule_04_a_post_takes_a_hundred_tasks_and_judges_each_alone(remote: Any) -> None:
    batch: list[Any] = [{"keyword": f"k{number}", "tag": str(number)} for number in range(103)]
    batch[3] = {"tag": "3"}
    batch[4] = {"keyword": 4, "tag": "4"}
    batch[5] = {"keyword": "five", "priority": 3, "tag": "5"}
    batch[6] = {"keyword": "six", "postback_url": "https://x.example", "tag": "6"}
    before = remote.world.balance()
    answer = remote.post("/v3/serp/google/organic/task_post", batch)
    tasks = answer.json["tasks"]
    assert answer.json["status_code"] == 20000
    assert [task["data"]["tag"] for task in tasks] == [str(number) for number in range(103)], "order is kept"
    assert [task["status_code"] for task in tasks[3:7]] == [40501] * 4
    assert [task["status_code"] for task in tasks[100:]] == [40006] * 3
    good = [task for task in tasks if task["status_code"] == 20100]
    assert len(good) == 96
    assert len({task["id"] for task in tasks}) == 103
    assert all(ID.fullmatch(task["id"]) and task["result"] is None and task["cost"] > 0 for task in good)
    assert before - remote.world.balance() == pytest.approx(sum(task["cost"] for task in good))
    assert answer.json["tasks_error"] == 7
    assert remote.world.counts()["posted"] == 96


def test_rule_04_bodies_that_are_no_batch_are_refused_whole(remote: Any) -> None:
    path = "/v3/serp/google/organic/task_post"
    assert remote.post(path, b"").json["status_code"] == 40502
    assert remote.post(path, []).json["status_code"] == 40502
    assert remote.post(path, b"{half").json["status_code"] == 40503
    assert remote.post(path, "text").json["status_code"] == 40503
    by_index = remote.post(path, {"0": {"keyword": "a"}, "1": {"keyword": "b"}})
    assert [task["status_code"] for task in by_index.json["tasks"]] == [20100, 20100]


def test_rule_05_a_tag_is_at_most_255_characters(remote: Any) -> None:
    path = "/v3/serp/google/organic/task_post"
    answer = remote.post(path, [{"keyword": "k", "tag": "t" * 255}, {"keyword": "k", "tag": "t" * 256}])
    assert [task["status_code"] for task in answer.json["tasks"]] == [20100, 40501]


def test_rule_06_a_task_is_handed_then_queued_then_done_and_an_early_get_touches_nothing(
    simulate: Make,
) -> None:
    remote = simulate(turnaround=Turnaround(10 * MINUTE, 10 * MINUTE, special={}))
    (task_id,) = remote.create()
    truth = remote.world.truth(task_id)
    first = remote.fetch(task_id)
    remote.pass_((truth.done_at - truth.posted_at) // 2 + SECOND)
    second = remote.fetch(task_id)
    assert (first.code, second.code) == (40601, 40602)
    for early in (first, second):
        assert early.json["status_code"] == 20000
        assert early.json["tasks_error"] == 1
        assert early.task["result"] is None
        assert early.task["id"] == task_id
    remote.clock.at = truth.done_at + HOUR
    assert remote.ready().ids == [task_id]
    assert remote.world.counts()["gets_too_early"] == 2
    assert remote.fetch(task_id).code == 20000


def test_rule_07_turnaround_depends_on_priority(simulate: Make) -> None:
    remote = simulate(turnaround=Turnaround())
    waits = {}
    for priority in (1, 2):
        truths = [remote.world.truth(some) for some in remote.create(1000, priority=priority)]
        waits[priority] = [truth.done_at - truth.posted_at for truth in truths]
    assert 4 * MINUTE < sum(waits[1]) / 1000 < 6 * MINUTE
    assert max(waits[1]) <= 45 * MINUTE
    assert max(waits[2]) <= MINUTE
    (llm,) = remote.create(function="ai_optimization/claude/llm_responses")
    truth = remote.world.truth(llm)
    assert truth.done_at - truth.posted_at <= 72 * HOUR


def test_rule_07_an_llm_task_may_fail_after_72_hours_and_others_not(simulate: Make) -> None:
    remote = simulate(faults=Faults.only(llm_expires=1.0))
    (llm,) = remote.create(function="ai_optimization/claude/llm_responses")
    (other,) = remote.create()
    paid = remote.world.balance()
    remote.pass_(71 * HOUR)
    assert not remote.world.truth(llm).done
    assert remote.world.truth(other).code == 20000
    remote.pass_(HOUR)
    assert remote.fetch(llm, "ai_optimization/claude/llm_responses", "").code == 40103
    assert remote.world.balance() == pytest.approx(paid + 0.01, abs=1e-9), "the advance comes back"


def test_rule_08_a_row_appears_some_time_after_the_result(simulate: Make) -> None:
    remote = simulate(list_lag_ms=(30 * SECOND, 30 * SECOND))
    (task_id,) = remote.create()
    remote.clock.at = remote.world.truth(task_id).done_at
    assert remote.ready().ids == []
    remote.pass_(30 * SECOND - 1)
    assert remote.ready().ids == []
    remote.pass_(1)
    assert remote.ready().ids == [task_id]
    (other,) = remote.create()
    remote.clock.at = remote.world.truth(other).done_at
    assert remote.fetch(other).code == 20000, "task_get already works"


def test_rule_09_a_window_shows_a_thousand_rows_of_its_own_scope(remote: Any) -> None:
    organic = remote.create(1005)
    maps = remote.create(3, "serp/google/maps")
    remote.pass_(HOUR)
    window = remote.ready()
    assert len(window.rows) == 1000
    assert window.task["result_count"] == 1000
    assert set(window.ids) <= set(organic)
    assert remote.ready("serp/google/maps").ids == maps, "hidden in the umbrella, visible in its own list"
    for task_id in window.ids[:4]:
        remote.fetch(task_id)
    assert len(remote.ready().rows) == 1000
    for task_id in window.ids[4:10]:
        remote.fetch(task_id)
    assert len(remote.ready().rows) == 998
    assert remote.world.counts()["window_saturated_times"] == 2


def test_rule_10_each_list_has_its_own_scope(remote: Any) -> None:
    posted = {
        name: remote.create(1, name, url="https://e.example", target="e.example")[0] for name in FUNCTIONS
    }
    remote.pass_(HOUR)
    for path, listing in LISTINGS.items():
        if not listing.fixed:
            expected = {posted[name] for name in listing.functions}
            assert set(remote.get(path).ids) == expected, path
    assert set(remote.ready("serp/google").ids) == {
        some for name, some in posted.items() if name.startswith("serp/google/")
    }
    for api in ("keywords_data", "ai_optimization"):
        assert remote.ready(api).status == 404
    assert remote.ready("on_page").ids == [posted["on_page"]]


def test_rule_10_there_are_74_documented_lists() -> None:
    documented = [one for one in LISTINGS.values() if not one.fixed and one.level != "engine"]
    assert len(documented) == 74
    assert sum(one.level == "umbrella" for one in documented) == 4
    assert sum(one.fixed for one in LISTINGS.values()) == 20


@pytest.mark.parametrize("variant", ["regular/", "advanced/", "html/"])
def test_rule_11_any_variant_takes_the_row_away_and_the_others_stay_by_id(remote: Any, variant: str) -> None:
    (task_id,) = remote.create()
    remote.pass_(HOUR)
    assert remote.fetch(task_id, variant=variant).code == 20000
    assert remote.ready().ids == []
    assert remote.world.truth(task_id).left_why == "collected"
    assert all(remote.fetch(task_id, variant=one).code == 20000 for one in ("regular/", "advanced/", "html/"))


def test_rule_11_a_terminal_error_takes_the_row_away_too(remote: Any) -> None:
    (task_id,) = remote.create()
    remote.world.finish(task_id, 40101)
    remote.pass_(HOUR)
    assert remote.ready().ids == [task_id]
    assert remote.fetch(task_id).code == 40101
    assert remote.ready().ids == []


def test_rule_11_in_the_other_mode_only_the_fetched_variant_goes(simulate: Make) -> None:
    remote = simulate(faults=Faults.only(variant_only=1.0))
    (task_id,) = remote.create()
    remote.pass_(HOUR)
    remote.fetch(task_id, variant="advanced/")
    (row,) = remote.ready().rows
    assert row["endpoint_advanced"] is None
    assert row["endpoint_html"].endswith(task_id)
    remote.fetch(task_id, variant="regular/")
    remote.fetch(task_id, variant="html/")
    assert remote.ready().ids == []


def test_rule_12_a_row_leaves_72_hours_after_completion_and_the_result_stays(simulate: Make) -> None:
    remote = simulate(turnaround=Turnaround(10 * HOUR, 10 * HOUR, special={}))
    (task_id,) = remote.create()
    truth = remote.world.truth(task_id)
    assert truth.done_at - truth.posted_at > HOUR
    remote.clock.at = truth.done_at + 72 * HOUR - 1
    assert remote.ready().ids == [task_id]
    remote.pass_(1)
    assert remote.ready().ids == []
    assert remote.world.truth(task_id).left_why == "age"
    assert remote.fetch(task_id).code == 20000


def test_rule_12_a_row_that_would_come_after_its_72_hours_never_comes(simulate: Make) -> None:
    remote = simulate(list_lag_ms=(72 * HOUR, 72 * HOUR))
    remote.create()
    remote.pass_(80 * HOUR)
    assert remote.ready().ids == []
    assert remote.world.counts()["listed"] == 0
