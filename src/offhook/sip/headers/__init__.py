"""Header fields: their registry, and one module for each grammar."""
