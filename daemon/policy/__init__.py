"""The pure core: what to ask, what it means, what comes first, what to say. No clock, no I/O."""
