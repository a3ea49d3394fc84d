"""What the daemon's surroundings need in tests: logs that are put back afterwards, a settings loader."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from daemon import logs
from daemon.settings import Settings, load


@pytest.fixture
def log_to(restored_logs: None) -> Callable[..., io.StringIO]:
    """Configure logs into memory with the given options, and put everything back after the test."""

    def configure(
        form: str = "json", *, environ: Mapping[str, str] | None = None, **options: str
    ) -> io.StringIO:
        stream = io.StringIO()
        logs.configure(stream=stream, environ=environ or {}, format=form, **options)
        return stream

    return configure


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., Settings]:
    """Load settings from TOML text, an environment and flags, on a machine without a system-wide file."""

    def from_text(
        toml: str | bytes | None = None, environ: Mapping[str, str] | None = None, /, **flags: object
    ) -> Settings:
        path = tmp_path / "readyd.toml"
        if toml is not None:
            path.write_bytes(toml if isinstance(toml, bytes) else toml.encode())
        home = {"HOME": str(tmp_path / "home")}
        return load(
            path if toml is not None else None, {**home, **(environ or {})}, flags, default_config=path
        )

    return from_text
