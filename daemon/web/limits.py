"""How much and how long one request may be, and the reading of a body within that. Knows no route and no task."""

import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from daemon.dataforseo.inflate import STEP

MIB = 1024 * 1024
_GZIP = 31  # zlib's word for "one gzip member, header and trailer included"
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the receiver. The sender gives up after ten seconds (docs task_post), so all waits make eight."""

    head_bytes: int = 8 * 1024
    head_s: float = 2.0  # from the connection to the end of the request's head
    body_s: float = 4.0  # from there to the end of its body
    answer_s: float = 6.0  # from the end of its head to the answer
    packed_bytes: int = 64 * MIB  # of one body, as it travels
    inflated_bytes: int = 64 * MIB  # of one body
    held_bytes: int = 64 * MIB  # of all bodies that are coming in
    connections: int = 32


class BodyRefusedError(Exception):
    """A body that is not taken; `str()` is a sentence for the sender."""


class BodyTooLargeError(BodyRefusedError):
    """A body that is larger than allowed, as it travels or inflated."""


class NoRoomError(BodyRefusedError):
    """All bodies together would be larger than what is held at once: later there is room."""


class Gauge:
    """Measures how large a body becomes, while it comes in; keeps nothing of it."""

    def __init__(self, cap: int) -> None:
        """Allow `cap` bytes."""
        self._cap = cap
        self._size = 0
        self._stream: zlib._Decompress | None = None
        self._begun = False

    def feed(self, chunk: bytes) -> None:
        """Measure the next piece.

        Raises:
            BodyRefusedError: too large when inflated, or damaged.
        """
        if not self._begun and chunk:
            self._begun = True
            self._stream = zlib.decompressobj(_GZIP) if chunk.startswith(_GZIP_MAGIC[:1]) else None
        if self._stream is None:
            self._add(len(chunk))
            return
        try:
            self._inflate(self._stream, chunk)
        except zlib.error as error:
            raise BodyRefusedError(f"The body is damaged gzip ({error})") from None

    def _inflate(self, stream: "zlib._Decompress", piece: bytes) -> None:
        while piece and not stream.eof:
            self._add(len(stream.decompress(piece, STEP)))
            piece = stream.unconsumed_tail

    def _add(self, size: int) -> None:
        self._size += size
        if self._size > self._cap:
            raise BodyTooLargeError(f"The body is larger than {self._cap:,} bytes when inflated")


class Inlet:
    """Takes bodies in; all of them together stay below a limit."""

    def __init__(self, limits: Limits) -> None:
        """Hold nothing yet."""
        self._limits = limits
        self._held = 0

    async def read(self, chunks: AsyncIterator[bytes], announced: str | None) -> bytes:
        """Read one body to its end.

        Raises:
            BodyRefusedError: the class says why; no more of it is held.
        """
        limits = self._limits
        self._check(int(announced) if announced and announced.isdecimal() and len(announced) < 20 else 0)
        gauge, kept, size = Gauge(limits.inflated_bytes), list[bytes](), 0
        try:
            async for chunk in chunks:
                size += len(chunk)
                self._held += len(chunk)
                self._check(size)
                if self._held > limits.held_bytes:
                    raise NoRoomError("Too many large bodies at once")
                gauge.feed(chunk)
                kept.append(chunk)
            return b"".join(kept)
        finally:
            self._held -= size

    def _check(self, size: int) -> None:
        if size > self._limits.packed_bytes:
            raise BodyTooLargeError(f"The body is larger than {self._limits.packed_bytes:,} bytes")
