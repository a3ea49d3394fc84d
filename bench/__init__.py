"""What readyd costs and how good its decisions are, measured; no part of what is installed."""
