"""The remote in its own words: functions and listings, codes, wire shapes, client."""
