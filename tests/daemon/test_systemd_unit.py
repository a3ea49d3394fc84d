"""The unit is silent under `systemd-analyze verify`, hardened, and points at what readyd really reads."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "systemd" / "readyd.service"
SYSUSERS = ROOT / "systemd" / "readyd.sysusers.conf"
EXPOSURE = 15

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="systemd-analyze is not installed: the unit is NOT verified",
)


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *words], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """Copy the unit with a program that exists here: `verify` complains about a missing one."""
    program = shutil.which("true")
    text, count = re.subn(r"(?m)^ExecStart=\S+", f"ExecStart={program}", UNIT.read_text())
    assert count == 1
    copy = tmp_path / UNIT.name
    copy.write_text(text)
    return copy


def values(name: str) -> list[str]:
    return re.findall(rf"(?m)^{name}=(.*)$", UNIT.read_text())


@needs_systemd
def test_the_unit_verifies_in_silence(unit: Path) -> None:
    done = analyze("verify", str(unit))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_systemd
def test_verify_would_notice_a_mistake(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("ProtectClock=", "ProtectClok="))
    assert "ProtectClok" in analyze("verify", str(unit)).stderr


@needs_systemd
def test_the_unit_is_hardened(unit: Path) -> None:
    done = analyze("security", "--offline=true", f"--threshold={EXPOSURE}", str(unit))
    assert done.returncode == 0, done.stdout


@needs_systemd
def test_the_threshold_would_notice_a_hole(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("CapabilityBoundingSet=\n", ""))
    assert analyze("security", "--offline=true", f"--threshold={EXPOSURE}", str(unit)).returncode == 1


@pytest.mark.skipif(
    shutil.which("systemd-sysusers") is None,
    reason="systemd-sysusers is not installed: the user of the unit is NOT verified",
)
def test_the_user_of_the_unit_can_be_created(tmp_path: Path) -> None:
    done = subprocess.run(
        ["systemd-sysusers", "--dry-run", f"--root={tmp_path}", "-"],
        input=SYSUSERS.read_text(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"user '{values('User')[0]}'" in done.stdout + done.stderr


def test_what_the_unit_promises_is_in_it() -> None:
    promised = {
        "Type": "notify",
        "NotifyAccess": "main",
        "Restart": "always",
        "StartLimitIntervalSec": "0",
        "RestartPreventExitStatus": "78",
        "StateDirectory": "readyd",
        "StateDirectoryMode": "0700",
        "UMask": "0077",
        "User": "readyd",
        "ExecStart": "/opt/readyd/venv/bin/readyd run",
    }
    assert {name: values(name) for name in promised} == {name: [value] for name, value in promised.items()}
    assert int(values("WatchdogSec")[0]) >= 60
    assert int(values("TimeoutStopSec")[0]) > 10, "a stop may take ten seconds"


def test_a_command_by_hand_gets_what_the_unit_gets() -> None:
    shown = re.findall(r"-p (\w+=\S+)", (ROOT / "README.md").read_text())
    given = ["User", "LoadCredential"]
    assert shown == [f"{name}={value}" for name in given for value in values(name)]


def test_every_option_of_the_service_is_explained() -> None:
    """Each block of options begins with a sentence that says why."""
    service = UNIT.read_text().partition("[Service]\n")[2].partition("[Install]")[0]
    for block in filter(None, service.strip().split("\n\n")):
        assert block.startswith("# "), block
    assert service.count("\n# ") >= 15


def test_the_units_credentials_and_directories_are_what_settings_read(
    settings: Callable[..., Settings], tmp_path: Path
) -> None:
    names = [value.partition(":")[0] for value in values("LoadCredential")]
    for name in names:
        (tmp_path / name).write_text(f"the {name}\n")
    loaded = settings(None, {"CREDENTIALS_DIRECTORY": str(tmp_path), "STATE_DIRECTORY": "/var/lib/readyd"})
    assert loaded.credentials() == ("the dataforseo.login", "the dataforseo.password")
    assert str(loaded.ledger) == "/var/lib/readyd/ledger.db"
