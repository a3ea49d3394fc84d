"""One answer as it came over HTTP: unpacked, and read if it can be. Pure; knows no network and no account."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Protocol, TypeVar

from daemon.dataforseo.codes import CREATED, OK
from daemon.dataforseo.errors import Garbled, RemoteError
from daemon.dataforseo.inflate import inflate
from daemon.dataforseo.refusals import by_status

_TOO_MANY_REQUESTS = 429


class _Coded(Protocol):
    @property
    def code(self) -> int | None: ...


A = TypeVar("A", bound=_Coded)


@dataclass(frozen=True, slots=True)
class Received:
    """The whole body as it travelled; `about` names the call, for sentences."""

    about: str
    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def is_gzip(self) -> bool:
        """Say whether the body travelled as gzip, the only encoding that is asked for."""
        return self._encoding in ("gzip", "x-gzip")

    @property
    def _encoding(self) -> str:
        return self.headers.get("content-encoding", "identity").strip().lower()

    def unpacked(self, cap: int) -> bytes:
        """Give the body as JSON text, at most `cap` bytes of it.

        Raises:
            Unreachable: it did not come whole.
            TooLarge: it is larger.
            Garbled: it came in an encoding that nobody asked for.
        """
        if self.is_gzip:
            return inflate(self.raw, cap, self.about)
        if self._encoding not in ("", "identity"):
            raise Garbled(f"{self.about} was answered in the encoding {self._encoding[:40]!r}, not gzip")
        return self.raw


def clock_of(headers: Mapping[str, str]) -> int | None:
    """Read the remote's own clock, ms UTC, from the header that every origin server sends (RFC 9110, 6.6.1)."""
    try:
        at = round(parsedate_to_datetime(headers.get("date", "")).timestamp() * 1000)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return at if at > 0 else None


def understood(received: Received, cap: int, read: Callable[[bytes], A]) -> tuple[A, bytes]:
    """Read an answer; give it with its JSON text. If it is no 2xx, it counts only when its envelope says why.

    Raises:
        RemoteError: the body cannot be read, or the HTTP status is all there is to judge by.
    """
    if 200 <= received.status < 300:
        body = received.unpacked(cap)
        return read(body), body
    try:
        body = received.unpacked(cap)
        answer = read(body)
    except RemoteError as error:
        raise by_status(received.status, received.headers, error.code, received.about) from None
    if received.status == _TOO_MANY_REQUESTS or answer.code in (None, OK, CREATED):
        raise by_status(received.status, received.headers, answer.code, received.about)
    return answer, body
