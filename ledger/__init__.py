"""The ledger of posted tasks: one SQLite file, its states, its history. Does not know the daemon."""
