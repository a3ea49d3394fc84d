"""When lists are silent for long enough, and when that is over."""

from daemon.policy import silence
from daemon.policy.listing import Scope
from daemon.policy.rules import HOUR_MS, MINUTE_MS, Rules
from ledger.records import Look, Outstanding

NOON = 1_000_000 * HOUR_MS
RULES = Rules()
ORGANIC, ADS = "serp/google/organic", "keywords_data/google_ads/search_volume"
SERP = Scope("/v3/serp/tasks_ready", frozenset({ORGANIC}), umbrella=True, family="serp")
ORGANIC_LIST = Scope(f"/v3/{ORGANIC}/tasks_ready", frozenset({ORGANIC}), umbrella=False, family="serp")
ADS_LIST = Scope(f"/v3/{ADS}/tasks_ready", frozenset({ADS}), umbrella=False, family="keywords_data")
SCOPES = (SERP, ORGANIC_LIST, ADS_LIST)
OPENED = NOON - 20 * MINUTE_MS


def young(*functions: str) -> list[Outstanding]:
    """Tasks that were just posted: no list is overdue for their sake."""
    return [Outstanding(name, 2, 0, 0, 0, NOON, 2) for name in functions]


def look(scope: Scope, read_before: int, failures: int = 0) -> Look:
    """A list that was read so long ago, and asked a minute ago if that brought nothing."""
    at = NOON - read_before
    return Look(scope.listing, NOON - MINUTE_MS if failures else at, at, at, False, 2, 0, failures)


def since(tasks: list[Outstanding], *looks: Look) -> int | None:
    return silence.lasts(tasks, {one.listing: one for one in looks}, SCOPES, NOON, RULES, OPENED)


def test_silence_is_counted_from_when_it_could_be_known() -> None:
    due, ten = NOON - 4 * HOUR_MS, 10 * MINUTE_MS
    assert silence.begins(None, ten, NOON, RULES) is None
    assert silence.begins(due, MINUTE_MS, NOON, RULES) is None
    assert silence.begins(due, ten, NOON, RULES) == NOON - ten
    assert silence.begins(due, 5 * HOUR_MS, NOON, RULES) == due
    assert silence.begins(NOON - MINUTE_MS, 5 * HOUR_MS, NOON, RULES) is None


def test_a_list_that_was_asked_in_vain_keeps_the_alert_until_it_is_read() -> None:
    assert since(young(ORGANIC), look(SERP, HOUR_MS, failures=3)) == NOON - HOUR_MS
    assert since(young(ORGANIC), look(SERP, MINUTE_MS)) is None
    # It was read since the alert opened, so that one is over; a new failure is a new story.
    assert since(young(ORGANIC), look(SERP, 10 * MINUTE_MS, failures=1)) is None


def test_lists_that_nobody_needs_keep_nothing_open() -> None:
    dead = look(SERP, HOUR_MS, failures=3)
    assert since([], dead) is None
    assert since(young(ADS), dead, look(ADS_LIST, MINUTE_MS)) is None
    drilled = look(ORGANIC_LIST, HOUR_MS, failures=3)
    assert since(young(ORGANIC), look(SERP, MINUTE_MS), drilled) is None
