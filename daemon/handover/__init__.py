"""Doors through which results leave: a directory, an HTTP address, an object store. Know no ledger and no schedule."""
