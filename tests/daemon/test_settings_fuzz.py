"""Whatever stands in a file or in the environment: good settings or one sentence, never anything else."""

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given
from hypothesis import settings as budget
from hypothesis import strategies as st

from daemon.settings import KEYS, Settings, SettingsError, load
from daemon.settings_sources import LISTS

names = st.sampled_from(
    [*(name.rpartition(".")[2] for name in KEYS), *LISTS, "pace", "alerts", "password", "x"]
)
scalars = (
    st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(codec="utf-8"), max_size=12)
    | st.sampled_from(["https://x", "http://localhost:1", "info", "auto", "html", "serp/*", ".", "1", "0.5"])
)
entries = st.dictionaries(
    st.sampled_from(["function", "tag", "priority", "variant", "x"]), scalars, max_size=3
)
values = st.recursive(
    scalars | st.lists(entries, max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=8,
)
documents = st.dictionaries(names, values, max_size=6)


def toml(value: Any) -> str:
    """Write a value as TOML, inline."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return json.dumps(value).replace("\x7f", "\\u007f") if value.isascii() else basic(value)
        case dict():
            return "{" + ", ".join(f"{json.dumps(key)} = {toml(one)}" for key, one in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(toml, value)) + "]"
        case _:
            return repr(value)


def basic(text: str) -> str:
    return '"' + "".join(f"\\U{ord(one):08x}" for one in text) + '"'


def outcome(path: Path | None, environ: dict[str, str]) -> Settings | str:
    try:
        return load(path, environ, {}, default_config=Path("/nonexistent/readyd.toml"))
    except SettingsError as error:
        return str(error)


@budget(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(documents)
def test_any_toml_gives_settings_or_a_sentence(tmp_path: Path, document: dict[str, Any]) -> None:
    path = tmp_path / "any.toml"
    path.write_text("".join(f"{name} = {toml(value)}\n" for name, value in document.items()))
    result = outcome(path, {"HOME": "/home/me"})
    if isinstance(result, str):
        assert result.strip()
        assert "\n" not in result
    else:
        assert 0 < result.share <= 1
        assert 1 <= result.lanes <= 30
        assert result.ledger.is_absolute()
        assert set(document) <= {*KEYS, *LISTS, "pace", "alerts"}


@budget(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60) | st.text(st.characters(codec="utf-8"), max_size=60).map(str.encode))
def test_any_bytes_give_settings_or_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any.toml"
    path.write_bytes(content)
    outcome(path, {"HOME": "/home/me"})


@budget(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*(key.variable for key in KEYS.values()), "DATAFORSEO_PASSWORD", "STATE_DIRECTORY"]),
        st.text(st.characters(exclude_categories=[]), max_size=20) | scalars.map(str),
        max_size=5,
    )
)
def test_any_environment_gives_settings_or_a_sentence(environ: dict[str, str]) -> None:
    result = outcome(None, {"HOME": "/home/me", **environ})
    assert isinstance(result, Settings) or "\n" not in result
