"""Text that is safe to log: plain values of bounded size, no control characters, no secrets.

Pure but for the set of secrets that one `Hidden` holds. Knows no log format.
"""

import base64
import json
import math
import re
from collections.abc import Mapping
from urllib.parse import quote, quote_plus

_MASK = "***"
_CHARACTERS = 4_000
_ITEMS = 50
_DEPTH = 6
_BITS = 256


class Hidden:
    """The secrets that must not appear, in every disguise that text commonly puts them in."""

    def __init__(self) -> None:
        """Start with nothing to hide."""
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, secret: str) -> None:
        """Hide a secret: as it is, as JSON and Python write it, percent-encoded, and in base64."""
        written = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}
        written |= {repr(secret.encode(errors="replace"))[2:-1]}
        encoded = {quote(secret, safe="", errors="replace"), quote(secret, errors="replace")}
        encoded |= {quote_plus(secret, errors="replace")}
        self._add_forms({secret, *written, *encoded})
        self.add_encoded(secret)

    def add_encoded(self, secret: str) -> None:
        """Hide a secret's base64 only: what stands in a Basic authentication header."""
        raw = secret.encode(errors="replace")
        padded = {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
        # Padding may have been cut off by whoever wrote the text.
        self._add_forms(padded | {form.rstrip("=") for form in padded})

    def _add_forms(self, forms: set[str]) -> None:
        self._forms |= forms - {""}
        longest_first = sorted(self._forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def out_of(self, text: str) -> str:
        """Return the text with every secret in it replaced by ***."""
        return self._pattern.sub(_MASK, text) if self._pattern else text


def plain(value: object, hidden: Hidden, depth: int = 0) -> object:
    """Turn any value into strings, numbers, lists and mappings of bounded size, without secrets."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _number(value, hidden)
    if isinstance(value, Mapping) and depth < _DEPTH:
        items = list(value.items())[:_ITEMS]
        return {_safe(key, hidden): plain(one, hidden, depth + 1) for key, one in items}
    if isinstance(value, list | tuple | set | frozenset) and depth < _DEPTH:
        ones = sorted(value, key=_text) if isinstance(value, set | frozenset) else value
        shown = [plain(one, hidden, depth + 1) for one in ones[:_ITEMS]]
        return [*shown, f"... {len(value) - _ITEMS} more"] if len(value) > _ITEMS else shown
    return _safe(value, hidden)


def _safe(value: object, hidden: Hidden) -> str:
    """Write a value as bounded text. Hide, then cut: a cut through the middle of a secret would show half."""
    text = hidden.out_of(_text(value))
    if len(text) <= _CHARACTERS:
        return text
    return f"{text[:_CHARACTERS]}... {len(text) - _CHARACTERS} more characters"


def _number(value: float, hidden: Hidden) -> object:
    if isinstance(value, int) and value.bit_length() > _BITS:
        return f"an integer of {value.bit_length()} bits"
    written = str(value)
    safe = hidden.out_of(written)
    if safe != written or (isinstance(value, float) and not math.isfinite(value)):
        return safe
    return value


def _text(value: object) -> str:
    if isinstance(value, str):
        return str.__str__(value)
    try:
        return repr(value) if isinstance(value, bytes | bytearray) else str(value)
    except Exception:
        return f"a {type(value).__name__} that cannot be shown"


def escape(text: str) -> str:
    """Make control characters visible, so that a value can neither begin a line nor command a terminal."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


_BARE = re.compile(r"[^\s\"'=\\]+")


def word(value: object) -> str:
    """Write a value as one logfmt word: quoted when it has spaces or quotes, lists joined by commas."""
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, list) and all(isinstance(one, str) and _BARE.fullmatch(one) for one in value):
        value = ",".join(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if text.isprintable() and _BARE.fullmatch(text):
        return text
    return '"' + escape(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'
