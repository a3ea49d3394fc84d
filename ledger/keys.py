"""Keys of planned tasks: how one is made, and how it travels in the tag. Pure; knows no table and no call.

A key is derived from the batch, the line and what the line says, so that planning the same again plans nothing new.
It is sent in the tag, behind the user's own, because the tag is all that the remote shows again of what we sent
(tasks_ready, id_list with metadata): it is how a task whose answer was lost is found.
"""

import hashlib
import json
import re
from base64 import b32encode
from collections.abc import Mapping
from typing import Any

MOST_TAG = 255
"""docs task_post: the longest tag that the remote takes."""

PLAN_PREFIX = "plan-"
"""How the id of a task begins that has none of the remote's yet."""

_MARK = "readyd:"
_BETWEEN = "|"
_BYTES = 10  # 80 bits: among a thousand million keys two alike are less likely than one in a million
_SENT = re.compile(rf"(?:(.*){re.escape(_BETWEEN)})?{_MARK}([a-z2-7]{{16}})", re.DOTALL)


def make_key(batch: str, line: int, content: Mapping[str, Any]) -> str:
    """Derive the key of one line: the same batch, line and content give the same key."""
    written = json.dumps([batch, line, content], sort_keys=True, separators=(",", ":"))
    digest = hashlib.blake2b(written.encode("utf-8", "surrogatepass"), digest_size=_BYTES).digest()
    return b32encode(digest).decode("ascii").lower()


def plan_id(key: str) -> str:
    """Give the id that a task has in the ledger until the remote gives it one."""
    return PLAN_PREFIX + key


def sent_tag(tag: str | None, key: str) -> str:
    """Give the tag that is sent: the user's own and the key, or the key alone where both are too long."""
    whole = f"{tag}{_BETWEEN}{_MARK}{key}" if tag else _MARK + key
    return whole if len(whole) <= MOST_TAG else _MARK + key


def split_tag(tag: str | None) -> tuple[str | None, str | None]:
    """Take a tag that the remote shows apart: the user's own, and the key; None for what is not there."""
    match = None if tag is None else _SENT.fullmatch(tag)
    return (tag, None) if match is None else (match[1] or None, match[2])


def own_tag(tag: str | None) -> str | None:
    """Give the user's own part of a tag."""
    return split_tag(tag)[0]
