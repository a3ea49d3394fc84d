"""[[target]] as a user meets it: what is accepted, and what is refused without repeating a URL."""

from pathlib import Path
from typing import Any

import pytest

from daemon.handover.target import Form, TargetKind
from daemon.settings import SettingsError, load

CANARY = "cAn4ry"


@pytest.fixture
def read(tmp_path: Path) -> Any:
    """Load these entries of [[target]]."""

    def call(*entries: str) -> Any:
        file = tmp_path / "readyd.toml"
        file.write_text("\n".join(f"[[target]]\n{entry}" for entry in entries))
        return load(file, {"HOME": str(tmp_path)}, {})

    return call


def test_each_kind_of_target_is_read(read: Any) -> None:
    loaded = read(
        'name = "files"\nkind = "directory"\npath = "/srv/results"',
        'name = "app"\nkind = "http"\nurl = "http://127.0.0.1:8000/in?id=$id&key=k"\nbackfill = true',
        'name = "far"\nkind = "http"\nurl = "https://example.com/in"\nform = "json"\nfunction = "serp/*"',
        'name = "lake"\nkind = "object"\nurl = "s3://bucket/prefix"\ntag = "nightly:*"',
    )
    files, app, far, lake = loaded.targets
    assert [one.name for one in loaded.targets] == ["files", "app", "far", "lake"]
    assert (files.kind, files.form, files.place.reveal()) == (TargetKind.DIRECTORY, Form.JSON, "/srv/results")
    assert (app.form, app.backfill, app.function, app.tag) == (Form.GZIP, True, None, None)
    assert (far.form, far.function) == (Form.JSON, "serp/*")
    assert (lake.kind, lake.tag) == (TargetKind.OBJECT, "nightly:*")
    assert ("[[target]]", "4 rules") in [row[:2] for row in loaded.describe()]


def entry(**changes: str | None) -> str:
    keys = {"name": '"t"', "kind": '"http"', "url": '"https://example.com/in"', **changes}
    return "\n".join(f"{key} = {value}" for key, value in keys.items() if value is not None)


URL = f"https://example.com/{CANARY}"
REFUSED: dict[str, list[str | None]] = {
    "name": [None, "7", '""', '"a b"', '"../x"', f'"{"x" * 65}"'],
    "kind": [None, '"ftp"', "3", "[]"],
    "url": [
        None, "7", '""', '"example.com"', f'"http://example.com/{CANARY}"', f'"https://me:{CANARY}@example.com"',
        f'"{URL}#x"', f'"{URL}\\n"', f'"https://$id.{CANARY}.com/"', f'"ftp://{CANARY}/"', f'"https://{CANARY}:0/"',
        f'"https://[{CANARY}/"',
    ],
    "form": ['"xml"', "1"],
    "backfill": ['"yes"', "1"],
    "function": ['"V3/serp"', "1"],
    "tag": ['""', "1"],
    "colour": ['"red"'],
}  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in REFUSED.items() for value in values]
)
def test_what_cannot_be_used_is_refused_by_name(read: Any, key: str, value: str | None) -> None:
    with pytest.raises(SettingsError) as refused:
        read(entry(**{key: value}))
    said = str(refused.value)
    assert key in said
    assert "[[target]] 1" in said
    assert CANARY not in said


@pytest.mark.parametrize(
    "url",
    [
        "s3://",
        "memory:///",
        "file:///srv",
        f"s3://bucket?key={CANARY}",
        f"https://{CANARY}/b",
        f"s3://a:{CANARY}@b",
    ],
)
def test_an_object_url_names_a_store_and_a_bucket(read: Any, url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read(entry(kind='"object"', url=f'"{url}"'))
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize("path", [None, '"results"', '"~/results"', '""', '"/a\\nb"', "7"])
def test_a_directory_is_named_by_its_absolute_path(read: Any, path: str | None) -> None:
    with pytest.raises(SettingsError, match=r"path of \[\[target\]\] 1"):
        read(entry(kind='"directory"', url=None, path=path))


def test_a_path_for_an_address_and_an_address_for_a_directory_are_mistakes(read: Any) -> None:
    with pytest.raises(SettingsError, match="has a path"):
        read(entry(path='"/srv"'))
    with pytest.raises(SettingsError, match="has a url"):
        read(entry(kind='"directory"', path='"/srv"'))


def test_two_targets_of_one_name_are_refused(read: Any) -> None:
    with pytest.raises(SettingsError, match=r"name of \[\[target\]\] 2"):
        read(entry(), entry())


def test_a_url_is_shown_nowhere(read: Any) -> None:
    loaded = read(entry(url=f'"https://example.com/{CANARY}?key={CANARY}"'))
    assert CANARY not in f"{loaded!r} {loaded.targets} {loaded.describe()}"
