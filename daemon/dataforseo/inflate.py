"""Bodies as they travel: proves that a gzip body came whole, and how large it is. Knows no HTTP and no JSON.

A body is only worth keeping when it inflates to its end, its checksum fits and nothing follows it.
"""

import gzip
import zlib
from collections.abc import Iterator

from daemon.dataforseo.errors import TooLarge, Unreachable

STEP = 65_536
"""Bytes inflated at a time: a bomb is refused before it is large."""

HELD = 16 * 1024 * 1024
"""Larger bodies are measured first and inflated again when they prove whole and small enough."""

_INPUT = 16_384
_GZIP = 31  # zlib's word for "one gzip member, header and trailer included"


def inflate(packed: bytes, cap: int, about: str) -> bytes:
    """Inflate a whole gzip body of at most `cap` bytes; `about` begins the sentence of an error.

    Raises:
        Unreachable: it is cut short, damaged, or followed by other bytes.
        TooLarge: it would inflate to more than `cap` bytes; at most `HELD` of them were held.
    """
    size, steps = 0, list[bytes]()
    try:
        for step in _steps(packed):
            size += len(step)
            if size > cap:
                raise TooLarge(f"{about} is larger than {cap:,} bytes when inflated; it was not read")
            if size <= HELD:
                steps.append(step)
        return b"".join(steps) if size <= HELD else zlib.decompress(packed, _GZIP, size)
    except (zlib.error, EOFError) as error:
        sentence = f"The body of {about} did not arrive whole ({error}); it is asked for again later"
        raise Unreachable(sentence) from None


def pack(body: bytes) -> bytes:
    """Pack a body that came as it is, the same bytes each time: the gzip header names no time."""
    return gzip.compress(body, mtime=0)


def _steps(packed: bytes) -> Iterator[bytes]:
    """Inflate in steps of at most `STEP` bytes, and check the end.

    Raises:
        zlib.error: the data or its checksum is wrong.
        EOFError: it ends too early, or not at its end.
    """
    stream = zlib.decompressobj(_GZIP)
    view = memoryview(packed)
    for start in range(0, len(view), _INPUT):
        # Small pieces: zlib copies what it has not taken yet, each time.
        piece: bytes | memoryview = view[start : start + _INPUT]
        while piece and not stream.eof:
            yield stream.decompress(piece, STEP)
            piece = stream.unconsumed_tail
        if stream.eof:
            rest = len(stream.unused_data) + len(view) - start - _INPUT
            if stream.unused_data or rest > 0:
                raise EOFError("bytes follow its end")
            return
    if not stream.eof:
        raise EOFError("it ends too early")
