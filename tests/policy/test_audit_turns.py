"""Which page of id_list is asked, when, and that a sweep sees what it should, once, and ends."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.policy import audit
from daemon.policy.audit import PAGE_ROWS, Page, Turn, Why
from daemon.policy.rules import HOUR_MS, MINUTE_MS, AdoptRule, Rules
from ledger.records import Audit, Look, Outstanding

NOON = 1_000_000 * HOUR_MS
RULES = Rules()
MARGIN, GAP = RULES.audit_margin_ms, RULES.audit_gap_ms
APIS = ("serp", "keywords_data", "on_page")


def outstanding(function: str = "serp/google/organic", age: int = HOUR_MS) -> Outstanding:
    return Outstanding(function, 5, 0, 0, 0, NOON - age, 5)


def look(path: str = "/v3/serp/tasks_ready", *, saturated: bool = True, age: int = MINUTE_MS) -> Look:
    return Look(path, NOON - age, NOON - age, None, saturated, 1000, 0, 0)


def cursor(**changes: int | None) -> Audit:
    blank = Audit("serp", NOON - MINUTE_MS, NOON - MINUTE_MS, 0, None, None, None, 0, None, None, 0, 0)
    return replace(blank, **changes)  # type: ignore[arg-type]


def turns(
    *them: Outstanding, looks: tuple[Look, ...] = (), audits: tuple[Audit, ...] = (), rules: Rules = RULES
) -> list[Turn]:
    return audit.turns(
        them, {one.listing: one for one in looks}, {one.api: one for one in audits}, APIS, NOON, rules
    )


def test_nothing_outstanding_nothing_audited() -> None:
    assert turns() == []


def test_tasks_just_posted_are_left_to_the_lists() -> None:
    assert turns(outstanding(age=MINUTE_MS - 1)) == []
    (turn,) = turns(outstanding(age=MINUTE_MS))
    assert (turn.api, turn.why, turn.due_at) == ("serp", Why.PACE, NOON)


def test_only_apis_with_outstanding_tasks_have_a_turn() -> None:
    found = turns(outstanding("on_page/lighthouse"), outstanding("keywords_data/google_ads/search_volume"))
    assert [turn.api for turn in found] == ["keywords_data", "on_page"]
    assert [turn.api for turn in turns(outstanding("on_page"))] == ["on_page"]


def test_a_function_without_id_list_has_no_turn() -> None:
    assert turns(outstanding("content_generation/text")) == []


def test_a_saturated_window_hurries_and_who_waits_longest_comes_first() -> None:
    quiet = replace(cursor(asked_at=NOON - RULES.audit_ms - 1), api="keywords_data")
    found = turns(
        outstanding(),
        outstanding("keywords_data/google_ads/search_volume"),
        looks=(look(),),
        audits=(cursor(), quiet),
    )
    assert [(turn.api, turn.why, turn.due_at, turn.hidden) for turn in found] == [
        ("keywords_data", Why.PACE, NOON - 1, False),
        ("serp", Why.HIDDEN, NOON, True),
    ]


def test_apis_whose_sweeps_go_on_take_turns() -> None:
    one = cursor(sweep_at=NOON - HOUR_MS)
    other = replace(one, api="keywords_data", asked_at=NOON - MINUTE_MS + 1)
    found = turns(outstanding(), outstanding("keywords_data/google_ads/search_volume"), audits=(one, other))
    assert [turn.api for turn in found] == ["serp", "keywords_data"]


@pytest.mark.parametrize(
    "one", [look(saturated=False), look(age=RULES.recent_look_ms + 1), look("/v3/merchant/tasks_ready")]
)
def test_a_window_that_was_not_full_lately_hurries_nobody(one: Look) -> None:
    (turn,) = turns(outstanding(), looks=(one,), audits=(cursor(),))
    assert (turn.why, turn.due_at) == (Why.PACE, NOON - MINUTE_MS + RULES.audit_ms)


def test_a_sweep_under_way_goes_on_at_once() -> None:
    (turn,) = turns(outstanding(), audits=(cursor(sweep_at=NOON - HOUR_MS),))
    assert (turn.why, turn.due_at) == (Why.GOES_ON, NOON - MINUTE_MS)


def test_an_api_that_refuses_is_asked_ever_more_rarely_down_to_once_an_hour() -> None:
    pauses = []
    for failures in (1, 2, 3, 50):
        (turn,) = turns(outstanding(), audits=(cursor(failures=failures, sweep_at=NOON),))
        assert turn.why is Why.FAILED
        pauses.append(turn.due_at - (NOON - MINUTE_MS))
    assert pauses == [5 * MINUTE_MS, 10 * MINUTE_MS, 20 * MINUTE_MS, HOUR_MS]


def test_a_call_that_met_no_network_is_made_again_at_once() -> None:
    (turn,) = turns(outstanding(), audits=(cursor(answered_at=NOON - HOUR_MS),))
    assert (turn.why, turn.due_at) == (Why.FAILED, NOON - MINUTE_MS)


def test_a_call_of_the_future_was_made_before_the_clock_was_set_back() -> None:
    (turn,) = turns(outstanding(), audits=(cursor(asked_at=NOON + HOUR_MS),))
    assert turn.due_at == NOON


@pytest.mark.parametrize(
    ("pattern", "serp"),
    [(None, True), ("*", True), ("serp/*", True), ("s*", True), ("serp/google/maps", True), ("se?p/*", True),
     ("serp", True), ("merchant/*", False), ("serpent/*", False)],
)  # fmt: skip
def test_only_apis_that_an_adoption_rule_may_match_are_looked_through(
    pattern: str | None, serp: bool
) -> None:
    rules = replace(RULES, adopt_rules=(AdoptRule(pattern, None),))
    assert audit.adopts("serp", rules) is serp
    assert ("serp" in [turn.api for turn in turns(rules=rules)]) is serp


def test_stretches_keep_a_margin_and_leave_out_what_lies_far_between() -> None:
    first, near, far = NOON - 50 * HOUR_MS, NOON - 50 * HOUR_MS + GAP, NOON - HOUR_MS
    pages = audit.stretches([first, near, far], None, "serp", NOON, RULES)
    assert pages == [
        Page(first - MARGIN, near + MINUTE_MS + MARGIN),
        Page(far - MARGIN, far + MINUTE_MS + MARGIN),
    ]


def test_no_stretch_reaches_beyond_the_beginning_of_its_sweep() -> None:
    under_way = cursor(sweep_at=NOON - 10 * MINUTE_MS)
    pages = audit.stretches([NOON - 10 * MINUTE_MS, NOON - MINUTE_MS], under_way, "serp", NOON, RULES)
    assert pages == [Page(NOON - 10 * MINUTE_MS - MARGIN, NOON - 10 * MINUTE_MS)]
    assert audit.stretches([NOON - MINUTE_MS], None, "serp", NOON, RULES)[0].to_at == NOON


def test_an_api_whose_results_overtook_its_audit_has_a_turn_with_nothing_outstanding() -> None:
    (turn,) = audit.turns((), {}, {}, APIS, NOON, RULES, overtaken={"on_page", "content_generation"})
    assert turn.api == "on_page"


def test_what_came_while_a_sweep_goes_on_costs_it_no_call() -> None:
    began = NOON - 10 * MINUTE_MS
    under_way = cursor(sweep_at=began)
    assert audit.stretches([began + MINUTE_MS], under_way, "serp", NOON, RULES) == []


def test_looking_for_tasks_to_adopt_goes_back_three_days_and_then_only_to_what_was_seen() -> None:
    rules = replace(RULES, adopt_rules=(AdoptRule("serp/*", None),))
    assert audit.stretches([], None, "serp", NOON, rules) == [Page(NOON - rules.adopt_reach_ms, NOON)]
    seen = cursor(seen_to=NOON - HOUR_MS)
    assert audit.stretches([], seen, "serp", NOON, rules) == [Page(NOON - HOUR_MS - MARGIN, NOON)]
    assert audit.stretches([], seen, "merchant", NOON, rules) == []


def test_a_full_page_has_a_next_one_and_a_part_of_a_page_has_none() -> None:
    page = Page(NOON - HOUR_MS, NOON)
    first = audit.begun("serp", None, page, NOON)
    assert (first.sweep_at, first.from_at, first.to_at, first.offset) == (NOON, page.from_at, page.to_at, 0)
    second = audit.turned(first, PAGE_ROWS, 3)
    assert audit.next_page(second, [page]) == Page(page.from_at, page.to_at, PAGE_ROWS)
    third = audit.turned(audit.begun("serp", second, Page(page.from_at, page.to_at, PAGE_ROWS), NOON), 999, 4)
    assert (third.rows, third.foreign) == (1999, 7)
    assert audit.next_page(third, [page]) is None


def test_a_sweep_that_began_when_nothing_was_known_finds_its_first_page() -> None:
    page = Page(NOON - HOUR_MS, NOON)
    assert audit.next_page(None, [page]) == audit.next_page(cursor(), [page]) == page
    assert audit.next_page(None, []) is None


def test_only_a_sweep_for_tasks_to_adopt_moves_the_high_water_mark() -> None:
    under_way = cursor(sweep_at=NOON - HOUR_MS, seen_to=5)
    done = audit.finished(under_way, NOON, RULES)
    assert (done.sweep_at, done.from_at, done.to_at, done.offset) == (None, None, None, 0)
    assert (done.finished_at, done.seen_to) == (NOON, 5)
    rules = replace(RULES, adopt_rules=(AdoptRule(None, None),))
    assert audit.finished(under_way, NOON, rules).seen_to == NOON - HOUR_MS


@given(
    posted=st.lists(st.integers(0, 4_000), max_size=200),
    pending=st.floats(0, 1),
    full=st.integers(1, 30),
)
def test_a_sweep_shows_every_task_asked_for_and_ends(posted: list[int], pending: float, full: int) -> None:
    """A remote with pages of `full` rows, whose tasks were posted in these minutes; some stay pending."""
    tasks = sorted(NOON - minute * MINUTE_MS for minute in posted)
    unknown = {at // MINUTE_MS * MINUTE_MS for at in tasks}
    state: Audit | None = None
    shown: list[int] = []
    for calls in range(2_000):
        now = NOON + calls * 6_000
        page = audit.next_page(state, audit.stretches(sorted(unknown), state, "serp", now, RULES))
        if page is None:
            break
        assert page.from_at <= page.to_at
        state = audit.begun("serp", state, page, now)
        there = [at for at in tasks if page.from_at <= at <= page.to_at]
        rows = there[page.offset // PAGE_ROWS * full :][:full]
        shown += rows
        state = audit.turned(state, PAGE_ROWS if len(rows) == full else len(rows), 0)
        unknown -= {at // MINUTE_MS * MINUTE_MS for at in rows if at % 1000 / 1000 >= pending}
    else:
        raise AssertionError("the sweep does not end")
    assert sorted(shown) == tasks, "each row once"


def test_nothing_is_asked_for_beyond_what_id_list_keeps() -> None:
    ancient = NOON - RULES.audit_reach_ms - HOUR_MS
    assert audit.stretches([ancient], None, "serp", NOON, RULES) == []
    edge = NOON - RULES.audit_reach_ms
    assert audit.stretches([edge], None, "serp", NOON, RULES)[0].from_at == edge


def test_where_windows_are_full_a_minute_is_old_enough() -> None:
    assert audit.young_at(NOON, RULES, hidden=False) == NOON - 10 * MINUTE_MS
    assert audit.young_at(NOON, RULES, hidden=True) == NOON - MINUTE_MS
