"""The user agent role (RFC 3261 8 to 15): decisions without I/O, and the asyncio agent that carries them out."""
