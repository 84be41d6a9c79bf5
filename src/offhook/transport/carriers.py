"""The transports that can be listened on, and what a connection of each stream is: one row each."""

from __future__ import annotations

from typing import Final

from offhook.transport.connection import StreamConnection

__all__ = ["CONNECTIONS", "LISTENED"]

CONNECTIONS: Final[dict[str, type[StreamConnection]]] = {"TCP": StreamConnection, "TLS": StreamConnection}
"""By the names of `offhook.flow.TRANSPORTS`. The octets of those that are secure come out of TLS."""

LISTENED: Final = ("UDP", *CONNECTIONS)
"""In the order in which people are told of them."""
