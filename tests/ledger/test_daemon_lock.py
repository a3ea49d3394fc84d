"""One daemon per ledger: the second is refused in words that name the first."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ledger import LedgerError
from ledger.errors import LedgerBusyError
from ledger.lock import DaemonLock

AT = 1_795_000_000_000


def test_a_second_lock_is_refused_and_names_the_first(path: Path, refuses: Any) -> None:
    with DaemonLock(path, AT):
        text = refuses(LedgerBusyError, lambda: DaemonLock(path, AT + 1).__enter__())
        assert f"process {os.getpid()}, since 2026-11-18 11:06:40Z" in text
        assert str(path) in text
        refuses(LedgerBusyError, lambda: DaemonLock(path).__enter__())
    with DaemonLock(path):
        pass


def test_the_lock_file_is_narrow_and_empty_afterwards(path: Path) -> None:
    lock = DaemonLock(path, AT)
    with lock:
        assert lock.path.read_text() == f"{os.getpid()} {AT}\n"
        assert lock.path.stat().st_mode & 0o777 == 0o600
    assert lock.path.read_text() == ""


def test_two_names_of_one_ledger_share_the_lock(path: Path, tmp_path: Path, refuses: Any) -> None:
    path.touch()
    link = tmp_path / "link.db"
    link.symlink_to(path)
    with DaemonLock(path):
        refuses(LedgerBusyError, lambda: DaemonLock(link).__enter__())


def test_an_unreadable_signature_names_nobody(path: Path, refuses: Any) -> None:
    with DaemonLock(path) as lock:
        for content in ("", "who knows", "1 x", "5 99999999999999999999999"):
            lock.path.write_text(content)
            assert "another readyd" in refuses(LedgerBusyError, lambda: DaemonLock(path).__enter__())


def test_a_lock_that_cannot_be_written_is_refused(path: Path, refuses: Any) -> None:
    path.with_name("ledger.db.lock").mkdir()
    assert "lock file" in refuses(LedgerError, lambda: DaemonLock(path).__enter__())


HOLDER = """
import sys
from ledger.lock import DaemonLock
with DaemonLock(sys.argv[1]) as lock:
    print(lock.path.read_text().split()[0], flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("ending", ["kill", "end"])
def test_a_real_second_process_is_refused_until_the_first_is_gone(
    path: Path, refuses: Any, ending: str
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert int(holder.stdout.readline()) == holder.pid
        text = refuses(LedgerBusyError, lambda: DaemonLock(path).__enter__())
        assert re.search(rf"process {holder.pid}, since \d{{4}}-", text)
        if ending == "kill":
            holder.send_signal(signal.SIGKILL)
        else:
            assert holder.stdin is not None
            holder.stdin.close()
        holder.wait(10)
    with DaemonLock(path):
        pass
