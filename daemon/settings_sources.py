"""Where settings come from: the TOML file, the environment, flags and systemd's credentials.

Each reader returns checked values by key name, and where each was found; who wins is decided elsewhere.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from daemon.settings_keys import KEYS, PATHS, SECTIONS, did_you_mean, shown
from daemon.settings_secret import (
    PLACES,
    Secret,
    SecretOutOfReachError,
    SettingsError,
    credential,
    one_line,
    read_secret,
)

LISTS = ("priority", "adopt", "variant", "target")
"""Keys that hold a list of tables; `daemon.settings_rules` and `daemon.settings_targets` read them."""

_MAX_CONFIG_BYTES = 1_000_000


class Found(NamedTuple):
    """A checked value and where it was found."""

    value: Any
    source: str


def read_document(config: Path | None, default: Path) -> tuple[dict[str, object], Path]:
    """Read `config`, or `default` if it is there and no other was named; return also the path."""
    path = config or default
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_CONFIG_BYTES + 1)
    except FileNotFoundError:
        if config is None:
            return {}, path
        msg = f"there is no configuration file {path}; let --config, or READYD_CONFIG, name one that exists, or none"
        raise SettingsError(msg) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        msg = f"the configuration {path} cannot be read: {reason}"
        raise SettingsError(msg) from None
    if len(raw) > _MAX_CONFIG_BYTES:
        msg = f"the configuration {path} is larger than {_MAX_CONFIG_BYTES} bytes, so it is hardly one"
        raise SettingsError(msg)
    return _parse(raw, path), path


def _parse(raw: bytes, path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(raw.decode().removeprefix("\ufeff"))
    except UnicodeDecodeError:
        problem = "it is not UTF-8 text"
    except RecursionError:
        problem = "it is nested too deeply"
    except ValueError as error:  # TOMLDecodeError, and numbers too long for Python
        problem = str(error)
    msg = f"the configuration {path} is not valid TOML: {problem}"
    raise SettingsError(msg)


def from_document(document: Mapping[str, object], file: Path) -> dict[str, Found]:
    """Check the scalar keys of a parsed file; a path in it is relative to the file."""
    source, found = f"in {file}", {}
    for name, value in _flat(document, source):
        if name in LISTS:
            continue
        if name == "password":
            msg = f"password does not belong into {file}: put it into {PLACES}"
            raise SettingsError(msg)
        if name not in KEYS:
            msg = f"{name!r} is no key of the configuration ({source}); {did_you_mean(name, [*KEYS, *LISTS])}"
            raise SettingsError(msg)
        checked = KEYS[name].read(value, source)
        beside = name in PATHS and not str(checked).startswith("~")
        found[name] = Found(file.parent / str(checked) if beside else checked, source)
    return found


def _flat(document: Mapping[str, object], source: str) -> list[tuple[str, object]]:
    """Write sections as dotted names; a quoted key with a dot in it stays unknown."""
    rows = []
    for name, value in document.items():
        if name not in SECTIONS:
            rows.append((name.replace(".", "\\."), value))
        elif isinstance(value, dict):
            rows.extend((f"{name}.{key}", one) for key, one in value.items())
        else:
            msg = f"{name} is {shown(value)} ({source}); it must be a table, begun with [{name}]"
            raise SettingsError(msg)
    return rows


def from_environment(environ: Mapping[str, str]) -> dict[str, Found]:
    """Read one variable per key; an empty one counts as not set, as people clear variables that way."""
    found = {}
    for name, key in KEYS.items():
        if text := environ.get(key.variable):
            source = f"environment variable {key.variable}"
            found[name] = Found(key.read_text(text, source), source)
    return found


def from_flags(overrides: Mapping[str, object]) -> dict[str, Found]:
    """Check flags, by key name; None stands for a flag that was not given."""
    found = {}
    for name, value in overrides.items():
        if name not in KEYS:
            msg = f"{name!r} is no setting (command line); {did_you_mean(name, KEYS)}"
            raise SettingsError(msg)
        if value is not None:
            read = KEYS[name].read_text if isinstance(value, str) else KEYS[name].read
            found[name] = Found(read(value, "command line"), "command line")  # type: ignore[arg-type]
    return found


def credentials(environ: Mapping[str, str], found: Mapping[str, Found]) -> dict[str, Found]:
    """Find login and password where the environment, systemd or a file of its own holds them."""
    directory, secrets = environ.get("CREDENTIALS_DIRECTORY", ""), {}
    login = credential(directory, "dataforseo.login")
    if login and ("login" not in found or found["login"].source.startswith("in ")):
        secrets["login"] = Found(KEYS["login"].read(*login), login[1])
    if text := environ.get("DATAFORSEO_PASSWORD"):
        source = "environment variable DATAFORSEO_PASSWORD"
        secrets["password"] = Found(Secret(one_line(text, f"the {source}")), source)
    elif password := credential(directory, "dataforseo.password"):
        secrets["password"] = Found(Secret(password[0]), password[1])
    elif "password_file" in found:
        path = found["password_file"].value
        try:
            secrets["password"] = Found(Secret(read_secret(path, "the API password")), f"file {path}")
        except SecretOutOfReachError as error:
            secrets["password_trouble"] = Found(str(error), f"file {path}")
    return secrets


def default_ledger(environ: Mapping[str, str]) -> Path:
    """Find the place for state: systemd's, else the user's (XDG base directory specification)."""
    if state := environ.get("STATE_DIRECTORY"):
        return Path(state.partition(":")[0]) / "ledger.db"
    home = environ.get("XDG_STATE_HOME", "")
    # The specification: a path that is not absolute is to be ignored.
    base = Path(home) if Path(home).is_absolute() else Path("~/.local/state")
    return base / "readyd" / "ledger.db"


def absolute(path: Path, environ: Mapping[str, str]) -> Path:
    """Resolve `~` and relative paths."""
    if path.parts[:1] == ("~",) and environ.get("HOME"):
        path = Path(environ["HOME"]).joinpath(*path.parts[1:])
    try:
        return path.expanduser().absolute()
    except (RuntimeError, OSError):
        msg = f"{path} cannot be resolved, because its home or current directory is not known; write it whole"
        raise SettingsError(msg) from None
