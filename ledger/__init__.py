"""The ledger of posted tasks: one SQLite file, its states, its history. Does not know the daemon."""

from ledger.errors import LedgerError
from ledger.intake import Intake
from ledger.store import Ledger

__all__ = ["Intake", "Ledger", "LedgerError"]
