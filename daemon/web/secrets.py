"""The secrets in the webhooks' URLs: made, read from their file, changed, compared. Knows no request and no setting.

At most two are valid at once, one a line, the newest first: while the tasks with the older one in their URLs are still
under way, both are let in.
"""

import hmac
import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path

from daemon import logs
from daemon.logs import Logger
from daemon.settings_secret import SecretOutOfReachError, SettingsError

BYTES = 32
"""256 bits."""

MOST = 2
LOOK_AGAIN_MS = 5_000
"""The file is looked at again at most this often, and only when somebody knocks."""

_SECRET = re.compile(r"[A-Za-z0-9_-]{43,128}")
_MAX_BYTES = 4096


def new_secret() -> str:
    """Draw a secret that fits into a URL."""
    return secrets.token_urlsafe(BYTES)


def read(path: Path) -> tuple[str, ...]:
    """Read the valid secrets, the newest first, and hide them from the logs.

    Raises:
        SettingsError: unreadable, or not one or two secrets. Never shows what is in it.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except OSError as error:
        kind = SecretOutOfReachError if isinstance(error, PermissionError) else SettingsError
        raise kind(f"the webhook secret cannot be read from {path}: {error.strerror}") from None
    lines = [line.strip() for line in raw.decode("ascii", "replace").splitlines()]
    found = tuple(line for line in lines if line)
    if not 1 <= len(found) <= MOST or len(raw) > _MAX_BYTES:
        raise SettingsError(f"{path} holds {len(found)} webhook secrets; it must hold one or two, one a line")
    if not all(_SECRET.fullmatch(one) for one in found):
        raise SettingsError(
            f"{path} holds a webhook secret that is none: it must be 43 to 128 letters, digits, - and _;"
            " readyd webhook-url --new-secret makes one"
        )
    for one in found:
        logs.hide(one)
    return found


def replace(path: Path) -> tuple[str, ...]:
    """Put a new secret into the file, readable by its owner only, and keep the newest old one; return both.

    Raises:
        SettingsError: the file holds something else, or cannot be written.
    """
    try:
        known = read(path) if path.exists() and path.stat().st_size else ()
        fresh = (new_secret(), *known[:1])
        _write(path, "".join(f"{one}\n" for one in fresh))
    except OSError as error:
        raise SettingsError(f"the webhook secret cannot be written to {path}: {error.strerror}") from None
    return fresh


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all; nobody else may read it at any moment."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def matches(given: str, valid: Sequence[str]) -> bool:
    """Compare with every valid secret, each in the same time whatever was given."""
    wanted = given.encode("utf-8", "surrogatepass")
    return bool(sum(hmac.compare_digest(wanted, one.encode()) for one in valid))


class Keyring:
    """The valid secrets of a running receiver; follows its file."""

    def __init__(self, path: Path, log: Logger) -> None:
        """Read the file.

        Raises:
            SettingsError: see `read`.
        """
        self._path = path
        self._log = log
        self._seen = _stamp(path)
        self._look_again_at = 0  # monotonic ms
        self._valid = read(path)

    @property
    def count(self) -> int:
        """How many secrets are valid."""
        return len(self._valid)

    def matches(self, given: str, ticks: int) -> bool:
        """Say whether a secret is valid at `ticks` (monotonic ms)."""
        if ticks >= self._look_again_at:
            self._look_again_at = ticks + LOOK_AGAIN_MS
            self._follow()
        return matches(given, self._valid)

    def _follow(self) -> None:
        stamp = _stamp(self._path)
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            self._valid = read(self._path)
        except SettingsError as error:
            self._log.warning("webhook.secret", problem=f"{error}; those read before stay valid")
        else:
            self._log.info("webhook.secret", valid=len(self._valid))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_ino, about.st_mtime_ns, about.st_size
