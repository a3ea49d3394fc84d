"""How good the order of collecting is: virtual time, whole backlogs, beside the optimum and beside simpler policies."""
