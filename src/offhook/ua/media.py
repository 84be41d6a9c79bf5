"""The media of calls as the user agent's core sees them: ports that describe themselves and take what was agreed on."""

from __future__ import annotations

from typing import Protocol

from offhook.sdp.negotiate import Capabilities, NegotiatedSession

__all__ = ["MediaPort", "MediaProvider"]


class MediaPort(Protocol):
    """The media of one call. It acts at once and blocks nobody."""

    def capabilities(self, local: str, shown: str) -> Capabilities:
        """What can be offered to a peer that is reached from the numeric address `local`.

        `shown` is the address that the description names, another one behind a NAT whose outside is known. Asked
        again with the same addresses it tells the same ports; with another `local` while it runs, ports there, which
        it goes to with what is agreed on next. Raises TransportFailed when no port can be had.
        """

    def apply(self, session: NegotiatedSession) -> None:
        """Run what offer and answer have agreed on, the first time or again."""

    def close(self) -> None:
        """Stop for good; more than one call does no harm."""


class MediaProvider(Protocol):
    """Where ports come from."""

    def port(self) -> MediaPort:
        """A port for one more call; it takes nothing of the machine before it is asked for its capabilities."""

    def abilities(self, shown: str) -> Capabilities:
        """What a port could do, for who only asks (RFC 3261 11.2)."""
