"""`readyd explain` says what is known of a task, from which observation, and what happens next."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from daemon.cli import explained
from ledger import Ledger
from ledger.records import Postponement, Reason
from ledger.times import MINUTE_MS

Run = Callable[..., Any]
LISTING = "/v3/serp/tasks_ready"


def told(readyd: Run, task_id: str) -> dict[str, str]:
    """Each group of sentences as one line."""
    said = readyd("explain", task_id, "--json")
    assert said.code == 0
    return {title: " ".join(text) for title, text in said.json.items() if isinstance(text, list)}


def postpone(book: Any, task_id: str, **changes: Any) -> None:
    fields: dict[str, Any] = {"attempts": 1, "next_try_at": book.now + 10 * MINUTE_MS, "code": 40602}
    fields |= {"message": "Task In Queue.", "pending_at": None, **changes}
    with Ledger.open(book.path) as ledger:
        ledger.postpone([Postponement(task_id=task_id, **fields)])


def test_every_reason_has_its_observation() -> None:
    assert set(explained.EVIDENCE) >= {str(reason) for reason in Reason}


def test_a_task_that_no_list_was_asked_about(readyd: Run, book: Any) -> None:
    (one,) = book.post(1, hours_ago=0.05)
    text = told(readyd, one)
    assert "serp/google/organic with the tag 't:0', posted at " in text["task"]
    assert "It is posted: accepted by the remote; no sign yet that it is done." in text["known"]
    assert "task_post's answer was recorded; so it became posted." in text["known"]
    assert "No list that could show it has been read yet." in text["known"]
    assert "If it is done, Tasks Ready shows it until" in text["time"]
    assert "(2d 23h left); band: fresh." in text["time"]
    assert "The lists are asked for it" in text["next"]
    # Docs: 45 minutes at most; so a task of three minutes has 42 left.
    assert re.search(r"it is asked for by id at \S+ \S+Z, in 4[12]m( \d+s)?\.", text["next"])


def test_a_clear_list_without_it_is_evidence_and_a_full_one_is_none(readyd: Run, book: Any) -> None:
    (one,) = book.post(1, hours_ago=2)
    book.look(hours_ago=0.5)
    assert f"{LISTING}, read " in told(readyd, one)["known"]
    assert "did not show it, so it was not done then" in told(readyd, one)["known"]
    book.look(hours_ago=0.25, saturated=True)
    known = told(readyd, one)["known"]
    assert "was full (1,000 rows) without it; that proves nothing." in known
    assert "was not done then" not in known


def test_a_look_before_it_was_posted_is_no_evidence(readyd: Run, book: Any) -> None:
    book.look(hours_ago=3)
    (one,) = book.post(1, hours_ago=2)
    assert LISTING not in told(readyd, one)["known"]


def test_a_blocked_task_says_behind_what_and_is_fetched_by_id(readyd: Run, book: Any) -> None:
    (one,) = book.post(1, hours_ago=0.5)
    book.look(hours_ago=0.1, saturated=True)
    with Ledger.open(book.path) as ledger:
        ledger.tasks.block([one], book.ago(0.1))
    text = told(readyd, one)
    assert "It counts as blocked since" in text["known"]
    assert text["next"].startswith(
        "It is worth a GET now: the lists that could show it are full; its turn comes"
    )


def test_an_answer_that_was_too_early_says_so_and_when_the_next_comes(readyd: Run, book: Any) -> None:
    (one,) = book.post(1, hours_ago=1)
    postpone(book, one, attempts=3, pending_at=book.ago(0.1))
    text = told(readyd, one)
    assert "that it was not done, 6m" in text["known"]
    assert "The last answer about it was 40602 Task In Queue." in text["known"]
    assert re.search(
        r"The next GET is not before .*, in (9m 5\ds|10m) after 3 answers of this kind\.", text["next"]
    )


def test_an_old_task_that_no_list_shows_is_asked_for_by_id(readyd: Run, book: Any) -> None:
    (one,) = book.post(1, hours_ago=2)
    assert "it should long be done" in told(readyd, one)["next"]
    (other,) = book.post(1, hours_ago=80)
    assert "Tasks Ready may have forgotten it" in told(readyd, other)["next"]


def test_a_listed_task_has_an_interval_and_its_turn(readyd: Run, book: Any) -> None:
    (one,) = book.post(1, hours_ago=1)
    book.look([one], hours_ago=0.5)
    text = told(readyd, one)
    assert "a list of Tasks Ready showed it; so it became ready." in text["known"]
    assert "It was done between" in text["known"]
    assert text["time"].startswith("Tasks Ready shows it until")
    assert "since it is done; its turn comes by priority (1)" in text["next"]


def test_a_postback_task_says_why_no_list_shows_it(readyd: Run, book: Any) -> None:
    (one,) = book.post(1, hours_ago=0.05, postback_url="https://hooks.example/x", postback_data="advanced")
    text = told(readyd, one)
    assert "postback server; lists show it only if that fails." in text["task"]
    assert "Tasks Ready shows" not in text["time"]
    assert "If none shows before that its delivery failed, a GET finds out at" in text["next"]


@pytest.mark.parametrize(("verb", "said"), [("collect", "its result is here"), ("fail", "this is final")])
def test_a_settled_task_asks_for_nothing(readyd: Run, book: Any, verb: str, said: str) -> None:
    ids = book.post(1)
    getattr(book, verb)(ids)
    text = told(readyd, ids[0])
    assert said in text["next"]
    assert "time" not in text


def test_a_re_parsed_task_tells_its_story(readyd: Run, book: Any) -> None:
    (one,) = book.post(1)
    book.collect([one], hours_ago=0.5)
    book.reparse([one])
    text = told(readyd, one)
    assert (
        "It is ready: parsed anew by the remote; the new result is not here yet, the earlier one is."
        in (text["known"])
    )
    assert "a list of re-parsed tasks (tasks_fixed) showed it; so it became ready." in text["known"]
    assert text["time"].startswith("The list of re-parsed tasks shows it until it is fetched again;")
    assert "since it is done; its turn comes by priority (1)" in text["next"]
    book.collect([one], hours_ago=0.1, edition=2)
    text = told(readyd, one)
    assert re.search(
        r"Edition 1 of its result \(advanced\), fetched at .*Z, is kept\. Edition 2 of its", text["known"]
    )
    assert "exactly" not in text["known"], "nobody said when it was parsed anew"
    assert "Its newest result was parsed by 20" in text["known"]
    assert "`readyd show ID --result` writes the newest edition" in text["next"]


def test_a_terminal_gets_wrapped_groups_and_a_prefix_is_enough(readyd: Run, book: Any) -> None:
    book.post(1)
    said = readyd("explain", "11231402")
    assert [line for line in said.out.splitlines() if not line.startswith(" ")] == [
        "task",
        "known",
        "time",
        "next",
    ]
    assert readyd("explain", "no-such").code == 2


def test_words_of_the_remote_cannot_act_on_the_terminal(readyd: Run, book: Any) -> None:
    (one,) = book.post(1, tag="red\x1b[31m")
    postpone(book, one, message="odd\x1b[2J")
    assert "\x1b" not in readyd("explain", one).out
