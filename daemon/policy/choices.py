"""What the user's rules say of a task: its priority, its variant, whether to adopt it. Knows patterns, not tasks."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Protocol

from daemon.policy.rules import Rules


class Pattern(Protocol):
    """A rule with a glob for the function and one for the tag; None matches everything."""

    @property
    def function(self) -> str | None: ...
    @property
    def tag(self) -> str | None: ...


class VariantPattern(Pattern, Protocol):
    """A rule that names a variant."""

    @property
    def variant(self) -> str: ...


def priority_of(function: str, tag: str | None, posted_priority: int, rules: Rules) -> int:
    """Return the priority by the first rule that matches, else the one the task was posted with."""
    for rule in rules.priority_rules:
        if matches(rule, function, tag):
            return rule.priority
    return posted_priority


def adopted(function: str | None, tag: str | None, rules: Rules) -> bool:
    """Say whether a task that the ledger does not know is to be taken in."""
    return any(matches(rule, function, tag) for rule in rules.adopt_rules)


def variant_of(function: str, tag: str | None, variants: Sequence[VariantPattern]) -> str | None:
    """Return the variant by the first rule that matches; None: the function's usual one."""
    return next((rule.variant for rule in variants if matches(rule, function, tag)), None)


def matches(rule: Pattern, function: str | None, tag: str | None) -> bool:
    """Say whether both patterns of a rule match; a task without a function or tag matches only `None`."""
    return _fits(rule.function, function) and _fits(rule.tag, tag)


def _fits(pattern: str | None, word: str | None) -> bool:
    return pattern is None or (word is not None and fnmatchcase(word, pattern))
