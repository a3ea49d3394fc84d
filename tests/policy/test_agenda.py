"""The agenda: a task is worth a GET from an instant on, and nobody is forgotten until then or afterwards."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.policy.agenda import Agenda
from daemon.policy.priority import Ranked
from daemon.policy.probing import GetReason, consider_at, why_get, worth_at
from daemon.policy.rules import HOUR_MS, MINUTE_MS, Rules
from ledger.records import Candidate, State, Webhook

NOW = 10**12
RULES = Rules()
USUAL = RULES.turnaround("serp/google/organic")

AROUND = st.integers(-80, 8).map(lambda hours: NOW + hours * HOUR_MS) | st.integers(-50, 50).map(
    lambda minutes: NOW + minutes * MINUTE_MS
)
MAYBE = st.none() | AROUND
TASKS = st.builds(
    Candidate,
    id=st.just("t"),
    function=st.sampled_from(["serp/google/organic", "ai_optimization/claude/llm_responses"]),
    state=st.sampled_from([State.POSTED, State.READY]),
    tag=st.none(),
    priority=st.integers(1, 3),
    webhook=st.sampled_from(list(Webhook)),
    variant=st.none(),
    endpoint=st.none(),
    posted_at=AROUND,
    earliest_done_at=MAYBE,
    pending_at=MAYBE,
    blocked_at=MAYBE,
    attempts=st.integers(0, 3),
    next_try_at=MAYBE,
)


def task(name: str = "t", posted_at: int = NOW, **more: object) -> Candidate:
    plain = Candidate(
        id=name,
        function="serp/google/organic",
        state=State.POSTED,
        tag=None,
        priority=1,
        webhook=Webhook.NONE,
        variant=None,
        endpoint=None,
        posted_at=posted_at,
        earliest_done_at=None,
        pending_at=None,
        blocked_at=None,
        attempts=0,
        next_try_at=None,
    )
    return replace(plain, **more)  # type: ignore[arg-type]


def ranked(one: Candidate) -> Ranked:
    return Ranked(one.id, one.priority, one.posted_at + 72 * HOUR_MS, one.posted_at + 10**10)


def put(agenda: Agenda, one: Candidate, now: int, clear_at: int | None = None) -> bool:
    return agenda.consider(one, ranked(one), clear_at, now)


@settings(max_examples=1_000)
@given(TASKS, MAYBE, AROUND)
def test_a_get_is_worth_it_from_one_instant_on(one: Candidate, clear_at: int | None, now: int) -> None:
    from_then_on = worth_at(one, clear_at, RULES)
    assert (why_get(one, now, clear_at, RULES) is not None) is (now >= from_then_on)
    if from_then_on > 0:
        assert why_get(one, from_then_on - 1, clear_at, RULES) is None
        assert why_get(one, from_then_on, clear_at, RULES) is not None


@settings(max_examples=500)
@given(TASKS, MAYBE, AROUND)
def test_it_is_looked_at_again_no_later_than_that_and_not_at_once(
    one: Candidate, clear_at: int | None, now: int
) -> None:
    again = consider_at(one, clear_at, now, RULES)
    assert again <= worth_at(one, clear_at, RULES)
    if why_get(one, now, clear_at, RULES) is None:
        assert again > now


def test_a_postback_task_is_looked_at_whenever_a_list_may_have_had_its_chance_to_show_it() -> None:
    one = task(webhook=Webhook.POSTBACK)
    usual = NOW + USUAL.usual_ms + RULES.list_lag_ms
    assert worth_at(one, None, RULES) == NOW + USUAL.late_ms
    assert consider_at(one, None, NOW, RULES) == usual
    assert consider_at(one, None, usual, RULES) == usual + RULES.pace_hurried_ms
    assert why_get(one, usual + 1, usual, RULES) is GetReason.POSTBACK
    dated = replace(one, earliest_done_at=NOW + 1)
    assert consider_at(dated, None, NOW, RULES) == NOW + 1 + RULES.postback_grace_ms


def test_a_blocked_task_that_was_pending_is_worth_a_get_when_the_next_audit_should_have_told() -> None:
    one = task(blocked_at=NOW, pending_at=NOW)
    assert worth_at(one, None, RULES) == NOW + 2 * RULES.audit_hurried_ms


def test_a_task_waits_for_its_time_and_is_named_then_once() -> None:
    agenda = Agenda(RULES)
    for name, minutes in (("b", 2), ("a", 1), ("c", 3)):
        assert not put(agenda, task(name, NOW + minutes * MINUTE_MS), NOW)
    late = USUAL.late_ms
    assert agenda.next_at() == NOW + MINUTE_MS + late
    assert agenda.due(NOW + MINUTE_MS + late - 1, 9) == []
    assert agenda.due(NOW + 3 * MINUTE_MS + late, 2) == ["a", "b"]
    assert agenda.due(NOW + 3 * MINUTE_MS + late, 2) == ["c"]
    assert (agenda.next_at(), len(agenda)) == (None, 0)


def test_news_moves_a_task_to_where_it_belongs() -> None:
    agenda, one = Agenda(RULES), task()
    put(agenda, one, NOW)
    assert put(agenda, replace(one, state=State.READY), NOW), "a list shows it"
    assert (agenda.next_at(), len(agenda.backlog)) == (None, 1)
    assert not put(agenda, replace(one, state=State.READY), NOW), "no news"
    assert put(agenda, replace(one, state=State.READY, priority=2), NOW), "somebody hurried it"
    assert not put(agenda, replace(one, next_try_at=NOW + 9), NOW), "postponed"
    assert (agenda.next_at(), len(agenda.backlog), len(agenda)) == (
        max(NOW + 9, NOW + USUAL.late_ms),
        0,
        1,
    )
    assert put(agenda, replace(one, blocked_at=NOW), NOW), "hidden"
    agenda.forget("t")
    assert (agenda.next_at(), len(agenda)) == (None, 0)
    agenda.forget("t")


STEPS = st.lists(
    st.tuples(st.sampled_from(["consider", "forget", "due"]), st.integers(0, 5), TASKS), max_size=40
)


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_every_task_is_in_one_place_until_it_is_named_or_forgotten(
    steps: list[tuple[str, int, Candidate]],
) -> None:
    agenda, plain = Agenda(RULES), dict[str, Candidate]()
    for number, (what, which, one) in enumerate(steps):
        now, name = NOW + number * MINUTE_MS, f"t{which}"
        if what == "consider":
            plain[name] = replace(one, id=name)
            put(agenda, plain[name], now)
        elif what == "forget":
            agenda.forget(name)
            plain.pop(name, None)
        else:
            for gone in agenda.due(now, which):
                del plain[gone]
        assert len(agenda) == len(plain)
        waiting = {name for name in plain if name not in agenda.backlog}
        assert set(agenda._waiting) == waiting
        assert agenda.next_at() == min(agenda._waiting.values(), default=None)
