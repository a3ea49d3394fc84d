"""What can go wrong with a ledger file, as sentences for people. Does not know SQL, nor who asked."""


class LedgerError(Exception):
    """Something is wrong with the ledger; the text is one sentence: what, which file, what to do."""


class NotALedgerError(LedgerError):
    """The file is something else: another program's database, or no database at all."""


class DamagedLedgerError(LedgerError):
    """The file is a ledger, and its content contradicts itself or cannot be read."""


class NewerLedgerError(LedgerError):
    """A newer readyd wrote the file; this one would not understand it."""


class LedgerBusyError(LedgerError):
    """Somebody else holds the ledger: a second daemon, or a lock that outlasted the timeout."""


class LedgerUnavailableError(LedgerError):
    """The system refused the file at this moment, although owner and mode allow it: too few descriptors, no memory."""


class CopyRefusedError(LedgerError):
    """The place named for a copy cannot be used: something else lies there, or nothing can be written there."""


class LedgerMissingError(LedgerError):
    """A file that should only be read does not exist."""


class UnsafeEngineError(LedgerError):
    """A vulnerable SQLite was asked to write a WAL ledger that somebody else has open."""


class NotPlannedError(LedgerError):
    """A planned task that was about to be sent is planned no more: somebody withdrew it. Nothing was changed."""


class LedgerWriteError(LedgerError):
    """The disk refused a write: full, failing or read-only. What was being written may be there or not.

    The next verb starts afresh on a new connection; read the rows in question again before acting on them.
    """
