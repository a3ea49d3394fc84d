"""What a command says to a user who may not read the ledger; root, who may read everything, is nobody for a moment."""

import os
import pwd
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Run = Callable[..., Any]


@contextmanager
def an_ordinary_user() -> Iterator[None]:
    """Give up root's rights, where this is root."""
    root = os.geteuid() == 0
    if root:
        nobody = pwd.getpwnam("nobody").pw_uid
        os.setresuid(nobody, nobody, 0)  # what is kept is the way back
    try:
        yield
    finally:
        if root:
            os.setresuid(0, 0, 0)


def test_a_ledger_that_may_not_be_read_is_one_sentence(readyd: Run, book: Any) -> None:
    book.post(1)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "ledger.db"
        shutil.copy(book.path, path)
        os.chmod(directory, 0o777)
        path.chmod(0o644)
        with an_ordinary_user():
            assert readyd("--ledger", str(path), "status").code == 0
        path.chmod(0)
        with an_ordinary_user():
            said = readyd("--ledger", str(path), "status")
    assert (said.code, said.out) == (78, "")
    assert said.err.startswith(f"readyd: the ledger {path} ")
    assert said.err.count("\n") == 1
