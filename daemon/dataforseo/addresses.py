"""Which base URLs keep login and password between us and the remote. Connects to nothing."""

import ipaddress
from urllib.parse import SplitResult, urlsplit

IN_CLEAR = "http would send login and password in clear; use https, or a loopback address such as http://127.0.0.1:8000"
"""What is said of a base URL that `sends_in_clear`."""


def is_base_url(text: str) -> bool:
    """Say whether this can be the start of every URL: scheme, host and perhaps a path, nothing more."""
    url = _split(text)
    return (
        url is not None
        and url.scheme in ("http", "https")
        and bool(url.hostname)
        and not (" " in text or url.query or url.fragment)
    )


def holds_credentials(base_url: str) -> bool:
    """Say whether there is a user or a password in the URL; then it must not be shown either."""
    url = _split(base_url)
    return url is not None and (url.username is not None or url.password is not None)


def sends_in_clear(base_url: str) -> bool:
    """Say whether others could read what is sent: plain http that leaves this machine."""
    url = _split(base_url)
    return url is not None and url.scheme == "http" and not is_loopback(base_url)


def is_loopback(base_url: str) -> bool:
    """Say whether this machine itself is addressed."""
    url = _split(base_url)
    host = (url and url.hostname) or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split(text: str) -> SplitResult | None:
    try:
        url = urlsplit(text)
        return None if url.port == 0 else url
    except ValueError:  # a port or an IPv6 address that cannot be one
        return None
