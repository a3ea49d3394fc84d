"""The list [[target]] of the configuration: where results are handed over to. Opens nothing.

A URL may hold a token (`?key=...`), so no sentence repeats one.
"""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from urllib.parse import SplitResult, urlsplit

from daemon.dataforseo.addresses import is_loopback
from daemon.handover.target import Form, TargetKind, TargetRule
from daemon.settings_keys import SettingsError, did_you_mean, shown
from daemon.settings_rules import function_pattern, tables, tag_pattern
from daemon.settings_secret import Secret

STORES = ("s3", "gs", "az")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KEYS = ("name", "kind", "path", "url", "function", "tag", "form", "backfill")
_USUAL_FORM = {TargetKind.DIRECTORY: Form.JSON, TargetKind.HTTP: Form.GZIP, TargetKind.OBJECT: Form.JSON}


def target_rules(value: object, source: str) -> tuple[TargetRule, ...]:
    """Read [[target]]. Raises SettingsError."""
    rules: dict[str, TargetRule] = {}
    for where, table in tables("target", value, source):
        entry = _Entry(where, table, source)
        rule = entry.read()
        if rule.name in rules:
            raise entry.refusal("name", "of its own: another target has it")
        rules[rule.name] = rule
    return tuple(rules.values())


class _Entry:
    """One entry and what is said about it."""

    def __init__(self, where: str, table: Mapping[str, object], source: str) -> None:
        self._where, self._table, self._source = where, table, source

    def refusal(self, key: str, allowed: str) -> SettingsError:
        value = self._table.get(key)
        found = "is missing" if value is None else "is not usable" if key == "url" else f"is {shown(value)}"
        return SettingsError(f"{key} of {self._where} {found} ({self._source}); it must be {allowed}")

    def read(self) -> TargetRule:
        for key in self._table:
            if key not in _KEYS:
                msg = f"{self._where} has an unknown key {key!r} ({self._source}); {did_you_mean(key, _KEYS)}"
                raise SettingsError(msg)
        kind = self._kind()
        return TargetRule(
            name=self._name(),
            kind=kind,
            place=Secret(self._path() if kind is TargetKind.DIRECTORY else self._url(kind)),
            function=function_pattern(self._table, self._where, self._source),
            tag=tag_pattern(self._table, self._where, self._source),
            form=self._form(kind),
            backfill=self._truth("backfill"),
        )

    def _name(self) -> str:
        name = self._table.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise self.refusal("name", "a word of letters, digits, - and _")
        return name

    def _kind(self) -> TargetKind:
        kind = self._table.get("kind")
        if not isinstance(kind, str) or kind not in set(TargetKind):
            raise self.refusal("kind", f"one of {', '.join(TargetKind)}")
        return TargetKind(kind)

    def _form(self, kind: TargetKind) -> Form:
        form = self._table.get("form", str(_USUAL_FORM[kind]))
        if not isinstance(form, str) or form not in set(Form):
            raise self.refusal("form", f"one of {', '.join(Form)}")
        return Form(form)

    def _truth(self, key: str) -> bool:
        value = self._table.get(key, False)
        if not isinstance(value, bool):
            raise self.refusal(key, "true or false")
        return value

    def _path(self) -> str:
        self._refuse_other("url", "path")
        path = self._table.get("path")
        if not isinstance(path, str) or not path.isprintable() or not PurePosixPath(path).is_absolute():
            raise self.refusal("path", "the absolute path of a directory that exists")
        return path

    def _url(self, kind: TargetKind) -> str:
        self._refuse_other("path", "url")
        text = self._table.get("url")
        url = _split(text) if isinstance(text, str) else None
        if url is None or not isinstance(text, str) or url.username is not None or url.password is not None:
            raise self.refusal("url", "an address without login and password in it")
        if kind is TargetKind.OBJECT:
            if url.scheme not in STORES or not url.netloc or url.query:
                schemes = ", ".join(f"{scheme}://" for scheme in STORES)
                raise self.refusal(
                    "url",
                    f'one of {schemes} with a bucket and perhaps a prefix; for files use kind = "directory"',
                )
            return text
        if url.scheme not in ("http", "https") or not url.hostname or "$" in url.netloc:
            raise self.refusal("url", "an http or https address")
        if url.scheme == "http" and not is_loopback(text):
            raise self.refusal(
                "url", "https, or a loopback address such as http://127.0.0.1:8000: http is read by others"
            )
        return text

    def _refuse_other(self, key: str, right: str) -> None:
        if key in self._table:
            msg = f"{self._where} has a {key} ({self._source}); a target of kind {self._table['kind']!r} has a {right}"
            raise SettingsError(msg)


def _split(text: str) -> SplitResult | None:
    try:
        url = urlsplit(text)
        usable = text.isprintable() and " " not in text and not url.fragment and url.port != 0
    except ValueError:  # a port or an IPv6 address that cannot be one
        return None
    return url if usable else None
