"""One element of a target set (RFC 3261 16.5)."""

from __future__ import annotations

from offhook.flow import Flow

__all__ = ["TargetUri"]


class TargetUri:
    """The Request-URI of a branch, and the way to it.

    `flow` is the flow that a binding was registered over, `path` the Path values of its registration (RFC 3327), `q`
    its preference. `sips`: the URI is one of sips. `secure`: it is reached over TLS alone, as a binding with a sips
    Contact is (RFC 5630 5.3).
    """

    __slots__ = ("flow", "path", "q", "secure", "sips", "uri")

    def __init__(
        self, uri: str, flow: Flow | None = None, path: tuple[str, ...] = (), q: float = 1.0, secure: bool = False
    ) -> None:
        self.uri = uri
        self.flow = flow
        self.path = path
        self.q = q
        self.sips = uri[:5].lower() == "sips:"
        self.secure = secure or self.sips
