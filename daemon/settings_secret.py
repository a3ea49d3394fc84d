"""Secrets: a value that no text shows by accident, and the files that secrets are read from. Knows no key."""

import os
import stat
from pathlib import Path

PLACES = (
    "the environment variable DATAFORSEO_PASSWORD, the systemd credential dataforseo.password, or a file of"
    " its own named by password_file"
)
"""Where a password may stand, to end a sentence with."""

_MAX_BYTES = 4096


class SettingsError(Exception):
    """A setting cannot be used; `str()` is one sentence: which, what it is, where from, what is allowed."""


class SecretOutOfReachError(SettingsError):
    """A file that holds a secret is not for this user; commands that need no secret may go on."""


class Secret:
    """A value that prints as ***; `reveal()` is the one way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Hold a secret."""
        self._value = value

    def reveal(self) -> str:
        """Return the value; keep it out of logs, errors and rows."""
        return self._value

    def __repr__(self) -> str:
        """Show that there is one, and no more."""
        return "***"

    def __eq__(self, other: object) -> bool:
        """Compare the values."""
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        """Agree with equality."""
        return hash(self._value)

    def __reduce__(self) -> str:
        """Refuse to be pickled or copied into anything that could be written down."""
        msg = "a secret cannot be pickled"
        raise TypeError(msg)


def read_secret(path: Path, what: str) -> str:
    """Read a one-line file; the line break at its end is not part of the secret.

    Raises:
        SettingsError: unreadable, empty, too long, or not one line of text. Never shows what is in it.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "the path holds a NUL character"
        msg = f"{what} cannot be read from {path}: {reason}"
        kind = SecretOutOfReachError if isinstance(error, PermissionError) else SettingsError
        raise kind(msg) from None
    if len(raw) > _MAX_BYTES:
        msg = f"{what} in {path} must be at most {_MAX_BYTES} bytes"
        raise SettingsError(msg)
    text = raw.decode(errors="surrogateescape").removesuffix("\n").removesuffix("\r")
    return one_line(text, f"{what} in {path}")


def one_line(text: str, what: str) -> str:
    """Return the text if it is one non-empty line of printable UTF-8; see `read_secret`."""
    if not text or not text.isprintable():
        msg = f"{what} must be one line of text"
        raise SettingsError(msg)
    return text


def credential(directory: str, name: str) -> tuple[str, str] | None:
    """Return a systemd credential and where it was found, or None when the unit passes no such credential."""
    path = Path(directory) / name
    if not directory or not os.path.lexists(path):
        return None
    return read_secret(path, f"the credential {name}"), f"credential {path}"


def exposure(path: Path) -> str | None:
    """Say so when everybody on the machine can read a file that holds a secret."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return None
    if os.name == "posix" and mode & stat.S_IROTH:
        return f"{path} holds a secret and everybody on this machine can read it: chmod o= {path}"
    return None
