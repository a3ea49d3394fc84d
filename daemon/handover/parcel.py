"""One result on its way out: its name, and its bytes in the form that a target wants. Opens nothing."""

import hashlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from daemon.handover.target import Form
from ledger.records import Body

STEP = 1 << 20
"""Bytes inflated at a time."""

NAME_LENGTH = 150
"""An id is 36 characters; a longer one is cut, and a digest keeps it apart. File systems end at 255 bytes."""

_UNSAFE = re.compile(rb"[^A-Za-z0-9_-]")
_GZIP = 31  # zlib's word for "one gzip member, header and trailer included"


class ParcelError(Exception):
    """A result that cannot be inflated; `str()` is one sentence."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One edition of one result, for one target."""

    body: Body
    function: str
    tag: str | None
    form: Form

    @property
    def name(self) -> str:
        """Name the file or object: id, variant and edition, of characters that are safe everywhere.

        The same edition has the same name each time, so that handing it over twice replaces it by itself.
        """
        suffix = ".json" if self.form is Form.JSON else ".json.gz"
        return f"{safe(self.body.task_id)}.{safe(self.body.variant)}.{self.body.edition}{suffix}"

    @property
    def size(self) -> int:
        """Count the bytes that `pieces` yields."""
        return self.body.size if self.form is Form.JSON else len(self.body.gzip)

    def pieces(self) -> Iterator[bytes]:
        """Yield the content, at most about a megabyte at a time.

        Raises:
            ParcelError: the stored body is damaged.
        """
        if self.form is Form.GZIP:
            yield self.body.gzip
            return
        try:
            yield from _inflated(self.body.gzip)
        except zlib.error as error:
            msg = f"the stored result of task {self.body.task_id} cannot be inflated ({error}); see readyd check"
            raise ParcelError(msg) from None


def _inflated(packed: bytes) -> Iterator[bytes]:
    stream = zlib.decompressobj(_GZIP)
    held = packed
    while not stream.eof:
        piece = stream.decompress(held, STEP)
        held = stream.unconsumed_tail
        if piece:
            yield piece
        elif not stream.eof and not held:
            raise zlib.error("it ends too early")


def safe(text: str) -> str:
    """Write a text as part of a file name: no dots and no separators, and different texts stay different."""
    raw = text.encode("utf-8", "surrogatepass")
    written = _UNSAFE.sub(lambda found: b"%%%02X" % found[0][0], raw).decode()
    if 0 < len(written) <= NAME_LENGTH:
        return written
    return f"{written[:NAME_LENGTH]}%{hashlib.sha256(raw).hexdigest()}"
