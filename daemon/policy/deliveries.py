"""When to ask why deliveries failed, and what to say of it. Asks nobody.

Nothing hurries: the results come home all the same. So `errors` is asked about what the ledger cannot explain, one call
after the other, and ever more rarely where calls tell nothing.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from daemon.policy.alerts import SHOWN_IDS, AlertKind, Condition
from daemon.policy.rules import Rules
from ledger.failure_records import SLOW_MS, DeliveryFailure, FailureCause, Unexplained
from ledger.records import Webhook

PAGE_ROWS = 200
"""So many rows are read at once, some tens of milliseconds; 1000 would stop the loop for a fifth of a second."""

MOST_ROWS = 5_000
"""Beyond so many rows the answer is the same: it is the receiver."""

SHOWN_CAUSES = 3
LAG_MS = 30 * 60_000
"""A list shows some time after it that a delivery failed; reasons are counted from so much earlier on."""


@dataclass(frozen=True, slots=True)
class Question:
    """What one call of `errors` is about."""

    api: str
    webhook: Webhook


@dataclass(frozen=True, slots=True)
class Asked:
    """How far a question has come."""

    at: int  # when it was asked last
    fruitless: int = 0  # calls in a row that told nothing
    offset: int = 0  # the next row, while there are more


@dataclass(frozen=True, slots=True)
class Ask:
    """A call worth making."""

    question: Question
    due_at: int
    since: int
    offset: int


def plan(
    tasks: Iterable[Unexplained],
    asked: Mapping[Question, Asked],
    apis: Collection[str],
    now: int,
    rules: Rules,
) -> list[Ask]:
    """List the calls worth making, the soonest first; `apis` are those that have `errors`."""
    oldest: dict[Question, int] = {}
    for task in tasks:
        api = task.function.partition("/")[0]
        if api in apis:
            question = Question(api, task.webhook)
            oldest[question] = min(task.posted_at, oldest.get(question, task.posted_at))
    last = max((one.at for one in asked.values() if one.at <= now), default=0)
    asks = [_ask(one, asked.get(one), posted_at, last, now, rules) for one, posted_at in oldest.items()]
    return sorted(asks, key=lambda ask: (ask.due_at, ask.question.api, ask.question.webhook))


def _ask(question: Question, known: Asked | None, posted_at: int, last: int, now: int, rules: Rules) -> Ask:
    # Their clock may be behind ours.
    since = max(posted_at - rules.audit_margin_ms, now - rules.errors_reach_ms)
    not_before = last + rules.errors_apart_ms
    if known is None or known.at > now:
        # Never asked; or asked in the future, before somebody set the clock back.
        return Ask(question, max(now, not_before), since, 0)
    pause = min(rules.errors_ms << min(known.fruitless, 20), rules.errors_most_ms)
    due_at = known.at if known.offset else known.at + pause
    return Ask(question, max(due_at, not_before), since, known.offset)


def after(known: Asked, rows: int, news: int) -> Asked:
    """Tell how far a question has come after a page with so many rows, `news` of which explained a task."""
    fruitless = 0 if news else known.fruitless
    if rows >= PAGE_ROWS and known.offset + rows < MOST_ROWS:
        return replace(known, offset=known.offset + rows, fruitless=fruitless)
    return replace(known, offset=0, fruitless=0 if news else known.fruitless + 1)


def after_failure(known: Asked) -> Asked:
    """Tell how far a question has come after a call that brought nothing: it is asked from the start, later."""
    return replace(known, offset=0, fruitless=known.fruitless + 1)


def counted(failures: Iterable[DeliveryFailure]) -> list[FailureCause]:
    """Count failures by who was called and what came of it, the most frequent first."""
    found = Counter(
        (one.webhook, one.host, one.http_code, (one.took_ms or 0) >= SLOW_MS)
        for one in {one.task_id: one for one in sorted(failures, key=lambda one: one.at)}.values()
    )
    causes = [FailureCause(*what, count) for what, count in found.items()]
    return sorted(causes, key=lambda one: (-one.count, one.host or "", one.http_code or 0, one.slow))


def told(cause: FailureCause) -> str:
    """Say who was called, and what came of it."""
    who = cause.host or "the receiver"
    if cause.http_code is not None:
        return f"{who} answered {cause.http_code}" + (", too late" if cause.slow else "")
    return f"{who} gave no answer within 10 s" if cause.slow else f"{who} could not be reached"


def reasons(causes: Sequence[FailureCause]) -> str:
    """Name the commonest causes with their counts; empty when there are none."""
    said = [f"{told(one)} ({one.count})" for one in causes[:SHOWN_CAUSES]]
    if more := sum(one.count for one in causes[SHOWN_CAUSES:]):
        said.append(f"others ({more})")
    return ", ".join(said)


def conditions(failed: Sequence[str], causes: Sequence[FailureCause]) -> list[Condition]:
    """Warn of webhooks that their receivers did not take lately, all together: they have one cause or few.

    `failed` are postback tasks that a list showed, the latest first.
    """
    found = []
    if failed:
        results = "1 result" if len(failed) == 1 else f"{len(failed)} results"
        detail = f"postback servers did not take {results} in the last hour; the lists show them, so they come here"
        command = f"readyd explain {failed[0]}"
        found.append(_condition("postbacks", len(failed), detail, command, tuple(failed[:SHOWN_IDS])))
    why = {hook: reasons([one for one in causes if one.webhook is hook]) for hook in Webhook}
    if why[Webhook.PINGBACK]:
        count = sum(one.count for one in causes if one.webhook is Webhook.PINGBACK)
        calls = "1 call" if count == 1 else f"{count} calls"
        detail = f"pingback servers did not take {calls} lately; the results come here all the same"
        found.append(_condition("pingbacks", count, detail, "readyd resend --failed --dry-run", ()))
    named = {"postbacks": why[Webhook.POSTBACK], "pingbacks": why[Webhook.PINGBACK]}
    return [
        replace(one, detail=f"{one.detail}. Why: {named[one.subject]}") if named[one.subject] else one
        for one in found
    ]


def _condition(subject: str, count: int, detail: str, command: str, ids: tuple[str, ...]) -> Condition:
    return Condition(AlertKind.DELIVERY, subject, "warning", count, detail, command, None, ids, exact=True)
