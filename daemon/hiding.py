"""Names to the log every secret of a process, so that none is ever shown. Shows and keeps none itself.

Settings name some; others reach libraries through the environment: keys of object stores, passwords of proxies.
"""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from daemon import logs
from daemon.handover.target import TargetKind
from daemon.settings import Settings

_STORES = re.compile(r"(AWS|AZURE|GOOGLE)_\w*(SECRET|TOKEN|KEY|SAS|PASSWORD)\w*")
_IDS = re.compile(r"\w*(_ID|_FILE)")
_PROXIES = re.compile(r"(https?|all)_proxy", re.IGNORECASE)
_LEAST = 8
"""Shorter parts of an address are words, not tokens; hiding them would blot out half of the log."""


def hide(settings: Settings, environ: Mapping[str, str]) -> None:
    """Hide the password, the addresses of targets, and what the environment holds for stores and proxies."""
    if settings.password is not None:
        logs.hide_credentials(settings.login or "", settings.password.reveal())
    for rule in settings.targets:
        if rule.kind is TargetKind.HTTP:
            for part in _parts(rule.place.reveal()):
                logs.hide(part)
    for secret in _of_environment(environ):
        logs.hide(secret)


def _parts(address: str) -> Iterator[str]:
    """Take an address apart: whole, and each part that could be a token by itself."""
    url = urlsplit(address)
    yield address
    words = [*url.path.split("/"), *(value for _, value in parse_qsl(url.query))]
    yield from (word for word in words if len(word) >= _LEAST and "$" not in word)


def _of_environment(environ: Mapping[str, str]) -> Iterator[str]:
    for name, value in environ.items():
        if _STORES.fullmatch(name) and not _IDS.fullmatch(name) and len(value) >= _LEAST:
            yield value
        elif _PROXIES.fullmatch(name):
            yield from _of_proxy(value)


def _of_proxy(address: str) -> Iterator[str]:
    try:
        url = urlsplit(address)
    except ValueError:
        return
    if url.password:
        yield from {url.password, unquote(url.password)}
        yield f"{url.username}:{url.password}"
