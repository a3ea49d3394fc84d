"""One run of one job each: read, decide, act, record."""
