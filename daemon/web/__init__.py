"""The receiver: webhooks from the internet, let in by a secret, within limits, and answered when they are durable."""
