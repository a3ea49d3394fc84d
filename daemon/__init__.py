"""The program around the ledger: it looks, decides, collects and warns."""
