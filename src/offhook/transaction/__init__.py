"""The four transaction machines, their table, and what they give out (RFC 3261 17, RFC 6026, RFC 4320)."""
