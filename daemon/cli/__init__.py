"""The command line: the only printer, and the place where exit codes are given. Knows no rule."""

from daemon.cli.main import main

__all__ = ["main"]
