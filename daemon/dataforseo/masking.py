"""Takes out of foreign text whatever may be a secret of a webhook's URL. Knows no ledger and no secret of ours.

The remote gives no signature, so secrets are in URLs: in the path, in the query, sometimes in the name of the host.
What a receiver answered often repeats the path that was asked for. Rather too much is masked than too little.
"""

import re
from collections.abc import Iterator
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

MASK = "***"
LEAST = 4
"""Shorter parts of a URL are no secrets, and would be found in every other word."""

_KNOWN = frozenset({
    "api", "callback", "dataforseo", "hook", "hooks", "http", "https", "index", "ping", "pingback", "post", "postback",
    "result", "results", "task", "tasks", "webhook", "webhooks",
})  # fmt: skip
"""Words that stand in the paths of most receivers; masked, they would make answers unreadable."""

_URL = re.compile(r"https?(?::|%3a)(?:/|%2f|\\/)+[^\s\"'<>]+", re.IGNORECASE)
_AFTER_HOOK = re.compile(r"(/hooks?/)[^\s\"'<>]+", re.IGNORECASE)
_TOKEN = re.compile(r"[A-Za-z0-9+/=_%-]{20,}")
_HIDDEN_LABEL = re.compile(r"(?=.*\d)[a-z0-9-]{12,}|[a-z0-9-]{24,}", re.IGNORECASE)
_PARTS = re.compile(r"[/.,;:@!~*'()\s]+")


def host_of(url: str) -> str | None:
    """Name the host of a URL, and its port; a label that looks drawn is masked. None when it is no URL."""
    split = _split(url)
    try:
        host, port = (None, None) if split is None else (split.hostname, split.port)
    except ValueError:
        return None
    if not host:
        return None
    if ":" in host:
        host = f"[{host}]"
    labels = [MASK if _HIDDEN_LABEL.fullmatch(label) else label for label in host.split(".")]
    name = ".".join(labels)[:100]
    return f"{name}:{port}" if port is not None else name


def masked(text: str, url: str) -> str:
    """Take out of a text about a call of `url` every URL, every part of that one, and all that looks like a token."""
    lower = text.lower()
    for part in sorted(_parts(url), key=len, reverse=True):
        # Compiling a pattern for each part of each URL would stop the loop for a second a page.
        if part.lower() in lower:
            text = re.sub(re.escape(part), MASK, text, flags=re.IGNORECASE)
    text = _URL.sub(MASK, text)
    text = _AFTER_HOOK.sub(rf"\g<1>{MASK}", text)
    return _TOKEN.sub(MASK, text)


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None


def _parts(url: str) -> set[str]:
    """Cut a URL into what may be a secret, as it is written and as it is meant."""
    split = _split(url)
    if split is None:
        return {url} if len(url) >= LEAST else set()
    found: set[str] = set()
    for piece in _pieces(split):
        for form in (piece, unquote(piece), *_PARTS.split(unquote(piece))):
            if len(form) >= LEAST and form.lower() not in _KNOWN:
                found.add(form)
    labels = (split.netloc.rpartition("@")[2]).partition(":")[0].split(".")
    return found | {label for label in labels if _HIDDEN_LABEL.fullmatch(label)}


def _pieces(split: SplitResult) -> Iterator[str]:
    yield from split.path.split("/")
    yield from (value for _, value in parse_qsl(split.query, keep_blank_values=True))
    yield from (pair.partition("=")[2] or pair for pair in re.split("[&;]", split.query))
    yield split.fragment
    yield from split.netloc.rpartition("@")[0].split(":")
