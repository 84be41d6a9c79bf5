"""Media without sound: ports that offer and answer like real ones, for user agents in virtual time."""

from __future__ import annotations

from offhook.errors import TransportFailed
from offhook.sdp.codec import Codec
from offhook.sdp.fields import Connection, Origin
from offhook.sdp.negotiate import Capabilities, NegotiatedSession, StreamCapability

__all__ = ["SilentMedia", "SilentProvider"]

CODECS = (Codec("PCMU", 8000), Codec("PCMA", 8000), Codec("telephone-event", 8000, 1, 101, "0-15"))


class SilentMedia:
    """The port of one call. `sessions` are what was agreed on, the last one last; `closed` once it is."""

    def __init__(self, port: int, codecs: tuple[Codec, ...]) -> None:
        self.port = port
        self.codecs = codecs
        self.sessions: list[NegotiatedSession] = []
        self.closed = False

    @property
    def direction(self) -> str | None:
        """The direction of the first stream as it is now; None before the first agreement and without a stream."""
        streams = self.sessions[-1].streams if self.sessions else ()
        return streams[0].direction.value if streams and streams[0].enabled else None

    def capabilities(self, local: str, shown: str) -> Capabilities:
        """One stream of audio; TransportFailed from a closed port."""
        if self.closed:
            raise TransportFailed("the port is closed")
        return _capabilities(shown, self.port, self.codecs)

    def apply(self, session: NegotiatedSession) -> None:
        """Keep what was agreed on."""
        self.sessions.append(session)

    def close(self) -> None:
        """Stop."""
        self.closed = True


class SilentProvider:
    """Gives out ports and keeps them in `ports`. `codecs` are what they can do."""

    def __init__(self, codecs: tuple[Codec, ...] = CODECS) -> None:
        self.codecs = codecs
        self.ports: list[SilentMedia] = []

    def port(self) -> SilentMedia:
        """One more port, on a number of its own."""
        port = SilentMedia(16384 + 2 * len(self.ports), self.codecs)
        self.ports.append(port)
        return port

    def abilities(self, shown: str) -> Capabilities:
        """What its ports can do."""
        return _capabilities(shown, 16384, self.codecs)


def _capabilities(shown: str, port: int, codecs: tuple[Codec, ...]) -> Capabilities:
    connection = Connection.to(shown)
    return Capabilities(Origin.of(shown, port, 1), (connection,), (StreamCapability("audio", port, codecs),))
