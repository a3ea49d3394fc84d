"""Everything that can go wrong, by name, with a probability. Knows no task and no clock."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of trouble.

    `kind` says when the dice are thrown: `network` and `answer` once per call, `task` once per task, `list`
    once per list answer, `row` once per task for its row, `webhook` once per delivery, `mode` once per world.
    `usual` is the probability when it is asked for by name, `default` its share in `Faults.default()`.
    """

    name: str
    kind: str
    usual: float
    default: float
    meaning: str


_ALL: tuple[Fault, ...] = (
    Fault("connect_error", "network", 0.05, 0.004, "the connection is refused; the remote sees nothing"),
    Fault("read_timeout", "network", 0.03, 0.002, "the remote does the work but never answers"),
    Fault("lost_answer", "network", 0.05, 0.003, "the remote does the work, then drops the connection"),
    Fault("reset_body", "network", 0.05, 0.004, "the connection is reset in the middle of the body"),
    Fault("truncated_body", "network", 0.05, 0.003, "the body ends early without an error"),
    Fault("slow_body", "network", 0.05, 0.004, "the body comes in pieces with seconds between them"),
    Fault("truncated_json", "answer", 0.05, 0.003, "a complete answer whose JSON stops in the middle"),
    Fault("http_500", "answer", 0.05, 0.003, "HTTP 500 with an HTML page"),
    Fault("error_50000", "answer", 0.05, 0.004, "50000 in the envelope or in the task"),
    Fault("error_50301", "answer", 0.05, 0.003, "50301 in the task: a third party is unavailable"),
    Fault("error_50303", "answer", 0.05, 0.003, "50303 in the envelope: update in progress"),
    Fault("created_on_get", "answer", 0.5, 0.1, "an early GET is answered with 20100 instead of 40602"),
    Fault("tasks_error_zero", "answer", 0.5, 0.2, "tasks_error says 0 beside a failed task"),
    Fault("fails", "task", 0.1, 0.02, "the task ends with 40101 or 40103"),
    Fault("failed_unlisted", "task", 1.0, 0.5, "a task that failed never appears on a list"),
    Fault("no_results", "task", 0.1, 0.02, "the task ends with 40102 and no result"),
    Fault("partial", "task", 0.1, 0.01, "the task ends with 40106 and a result"),
    Fault("null_result", "task", 0.1, 0.005, "the result is [null]"),
    Fault("long_tail", "task", 0.05, 0.01, "the task takes eight times as long"),
    Fault("lag_spike", "task", 0.05, 0.005, "the row appears up to half an hour late"),
    Fault("unlisted", "task", 0.05, 0.003, "the task is done but its row never appears"),
    Fault("fresh_not_found", "task", 0.5, 0.02, "40401 during the first minute after posting"),
    Fault("reparsed", "task", 0.2, 0.003, "the task comes back in tasks_fixed with changed content"),
    Fault("llm_expires", "task", 0.2, 0.0, "an llm_responses task fails after 72 h and is refunded"),
    Fault("priority_as_text", "task", 1.0, 0.3, "a numeric priority is echoed as text"),
    Fault("foreign_posts", "task", 0.1, 0.01, "other software of the account posts a task as well"),
    Fault("tag_null", "row", 0.5, 0.2, "an untagged row has tag null instead of an empty string"),
    Fault("tag_missing", "row", 0.5, 0.1, "an untagged row has no tag key"),
    Fault("malformed_endpoint", "row", 0.1, 0.005, "an endpoint of the row carries another id"),
    Fault("unknown_keys", "row", 0.5, 0.05, "the row has keys nobody documented"),
    Fault("shuffled", "list", 1.0, 0.1, "the rows come in no order"),
    Fault("duplicate_rows", "list", 0.5, 0.05, "a row appears twice in one answer"),
    Fault("empty_array", "list", 0.5, 0.2, "an empty list is [] instead of null"),
    Fault("empty_missing", "list", 0.5, 0.1, "an empty list has no result key at all"),
    Fault("webhook_lost", "webhook", 0.2, 0.1, "the webhook never reaches its receiver"),
    Fault("webhook_twice", "webhook", 0.2, 0.05, "the webhook is delivered twice"),
    Fault("throttle_in_task", "mode", 1.0, 0.3, "40202 and 40209 stand in the task, not in the envelope"),
    Fault("throttle_429", "mode", 1.0, 0.0, "throttling is HTTP 429 with Retry-After"),
    Fault("buckets_per_function", "mode", 1.0, 0.0, "each list has its own bucket; SERP shares one"),
    Fault("fixed_minutes", "mode", 1.0, 0.0, "limits count clock minutes instead of the last 60 s"),
    Fault("rate_headers", "mode", 1.0, 0.5, "X-RateLimit-* headers are sent"),
    Fault("variant_only", "mode", 1.0, 0.0, "a GET removes its own variant from the row, not the row"),
    Fault("broken_get_keeps_row", "mode", 1.0, 0.5, "a GET whose answer was lost leaves the row in place"),
    Fault("payment_402", "mode", 1.0, 0.0, "an empty balance is HTTP 402 with 40200 instead of 40210"),
)  # fmt: skip

CATALOGUE: Mapping[str, Fault] = {fault.name: fault for fault in _ALL}


class FaultsError(ValueError):
    """The wish for faults was not understood; the text is one sentence for people."""


@dataclass(frozen=True, slots=True)
class Faults:
    """How likely each kind of trouble is; what is not named does not happen."""

    probabilities: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def none(cls) -> "Faults":
        """Let the remote behave."""
        return cls({})

    @classmethod
    def default(cls) -> "Faults":
        """Let some of nearly everything happen, survivably often."""
        return cls({fault.name: fault.default for fault in _ALL if fault.default})

    @classmethod
    def only(cls, **probabilities: float) -> "Faults":
        """Let just these happen, with these probabilities.

        Raises:
            FaultsError: a name or a probability is impossible.
        """
        for name, probability in probabilities.items():
            _check(name, probability)
        return cls(dict(probabilities))

    @classmethod
    def parse(cls, text: str) -> "Faults":
        """Read `none`, `default`, or a comma-separated list of NAME and NAME:PROBABILITY (later ones win).

        Raises:
            FaultsError: a name is unknown or a probability is not between 0 and 1.
        """
        probabilities: dict[str, float] = {}
        for word in (part.strip() for part in text.split(",")):
            if word in {"", "none"}:
                continue
            if word == "default":
                probabilities |= cls.default().probabilities
                continue
            name, _, number = word.partition(":")
            probabilities[name] = _probability(name, number)
        return cls(probabilities)

    @staticmethod
    def names() -> tuple[Fault, ...]:
        """Give every fault there is, for help texts."""
        return _ALL

    def happens(self, name: str, dice: random.Random) -> bool:
        """Throw the dice for one fault; always throws, so that one fault does not shift another's luck."""
        return dice.random() < self.probabilities.get(name, 0.0)

    def one_of(self, names: tuple[str, ...], dice: random.Random) -> str | None:
        """Throw the dice once for faults that exclude each other."""
        draw = dice.random()
        for name in names:
            draw -= self.probabilities.get(name, 0.0)
            if draw < 0:
                return name
        return None


def _check(name: str, probability: float) -> None:
    if name not in CATALOGUE:
        near = get_close_matches(name, CATALOGUE, n=1)
        hint = f"did you mean {near[0]!r}? Known" if near else "known"
        known = ", ".join(("none", "default", *CATALOGUE))
        raise FaultsError(f"There is no fault called {name!r}; {hint} are {known}")
    if not 0 <= probability <= 1:
        raise FaultsError(f"The probability of {name} is {probability}; give a number between 0 and 1")


def _probability(name: str, number: str) -> float:
    try:
        probability = float(number) if number else CATALOGUE[name].usual if name in CATALOGUE else 0.0
    except ValueError:
        raise FaultsError(f"The probability of {name} is {number!r}; give a number between 0 and 1") from None
    _check(name, probability)
    return probability


NETWORK = tuple(fault.name for fault in _ALL if fault.kind == "network")
ANSWER = ("truncated_json", "http_500", "error_50000", "error_50301", "error_50303")
MODES = tuple(fault.name for fault in _ALL if fault.kind == "mode")

LOSES_ANSWER = frozenset({"read_timeout", "lost_answer", "reset_body", "truncated_body", "truncated_json"})
"""Accidents after which the client does not hold the whole answer, although the remote did the work."""
