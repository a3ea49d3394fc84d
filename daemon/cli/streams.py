"""Standard streams that whoever called readyd has closed (`>&-`): the null device stands in. Prints nothing."""

import io
import os
import sys
from typing import BinaryIO, Literal

from daemon.cli.options import WrongUseError


class ClosedInput(io.TextIOWrapper):
    """Stands for a closed standard input; a command that wants to read from it says so, and does nothing."""

    @property
    def buffer(self) -> BinaryIO:
        """Lend nothing.

        Raises:
            WrongUseError: always; an empty input would be another mistake.
        """
        msg = "standard input is closed, so there is nothing to read; name a file, or pipe something in"
        raise WrongUseError(msg)


def replace_closed() -> None:
    """Put the null device where a standard stream is closed; to be called before anything opens a file.

    The system gives the lowest free descriptor to the next file that is opened, say 2 to the daemon's lock, and what is
    written to standard error by its number would land in it.
    """
    # None is what Python makes of a closed one. The lowest first, as that is the descriptor which comes next.
    if sys.stdin is None:
        sys.stdin = ClosedInput(_null("rb"))
    if sys.stdout is None:
        sys.stdout = io.TextIOWrapper(_null("wb"), encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = io.TextIOWrapper(_null("wb"), encoding="utf-8")


def _null(mode: Literal["rb", "wb"]) -> BinaryIO:
    handle = os.open(os.devnull, os.O_RDWR)
    os.set_inheritable(handle, True)  # as every standard stream is
    return open(handle, mode, closefd=False)
