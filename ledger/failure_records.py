"""What is known of deliveries that failed: records. Knows nothing but the vocabulary. No record holds a URL."""

from dataclasses import dataclass

from ledger.records import Webhook

SLOW_MS = 9_500
"""A receiver has ten seconds (docs task_post); this near to them it was cut off."""


@dataclass(frozen=True, slots=True)
class DeliveryFailure:
    """Why the newest failed delivery of a task's webhook failed (one row of `delivery_failure`)."""

    task_id: str
    webhook: Webhook  # PINGBACK or POSTBACK
    at: int  # when it failed
    host: str | None  # who was called
    http_code: int | None  # what was answered; None: there was no answer
    took_ms: int | None
    answer: str | None  # the beginning of what was answered, without secrets
    code: int | None  # the remote's own code
    message: str | None


@dataclass(frozen=True, slots=True)
class FailureCause:
    """What many failures have in common."""

    webhook: Webhook
    host: str | None
    http_code: int | None
    slow: bool  # it took as long as a receiver may take
    count: int


@dataclass(frozen=True, slots=True)
class Unexplained:
    """A task whose delivery failed, or seems to have failed, and nothing says why."""

    task_id: str
    function: str
    posted_at: int
    moved_at: int
    webhook: Webhook
