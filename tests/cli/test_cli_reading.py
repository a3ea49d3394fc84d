"""`status`, `tasks` and `alerts` tell what the ledger knows, in plain text and as JSON."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from daemon.policy.rules import Rules
from daemon.standing import Standings
from ledger import Ledger
from ledger.lock import DaemonLock
from ledger.records import Candidate, State, Webhook
from ledger.times import HOUR_MS

Run = Callable[..., Any]
GMB = "business_data/google/my_business_info"


def ids_of(text: str) -> list[str]:
    return re.findall(r"^\S{36}\b", text, re.MULTILINE)


# status


def test_status_counts_states_per_function(readyd: Run, book: Any) -> None:
    ids = book.post(5)
    book.post(2, GMB)
    book.look(ids[:3])
    book.collect(ids[:1])
    said = readyd("status", "--json")
    assert said.json["functions"] == {
        "serp/google/organic": {"posted": 2, "ready": 2, "collected": 1},
        GMB: {"posted": 2},
    }
    assert said.json["states"] == {"posted": 4, "ready": 2, "collected": 1}
    assert said.json["outstanding"] == 6


def test_status_keys_are_stable(readyd: Run, book: Any) -> None:
    book.post(1)
    assert list(readyd("status", "--json").json) == [
        "at",
        "ledger",
        "engine",
        "daemon",
        "webhook",
        "healthy",
        "problems",
        "functions",
        "states",
        "outstanding",
        "bands",
        "nearest_deadline",
        "blocked",
        "foreign",
        "last_list_at",
        "listings",
        "alerts",
    ]


def test_status_of_an_empty_ledger_says_what_to_do(readyd: Run, book: Any) -> None:
    Ledger.open(book.path).close()
    said = readyd("status")
    assert said.code == 0
    assert "readyd record" in said.out


def test_bands_are_computed_now_and_not_taken_from_the_last_review(readyd: Run, book: Any) -> None:
    book.post(2, hours_ago=1)
    book.post(3, hours_ago=30)
    book.post(4, hours_ago=69)
    book.post(5, hours_ago=73)
    seen = readyd("status", "--json").json
    assert seen["bands"] == {"fresh": 2, "expiring": 3, "urgent": 0, "critical": 4, "past": 5}
    assert {task["band"] for task in readyd("tasks", "--json").json["tasks"]} == {
        "fresh",
        "expiring",
        "critical",
        "past",
    }


def test_a_clear_look_moves_the_deadlines_of_what_it_did_not_show(readyd: Run, book: Any) -> None:
    book.post(1, hours_ago=70)
    book.look([], hours_ago=-0.01)  # after it was recorded
    seen = readyd("status", "--json").json
    assert seen["bands"]["fresh"] == 1
    assert 70 * HOUR_MS < seen["nearest_deadline"]["deadline_at"] - book.now < 72 * HOUR_MS


def test_a_saturated_look_moves_no_deadline(readyd: Run, book: Any) -> None:
    book.post(1, hours_ago=70)
    book.look([], hours_ago=1, saturated=True)
    assert readyd("status", "--json").json["bands"]["critical"] == 1


def test_the_nearest_deadline_is_one_that_can_still_be_met(readyd: Run, book: Any) -> None:
    book.post(1, hours_ago=100)
    wanted = book.post(1, hours_ago=50)
    book.post(1, hours_ago=2)
    assert readyd("status", "--json").json["nearest_deadline"]["id"] == wanted[0]


def test_a_postback_task_has_no_deadline_on_a_list_until_its_delivery_fails(book: Any) -> None:
    fields: dict[str, Any] = dict.fromkeys(Candidate.__slots__)
    late = {**fields, "id": "x", "function": "serp/google/organic", "posted_at": book.ago(71)}
    posted = Candidate(**{**late, "state": State.POSTED, "webhook": Webhook.POSTBACK})
    failed = Candidate(
        **{**late, "state": State.READY, "webhook": Webhook.POSTBACK, "earliest_done_at": book.ago(70)}
    )
    standings = Standings({}, book.now, Rules())
    assert (standings.of(posted).band, standings.of(posted).listed) == ("fresh", False)
    assert (standings.of(failed).band, standings.of(failed).listed) == ("critical", True)


def test_foreign_rows_are_not_counted_twice(readyd: Run, book: Any) -> None:
    book.post(1)
    book.look(foreign=12)
    book.look(foreign=9, listing="/v3/serp/google/organic/tasks_ready")
    assert readyd("status", "--json").json["foreign"] == 12


def test_status_needs_attention_when_an_alert_is_critical(readyd: Run, book: Any) -> None:
    book.post(1, hours_ago=0)
    book.alert("warning")
    assert readyd("status").code == 0
    book.alert("critical", subject="serp/google/maps", detail="hurry up")
    said = readyd("status")
    assert said.code == 1
    assert said.out.startswith("attention hurry up")
    assert said.out.index("critical expiring") < said.out.index("warning expiring")


def test_status_needs_attention_when_nobody_reads_the_lists(readyd: Run, book: Any, monkeypatch: Any) -> None:
    book.post(1, hours_ago=3)
    assert readyd("status").code == 0, "recorded just now: nobody could have looked yet"
    later = book.now + HOUR_MS
    monkeypatch.setattr("daemon.cli.options.wall_clock_ms", lambda: later)
    said = readyd("status", "--json")
    assert said.code == 1
    assert "no daemon is running" in said.json["problems"][0]
    book.look([], hours_ago=-0.99)
    assert readyd("status").code == 0


def test_status_and_alerts_need_attention_when_nobody_posts_what_is_planned(
    readyd: Run, book: Any, monkeypatch: Any
) -> None:
    with Ledger.open(book.path) as ledger:
        ledger.plan([{"function": GMB, "keyword": f"k{number}"} for number in range(20)], now=book.ago(0.1))
    at_once = readyd("status")
    assert (at_once.code, readyd("alerts").code) == (0, 0), "for six minutes: cron may come every five"
    assert "20 planned, 0 outstanding" in at_once.out
    monkeypatch.setattr("daemon.cli.options.wall_clock_ms", lambda: book.now + HOUR_MS)
    problem = "tasks have waited to be posted for 1h 6m (20 planned); no daemon is running: start readyd run"
    for command in ("status", "alerts"):
        said = readyd(command)
        assert (said.code, said.out.partition("\n")[0]) == (1, f"attention {problem}")
        assert readyd(command, "--json").json["problems"] == [problem]
    with DaemonLock(book.path, book.now):
        assert (readyd("status").code, readyd("alerts").code) == (0, 0), "it has alerts of its own for that"
    monkeypatch.setenv("READYD_POST_ENABLED", "no")
    assert readyd("status").code == 0, "somebody wants it so"


def test_a_task_whose_answer_is_not_known_waits_for_a_daemon_too(
    readyd: Run, book: Any, monkeypatch: Any
) -> None:
    with Ledger.open(book.path) as ledger:
        ledger.plan([{"function": GMB, "keyword": f"k{number}"} for number in range(3)], now=book.now)
        ledger.intents.begin(GMB, ledger.intents.next(GMB, book.now, book.now, 1), book.now)
    monkeypatch.setattr("daemon.cli.options.wall_clock_ms", lambda: book.now + HOUR_MS)
    assert "(2 planned, 1 posting)" in readyd("alerts").out


def test_nothing_outstanding_means_nothing_stale(readyd: Run, book: Any, monkeypatch: Any) -> None:
    ids = book.post(1)
    book.look(ids)
    book.collect(ids)
    monkeypatch.setattr("daemon.cli.options.wall_clock_ms", lambda: book.now + 100 * HOUR_MS)
    assert readyd("status").code == 0


def test_status_sees_a_running_daemon_and_never_waits_for_it(readyd: Run, book: Any) -> None:
    book.post(1)
    with DaemonLock(book.path, book.ago(2)), Ledger.open(book.path) as ledger:
        with ledger._connection.writing():
            seen = readyd("status", "--json").json
        assert seen["daemon"]["running"]
        assert seen["daemon"]["since"] == book.ago(2)
        assert "running for 2h" in readyd("status").out
    assert not readyd("status", "--json").json["daemon"]["running"]


def test_the_signature_of_a_dead_daemon_is_no_daemon(readyd: Run, book: Any) -> None:
    book.post(1)
    lock = book.path.with_name("ledger.db.lock")
    for signature in ("1 1795442520000", "999999999 1795442520000", "0 5", "-1 5", "x y", "", "\xff"):
        lock.write_text(signature, encoding="latin-1")
        assert not readyd("status", "--json").json["daemon"]["running"], signature


# tasks


def test_tasks_come_in_the_order_of_their_deadlines_then_the_settled_ones(readyd: Run, book: Any) -> None:
    past = book.post(1, hours_ago=80)
    fresh = book.post(1, hours_ago=1)
    done = book.post(2, hours_ago=5)
    near = book.post(1, hours_ago=70)
    book.collect(done[:1], hours_ago=1)
    book.collect(done[1:], hours_ago=0.1)
    shown = ids_of(readyd("tasks").out)
    assert shown == [*near, *fresh, *past, done[1], done[0]]
    assert ids_of(readyd("tasks", "--limit", "2").out) == shown[:2]
    assert ids_of(readyd("tasks", "--limit", "4").out) == shown[:4]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--state", "posted"], 12),
        (["--state", "ready"], 3),
        (["--state", "ready", "--state", "collected"], 5),
        (["--function", "serp/*"], 10),
        (["--function", "*my_business*"], 5),
        (["--function", "serp/*", "--state", "ready"], 3),
        (["--tag", "t:0"], 3),
        (["--tag", "nothing*"], 0),
        (["--band", "critical"], 2),
        (["--band", "fresh", "--band", "critical"], 15),
        (["--blocked"], 0),
        (["--not-blocked", "--state", "collected"], 2),
        (["--state", "lost"], 0),
        ([], 17),
    ],
)
def test_filters_select(readyd: Run, book: Any, options: list[str], expected: int) -> None:
    ids = book.post(10)
    book.look(ids[:5])
    book.collect(ids[:2])
    book.post(5, GMB)
    book.post(2, "keywords_data/google_ads/search_volume", hours_ago=70)
    said = readyd("tasks", "--json", *options)
    assert said.code == 0
    assert said.json["total"] == expected
    assert len(said.json["tasks"]) == expected


def test_blocked_tasks_are_found_and_say_so(readyd: Run, book: Any) -> None:
    ids = book.post(3)
    with Ledger.open(book.path) as ledger:
        ledger.tasks.block(ids[:2], book.ago(0.2))
    assert ids_of(readyd("tasks", "--blocked").out) == ids[:2]
    assert "blocked" in readyd("tasks").out
    assert ids_of(readyd("tasks", "--not-blocked").out) == ids[2:]


def test_the_limit_says_how_many_there_are(readyd: Run, book: Any) -> None:
    book.post(9)
    said = readyd("tasks", "--limit", "4")
    assert len(ids_of(said.out)) == 4
    assert "4 of 9 tasks" in said.out
    assert readyd("tasks", "--limit", "4", "--json").json["total"] == 9
    assert len(ids_of(readyd("tasks", "--limit", "0").out)) == 9


def test_a_pipe_gets_every_value_whole_in_aligned_columns(readyd: Run, book: Any) -> None:
    tag = "x" * 250
    book.post(60, GMB, tag=tag)
    lines = readyd("tasks").out.splitlines()
    assert len(lines) == 61
    assert all(tag in line and GMB in line for line in lines[1:])
    assert len({line.index("posted") for line in lines[1:]}) == 1
    assert not re.search(r"\x1b", "".join(lines))
    assert all(line == line.rstrip() for line in lines)


def test_nothing_found_is_said_beside_the_data(readyd: Run, book: Any) -> None:
    book.post(1)
    said = readyd("tasks", "--tag", "none")
    assert (said.code, said.out, said.err) == (0, "", "no task matches\n")


def test_task_keys_are_stable(readyd: Run, book: Any) -> None:
    book.post(1)
    task = readyd("tasks", "--json").json["tasks"][0]
    assert {"id", "function", "state", "tag", "priority", "band", "deadline_at", "retention_at"} <= set(task)
    assert {"posted_at", "recorded_at", "ready_at", "settled_at", "blocked_at", "attempts", "cost"} <= set(
        task
    )


# alerts


def test_alerts_say_what_is_wrong_and_the_command_that_lists_it(readyd: Run, book: Any) -> None:
    book.post(1)
    book.alert("urgent")
    said = readyd("alerts")
    assert said.code == 0
    assert "urgent expiring" in said.out
    assert "and 1,145 more" in said.out
    assert "--band urgent" in said.out


def test_alerts_say_when_nobody_is_there_to_open_one(readyd: Run, book: Any, monkeypatch: Any) -> None:
    book.post(1, hours_ago=3)
    monkeypatch.setattr("daemon.cli.options.wall_clock_ms", lambda: book.now + HOUR_MS)
    said = readyd("alerts")
    assert (said.code, said.err) == (1, "")
    assert said.out.startswith("attention no list was read for ")
    assert said.out.endswith(" although tasks are outstanding; no daemon is running: start readyd run\n")
    assert readyd("alerts", "--json").json["healthy"] is False
    book.alert("urgent")
    assert readyd("alerts").out.index("attention") < readyd("alerts").out.index("urgent expiring")


def test_a_grave_alert_is_told_once_and_is_exit_code_1(readyd: Run, book: Any) -> None:
    book.post(1)
    book.alert("critical", detail="hurry up")
    said = readyd("alerts")
    assert (said.code, said.out.count("hurry up")) == (1, 1)
    assert readyd("alerts", "--json").json["problems"] == ["hurry up"]


@pytest.mark.parametrize(
    "words",
    [["alerts", "--limit"], ["tasks", "--limit"], ["show", "x", "--result", "--edition"]],
    ids=" ".join,
)
def test_a_number_beyond_reason_is_wrong_usage(readyd: Run, book: Any, words: list[str]) -> None:
    book.post(1)
    said = readyd(*words, "9" * 23)
    assert said.code == 2
    assert re.match(r"readyd: .*'--\w+': 9{23} is not in the range", said.err)


def test_closed_alerts_are_shown_when_asked_for(readyd: Run, book: Any) -> None:
    book.post(1)
    book.alert("urgent", closed_at=book.ago(1))
    assert readyd("alerts").out == ""
    assert "closed" in readyd("alerts", "--all").out
    assert len(readyd("alerts", "--all", "--json").json["alerts"]) == 1
    assert readyd("alerts", "--json").json["alerts"] == []


def test_reading_writes_nothing(readyd: Run, book: Any) -> None:
    ids = book.post(3)
    book.collect(ids[:1])
    before = {path: path.read_bytes() for path in book.path.parent.rglob("*.db")}
    for words in (["status"], ["tasks"], ["show", ids[0]], ["alerts"], ["show", ids[0], "--result"]):
        assert readyd(*words).code == 0
    assert {path: path.read_bytes() for path in book.path.parent.rglob("*.db")} == before


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_json_is_utf8_whatever_the_locale(
    process: Run, environ: dict[str, str], book: Any, encoding: str
) -> None:
    book.post(1, tag="日本語 🦉")
    environ |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": encoding}
    environ["PYTHONCOERCECLOCALE"] = "0"
    done = process("tasks", "--json")
    assert json.loads(done.stdout)["tasks"][0]["tag"] == "日本語 🦉"
    plain = process("tasks")
    assert (plain.returncode, plain.stderr) == (0, b"")
