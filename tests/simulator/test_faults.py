"""Faults by name: what is understood, what is refused, and how often they happen."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from daemon.simulator.faults import ANSWER, CATALOGUE, NETWORK, Faults, FaultsError
from daemon.simulator.options import Turnaround

HOUR = 3_600_000
Make = Callable[..., Any]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", {}),
        ("", {}),
        ("default", dict(Faults.default().probabilities)),
        ("reset_body", {"reset_body": CATALOGUE["reset_body"].usual}),
        ("reset_body:0.25, fails", {"reset_body": 0.25, "fails": CATALOGUE["fails"].usual}),
        ("default,fails:0", {**Faults.default().probabilities, "fails": 0.0}),
    ],
)
def test_faults_are_read_from_text(text: str, expected: dict[str, float]) -> None:
    assert Faults.parse(text).probabilities == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("reset_bodies", "There is no fault called 'reset_bodies'; did you mean 'reset_body'?"),
        ("xyz:0.5", "There is no fault called 'xyz'; known are none, default, connect_error"),
        ("fails:2", "The probability of fails is 2.0; give a number between 0 and 1"),
        ("fails:often", "The probability of fails is 'often'; give a number between 0 and 1"),
        ("fails:nan", "The probability of fails is nan; give a number between 0 and 1"),
    ],
)
def test_wishes_that_cannot_be_are_refused_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(FaultsError) as raised:
        Faults.parse(text)
    assert str(raised.value).startswith(sentence)
    assert "\n" not in str(raised.value)


def test_every_fault_says_what_it_is() -> None:
    for fault in Faults.names():
        assert fault.meaning, fault.name
        assert 0 <= fault.default <= fault.usual <= 1
    assert len(CATALOGUE) == len(Faults.names())


def test_excluding_faults_happen_about_as_often_as_they_say() -> None:
    faults = Faults.only(reset_body=0.1, lost_answer=0.3)
    dice = random.Random(1)
    drawn = [faults.one_of(NETWORK, dice) for _ in range(10_000)]
    assert 900 < drawn.count("reset_body") < 1100
    assert 2850 < drawn.count("lost_answer") < 3150
    assert set(drawn) == {None, "reset_body", "lost_answer"}


def test_task_faults_happen_about_as_often_as_they_say(simulate: Make) -> None:
    remote = simulate(faults=Faults.only(fails=0.1, no_results=0.2, partial=0.3))
    codes = [remote.world.truth(task_id).code for task_id in remote.create(5000)]
    assert 400 < codes.count(40101) + codes.count(40103) < 600
    assert codes.count(40101) > codes.count(40103) > 0
    assert 800 < codes.count(40102) < 1000, "a fifth of those that did not fail"
    assert 950 < codes.count(40106) < 1210


def test_one_fault_does_not_shift_the_luck_of_another(simulate: Make) -> None:
    def luck(**probabilities: float) -> list[tuple[int, bool]]:
        remote = simulate(faults=Faults.only(**probabilities))
        truths = [remote.world.truth(task_id) for task_id in remote.create(300)]
        return [(truth.done_at, "fails" in truth.luck) for truth in truths]

    assert luck(fails=0.2) == luck(fails=0.2, unlisted=0.5, tag_null=1.0)


def test_late_and_missing_rows_are_late_and_missing(simulate: Make) -> None:
    def listed(fault: str, wait: int) -> int:
        remote = simulate(faults=Faults.only(**{fault: 1.0}))
        remote.create(100)
        remote.pass_(wait)
        return len(remote.ready().rows)

    assert listed("unlisted", 2 * HOUR) == 0
    assert 20 < listed("lag_spike", HOUR // 4) < 80
    assert listed("lag_spike", HOUR) == 100


def test_failed_tasks_may_stay_off_the_list(simulate: Make) -> None:
    for hidden in (0.0, 1.0):
        remote = simulate(faults=Faults.only(fails=1.0, failed_unlisted=hidden))
        (task_id,) = remote.create()
        remote.pass_(HOUR)
        assert remote.ready().ids == ([] if hidden else [task_id])
        assert remote.fetch(task_id).code in (40101, 40103)


def test_a_long_tail_takes_eight_times_as_long(simulate: Make) -> None:
    options = {"turnaround": Turnaround(special={})}
    usual, late = (simulate(faults=faults, **options) for faults in (None, Faults.only(long_tail=1.0)))
    pairs = zip(usual.create(20), late.create(20), strict=True)
    for one, other in pairs:
        quick, slow = usual.world.truth(one), late.world.truth(other)
        assert slow.done_at - slow.posted_at == 8 * (quick.done_at - quick.posted_at)


def test_a_fresh_task_may_be_unknown_for_a_minute(simulate: Make) -> None:
    remote = simulate(faults=Faults.only(fresh_not_found=1.0), turnaround=Turnaround(HOUR, HOUR, special={}))
    (task_id,) = remote.create()
    assert remote.fetch(task_id).code == 40401
    remote.pass_(60_000)
    assert remote.fetch(task_id).code in (40601, 40602)


def test_a_priority_may_be_echoed_as_text(simulate: Make) -> None:
    for faults, echoed in ((None, 2), (Faults.only(priority_as_text=1.0), "2")):
        remote = simulate(faults=faults)
        (task_id,) = remote.create(priority=2)
        remote.pass_(HOUR)
        assert remote.fetch(task_id).task["data"]["priority"] == echoed


def test_a_result_may_be_parsed_again_by_itself(simulate: Make) -> None:
    remote = simulate(faults=Faults.only(reparsed=1.0))
    (task_id,) = remote.create()
    remote.pass_(HOUR)
    remote.fetch(task_id)
    assert remote.get("/v3/serp/google/organic/tasks_fixed").ids == []
    remote.pass_(7 * HOUR)
    assert remote.get("/v3/serp/google/organic/tasks_fixed").ids == [task_id]


def test_the_default_mix_mostly_works(simulate: Make) -> None:
    assert sum(Faults.default().probabilities[name] for name in (*NETWORK, *ANSWER)) < 0.05
    remote = simulate(faults=Faults.default())
    works = [remote.fetch("nonsense") for _ in range(2000)]
    fine = sum(answer.status == 200 and answer.reply.accident is None for answer in works)
    assert 1880 < fine < 2000
