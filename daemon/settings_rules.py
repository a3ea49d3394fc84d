"""The lists of the configuration: [[priority]], [[adopt]] and [[variant]], by function and tag pattern.

Knows the shape of an entry; what the rules do is decided in `daemon.policy`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from daemon.policy.rules import AdoptRule, PriorityRule
from daemon.settings_keys import SettingsError, did_you_mean, shown

VARIANTS = ("regular", "advanced", "html", "json", "summary", "plain")
HIGHEST_PRIORITY = 1000

_FUNCTION = re.compile(r"[a-z0-9_*?\[\]!-]+(/[a-z0-9_*?\[\]!-]+)*")


class VariantRule(NamedTuple):
    """Which form of the result to fetch for the tasks that match both patterns; None matches everything."""

    function: str | None
    tag: str | None
    variant: str


def is_function_pattern(text: str) -> bool:
    """Say whether a text can match a function: serp/google/organic, serp/*."""
    return _FUNCTION.fullmatch(text) is not None and not text.startswith("v3/")


def priority_rules(value: object, source: str) -> tuple[PriorityRule, ...]:
    """Read [[priority]]: tasks that match get this priority. Raises SettingsError."""
    rules = []
    for entry in _entries("priority", value, source, own="priority"):
        given = entry.own
        if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given <= HIGHEST_PRIORITY:
            raise entry.refusal(f"a whole number from 0 to {HIGHEST_PRIORITY}")
        rules.append(PriorityRule(entry.function, entry.tag, given))
    return tuple(rules)


def adopt_rules(value: object, source: str) -> tuple[AdoptRule, ...]:
    """Read [[adopt]]: listed tasks that nobody recorded are taken in on a match. Raises SettingsError."""
    return tuple(AdoptRule(entry.function, entry.tag) for entry in _entries("adopt", value, source))


def variant_rules(value: object, source: str) -> tuple[VariantRule, ...]:
    """Read [[variant]]: tasks that match are fetched in this form. Raises SettingsError."""
    rules = []
    for entry in _entries("variant", value, source, own="variant"):
        if not isinstance(entry.own, str) or entry.own not in VARIANTS:
            raise entry.refusal(f"one of {', '.join(VARIANTS)}")
        rules.append(VariantRule(entry.function, entry.tag, entry.own))
    return tuple(rules)


class _Entry(NamedTuple):
    """One entry of a list: its patterns, and the value of its own key, unchecked."""

    where: str  # "[[priority]] 2"
    source: str
    function: str | None
    tag: str | None
    own_key: str
    own: object

    def refusal(self, allowed: str) -> SettingsError:
        """Say what is wrong with the entry's own key."""
        found = "is missing" if self.own is None else f"is {shown(self.own)}"
        return SettingsError(f"{self.own_key} of {self.where} {found} ({self.source}); it must be {allowed}")


def tables(name: str, value: object, source: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Yield the entries of a list and how errors name each: `[[priority]] 2`. Raises SettingsError."""
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        msg = f"{name} is {shown(value)} ({source}); it must be a list of tables, each begun with [[{name}]]"
        raise SettingsError(msg)
    yield from ((f"[[{name}]] {number}", table) for number, table in enumerate(value, 1))


def _entries(name: str, value: object, source: str, own: str = "") -> Iterator[_Entry]:
    for where, table in tables(name, value, source):
        known = ["function", "tag", *([own] if own else [])]
        for key in table:
            if key not in known:
                msg = f"{where} has an unknown key {key!r} ({source}); {did_you_mean(key, known)}"
                raise SettingsError(msg)
        function, tag = function_pattern(table, where, source), tag_pattern(table, where, source)
        if function is None and tag is None:
            msg = f'{where} names neither function nor tag ({source}); function = "*" stands for all'
            raise SettingsError(msg)
        yield _Entry(where, source, function, tag, own, table.get(own))


def function_pattern(table: Mapping[str, object], where: str, source: str) -> str | None:
    """Read an entry's pattern of functions. Raises SettingsError."""
    given = table.get("function")
    if given is None or (isinstance(given, str) and is_function_pattern(given)):
        return given
    example = "a pattern such as serp/google/organic or serp/*"
    msg = f"function of {where} is {shown(given)} ({source}); it must be {example}"
    raise SettingsError(msg)


def tag_pattern(table: Mapping[str, object], where: str, source: str) -> str | None:
    """Read an entry's pattern of tags. Raises SettingsError."""
    given = table.get("tag")
    if given is None or (isinstance(given, str) and given):
        return given
    msg = f"tag of {where} is {shown(given)} ({source}); it must be a pattern such as urgent or urgent:*"
    raise SettingsError(msg)
