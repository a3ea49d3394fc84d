"""The ways to learn that a task is done, compared: virtual time, the simulated remote, everything that can fail."""
