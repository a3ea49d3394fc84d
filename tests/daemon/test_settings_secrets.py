"""Secrets in the settings: taken from their places, refused unshown, and readable by nobody else."""

import os
import pickle
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.settings import KEYS, Secret, Settings, SettingsError, load

CANARY = "cAn4ry-pa$$word"
Load = Callable[..., Settings]


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines", b"\xff\xfe", b"nul\0", b"x" * 5000, b"\r\n"])
@pytest.mark.parametrize("name", ["dataforseo.login", "dataforseo.password"])
def test_a_credential_that_is_not_one_line_is_refused_unshown(
    name: str, content: bytes, settings: Load, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingsError, match=f"the credential {name}") as caught:
        settings(None, {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert "two" not in str(caught.value)


@pytest.mark.parametrize(
    ("toml", "environ"),
    [
        (f'password = "{CANARY}"', {}),
        (f'password = ["{CANARY}"]', {}),
        (f'[password]\nvalue = "{CANARY}"', {}),
        (f'[credentials]\npassword = "{CANARY}"', {}),
        (f'[alerts]\npassword = "{CANARY}"', {}),
        (f'login = "me@example.com:{CANARY}"', {}),
        (f'lanes = ["{CANARY}"]', {}),
        (f'passwort = "{CANARY}"', {}),
        (f'base_url = "https://me:{CANARY}@api.dataforseo.com"', {}),
        (None, {"DATAFORSEO_LOGIN": f"me:{CANARY}"}),
        (None, {"DATAFORSEO_PASSWORD": f"{CANARY}\n{CANARY}"}),
        (None, {"READYD_BASE_URL": f"https://me:{CANARY}@api.dataforseo.com"}),
        (f'password = "{CANARY}', {}),
    ],
)
def test_a_refusal_never_shows_what_could_be_a_secret(
    toml: str | None, environ: dict[str, str], settings: Load
) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(toml, environ)
    assert CANARY not in str(caught.value)
    assert CANARY not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_password_in_the_file_is_sent_to_its_places(settings: Load) -> None:
    places = r"DATAFORSEO_PASSWORD.*credential dataforseo\.password.*password_file"
    with pytest.raises(SettingsError, match=f"password does not belong into .*readyd.toml.*{places}"):
        settings(f'password = "{CANARY}"')


def test_loaded_settings_do_not_show_the_password(settings: Load) -> None:
    loaded = settings(None, {"DATAFORSEO_LOGIN": "me@example.com", "DATAFORSEO_PASSWORD": CANARY})
    assert loaded.password == Secret(CANARY)
    assert loaded.password != Secret("other")
    shown = [
        repr(loaded),
        str(loaded),
        f"{loaded.password}",
        f"{loaded.password!r:>9}",
        str(loaded.describe()),
    ]
    assert [text for text in shown if CANARY in text] == []
    assert ("password", "***", "environment variable DATAFORSEO_PASSWORD") in loaded.describe()
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(loaded.password)


def test_describe_lists_every_key_once_with_its_source(settings: Load, tmp_path: Path) -> None:
    rows = settings("lanes = 3", {"READYD_SHARE": "0.25"}, log_level="debug").describe()
    names = [name for name, _, _ in rows]
    assert set(KEYS) <= set(names)
    assert len(names) == len(set(names))
    assert ("lanes", "3", f"in {tmp_path / 'readyd.toml'}") in rows
    assert ("share", "0.25", "environment variable READYD_SHARE") in rows
    assert ("log_level", "debug", "command line") in rows
    assert ("general_limit", "what the account allows", "default") in rows
    assert ("pace.normal_s", "300", "default") in rows
    assert ("password", "not set", "default") in rows


def test_settings_cannot_be_changed(settings: Load) -> None:
    loaded: Any = settings()
    with pytest.raises(AttributeError):
        loaded.lanes = 5


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """A folder that everybody may enter; for the time of the test we are not root, who may read everything."""
    with tempfile.TemporaryDirectory() as name:
        folder, we = Path(name), os.geteuid()
        for file in ("closed.toml", "secret"):
            (folder / file).write_text(CANARY)
            (folder / file).chmod(0)
        (folder / "readyd.toml").write_text('login = "me@example.com"\npassword_file = "secret"')
        folder.chmod(0o755)
        if we == 0:
            os.seteuid(65534)
        try:
            yield folder
        finally:
            os.seteuid(we)


def test_an_unreadable_file_is_named(as_nobody: Path) -> None:
    with pytest.raises(SettingsError, match=r"closed\.toml cannot be read: Permission denied"):
        load(as_nobody / "closed.toml", {}, {})


def test_a_password_for_other_users_only_stops_nobody_from_looking(as_nobody: Path) -> None:
    loaded = load(as_nobody / "readyd.toml", {"HOME": "/home/me"}, {})
    sentence = f"the API password cannot be read from {as_nobody / 'secret'}: Permission denied"
    assert sentence in loaded.warnings
    with pytest.raises(SettingsError, match=sentence):
        loaded.credentials()
