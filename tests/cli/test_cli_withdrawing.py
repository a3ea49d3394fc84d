"""Planned tasks in the hands of people: withdrawn, hurried, and found by the id that was shown first."""

from collections.abc import Callable
from typing import Any

import pytest

from ledger import Ledger
from ledger.intent_records import Fate, Intent
from ledger.records import PrioritySource, Reason, State

Run = Callable[..., Any]
ORGANIC = "serp/google/organic"
POSTBACK = "https://hooks.example/p?secret=s3"


def plan(book: Any, count: int = 3, batch: str = "b", hours_ago: float = 2) -> list[str]:
    tasks = [
        {"function": ORGANIC, "keyword": f"{batch} {n}", "tag": f"t:{n}", "pingback_url": POSTBACK}
        for n in range(count)
    ]
    with Ledger.open(book.path) as ledger:
        ledger.plan(tasks, batch, now=book.ago(hours_ago))
        return [one.task_id for one in intents(ledger, book)][-count:]


def intents(ledger: Ledger, book: Any) -> list[Intent]:
    return ledger.intents.next(ORGANIC, book.now, book.now, 100)


def send(book: Any, count: int, hours_ago: float = 1) -> tuple[int, list[Intent]]:
    with Ledger.open(book.path) as ledger:
        first = intents(ledger, book)[:count]
        return ledger.intents.begin(ORGANIC, first, book.ago(hours_ago)), first


def accept(book: Any, count: int) -> list[str]:
    """Let the remote take the first tasks; return the ids that it gives."""
    call, sent = send(book, count)
    given = {one.key: f"11231402-1535-0066-0000-{number:012x}" for number, one in enumerate(sent)}
    fates = [Fate(key, State.POSTED, Reason.ACCEPTED, task_id) for key, task_id in given.items()]
    with Ledger.open(book.path) as ledger:
        ledger.intents.end(call, fates, outcome="answered", code=20000, why=None, at=book.ago(1))
    return list(given.values())


def states(readyd: Run) -> dict[str, str]:
    return {one["id"]: one["state"] for one in readyd("tasks", "--json").json["tasks"]}


# withdraw


def test_a_planned_task_is_withdrawn_and_never_sent(readyd: Run, book: Any) -> None:
    one, other, third = plan(book)
    said = readyd("withdraw", one, other[:12])
    assert (said.code, said.out, said.err) == (0, "2 tasks withdrawn\n", "")
    assert states(readyd) == {one: "rejected", other: "rejected", third: "planned"}
    with Ledger.open(book.path) as ledger:
        assert [left.task_id for left in intents(ledger, book)] == [third]
    text = " ".join(readyd("explain", one).out.split())
    assert ", planned at " in text
    assert "a person took it back before it was sent (readyd withdraw); so it became rejected." in text
    assert "Nothing: this is final." in text


def test_the_address_of_a_withdrawn_task_s_webhook_is_not_kept(readyd: Run, book: Any) -> None:
    (one,) = plan(book, 1)
    readyd("withdraw", one)
    with Ledger.open(book.path) as ledger, ledger._connection.reading() as database:
        assert database.rows("select payload from intent") == [("{}",)]


def test_what_was_sent_is_left_alone_and_named(readyd: Run, book: Any) -> None:
    ids = plan(book)
    send(book, 1)
    said = readyd("withdraw", "--json", *ids, ids[1])
    assert (said.code, said.json) == (1, {"withdrawn": ids[1:], "left": ids[:1]})
    said = readyd("withdraw", ids[0])
    assert (said.code, said.out) == (1, "0 tasks withdrawn\n")
    assert f"task {ids[0]} was left alone: it is not planned any more" in said.err
    assert states(readyd)[ids[0]] == "posting"


def test_what_a_batch_has_left_is_withdrawn_in_groups(
    readyd: Run, book: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from daemon.cli import withdrawing

    monkeypatch.setattr(withdrawing, "GROUP", 2)
    plan(book, 6, "wrong")
    others = plan(book, 2, "right")
    send(book, 1)
    said = readyd("withdraw", "--batch", "wrong")
    assert (said.code, said.out) == (0, "5 tasks withdrawn\n")
    assert {one for one, state in states(readyd).items() if state == "planned"} == set(others)
    again = readyd("withdraw", "--batch", "wrong")
    assert again.code == 1
    assert "nothing that is still planned is named so" in again.err


def test_tasks_are_withdrawn_by_function_and_tag(readyd: Run, book: Any) -> None:
    ids = plan(book)
    assert readyd("withdraw", "--function", "serp/bing/*").code == 1
    assert readyd("withdraw", "--json", "--function", "serp/*", "--tag", "t:1").json["withdrawn"] == [ids[1]]


@pytest.mark.parametrize("words", [[], ["--batch", "b", "--tag", "t:1"], ["plan-", "--batch", "b"], ["nope"]])
def test_a_withdrawal_that_cannot_be_meant_changes_nothing(readyd: Run, book: Any, words: list[str]) -> None:
    plan(book)
    assert readyd("withdraw", *words).code == 2
    assert set(states(readyd).values()) == {"planned"}


def test_a_withdrawn_line_is_planned_again_in_another_batch_alone(readyd: Run, book: Any) -> None:
    ids = plan(book)
    assert readyd("withdraw", *ids).code == 0
    assert plan(book) == [], "its batch knows it"
    assert len(plan(book, batch="another")) == 3


# prioritise


def test_a_priority_decides_which_planned_task_is_posted_first(readyd: Run, book: Any) -> None:
    one, other, third = plan(book)
    assert readyd("prioritise", third, "--priority", "9").out == "1 task now has priority 9\n"
    assert readyd("prioritise", "--tag", "t:1", "--priority", "5", "--json").json["changed"] == 1
    with Ledger.open(book.path) as ledger:
        assert [left.task_id for left in intents(ledger, book)] == [third, other, one]
        ledger.intents.set_priorities([(third, 1)])
    assert readyd("show", third, "--json").json["priority"] == 9, "no rule overwrites a person's word"


def test_a_task_that_got_its_id_meanwhile_gets_its_priority_too(readyd: Run, book: Any) -> None:
    """The command read which tasks to change a moment ago, and the daemon posts."""
    planned = plan(book, 1)
    (given,) = accept(book, 1)
    with Ledger.open(book.path) as ledger:
        assert ledger.tasks.set_priorities([(planned[0], 7)], PrioritySource.USER) == 1
    assert readyd("show", given, "--json").json["priority"] == 7
    assert readyd("prioritise", planned[0], "--priority", "8").code == 0
    assert readyd("show", given, "--json").json["priority"] == 8


def test_only_a_settled_task_is_said_to_be_settled(readyd: Run, book: Any) -> None:
    one, other, _ = plan(book)
    readyd("withdraw", one)
    said = readyd("prioritise", one, other, "--priority", "9")
    assert said.code == 1
    assert said.err == f"readyd: task {one} is settled, so there is nothing left to hurry\n"


# show and explain


@pytest.mark.parametrize("command", ["show", "explain"])
def test_a_posted_task_is_found_by_the_id_of_its_plan(readyd: Run, book: Any, command: str) -> None:
    planned = plan(book)
    given = accept(book, 2)
    for old, new in zip(planned, [*given, planned[2]], strict=True):
        for beginning in (old, old[:12]):
            assert readyd(command, beginning, "--json").json["id"] == new
    said = readyd(command, "plan-")
    assert said.code == 2
    assert all(one in said.err for one in planned), "the ids that begin so, not those of now"
    assert readyd(command, "plan-2222222222222222").code == 2


def test_show_and_explain_say_planned_and_sent_as_it_was(readyd: Run, book: Any) -> None:
    one, other, third = plan(book)
    readyd("withdraw", third)
    call, (sent,) = send(book, 1, hours_ago=1)
    assert sent.task_id == one
    for task_id, word, ago in ((one, "sent", "1h"), (other, "planned", "2h"), (third, "planned", "2h")):
        shown = readyd("show", task_id).out
        assert [line.split()[0] for line in shown.splitlines() if f", {ago} ago" in line] == [word]
        assert f", {word} at " in readyd("explain", task_id).out
    with Ledger.open(book.path) as ledger:
        back = Fate(sent.key, State.PLANNED, Reason.PUT_OFF, next_try_at=book.now)
        ledger.intents.end(call, [back], outcome="answered", code=20000, why=None, at=book.ago(0.5))
    assert "planned      20" in readyd("show", one).out
    assert ", 2h ago" in readyd("show", one).out, "it was planned then, whenever it was sent in vain"
