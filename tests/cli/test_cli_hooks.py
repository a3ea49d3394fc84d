"""`readyd webhook-url` and the receiver's line in `readyd status`."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger import Ledger

Readyd = Callable[..., Any]


@pytest.fixture
def file(tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for secrets, and a public address."""
    path = tmp_path / "hook"
    monkeypatch.setenv("READYD_WEBHOOK_SECRET_FILE", str(path))
    monkeypatch.setenv("READYD_WEBHOOK_PUBLIC_URL", "https://hooks.example.com")
    return path


def test_without_a_secret_it_says_how_to_make_one(readyd: Readyd, file: Path) -> None:
    said = readyd("webhook-url")
    assert said.code == 78
    assert str(file) in said.err


def test_a_new_secret_is_made_shown_and_kept_beside_the_newest_old_one(readyd: Readyd, file: Path) -> None:
    shown = [readyd("webhook-url", "--new-secret", "--json").json["postback_url"] for _ in range(3)]
    secrets = [url.split("/")[4] for url in shown]
    assert file.read_text().split() == [secrets[2], secrets[1]]
    assert os.stat(file).st_mode & 0o777 == 0o600
    assert shown[0] == f"https://hooks.example.com/hook/{secrets[0]}/post?id=$id&tag=$tag"
    said = readyd("webhook-url")
    assert said.code == 0
    assert said.out.splitlines() == [
        f"pingback_url  https://hooks.example.com/hook/{secrets[2]}/ping?id=$id&tag=$tag",
        f"postback_url  https://hooks.example.com/hook/{secrets[2]}/post?id=$id&tag=$tag",
    ]
    assert not said.err


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        (["--pingback"], ["pingback_url"]),
        (["--postback"], ["postback_url"]),
        (["--function", "serp/google/organic"], ["pingback_url", "postback_url", "postback_data"]),
        (["--function", "on_page"], ["pingback_url"]),
        (["--function", "keywords_data/google_ads/search_volume"], ["pingback_url", "postback_url"]),
    ],
)
def test_only_what_a_function_takes_is_printed(
    readyd: Readyd, file: Path, words: list[str], fields: list[str]
) -> None:
    readyd("webhook-url", "--new-secret")
    assert list(readyd("webhook-url", *words, "--json").json) == fields


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--function", "on_page", "--postback"], "take no postback_url"),
        (["--function", "serp/google/organik"], 'did you mean "serp/google/organic"'),
    ],
)
def test_what_no_function_takes_is_refused(readyd: Readyd, file: Path, words: list[str], said: str) -> None:
    readyd("webhook-url", "--new-secret")
    refused = readyd("webhook-url", *words)
    assert (refused.code, said in refused.err) == (2, True), refused.err


def test_a_url_that_only_works_here_is_said_to(
    readyd: Readyd, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("READYD_WEBHOOK_PUBLIC_URL")
    assert readyd("webhook-url", "--new-secret").code == 78
    monkeypatch.setenv("READYD_WEBHOOK_LISTEN", "127.0.0.1:8470")
    said = readyd("webhook-url", "--pingback")
    assert "http://127.0.0.1:8470/hook/" in said.out
    assert "this machine only" in said.err


def test_a_missing_place_for_the_secret_is_said(readyd: Readyd, environ: dict[str, str]) -> None:
    assert "webhook.secret_file" in readyd("webhook-url").err
    assert readyd("webhook-url", "--new-secret").code == 78


def test_a_place_that_cannot_be_written_is_said(
    readyd: Readyd, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("READYD_WEBHOOK_SECRET_FILE", str(file / "deeper" / "hook"))
    said = readyd("webhook-url", "--new-secret")
    assert said.code == 78
    assert "cannot be written" in said.err


def test_status_tells_of_the_receiver_only_when_one_is_wanted(
    readyd: Readyd, book: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.post(1)
    assert readyd("status", "--json").json["webhook"] is None
    assert "webhook" not in readyd("status").out
    monkeypatch.setenv("READYD_WEBHOOK_LISTEN", "127.0.0.1:8470")
    with Ledger.open(book.path) as ledger:
        ledger.facts.put("webhook", '{"listen": "127.0.0.1:8470", "problem": "the port is taken"}', book.now)
    assert "not listening: the port is taken" in readyd("status").out
    with Ledger.open(book.path) as ledger:
        ledger.facts.put("webhook", "damaged {", book.now)
    assert readyd("status", "--json").json["webhook"]["listening"] is False
