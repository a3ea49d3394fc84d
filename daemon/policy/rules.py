"""Every limit and margin of the pure core, by name, with its source. Knows no task and no clock.

Durations are milliseconds. The defaults are the remote's documented facts where there are some; each says which.
"""

from dataclasses import dataclass

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class PriorityRule:
    """Tasks whose function and tag match these patterns get this priority; None matches everything."""

    function: str | None
    tag: str | None
    priority: int


@dataclass(frozen=True, slots=True)
class AdoptRule:
    """Listed tasks that the ledger never posted and that match these patterns are taken in."""

    function: str | None
    tag: str | None


@dataclass(frozen=True, slots=True)
class Turnaround:
    """How long tasks of functions with this prefix take: usually, and at the latest without something being odd."""

    prefix: str
    usual_ms: int
    late_ms: int


TURNAROUNDS: tuple[Turnaround, ...] = (
    # help center "fastest method": Standard takes 5 minutes on average, 45 at most.
    Turnaround("serp/", 5 * MINUTE_MS, 45 * MINUTE_MS),
    Turnaround("merchant/", 5 * MINUTE_MS, 45 * MINUTE_MS),
    Turnaround("app_data/", 5 * MINUTE_MS, 45 * MINUTE_MS),
    Turnaround("business_data/", 5 * MINUTE_MS, 45 * MINUTE_MS),
    # pricing page: Google Ads data in 1 to 3 hours.
    Turnaround("keywords_data/", HOUR_MS, 3 * HOUR_MS),
    # docs llm_responses: up to 72 hours, then refunded. Asked for by id some hours before, because a list that did not
    # show a task says nothing of it any more when nobody has known it to be pending for 72 hours.
    Turnaround("ai_optimization/", HOUR_MS, 66 * HOUR_MS),
    # One page in a browser: minutes, unlike a crawl. No source; asking late costs nothing.
    Turnaround("on_page/lighthouse", 5 * MINUTE_MS, HOUR_MS),
    # help center "OnPage best practices": ask every 15 to 60 minutes.
    Turnaround("on_page", 30 * MINUTE_MS, 24 * HOUR_MS),
)
UNKNOWN = Turnaround("", 5 * MINUTE_MS, HOUR_MS)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the pure core decides by. Frozen: a change of settings makes a new one."""

    # docs tasks_ready; announcement of 2020: a row is shown for 72 h after completion, 1000 rows a call.
    visibility_ms: int = 72 * HOUR_MS
    window_cap: int = 1000
    # help center "how long do you keep results"; 40403 counts from creation, so count from posting.
    retention_ms: int = 30 * DAY_MS
    html_retention_ms: int = 7 * DAY_MS

    # Bands: time left before the visibility deadline at which a task is called so.
    expiring_ms: int = 48 * HOUR_MS
    urgent_ms: int = 12 * HOUR_MS
    critical_ms: int = 4 * HOUR_MS

    # "Refreshed with a small delay" (docs tasks_ready); tens of seconds are usual, so two minutes are safe.
    list_lag_ms: int = 2 * MINUTE_MS

    # Paces: help center "best practices" (normal 5-10 min, high 1-3 min, OnPage 15-30 min).
    pace_hurried_ms: int = MINUTE_MS
    pace_normal_ms: int = 5 * MINUTE_MS
    pace_on_page_ms: int = 15 * MINUTE_MS
    pace_saturated_ms: int = 15 * SECOND_MS
    pace_failed_ms: int = MINUTE_MS
    pace_failed_most_ms: int = 5 * MINUTE_MS
    recent_look_ms: int = 10 * MINUTE_MS  # an older saturated window says nothing of now

    # Lists of re-parsed tasks (docs tasks_fixed): results that are here already, so nothing hurries.
    pace_fixed_ms: int = HOUR_MS
    fixed_apart_ms: int = MINUTE_MS  # nobody can foresee what Tasks Ready needs next minute: leave it most
    fixed_failed_most_ms: int = 6 * HOUR_MS

    # Audits: id_list is free, 10 calls a minute for all APIs together (docs id_list).
    audit_ms: int = 5 * MINUTE_MS  # from one sweep to the next
    audit_hurried_ms: int = MINUTE_MS  # while windows are saturated
    audit_failed_most_ms: int = HOUR_MS  # an API whose id_list refuses us is asked this rarely in the end
    audit_age_ms: int = 10 * MINUTE_MS  # younger tasks are left to the lists
    audit_young_ms: int = MINUTE_MS  # while windows are saturated
    audit_wide_ms: int = (
        20 * MINUTE_MS
    )  # a completion interval this wide comes from an outage: the lists tell no more
    audit_reach_ms: int = 180 * DAY_MS  # docs id_list: six months back
    audit_metadata_ms: int = 30 * DAY_MS  # docs id_list: one month with metadata
    pending_trust_ms: int = 6 * HOUR_MS  # beyond the latest turnaround, GETs by id check what id_list says
    audit_margin_ms: int = 2 * MINUTE_MS  # their clock and ours, and rows that come late
    audit_gap_ms: int = HOUR_MS  # stretches nearer than this are asked for as one: fewer calls, more rows
    adopt_reach_ms: int = 3 * DAY_MS  # a first look for tasks to adopt goes as far back as lists show
    postback_grace_ms: int = (
        5 * MINUTE_MS
    )  # after completion: then a delivery has worked, or lists show the task

    # Proof of loss: 40401 counts only after this, and not from one answer.
    not_found_grace_ms: int = HOUR_MS
    not_found_tries: int = 10  # their back-off makes them span most of a day

    # Back-off per task.
    pending_least_ms: int = MINUTE_MS
    pending_most_ms: int = 50 * MINUTE_MS  # stretched by a fifth: no later than an hour after it is done
    retry_least_ms: int = 15 * SECOND_MS
    retry_most_ms: int = 15 * MINUTE_MS
    odd_least_ms: int = 5 * MINUTE_MS
    odd_most_ms: int = 6 * HOUR_MS

    # Pauses of all calls.
    unreachable_least_ms: int = SECOND_MS
    unreachable_most_ms: int = MINUTE_MS
    unreachable_yield_ms: int = 5 * SECOND_MS  # beyond the first pause: the task cut off steps back
    throttled_ms: int = MINUTE_MS  # the limit counts minutes
    account_ms: int = 15 * MINUTE_MS

    # Handing over: a target that is down, and a result that a target does not want.
    handover_least_ms: int = SECOND_MS
    handover_most_ms: int = 10 * MINUTE_MS
    handover_refused_least_ms: int = 15 * SECOND_MS
    handover_refused_most_ms: int = HOUR_MS
    handover_down_ms: int = 10 * MINUTE_MS  # a target that fails for so long is worth an alert

    # Posting: docs task_post and help center: 50000, set it again in a few minutes.
    post_trouble_least_ms: int = 2 * MINUTE_MS
    post_trouble_most_ms: int = HOUR_MS

    # Why deliveries failed: errors is free, 10 calls a minute (help center), and nothing of it hurries.
    errors_ms: int = 5 * MINUTE_MS  # from one call about an API's webhooks to the next
    errors_most_ms: int = 6 * HOUR_MS  # and after calls that told nothing
    errors_apart_ms: int = 10 * SECOND_MS  # between any two calls: six a minute
    errors_since_ms: int = HOUR_MS  # older failures are not asked about
    errors_reach_ms: int = 23 * HOUR_MS  # 7 days by the docs; the help center says 24 hours

    # Proof that a task whose answer was lost does not exist (policy.lookup says why each).
    lookup_grace_ms: int = 5 * MINUTE_MS
    lookup_between_ms: int = 5 * MINUTE_MS
    lookup_retry_ms: int = MINUTE_MS
    lookup_retry_most_ms: int = 30 * MINUTE_MS
    lookup_margin_ms: int = HOUR_MS
    lookup_blind_margin_ms: int = DAY_MS
    lookup_unwatched_ms: int = DAY_MS
    lookup_skew_ms: int = 5 * MINUTE_MS
    lookup_overlap: int = 20
    lookup_late_ms: int = HOUR_MS  # in doubt for longer: an alert

    # The order of collecting serves some just in time: a GET that begins in the last moment ends after it.
    collect_slack_ms: int = 2 * SECOND_MS

    # SQLite empties its log of 4 MB by itself, unless another program reads on and on.
    ledger_log_bytes: int = 64 << 20

    # Alerts.
    alert_repeat_ms: int = 4 * HOUR_MS
    quiet_ms: int = 3 * MINUTE_MS  # with a review every minute, the line comes within five of the end
    poll_stale_ms: int = 10 * MINUTE_MS
    # A refusal for haste is believed for so long; when they recur, for longer than the limiter is slow after one.
    throttled_stands_ms: int = 5 * MINUTE_MS
    throttled_again_stands_ms: int = 15 * MINUTE_MS
    throttled_recurs_ms: int = HOUR_MS  # later ones are a new story
    empty_list_least: int = 50  # so many expected rows make an empty list suspicious

    priority_rules: tuple[PriorityRule, ...] = ()
    adopt_rules: tuple[AdoptRule, ...] = ()
    turnarounds: tuple[Turnaround, ...] = TURNAROUNDS

    def turnaround(self, function: str) -> Turnaround:
        """Return how long a function takes; an unknown one is treated like a SERP."""
        return next((one for one in self.turnarounds if function.startswith(one.prefix)), UNKNOWN)
