"""Media ports of which it is known whether they took anything of the machine."""

from __future__ import annotations

from offhook.sdp.negotiate import Capabilities
from offhook.testing.media import SilentMedia, SilentProvider

__all__ = ["WatchedMedia", "WatchedProvider"]


class WatchedMedia(SilentMedia):
    """One port; `asked` for its capabilities it is bound, and has to be closed."""

    asked = False

    def capabilities(self, local: str, shown: str) -> Capabilities:
        self.asked = True
        return super().capabilities(local, shown)


class WatchedProvider(SilentProvider):
    """Gives out such ports."""

    def port(self) -> SilentMedia:
        port = WatchedMedia(super().port().port, self.codecs)
        self.ports[-1] = port
        return port

    @property
    def left_open(self) -> list[int]:
        """The ports that were bound and not closed."""
        return [port.port for port in self.ports if isinstance(port, WatchedMedia) and port.asked and not port.closed]
