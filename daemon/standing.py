"""How a task stands now: its deadlines and its band, from the ledger's looks and the rules of policy.

The one place where a band is computed; the `band` column is only as fresh as the last review. Opens nothing and
asks nobody, so that commands that only look stay light.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from daemon.dataforseo import catalogue
from daemon.policy import choices, expiry, listing
from daemon.policy.answers import EXPIRED_CODE
from daemon.policy.choices import VariantPattern
from daemon.policy.listing import Scope
from daemon.policy.rules import Rules
from ledger.records import Band, Candidate, Look, State, Task, Webhook


@dataclass(frozen=True, slots=True)
class Standing:
    """Deadlines of an outstanding task (UTC ms) and how near the first one is."""

    band: Band
    deadline_at: int  # Tasks Ready forgets the task, at the earliest
    retention_at: int  # the remote deletes its result
    listed: bool = True  # False: no list is to show it, so the first deadline is nobody's concern


@cache
def scopes() -> tuple[Scope, ...]:
    """Tell policy which functions each listing covers; the umbrella and the type lists of an API are a family."""
    return tuple(Scope(one.path, one.functions, one.umbrella, one.api) for one in catalogue.LISTINGS.values())


def wanted_variant(task: Candidate, variants: Sequence[VariantPattern]) -> str:
    """Say which form of a task's result is wanted: the usual one when another is said to be deleted."""
    usual = catalogue.usual_variant(task.function)
    if task.code == EXPIRED_CODE:
        return usual
    wish = task.variant or choices.variant_of(task.function, task.tag, variants)
    known = catalogue.FUNCTIONS.get(task.function)
    # `postback_data` may name a form that only exists for postbacks (docs list `html` where no GET has it).
    return usual if wish is None or (known is not None and wish not in known.variants) else wish


class Standings:
    """Computes standings as of one moment; what many tasks share is looked up once per function."""

    def __init__(
        self, looks: Mapping[str, Look], now: int, rules: Rules, variants: Sequence[VariantPattern] = ()
    ) -> None:
        """Fix the moment; `variants` are the settings' wishes for another form than the usual one."""
        self.now = now
        self._looks = looks
        self._rules = rules
        self._variants = variants
        self._scopes = scopes()
        self._clear_at: dict[str, int | None] = {}

    def of(self, task: Candidate) -> Standing:
        """Compute deadlines and band of one outstanding task."""
        variant = wanted_variant(task, self._variants)
        retention_at = expiry.retention_deadline(task.posted_at, variant, self._rules)
        earliest, _ = expiry.interval_of(task, self.clear_at(task.function), self._rules)
        deadline_at = expiry.visibility_deadline(earliest, self._rules)
        if task.webhook is Webhook.POSTBACK and task.state is State.POSTED:
            # Listed only if its delivery fails (docs: tasks_ready), so there is nothing that a list could forget.
            return Standing(Band.FRESH, deadline_at, retention_at, listed=False)
        return Standing(expiry.band(deadline_at, self.now, self._rules), deadline_at, retention_at)

    def clear_at(self, function: str) -> int | None:
        """Return the last instant at which an unsaturated listing covered this function; None: never."""
        if function not in self._clear_at:
            self._clear_at[function] = listing.clear_at(function, self._looks, self._scopes)
        return self._clear_at[function]


def as_candidate(task: Task) -> Candidate:
    """Reduce a task to what policy needs to know of it."""
    return Candidate(
        id=task.id,
        function=task.function,
        state=task.state,
        tag=task.tag,
        priority=task.priority,
        webhook=task.webhook,
        variant=task.variant,
        endpoint=task.endpoint,
        posted_at=task.posted_at,
        earliest_done_at=task.earliest_done_at,
        pending_at=task.pending_at,
        blocked_at=task.blocked_at,
        attempts=task.attempts,
        next_try_at=task.next_try_at,
        code=task.code,
        recorded_at=task.recorded_at,
    )
