"""The reference of settings says what the code says; `make docs` runs this file as a program to write it."""

from pathlib import Path

from daemon.settings_keys import KEYS, Key

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
UNITS = {"s": "seconds ", "min": "minutes ", "h": "hours "}
OTHERWISE = {
    "ledger": "`ledger.db` in systemd's state directory, else in `~/.local/state/readyd`",
    "general_limit": "what the account allows",
}
"""Defaults that are found when readyd starts."""

INTRO = """\
# Settings

Every key, as the code has it (`make docs` writes this page). A dot stands for a section: `pace.normal_s` is `normal_s`
under `[pace]`. Flags win over the environment, that over the TOML file, and that over the default. `readyd check` shows
which value each key has here, and where that comes from.

| key | default | meaning | allowed | environment variable |
| --- | --- | --- | --- | --- |
"""
OUTRO = """
An empty variable counts as not set. A path in the file is relative to the file.

What is no key of the file:

* `DATAFORSEO_PASSWORD` holds the API password; the systemd credential `dataforseo.password` comes after it, and then
  `password_file`. It is never a flag, and never in the TOML file. The credential `dataforseo.login` wins over `login`
  in the file, and `readyd.webhook_secret` over `webhook.secret_file`.
* `READYD_CONFIG` names the TOML file, as `--config` does.
* `READYD_DEBUG=1` shows the traceback of a bug, as `--debug` does.

The lists `[[priority]]`, `[[adopt]]`, `[[variant]]` and `[[target]]` stand in the TOML file alone; the
[README](../README.md) shows them.
"""


def default_of(key: Key) -> str:
    if key.name in OTHERWISE:
        return OTHERWISE[key.name]
    if key.default is None or key.default == ():
        return "not set"
    if isinstance(key.default, bool):
        return f"`{key.default}`".lower()
    return f"`{key.default:g}`" if isinstance(key.default, float) else f"`{key.default}`"


def row(key: Key) -> str:
    unit = UNITS[key.name.rpartition("_")[2]] if key.rule else ""
    return f"| `{key.name}` | {default_of(key)} | {unit}{key.meaning} | {key.allowed} | `{key.variable}` |\n"


def written() -> str:
    return INTRO + "".join(row(key) for key in KEYS.values()) + OUTRO


def test_the_page_of_settings_says_what_the_code_says() -> None:
    assert PAGE.read_text() == written(), "make docs writes it anew"


if __name__ == "__main__":
    PAGE.write_text(written())
