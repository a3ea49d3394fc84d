"""Settings as a user meets them: what wins, and what is refused in which words."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.policy.rules import Rules
from daemon.settings import KEYS, Settings, SettingsError, load

CANARY = "cAn4ry-pa$$word"
Load = Callable[..., Settings]

WRITTEN = {
    "ledger": ("/srv/readyd/l.db", Path("/srv/readyd/l.db")),
    "base_url": ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
    "login": ("me@example.com", "me@example.com"),
    "password_file": ("PASSWORD_FILE", "PASSWORD_FILE"),
    "share": ("0.5", 0.5),
    "general_limit": ("1200", 1200),
    "tasks_ready_limit": ("10", 10),
    "lanes": ("7", 7),
    "max_body_mb": ("16", 16),
    "log_level": ("debug", "debug"),
    "log_format": ("json", "json"),
    "post_enabled": ("no", "no"),
    "pace.hurried_s": ("30", 30_000),
    "pace.normal_s": ("120.5", 120_500),
    "pace.on_page_s": ("600", 600_000),
    "pace.saturated_s": ("5", 5_000),
    "pace.fixed_s": ("7200", 7_200_000),
    "alerts.expiring_h": ("40", 144_000_000),
    "alerts.urgent_h": ("10", 36_000_000),
    "alerts.critical_h": ("2", 7_200_000),
    "alerts.repeat_h": ("1.5", 5_400_000),
    "alerts.quiet_min": ("7", 420_000),
    "alerts.poll_stale_min": ("15", 900_000),
    "webhook.listen": ("127.0.0.1:8470", "127.0.0.1:8470"),
    "webhook.public_url": ("https://hooks.example.com/in/", "https://hooks.example.com/in"),
    "webhook.secret_file": ("/srv/readyd/hook", Path("/srv/readyd/hook")),
    "webhook.allow": ("dataforseo, 10.0.0.0/8", ("dataforseo", "10.0.0.0/8")),
    "webhook.proxy": ("127.0.0.1", ("127.0.0.1",)),
    "webhook.verify": ("true", True),
}
"""For each key: what a user writes, and what a part that uses it gets."""


def value_of(loaded: Settings, name: str) -> object:
    rule, webhook = KEYS[name].rule, KEYS[name].webhook
    if webhook:
        return getattr(loaded.webhook, webhook)
    return getattr(loaded.rules, rule) if rule else getattr(loaded, name)


def test_credentials_and_nothing_else_are_enough(settings: Load, tmp_path: Path) -> None:
    loaded = settings(None, {"DATAFORSEO_LOGIN": "me@example.com", "DATAFORSEO_PASSWORD": CANARY})
    assert loaded.credentials() == ("me@example.com", CANARY)
    assert loaded.ledger == tmp_path / "home/.local/state/readyd/ledger.db"
    assert loaded.base_url == "https://api.dataforseo.com"
    assert (loaded.share, loaded.general_limit, loaded.tasks_ready_limit, loaded.lanes) == (1.0, None, 20, 30)
    assert loaded.rules == Rules()
    assert loaded.warnings == ()


def test_settings_built_directly_have_the_defaults_of_loaded_ones(settings: Load) -> None:
    loaded = settings()
    assert Settings(ledger=loaded.ledger) == replace(loaded, sources={})


def test_every_key_of_the_configuration_is_in_the_table_above() -> None:
    assert set(WRITTEN) == set(KEYS)


@pytest.mark.parametrize("name", WRITTEN)
def test_every_key_can_be_set_through_the_environment(name: str, settings: Load, tmp_path: Path) -> None:
    text, wanted = written(name, tmp_path)
    variable = KEYS[name].variable
    assert variable == ("DATAFORSEO_LOGIN" if name == "login" else f"READYD_{name.replace('.', '_').upper()}")
    loaded = settings(None, {variable: text})
    assert value_of(loaded, name) == wanted
    assert {key: source for key, _, source in loaded.describe()}[name].endswith(variable)


@pytest.mark.parametrize("name", WRITTEN)
def test_every_key_can_be_set_in_the_file(name: str, settings: Load, tmp_path: Path) -> None:
    text, wanted = written(name, tmp_path)
    loaded = settings(toml_line(name, text))
    assert value_of(loaded, name) == wanted
    assert loaded.sources[name] == f"in {tmp_path / 'readyd.toml'}"


def written(name: str, folder: Path) -> tuple[str, object]:
    text, wanted = WRITTEN[name]
    if name != "password_file":
        return text, wanted
    (folder / "secret").write_text(CANARY)
    (folder / "secret").chmod(0o600)
    return str(folder / "secret"), folder / "secret"


def toml_line(name: str, text: str) -> str:
    section, _, key = name.rpartition(".")
    value = text if KEYS[name].kind.value in ("a whole number", "a number") else f'"{text}"'
    return f"[{section}]\n{key} = {value}\n" if section else f"{key} = {value}\n"


def test_flags_win_over_the_environment_over_the_file_over_defaults(settings: Load) -> None:
    toml, environ = "lanes = 3\n", {"READYD_LANES": "4"}
    assert settings().lanes == 30
    assert settings(toml).lanes == 3
    assert settings(toml, environ).lanes == 4
    assert settings(toml, environ, lanes=5).lanes == 5
    assert settings(toml, environ, lanes=None).lanes == 4
    assert settings(toml, {"READYD_LANES": ""}).lanes == 3


def test_login_and_password_come_from_the_environment_then_systemd_then_files(
    settings: Load, tmp_path: Path
) -> None:
    handed = tmp_path / "handed"
    handed.mkdir()
    (handed / "dataforseo.login").write_text("systemd@example.com\n")
    (handed / "dataforseo.password").write_text("by-systemd\r\n")
    (tmp_path / "secret").write_text("by-file\n")
    (tmp_path / "secret").chmod(0o600)
    toml = 'login = "file@example.com"\npassword_file = "secret"\n'
    systemd = {"CREDENTIALS_DIRECTORY": str(handed)}
    environ = {**systemd, "DATAFORSEO_LOGIN": "env@example.com", "DATAFORSEO_PASSWORD": "by-env"}
    assert settings(toml).credentials() == ("file@example.com", "by-file")
    assert settings(toml, systemd).credentials() == ("systemd@example.com", "by-systemd")
    assert settings(toml, environ).credentials() == ("env@example.com", "by-env")
    assert settings(toml, {"CREDENTIALS_DIRECTORY": str(tmp_path)}).credentials()[1] == "by-file"


def test_missing_credentials_say_where_to_put_them(settings: Load) -> None:
    with pytest.raises(SettingsError, match=r"no API login.*DATAFORSEO_LOGIN.*dataforseo\.login"):
        settings().credentials()
    with pytest.raises(SettingsError, match=r"no API password.*DATAFORSEO_PASSWORD.*password_file"):
        settings('login = "me@example.com"').credentials()


@pytest.mark.parametrize(
    ("environ", "ledger"),
    [
        ({"STATE_DIRECTORY": "/var/lib/readyd"}, "/var/lib/readyd/ledger.db"),
        ({"STATE_DIRECTORY": "/var/lib/readyd:/var/lib/other"}, "/var/lib/readyd/ledger.db"),
        ({"XDG_STATE_HOME": "/data/state"}, "/data/state/readyd/ledger.db"),
        ({"XDG_STATE_HOME": "relative"}, "HOME/.local/state/readyd/ledger.db"),
        ({"READYD_LEDGER": "~/l.db"}, "HOME/l.db"),
        ({"READYD_LEDGER": "/x/l.db", "STATE_DIRECTORY": "/var/lib/readyd"}, "/x/l.db"),
    ],
)
def test_the_ledger_has_its_place(
    environ: dict[str, str], ledger: str, settings: Load, tmp_path: Path
) -> None:
    assert str(settings(None, environ).ledger) == ledger.replace("HOME", str(tmp_path / "home"))


def test_a_path_in_the_file_is_relative_to_the_file(settings: Load, tmp_path: Path) -> None:
    assert settings('ledger = "data/l.db"').ledger == tmp_path / "data/l.db"
    assert settings('ledger = "~/l.db"').ledger == tmp_path / "home/l.db"
    assert settings(None, {"READYD_LEDGER": "l.db"}).ledger == Path.cwd() / "l.db"


BAD_FILES = [
    ("lane = 3", ["'lane'", 'did you mean "lanes"']),
    ("Share = 0.5", ["'Share'", 'did you mean "share"']),
    ("repeat_h = 4", ["'repeat_h'", 'did you mean "alerts.repeat_h"']),
    ("[alerts]\nlanes = 4", ["'alerts.lanes'", 'did you mean "lanes"']),
    ("[alerts]\nrepeat = 4", ["'alerts.repeat'", 'did you mean "alerts.repeat_h"']),
    ('"pace.normal_s" = 4', ["pace", "normal_s"]),
    ("zzz = 1", ["'zzz'", "known are", "base_url", "adopt"]),
    ("[credentials]\nx = 1", ["'credentials'"]),
    ("[[prioritys]]\nx = 1", ["'prioritys'", 'did you mean "priority"']),
    ("lanes = 0", ["lanes is 0", "a whole number from 1 to 30", "readyd.toml"]),
    ("lanes = 31", ["lanes is 31", "from 1 to 30"]),
    ("lanes = 3.0", ["lanes is 3.0", "a whole number"]),
    ("lanes = true", ["lanes is true", "a whole number"]),
    ('lanes = "3"', ["lanes is '3'", "a whole number"]),
    ("lanes = [3]", ["lanes is a list", "a whole number"]),
    ("lanes = 1" + "0" * 100, ["lanes is a huge number"]),
    ("share = 0", ["share is 0", "a number above 0 and at most 1"]),
    ("share = 1.01", ["share is 1.01", "at most 1"]),
    ("share = nan", ["share is nan"]),
    ("share = inf", ["share is inf"]),
    ("general_limit = -1", ["general_limit is -1", "from 1 to"]),
    ("tasks_ready_limit = 0", ["tasks_ready_limit is 0"]),
    ("max_body_mb = 0", ["max_body_mb is 0", "from 1 to 1024"]),
    ('log_level = "loud"', ["log_level is 'loud'", "one of debug, info, warning, error, critical"]),
    ("post_enabled = true", ["post_enabled is true", "one of yes, no, a text in quotes"]),
    ('log_format = "xml"', ["log_format is 'xml'", "one of auto, console, json, journal"]),
    ('base_url = "ftp://x"', ["base_url is 'ftp://x'", "http or https"]),
    ('base_url = "api.dataforseo.com"', ["base_url is 'api.dataforseo.com'", "http or https"]),
    ('base_url = "https://"', ["base_url is 'https://'"]),
    ('base_url = "https://x:99999"', ["base_url"]),
    ('base_url = "https://[::1"', ["base_url"]),
    ('base_url = "https://x?a=b"', ["base_url"]),
    ('base_url = ""', ["base_url is ''"]),
    ('ledger = ""', ["ledger is ''", "a path"]),
    ('ledger = "a\\u0000b"', ["ledger is", "a path"]),
    ("ledger = 3", ["ledger is 3", "a path"]),
    ('ledger = "."', ["ledger is", "that is a directory"]),
    ("login = 3", ["login", "one line of text without a colon"]),
    ("pace = 3", ["pace is 3", "a table", "[pace]"]),
    ("[pace]\nnormal_s = 0", ["pace.normal_s is 0", "from 1 to 86400"]),
    ('[pace]\nnormal_s = "fast"', ["pace.normal_s is 'fast'", "a number"]),
    ("[alerts]\nurgent_h = 50", ["alerts.urgent_h", "48, 50, 4", "larger than the next"]),
    ("[alerts]\nexpiring_h = 72", ["alerts.expiring_h is 72", "to 71"]),
    ("priority = 3", ["priority is 3", "[[priority]]"]),
    ("[priority]\ntag = 'a'", ["priority is a table", "[[priority]]"]),
    ("priority = [1, 2]", ["priority is a list", "[[priority]]"]),
    ("[[priority]]\ntag = 'a'", ["priority of [[priority]] 1 is missing", "whole number from 0 to 1000"]),
    ("[[priority]]\ntag = 'a'\npriority = 'high'", ["priority of [[priority]] 1 is 'high'"]),
    ("[[priority]]\ntag = 'a'\npriority = 1001", ["priority of [[priority]] 1 is 1001"]),
    ("[[priority]]\ntag = 'a'\npriority = true", ["priority of [[priority]] 1 is true"]),
    ("[[priority]]\npriority = 5", ["[[priority]] 1 names neither function nor tag", 'function = "*"']),
    ("[[priority]]\ntags = 'a'\npriority = 5", ["[[priority]] 1", "'tags'", 'did you mean "tag"']),
    ("[[adopt]]\ntag = 'a'\n[[adopt]]", ["[[adopt]] 2 names neither"]),
    ("[[adopt]]\nfunction = '/v3/serp'", ["function of [[adopt]] 1 is '/v3/serp'", "serp/google/organic"]),
    ("[[adopt]]\nfunction = 'v3/serp'", ["function of [[adopt]] 1 is 'v3/serp'"]),
    ("[[adopt]]\nfunction = 3", ["function of [[adopt]] 1 is 3"]),
    ("[[adopt]]\ntag = ''", ["tag of [[adopt]] 1 is ''"]),
    ("[[variant]]\ntag = 'a'\nvariant = 'pdf'", ["variant of [[variant]] 1 is 'pdf'", "html, json"]),
    ("[[variant]]\ntag = 'a'\nvariant = ['html']", ["variant of [[variant]] 1 is a list"]),
    ("lanes = \n", ["not valid TOML", "line 1"]),
    ("lanes = 3\nlanes = 4", ["not valid TOML"]),
    (b"login = '\xff'", ["not UTF-8"]),
    ("x = " + "[" * 5000, ["not valid TOML"]),
    ("x = " + "9" * 5000, ["not valid TOML"]),
    ("# " + "x" * 1_000_001, ["larger than"]),
    ('password_file = "nowhere"', ["the API password cannot be read", "nowhere", "No such file"]),
    ('password_file = "."', ["the API password cannot be read", "directory"]),
]


@pytest.mark.parametrize(("toml", "words"), BAD_FILES, ids=[str(toml)[:40] for toml, _ in BAD_FILES])
def test_a_bad_file_gets_one_sentence(toml: str, words: list[str], settings: Load, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(toml)
    sentence = str(caught.value)
    assert [word for word in words if word not in sentence] == [], sentence
    assert "\n" not in sentence
    assert len(sentence) < 700
    assert "readyd.toml" in sentence or "alerts." in sentence or "password" in sentence


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"READYD_LANES": "many"}, ["lanes is 'many'", "environment variable READYD_LANES", "1 to 30"]),
        ({"READYD_LANES": "9" * 5000}, ["lanes is '999", "READYD_LANES"]),
        ({"READYD_SHARE": "nan"}, ["share is nan", "READYD_SHARE"]),
        ({"READYD_SHARE": "1e999"}, ["share is inf", "READYD_SHARE"]),
        ({"READYD_LOG_LEVEL": "INFO"}, ["log_level is 'INFO'", "one of debug, info"]),
        ({"READYD_PACE_NORMAL_S": "-1"}, ["pace.normal_s is -1", "READYD_PACE_NORMAL_S"]),
        ({"READYD_LEDGER": "a\nb"}, [r"ledger is 'a\nb'", "READYD_LEDGER"]),
        ({"READYD_BASE_URL": "\udcff"}, ["base_url is"]),
    ],
)
def test_a_bad_variable_gets_one_sentence(environ: dict[str, str], words: list[str], settings: Load) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(None, environ)
    assert [word for word in words if word not in str(caught.value)] == [], caught.value
    assert "\n" not in str(caught.value)


def test_a_bad_flag_gets_one_sentence(settings: Load) -> None:
    with pytest.raises(
        SettingsError, match=r"lanes is 99 \(command line\); it must be a whole number from 1"
    ):
        settings(None, {}, lanes=99)
    with pytest.raises(SettingsError, match=r"'lane' is no setting \(command line\); did you mean \"lanes\""):
        settings(None, {}, lane=9)
    assert settings(None, {}, lanes="9", ledger=Path("/x/l.db")).lanes == 9


def test_a_file_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"there is no configuration file .*gone\.toml"):
        load(tmp_path / "gone.toml", {}, {})
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        load(tmp_path, {}, {})
    with pytest.raises(SettingsError, match="cannot be read"):
        load(Path("a\0b"), {}, {})


def test_the_system_wide_file_is_read_when_no_other_is_named(tmp_path: Path) -> None:
    (tmp_path / "system.toml").write_text("lanes = 3")
    (tmp_path / "mine.toml").write_text("share = 0.5")
    default = tmp_path / "system.toml"
    assert load(None, {}, {}, default_config=default).lanes == 3
    assert load(tmp_path / "mine.toml", {}, {}, default_config=default).lanes == 30


def test_lists_become_rules_in_their_order(settings: Load) -> None:
    loaded = settings("""
        [[priority]]
        tag = "urgent:*"
        priority = 10
        [[priority]]
        function = "serp/*"
        tag = "batch"
        priority = 0
        [[adopt]]
        function = "*"
        [[variant]]
        function = "serp/google/organic"
        variant = "html"
    """)
    rules = loaded.rules.priority_rules
    assert [(rule.function, rule.tag, rule.priority) for rule in rules] == [
        (None, "urgent:*", 10),
        ("serp/*", "batch", 0),
    ]
    assert [(rule.function, rule.tag) for rule in loaded.rules.adopt_rules] == [("*", None)]
    assert loaded.variants == (("serp/google/organic", None, "html"),)
    described = {name: value for name, value, _ in loaded.describe()}
    assert (described["[[priority]]"], described["[[adopt]]"]) == ("2 rules", "1 rules")


def test_warnings_say_what_is_allowed_but_hardly_meant(settings: Load, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(CANARY)
    secret.chmod(0o644)
    loaded = settings(
        f'tasks_ready_limit = 40\npassword_file = "{secret}"',
        {"READYD_LANE": CANARY, "READYD_LANES": "4", "READYD_CONFIG": "x", "READYD_DEBUG": "1"},
    )
    text = "\n".join(loaded.warnings)
    assert len(loaded.warnings) == 3
    assert 'READYD_LANE sets nothing; did you mean "READYD_LANES"?' in text
    assert "tasks_ready_limit is 40" in text
    assert f"chmod o= {secret}" in text
    assert CANARY not in text
    secret.chmod(0o640)
    assert settings(f'password_file = "{secret}"').warnings == ()
    assert settings('base_url = "http://localhost:8080"').warnings == ()


@pytest.mark.parametrize("host", ["example.com", "10.0.0.1", "localhost.example.com", "[2001:db8::1]:8000"])
def test_http_is_for_this_machine_only(settings: Load, host: str) -> None:
    with pytest.raises(SettingsError, match="in clear; use https"):
        settings(f'base_url = "http://{host}"')
    for here in ("localhost:8080", "127.0.0.1", "127.1.2.3:80", "[::1]:8000"):
        assert settings(f'base_url = "http://{here}"').base_url == f"http://{here}"
