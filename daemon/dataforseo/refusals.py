"""Which error an answer is, by HTTP status and by the remote's own code. Pure; knows no network.

HTTP is 200 but for 401, 402, 404 and 500 (docs: appendix/errors), and carries the usual envelope. Anything
else comes from something between us and the remote, and is survived.
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from daemon.dataforseo.codes import Kind, fact_of, kind_of
from daemon.dataforseo.errors import AccountRefused, RemoteError, RequestRefused, Throttled, Unreachable

MAX_RETRY_AFTER_MS = 3_600_000
"""A longer pause than an hour is not believed: a proxy may have said so."""

_ACCOUNT = frozenset({401, 402, 403, 407})
_EVERYWHERE = frozenset({401, 407, 40100, 40104, 40201, 40207})
"""Statuses and codes that refuse the account itself; the others may be about one API or its money."""


def by_status(status: int, headers: Mapping[str, str], code: int | None, about: str) -> RemoteError:
    """Name the error of an answer that is not a 2xx and whose envelope, if any, does not name one."""
    answered = f"{about} was answered with HTTP {status}"
    if status == 429:
        sentence = f"{answered}: too many calls; calls pause"
        return Throttled(sentence, code, retry_after_ms(headers))
    if 300 <= status < 400:
        sentence = f"{answered}, a redirect, which is not followed; check base_url and the network between"
        return Unreachable(sentence, code)
    if status in _ACCOUNT:
        sentence = f"{answered}: access refused; check DATAFORSEO_LOGIN and the account"
        return AccountRefused(sentence, code, everywhere=status in _EVERYWHERE)
    if 400 <= status < 500:
        return RequestRefused(f"{answered}; the path may be wrong, check base_url", code)
    return Unreachable(f"{answered}: the remote is in trouble; it is asked again later", code)


def by_code(code: int | None, message: str | None, headers: Mapping[str, str], about: str) -> RemoteError:
    """Name the error of a call that was answered with a code that is no success."""
    sentence = f"{about} was answered with code {code} ({message or 'no message'}). {fact_of(code).advice}"
    kind = kind_of(code)
    if kind is Kind.THROTTLE:
        return Throttled(sentence, code, retry_after_ms(headers))
    if kind is Kind.ACCOUNT:
        return AccountRefused(sentence, code, everywhere=code in _EVERYWHERE)
    if kind in (Kind.RETRY, Kind.PENDING, Kind.UNKNOWN):
        return Unreachable(sentence, code)
    return RequestRefused(sentence, code)


def retry_after_ms(headers: Mapping[str, str]) -> int | None:
    """Read Retry-After, seconds or a date, as a pause; a date is measured from the answer's own Date."""
    wish = headers.get("retry-after", "").strip()
    if wish.isascii() and wish.isdigit():
        return min(int(wish[:9]) * 1000, MAX_RETRY_AFTER_MS)
    try:
        until = parsedate_to_datetime(wish)
        pause = until - parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return max(0, min(round(pause.total_seconds() * 1000), MAX_RETRY_AFTER_MS))
