"""An honest, unfriendly DataForSEO. Shares nothing with the client, the policy or the ledger."""
