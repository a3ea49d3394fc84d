"""The settings of the receiver: what is allowed, what is warned of, and where the secret comes from."""

from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.settings import Settings, SettingsError
from daemon.web import secrets

Load = Callable[..., Settings]


def test_the_receiver_is_off_unless_asked_for(settings: Load) -> None:
    assert settings().webhook.listen is None


def test_lists_of_sources_may_be_lists(settings: Load) -> None:
    loaded = settings(
        '[webhook]\nallow = ["dataforseo", "2001:db8::/32"]\nproxy = ["127.0.0.1"]\nverify = true\n'
    )
    assert loaded.webhook.allow == ("dataforseo", "2001:db8::/32")
    assert loaded.webhook.verify is True
    described = {name: value for name, value, _ in loaded.describe()}
    assert described["webhook.allow"] == "dataforseo, 2001:db8::/32"
    assert described["webhook.listen"] == "not set"


@pytest.mark.parametrize(
    ("toml", "key", "allowed"),
    [
        ('listen = "8470"', "webhook.listen", "such as 127.0.0.1:8470"),
        ('listen = "localhost:8470"', "webhook.listen", "an address and a port"),
        ('listen = "127.0.0.1:70000"', "webhook.listen", "an address and a port"),
        ('listen = "::1:8470"', "webhook.listen", "an address and a port"),
        ("listen = 8470", "webhook.listen", "an address and a port"),
        ('allow = ["dataforse0"]', "webhook.allow", "or the name dataforseo"),
        ("allow = [1]", "webhook.allow", "addresses or networks"),
        ('proxy = "300.1.1.1"', "webhook.proxy", "addresses or networks"),
        ('verify = "yes"', "webhook.verify", "true or false"),
        ("verify = 1", "webhook.verify", "true or false"),
        ('public_url = "hooks.example.com"', "webhook.public_url", "an http or https address"),
    ],
)
def test_what_cannot_be_used_is_said(settings: Load, toml: str, key: str, allowed: str) -> None:
    with pytest.raises(SettingsError, match=key) as caught:
        settings(f"[webhook]\n{toml}\n")
    assert allowed in str(caught.value)


@pytest.mark.parametrize("listen", ["[::1]:8470", "127.0.0.1:0", "0.0.0.0:80"])
def test_addresses_of_both_kinds_are_taken(settings: Load, listen: str) -> None:
    webhook = settings(f'[webhook]\nlisten = "{listen}"\n').webhook
    assert webhook.address() == (listen.rpartition(":")[0].strip("[]"), int(listen.rpartition(":")[2]))


def test_a_port_that_others_reach_without_tls_is_warned_of(settings: Load) -> None:
    assert not settings('[webhook]\nlisten = "127.0.0.1:8470"\n').warnings
    (warning,) = settings('[webhook]\nlisten = "0.0.0.0:8470"\n').warnings
    assert "without TLS" in warning


def test_a_secret_that_everybody_can_read_is_warned_of(settings: Load, tmp_path: Path) -> None:
    file = tmp_path / "hook"
    secrets.replace(file)
    assert not settings(f'[webhook]\nsecret_file = "{file}"\n').warnings
    file.chmod(0o644)
    (warning,) = settings(f'[webhook]\nsecret_file = "{file}"\n').warnings
    assert "everybody on this machine can read it" in warning


def test_no_place_for_a_secret_is_said_with_what_to_do(settings: Load) -> None:
    with pytest.raises(SettingsError, match="no webhook secret is set"):
        settings().webhook.secret_path()


def test_the_credential_wins_over_the_file(settings: Load, tmp_path: Path) -> None:
    toml = '[webhook]\nsecret_file = "/nowhere"\n'
    assert settings(toml).webhook.secret_path() == Path("/nowhere")
    credential = tmp_path / "readyd.webhook_secret"
    credential.write_text("x")
    assert settings(toml, {"CREDENTIALS_DIRECTORY": str(tmp_path)}).webhook.secret_path() == credential


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds 0"),
        ("a" * 43 + "\n" + "b" * 43 + "\n" + "c" * 43, "holds 3"),
        ("short", "43 to 128"),
        ("a" * 42 + "/", "43 to 128"),
        ("a" * 129, "43 to 128"),
        ("\u00e4" * 50, "43 to 128"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused_without_showing_it(
    tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "hook"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        secrets.read(file)
    assert said in str(caught.value)
    assert not text or text not in str(caught.value)
    if text:
        with pytest.raises(SettingsError):
            secrets.replace(file)
        assert file.read_text() == text


def test_new_secrets_are_256_bits_and_never_the_same(tmp_path: Path) -> None:
    made = {secrets.new_secret() for _ in range(100)}
    assert len(made) == 100
    assert {len(one) for one in made} == {43}
