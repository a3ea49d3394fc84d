"""Every scalar key of the configuration: its name, its type, what is allowed. Reads nothing."""

import difflib
import ipaddress
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from daemon import logs
from daemon.dataforseo.addresses import holds_credentials, is_base_url
from daemon.policy.rules import Rules
from daemon.settings_secret import SettingsError
from daemon.web import sources

SECOND_MS, MINUTE_MS, HOUR_MS = 1_000, 60_000, 3_600_000
_SHOWN = 80


class Kind(StrEnum):
    """What a value is; each word is how an error names it."""

    TEXT = "text"
    PATH = "a path"
    URL = "an http or https address without login and query"
    LOGIN = "one line of text without a colon"
    WHOLE = "a whole number"
    NUMBER = "a number"
    CHOICE = "one of"
    LISTEN = "an address and a port, such as 127.0.0.1:8470"
    SOURCES = "addresses or networks, or the name dataforseo for its own"
    SWITCH = "true or false"


@dataclass(frozen=True)
class Key:
    """One scalar key. Its TOML name is `name`; a dot stands for a [section]."""

    name: str
    kind: Kind
    meaning: str
    default: object = None
    low: float = 0
    high: float = 0
    above_low: bool = False  # `low` itself is not allowed
    choices: tuple[str, ...] = ()
    rule: str | None = None  # the field of Rules it sets, in ms
    unit_ms: int = 1
    webhook: str | None = None  # the field of Webhook it sets

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        if self.kind is Kind.LOGIN:
            return "DATAFORSEO_LOGIN"
        return "READYD_" + self.name.replace(".", "_").upper()

    @property
    def allowed(self) -> str:
        """What is allowed, to end a sentence with."""
        if self.kind is Kind.CHOICE:
            return f"one of {', '.join(self.choices)}"
        if self.kind in (Kind.WHOLE, Kind.NUMBER):
            first = f"above {self.low:g} and at most" if self.above_low else f"from {self.low:g} to"
            return f"{self.kind.value} {first} {self.high:.10g}"
        return self.kind.value

    def read(self, value: object, source: str) -> object:
        """Return the value as settings hold it.

        Raises:
            SettingsError: wrong type, or not allowed.
        """
        good = _READERS[self.kind](self, value)
        if good is None:
            written = "" if self.kind is Kind.LOGIN or "@" in str(value) else f" {shown(value)}"
            quotes = ", a text in quotes" if self.kind is Kind.CHOICE and not isinstance(value, str) else ""
            msg = f"{self.name} is{written or ' not usable'} ({source}); it must be {self.allowed}{quotes}"
            raise SettingsError(msg)
        return good

    def read_text(self, text: str, source: str) -> object:
        """Return the value that a text from the environment stands for; see `read`."""
        number: object = text
        try:
            if self.kind is Kind.WHOLE:
                number = int(text)
            elif self.kind is Kind.NUMBER:
                number = float(text)
        except ValueError:
            pass
        return self.read(number, source)


def shown(value: object) -> str:
    """Show a value in an error; what is inside lists and tables stays there, it could be a secret."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a table"
    if isinstance(value, int) and value.bit_length() > 256:
        return "a huge number"
    if isinstance(value, bool):
        return str(value).lower()  # as TOML writes it
    text = repr(str(value)) if isinstance(value, str | Path) else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _number(key: Key, value: object) -> int | float | None:
    kinds = (int,) if key.kind is Kind.WHOLE else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds):
        return None
    fits = (key.low < value if key.above_low else key.low <= value) and value <= key.high
    return value if fits and math.isfinite(value) else None


def _text(_: Key, value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() and value.isprintable() else None


def _choice(key: Key, value: object) -> str | None:
    return value if isinstance(value, str) and value in key.choices else None


def _login(key: Key, value: object) -> str | None:
    text = _text(key, value)
    # A colon ends the login in Basic authentication (RFC 7617), so the rest would become password.
    return None if text is None or ":" in text else text


def _path(_: Key, value: object) -> Path | None:
    if not isinstance(value, str | Path):
        return None
    return Path(value) if str(value).strip() and str(value).isprintable() else None


def _listen(key: Key, value: object) -> str | None:
    host, _, port = (_text(key, value) or "").rpartition(":")
    if not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65_535:
        return None
    try:
        ipaddress.ip_address(host.removeprefix("[").removesuffix("]") if "[" in host else host)
    except ValueError:
        return None
    return str(value) if ("[" in host) == (":" in host) else None


def _sources(_: Key, value: object) -> tuple[str, ...] | None:
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not all(isinstance(one, str) for one in words):
        return None
    words = tuple(one.strip() for one in words if one.strip())
    try:
        sources.networks(words)
    except ValueError:
        return None
    return words


def _switch(_: Key, value: object) -> bool | None:
    return {"true": True, "false": False}.get(str(value).lower()) if isinstance(value, bool | str) else None


def _url(key: Key, value: object) -> str | None:
    text = _text(key, value)
    if text is None or not is_base_url(text) or holds_credentials(text):
        return None
    return text.rstrip("/")


_READERS = {
    Kind.TEXT: _text,
    Kind.PATH: _path,
    Kind.URL: _url,
    Kind.LOGIN: _login,
    Kind.WHOLE: _number,
    Kind.NUMBER: _number,
    Kind.CHOICE: _choice,
    Kind.LISTEN: _listen,
    Kind.SOURCES: _sources,
    Kind.SWITCH: _switch,
}


def _rule(name: str, field: str, high: float, meaning: str) -> Key:
    """Describe a key that sets a field of Rules: the default is the rule's own, the name ends in its unit."""
    unit_ms, low = _UNITS[name.rpartition("_")[2]]
    default = getattr(Rules(), field) / unit_ms
    return Key(name, Kind.NUMBER, meaning, default, low, high, rule=field, unit_ms=unit_ms)


_UNITS = {"s": (SECOND_MS, 1.0), "min": (MINUTE_MS, 1.0), "h": (HOUR_MS, 0.1)}

_ALL = (
    Key("ledger", Kind.PATH, "file of the ledger; results are stored beside it"),
    Key("base_url", Kind.URL, "where the API is", "https://api.dataforseo.com"),
    Key("login", Kind.LOGIN, "API login"),
    Key("password_file", Kind.PATH, "file whose one line is the API password"),
    Key("share", Kind.NUMBER, "share of the account's call limits readyd may use", 1.0, 0, 1, above_low=True),
    Key("general_limit", Kind.WHOLE, "calls a minute; unset: what the account allows", None, 1, 1_000_000),
    Key("tasks_ready_limit", Kind.WHOLE, "calls of Tasks Ready a minute", 20, 1, 2_000),
    Key("lanes", Kind.WHOLE, "calls under way at once", 30, 1, 30),
    Key("max_body_mb", Kind.WHOLE, "largest result that is stored, inflated, in MB", 64, 1, 1_024),
    Key("log_level", Kind.CHOICE, "the least event that is logged", "info", choices=logs.LEVELS),
    Key("log_format", Kind.CHOICE, "how events are written", "auto", choices=logs.FORMATS),
    Key("post_enabled", Kind.CHOICE, "whether planned tasks are posted", "yes", choices=("yes", "no")),
    _rule("pace.hurried_s", "pace_hurried_ms", 86_400, "between looks for hurried tasks"),
    _rule("pace.normal_s", "pace_normal_ms", 86_400, "between looks for other tasks"),
    _rule("pace.on_page_s", "pace_on_page_ms", 86_400, "between looks for OnPage tasks"),
    _rule("pace.saturated_s", "pace_saturated_ms", 86_400, "between looks at a full window"),
    _rule("pace.fixed_s", "pace_fixed_ms", 86_400, "between looks for re-parsed results"),
    _rule("alerts.expiring_h", "expiring_ms", 71, "left when a task counts as expiring"),
    _rule("alerts.urgent_h", "urgent_ms", 71, "left when it counts as urgent"),
    _rule("alerts.critical_h", "critical_ms", 71, "left when it counts as critical"),
    _rule("alerts.repeat_h", "alert_repeat_ms", 720, "between repetitions of an open alert"),
    _rule("alerts.quiet_min", "quiet_ms", 1_440, "a condition must be gone for, to close"),
    _rule("alerts.poll_stale_min", "poll_stale_ms", 1_440, "without a list until it is an alert"),
    Key("webhook.listen", Kind.LISTEN, "where webhooks are received; unset: nowhere", webhook="listen"),
    Key("webhook.public_url", Kind.URL, "what the internet calls the receiver", webhook="public_url"),
    Key("webhook.secret_file", Kind.PATH, "file of the webhook secrets, one a line", webhook="secret_file"),
    Key("webhook.allow", Kind.SOURCES, "who may call; unset: everybody with the secret", (), webhook="allow"),
    Key("webhook.proxy", Kind.SOURCES, "whose X-Forwarded-For is believed", (), webhook="proxy"),
    Key("webhook.verify", Kind.SWITCH, "fetch by id what a postback brings", False, webhook="verify"),
)

KEYS = {key.name: key for key in _ALL}
"""Every scalar key by its TOML name, in the order people should read them."""

PATHS = frozenset(name for name, key in KEYS.items() if key.kind is Kind.PATH)
SECTIONS = frozenset(name.partition(".")[0] for name in KEYS if "." in name)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """End a sentence about an unknown word with the known one it resembles, or with all there are."""
    names = list(known)
    lasts = {name.rpartition(".")[2]: name for name in reversed(names)}
    close = difflib.get_close_matches(word, names, 1, 0.6)
    close = close or difflib.get_close_matches(word.rpartition(".")[2], lasts, 1, 0.6)
    if close:
        return f'did you mean "{lasts.get(close[0], close[0])}"?'
    return f"known are {', '.join(names)}"


__all__ = ["KEYS", "PATHS", "SECTIONS", "Key", "Kind", "SettingsError", "did_you_mean", "shown"]
