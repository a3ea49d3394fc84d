"""One validated, frozen settings object from flags, environment, credentials and TOML. Knows no pass.

What wins: flags, then the environment, then the TOML file, then defaults. The password comes from
`DATAFORSEO_PASSWORD`, else from the systemd credential `dataforseo.password`, else from `password_file`;
never from a flag (everybody can list those) nor from the TOML file (people share those).
"""

import os.path
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path

from daemon import settings_rules, settings_targets
from daemon.dataforseo.addresses import IN_CLEAR, sends_in_clear
from daemon.handover.target import TargetRule
from daemon.policy.rules import Rules
from daemon.settings_keys import KEYS, PATHS, did_you_mean
from daemon.settings_rules import VariantRule
from daemon.settings_secret import PLACES, Secret, SettingsError, exposure
from daemon.settings_sources import (
    LISTS,
    Found,
    absolute,
    credentials,
    default_ledger,
    from_document,
    from_environment,
    from_flags,
    read_document,
)
from daemon.settings_webhook import CREDENTIAL, Webhook

DEFAULT_CONFIG = Path("/etc/readyd/readyd.toml")
DOCUMENTED_LISTS_A_MINUTE = 20
"""The remote's limit on Tasks Ready for everybody (help center, "completed tasks")."""

_NOT_KEYS = frozenset({"READYD_CONFIG", "READYD_DEBUG"})


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set, checked. Built by `load`, or directly by what needs no user (the demo)."""

    ledger: Path
    base_url: str = "https://api.dataforseo.com"
    login: str | None = None
    password: Secret | None = None
    password_file: Path | None = None
    password_trouble: str | None = None  # why it could not be read; looking at the ledger needs no password
    share: float = 1.0  # of the account's limits, above 0, at most 1
    general_limit: int | None = None  # calls a minute; None: what the account allows
    tasks_ready_limit: int = DOCUMENTED_LISTS_A_MINUTE  # calls a minute
    lanes: int = 30
    max_body_mb: int = 64
    log_level: str = "info"
    log_format: str = "auto"
    post_enabled: str = "yes"
    rules: Rules = field(default_factory=Rules)
    variants: tuple[VariantRule, ...] = ()
    targets: tuple[TargetRule, ...] = ()  # where results are handed over to
    webhook: Webhook = field(default_factory=Webhook)
    warnings: tuple[str, ...] = ()  # sentences for people: allowed, but hardly meant
    sources: Mapping[str, str] = field(default_factory=dict)  # key -> where its value comes from

    def credentials(self) -> tuple[str, str]:
        """Return login and password.

        Raises:
            SettingsError: one is not set; the sentence says where to put it.
        """
        if self.login is None:
            msg = (
                "no API login is set: put it into the environment variable DATAFORSEO_LOGIN, the systemd"
                " credential dataforseo.login, or login = ... in the configuration"
            )
            raise SettingsError(msg)
        if self.password is None:
            msg = self.password_trouble or f"no API password is set: put it into {PLACES}"
            raise SettingsError(msg)
        return self.login, self.password.reveal()

    def describe(self) -> list[tuple[str, str, str]]:
        """List every key with its value and where that comes from; the password masked."""
        rows = [(name, self._written(name), self.sources.get(name, "default")) for name in KEYS]
        password = "***" if self.password else "not set"
        place = next(place for place, (name, *_) in enumerate(rows) if name == "password_file")
        rows.insert(place, ("password", password, self.sources.get("password", "default")))
        counts = {"priority": self.rules.priority_rules, "adopt": self.rules.adopt_rules}
        for name, entries in {**counts, "variant": self.variants, "target": self.targets}.items():
            rows.append((f"[[{name}]]", f"{len(entries)} rules", self.sources.get(name, "default")))
        return rows

    def _written(self, name: str) -> str:
        key = KEYS[name]
        if key.webhook:
            value = getattr(self.webhook, key.webhook)
        else:
            value = getattr(self.rules, key.rule) / key.unit_ms if key.rule else getattr(self, name)
        if isinstance(value, tuple):
            return ", ".join(value) or "not set"
        if value is None:
            return "what the account allows" if name == "general_limit" else "not set"
        if isinstance(value, bool):
            return str(value).lower()  # as TOML writes it
        return f"{value:g}" if isinstance(value, float) else str(value)


def load(
    config: Path | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, object],
    *,
    default_config: Path = DEFAULT_CONFIG,
) -> Settings:
    """Gather and check all settings.

    `config` must exist when given; else `default_config` is read if it is there. `overrides` are the flags,
    by key name; None means that the flag was not given.

    Raises:
        SettingsError: one sentence naming the key, its value, what is allowed and where it came from.
    """
    document, file = read_document(config, default_config)
    found = {**from_document(document, file), **from_environment(environ), **from_flags(overrides)}
    found.setdefault("ledger", Found(default_ledger(environ), "default"))
    for name in PATHS & found.keys():
        found[name] = Found(absolute(found[name].value, environ), found[name].source)
    found |= credentials(environ, found)
    lists = {name: Found(document[name], f"in {file}") for name in LISTS if name in document}
    scalar = {name: one.value for name, one in found.items() if name not in KEYS or "." not in name}
    settings = Settings(
        **scalar,
        rules=_rules(found, lists),
        variants=settings_rules.variant_rules(*lists.get("variant", ([], ""))),
        targets=settings_targets.target_rules(*lists.get("target", ([], ""))),
        webhook=_webhook(found, environ),
        sources={name: one.source for name, one in {**found, **lists}.items()},
    )
    _check_together(settings)
    return replace(settings, warnings=tuple(_warnings(settings, environ)))


def _rules(found: Mapping[str, Found], lists: Mapping[str, Found]) -> Rules:
    fields = {
        key.rule: round(found[name].value * key.unit_ms)
        for name, key in KEYS.items()
        if key.rule and name in found
    }
    return replace(
        Rules(),
        **fields,
        priority_rules=settings_rules.priority_rules(*lists.get("priority", ([], ""))),
        adopt_rules=settings_rules.adopt_rules(*lists.get("adopt", ([], ""))),
    )


def _webhook(found: Mapping[str, Found], environ: Mapping[str, str]) -> Webhook:
    fields = {key.webhook: found[name].value for name, key in KEYS.items() if key.webhook and name in found}
    credential = Path(environ.get("CREDENTIALS_DIRECTORY", "")) / CREDENTIAL
    return replace(Webhook(), **fields, credential=credential if credential.is_file() else None)


def _check_together(settings: Settings) -> None:
    """Check what no key can check alone."""
    rules = settings.rules
    if not rules.expiring_ms > rules.urgent_ms > rules.critical_ms:
        hours = [f"{ms / 3_600_000:g}" for ms in (rules.expiring_ms, rules.urgent_ms, rules.critical_ms)]
        msg = (
            f"alerts.expiring_h, alerts.urgent_h and alerts.critical_h are {', '.join(hours)};"
            " each must be larger than the next"
        )
        raise SettingsError(msg)
    if sends_in_clear(settings.base_url):
        raise SettingsError(f"base_url is {settings.base_url!r} ({settings.sources['base_url']}): {IN_CLEAR}")
    if os.path.isdir(settings.ledger):
        msg = (
            f"ledger is {str(settings.ledger)!r} ({settings.sources['ledger']}); it must be a file,"
            " and that is a directory"
        )
        raise SettingsError(msg)


def _legible(name: str) -> str:
    """Write a name, which may hold any byte, as one line of text."""
    return name.encode("unicode_escape").decode()


def _warnings(settings: Settings, environ: Mapping[str, str]) -> list[str]:
    """Say what is allowed but hardly meant."""
    known = {key.variable for key in KEYS.values()} | _NOT_KEYS
    said = [
        f"the environment variable {_legible(name)} sets nothing; {did_you_mean(name, sorted(known))}"
        for name in sorted(environ)
        if name.startswith("READYD_") and name not in known
    ]
    if settings.tasks_ready_limit > DOCUMENTED_LISTS_A_MINUTE:
        said.append(
            f"tasks_ready_limit is {settings.tasks_ready_limit}: the remote allows"
            f" {DOCUMENTED_LISTS_A_MINUTE} a minute unless DataForSEO told you otherwise"
        )
    if settings.password_trouble:
        said.append(settings.password_trouble)
    if settings.password_file and (exposed := exposure(settings.password_file)):
        said.append(exposed)
    return said + _webhook_warnings(settings.webhook)


def _webhook_warnings(webhook: Webhook) -> list[str]:
    said = []
    if webhook.secret_file and (exposed := exposure(webhook.secret_file)):
        said.append(exposed)
    if webhook.listen and not ip_address(webhook.address()[0]).is_loopback:
        said.append(
            f"webhook.listen is {webhook.listen!r}, which others can reach without TLS, and the secret travels in"
            " the URL: listen on 127.0.0.1 behind a proxy that speaks https"
        )
    return said


__all__ = ["DEFAULT_CONFIG", "KEYS", "Secret", "Settings", "SettingsError", "VariantRule", "load"]
