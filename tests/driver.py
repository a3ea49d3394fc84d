"""The driver of SQLite that peewee has chosen, so that tests read a ledger as readyd does. Knows nothing of readyd."""

from peewee import sqlite3  # type: ignore[attr-defined]  # its types do not tell what it hands on

__all__ = ["sqlite3"]
