"""What an answer to a posting means for each task, which call comes next, and what proves a task absent."""

from dataclasses import replace

import pytest

from daemon.policy import lookup, posting
from daemon.policy.lookup import Flaw, Proofs, Read, Shown
from daemon.policy.posting import Kind
from daemon.policy.rules import DAY_MS, HOUR_MS, MINUTE_MS, Rules
from ledger.intent_records import Head, Intent, Unknown
from ledger.records import Reason, State

RULES = Rules()
NOW = 1_795_000_000_000
ONE = Intent("aaaaaaaaaaaaaaaa", "plan-a", "serp/google/organic", None, "{}", 0, None, 0)


class Word:
    """What the remote says of one task."""

    def __init__(self, code: int | None, task_id: str | None = None, *, documented: bool = False) -> None:
        self.code, self.task_id, self.documented = code, task_id, documented
        self.message, self.cost = "words", 0.5


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (40202, Kind.THROTTLED),
        (40209, Kind.THROTTLED),
        (40200, Kind.MONEY),
        (40203, Kind.MONEY),
        (40210, Kind.MONEY),
        (40204, Kind.SUBSCRIPTION),
        (40205, Kind.DUPLICATE),
        (40206, Kind.DUPLICATE),
        (40100, Kind.ACCOUNT),
        (50000, Kind.TROUBLE),
        (50303, Kind.TROUBLE),
        (40999, Kind.ODD),
        (20100, Kind.DOUBT),
        (20200, Kind.DOUBT),
        (None, Kind.DOUBT),
    ],
)
def test_a_code_without_an_id_means(code: int | None, kind: Kind) -> None:
    assert posting.classify(code) is kind


def test_what_the_remote_took_is_posted_and_what_is_unclear_is_left_in_doubt() -> None:
    taken = posting.fate(ONE, Word(20100, "id"), NOW, RULES)
    assert taken is not None
    assert (taken.to, taken.task_id, taken.cost) == (State.POSTED, "id", 0.5)
    assert posting.fate(ONE, Word(20100), NOW, RULES) is None
    assert posting.fate(ONE, Word(None), NOW, RULES) is None


def test_a_refusal_for_what_the_task_is_ends_it_and_an_unknown_one_does_not() -> None:
    refused = posting.fate(ONE, Word(40501, documented=True), NOW, RULES)
    odd = posting.fate(ONE, Word(40999), NOW, RULES)
    assert refused is not None
    assert odd is not None
    assert (refused.to, refused.code, refused.message) == (State.REJECTED, 40501, "words")
    assert (odd.to, odd.next_try_at) == (State.PLANNED, NOW + RULES.odd_least_ms)


def test_trouble_of_the_remote_waits_longer_each_time() -> None:
    waits = []
    one = ONE
    for _ in range(8):
        fate = posting.fate(one, Word(50000), NOW, RULES)
        assert fate is not None
        assert fate.to is State.PLANNED
        waits.append((fate.next_try_at or 0) - NOW)
        one = replace(one, attempts=fate.attempts, code=fate.code)
    assert waits[:3] == [2 * MINUTE_MS, 4 * MINUTE_MS, 8 * MINUTE_MS]
    assert waits[-1] == HOUR_MS


def test_the_most_important_function_is_next_unless_its_api_takes_nothing() -> None:
    heads = [Head("serp/a", 1, 5, 1), Head("serp/b", 1, 4, 9), Head("merchant/c", 3, 9, 2)]
    assert posting.choose(heads, ()) == "merchant/c"
    assert posting.choose(heads, {"merchant"}) == "serp/b", "planned first"
    assert posting.choose(heads, {"merchant", "serp"}) is None


def test_a_call_refused_as_a_whole_is_taken_apart_before_anything_is_rejected() -> None:
    two = [ONE, replace(ONE, key="b" * 16)]
    fates = posting.refused_whole(two, 40503, "invalid", NOW, RULES)
    assert {(one.to, one.alone) for one in fates} == {(State.PLANNED, True)}
    assert posting.together([replace(ONE, alone=1), ONE]) == [replace(ONE, alone=1)]
    assert posting.together([ONE, replace(ONE, alone=1)]) == [ONE]
    (end,) = posting.refused_whole([ONE], 40503, "invalid", NOW, RULES)
    assert (end.to, end.reason) == (State.REJECTED, Reason.REFUSED)


def test_the_cost_limit_is_waited_out_to_their_midnight() -> None:
    at = posting.resume_at(40203, NOW, RULES)
    assert at % DAY_MS == MINUTE_MS
    assert NOW < at <= NOW + DAY_MS + MINUTE_MS
    assert posting.resume_at(40210, NOW, RULES) == NOW + RULES.account_ms


# proof of absence

CALL = Unknown(1, "serp/google/organic", NOW, 3)
GRACE, BETWEEN = RULES.lookup_grace_ms, RULES.lookup_between_ms


def read(begun: int, **more: object) -> Read:
    return replace(Read("serp", NOW - HOUR_MS, NOW, frozenset({1}), begun), **more)  # type: ignore[arg-type]


def page(*ids: str, rows: int | None = None, untold: bool = False, server_at: int | None = NOW) -> Shown:
    return Shown(ids, len(ids) if rows is None else rows, untold, server_at)


def test_absence_takes_two_whole_reads_apart_and_the_first_after_a_grace_time() -> None:
    proofs = Proofs()
    assert proofs.due([CALL], 0, RULES) == []
    assert proofs.due([CALL], GRACE - 1, RULES) == []
    assert proofs.due([CALL], GRACE, RULES) == [CALL]
    assert proofs.read_whole(read(GRACE), GRACE + 10, RULES) == set()
    assert proofs.due([CALL], GRACE + 9 + BETWEEN, RULES) == []
    assert proofs.read_whole(read(GRACE + 5 + BETWEEN), GRACE + 20 + BETWEEN, RULES) == set(), "too soon"
    assert proofs.due([CALL], GRACE + 10 + BETWEEN, RULES) == [CALL]
    assert proofs.read_whole(read(GRACE + 10 + BETWEEN), GRACE + 30 + BETWEEN, RULES) == {1}


def test_a_read_that_began_before_the_grace_time_was_over_counts_for_nothing() -> None:
    proofs = Proofs()
    proofs.due([CALL], 1_000, RULES)
    proofs.read_whole(read(GRACE), GRACE + 5_000, RULES)
    assert proofs.first == {}


def test_a_call_no_longer_in_doubt_is_forgotten() -> None:
    proofs = Proofs({1: 0}, {1: 5})
    assert proofs.due([], GRACE, RULES) == []
    assert (proofs.noticed, proofs.first) == ({}, {})


def test_a_proof_goes_on_in_another_process_of_the_same_start_of_the_machine() -> None:
    noted = Proofs({1: 10}, {1: 10 + GRACE}, {"serp": 3}, {"serp": GRACE + 20})
    then = lookup.resumed(noted, GRACE + 30, RULES, same_boot=True)
    assert then == replace(noted, inherited={1})
    begun = 10 + GRACE + BETWEEN
    assert then.due([CALL], begun - 1, RULES) == []
    assert then.due([CALL], begun, RULES) == [CALL]
    assert then.read_whole(read(begun - 1), begun, RULES) == set()
    assert then.read_whole(read(begun), begun, RULES) == {1}


@pytest.mark.parametrize(
    "noted",
    [
        Proofs({1: GRACE + 31}, {1: 10 + GRACE}),  # of the future
        Proofs({1: -1}, {1: 10 + GRACE}),
        Proofs({}, {1: 10 + GRACE}),
    ],
)
def test_a_note_that_cannot_be_true_counts_for_nothing(noted: Proofs) -> None:
    then = lookup.resumed(noted, GRACE + 30, RULES, same_boot=True)
    assert (then.noticed, then.first) == ({}, {})


@pytest.mark.parametrize("first", [9 + GRACE, GRACE + 31])
def test_a_first_read_that_cannot_have_been_is_none(first: int) -> None:
    then = lookup.resumed(Proofs({1: 10}, {1: first}), GRACE + 30, RULES, same_boot=True)
    assert (then.noticed, then.first) == ({1: 10}, {})


def test_after_another_start_of_the_machine_nothing_counts_but_that_it_was_noticed() -> None:
    noted = Proofs({1: 10}, {1: 10 + GRACE}, {"serp": 3}, {"serp": GRACE + 20})
    assert lookup.resumed(noted, GRACE + 30, RULES, same_boot=False) == Proofs(inherited={1})


def test_a_pause_of_another_process_is_never_longer_than_the_longest() -> None:
    noted = Proofs(not_before={"serp": 20 + RULES.lookup_retry_most_ms, "backlinks": 30})
    assert lookup.resumed(noted, 10, RULES, same_boot=True).not_before == {"backlinks": 30}


@pytest.mark.parametrize(
    ("shown", "flaw"),
    [
        (page("a", untold=True), Flaw.UNTOLD),
        (page("a", server_at=None), Flaw.CLOCK),
        (page("a", server_at=NOW - RULES.lookup_skew_ms - 1), Flaw.CLOCK),
        (page("a"), Flaw.WITNESS),
    ],
)
def test_a_read_is_void_when(shown: Shown, flaw: Flaw) -> None:
    _, whole, found = lookup.turned(read(0, missing=frozenset({"w"})), shown, NOW, RULES)
    assert (whole, found) == (False, flaw)


def test_pages_overlap_so_that_rows_which_move_are_noticed() -> None:
    ids = [f"i{n}" for n in range(2_000)]
    first, whole, flaw = lookup.turned(read(0), page(*ids[:1000]), NOW, RULES)
    assert (whole, flaw, first.offset) == (False, None, 1000 - RULES.lookup_overlap)
    _, whole, flaw = lookup.turned(first, page(*ids[first.offset : first.offset + 500]), NOW, RULES)
    assert (whole, flaw) == (True, None)
    _, whole, flaw = lookup.turned(first, page(*ids[first.offset + 1 : first.offset + 500]), NOW, RULES)
    assert (whole, flaw) == (False, Flaw.MOVED)


def test_without_witnesses_a_whole_day_before_the_call_is_read() -> None:
    assert lookup.period([NOW - 5], NOW, RULES, witnesses=True) == (NOW - 5 - HOUR_MS, NOW)
    assert lookup.period([NOW - 5], NOW, RULES, witnesses=False) == (NOW - 5 - DAY_MS, NOW)
    assert lookup.period([NOW + HOUR_MS], NOW, RULES, witnesses=True) == (NOW - HOUR_MS, NOW), (
        "clock set back"
    )
