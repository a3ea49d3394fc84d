"""What a webhook is worth: good news and the remote's verdict, never a wait, a loss or a second result."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.policy.answers import Answer, AnswerKind
from daemon.policy.arrivals import Fate, Ruling, of_pingback, of_postback
from daemon.policy.rules import Rules
from ledger.records import Candidate, Reason, State, Webhook
from ledger.states import OUTSTANDING, TRANSITIONS

NOON = 1_795_000_000_000
RULES = Rules()
TASK = Candidate(
    id="a", function="serp/google/organic", state=State.POSTED, tag=None, priority=1, webhook=Webhook.POSTBACK,
    variant="advanced", endpoint=None, posted_at=NOON, earliest_done_at=None, pending_at=None, blocked_at=None,
    attempts=0, next_try_at=None,
)  # fmt: skip
RESULTS = (AnswerKind.DONE, AnswerKind.EMPTY, AnswerKind.PARTIAL)


def postback(
    kind: AnswerKind = AnswerKind.DONE,
    state: State = State.POSTED,
    *,
    verify: bool = False,
    edition: int = 1,
    age: int = 0,
) -> Ruling:
    answer = Answer(kind, 20000, "said")
    return of_postback(replace(TASK, state=state), answer, NOON + age, RULES, verify=verify, edition=edition)


@pytest.mark.parametrize("kind", RESULTS)
@pytest.mark.parametrize("state", [State.POSTED, State.READY, State.LOST])
def test_a_result_is_collected_through_ready_and_says_which_way_it_came(
    kind: AnswerKind, state: State
) -> None:
    ruling = postback(kind, state)
    assert ruling.end is not None
    assert (ruling.fate, ruling.keeps_body) == (Fate.SETTLED, True)
    assert (ruling.end.expected, ruling.end.to) == (State.READY, State.COLLECTED)
    assert ruling.end.reason is Reason.POSTBACK
    assert ruling.sign is (None if state is State.READY else Reason.POSTBACK)


def test_a_result_that_came_to_us_is_never_called_delivered_to_somebody_else() -> None:
    ruling = postback(state=State.POSTED)
    assert ruling.end is not None
    assert ruling.end.to is State.COLLECTED


def test_the_remotes_verdict_is_believed_and_needs_no_body() -> None:
    for state in (State.POSTED, State.READY, State.LOST):
        ruling = postback(AnswerKind.FAILED, state)
        assert ruling.end is not None
        assert (ruling.end.to, ruling.end.reason) == (State.FAILED, Reason.FAILED_REMOTELY)
        assert not ruling.keeps_body
        assert State.FAILED in TRANSITIONS[ruling.end.expected]


@given(
    st.sampled_from(AnswerKind),
    st.sampled_from(State),
    st.booleans(),
    st.integers(1, 3),
    st.integers(0, 10**11),
)
def test_no_postback_postpones_loses_or_repeats(
    kind: AnswerKind, state: State, verify: bool, edition: int, age: int
) -> None:
    ruling = postback(kind, state, verify=verify, edition=edition, age=age)
    assert ruling.end is None or ruling.end.to in (State.COLLECTED, State.FAILED)
    if state not in OUTSTANDING | {State.LOST}:
        assert ruling == Ruling(Fate.REPLAYED)
    elif kind not in (*RESULTS, AnswerKind.FAILED):
        assert ruling == Ruling(Fate.UNUSABLE)
    elif verify or edition > 1:
        assert ruling.end is None
        assert ruling.fate is (Fate.REPLAYED if state is State.READY else Fate.READY)
    if ruling.sign:
        assert State.READY in TRANSITIONS[state]


@pytest.mark.parametrize("more", [{"verify": True}, {"edition": 2}])
def test_with_verify_and_after_a_re_parse_a_postback_is_only_a_sign(more: dict[str, Any]) -> None:
    assert postback(state=State.POSTED, **more) == Ruling(Fate.READY, Reason.POSTBACK)
    assert postback(state=State.READY, **more) == Ruling(Fate.REPLAYED)


@pytest.mark.parametrize("state", State)
def test_a_pingback_is_news_only_about_what_is_waited_for(state: State) -> None:
    ruling = of_pingback(replace(TASK, state=state))
    if state in (State.POSTED, State.LOST):
        assert ruling == Ruling(Fate.READY, Reason.PINGBACK)
    else:
        assert ruling == Ruling(Fate.REPLAYED)


def test_webhooks_about_strangers_are_nothing() -> None:
    answer = Answer(AnswerKind.DONE, 20000, None)
    assert of_pingback(None) == Ruling(Fate.UNKNOWN)
    assert of_postback(None, answer, NOON, RULES, verify=False, edition=1) == Ruling(Fate.UNKNOWN)
