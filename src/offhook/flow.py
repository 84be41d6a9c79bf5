"""The Flow: where a message came from or goes to, as a value.

A flow of a stream is one connection and dies with its boot; a flow of datagrams is a pair of addresses and survives a
restart (RFC 5626 3.3). A flow is never a socket, so it can be stored with a binding, sent to another worker, and
signed into a flow token.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Final

__all__ = ["Flow", "is_reliable", "is_secure"]

TOKEN_MAC_OCTETS: Final = 10
_SEPARATOR: Final = "\x1f"


def is_reliable(transport: str) -> bool:
    """Whether the transport delivers by itself, so that nothing is sent again (RFC 3261 17)."""
    return transport != "UDP"


def is_secure(transport: str) -> bool:
    """Whether the transport is TLS, as `sips` asks for (RFC 3261 26.2.2)."""
    return transport == "TLS" or transport == "WSS"


class Flow:
    """One path between a local and a remote address.

    `transport`: "UDP", "TCP", "TLS", "WS" or "WSS". `listener`: the configured name of the listener, such as
    "udp:127.0.0.1:5060". `local` and `remote`: (host, port), hosts in their numeric form without brackets. A stream
    has a `serial` above 0, unique within its `origin` (node, worker and boot in writing). `accepted`: the peer opened
    the connection, so that it carries only replies and what is registered over it (RFC 5923 section 5).

    Two flows are equal when their keys are equal.
    """

    __slots__ = (
        "accepted",
        "key",
        "listener",
        "local",
        "origin",
        "reliable",
        "remote",
        "secure",
        "serial",
        "transport",
    )

    def __init__(
        self,
        transport: str,
        listener: str,
        local: tuple[str, int],
        remote: tuple[str, int],
        origin: str = "",
        serial: int = 0,
        accepted: bool = False,
    ) -> None:
        self.transport = transport
        self.listener = listener
        self.local = local
        self.remote = remote
        self.origin = origin
        self.serial = serial
        self.accepted = accepted
        self.reliable = is_reliable(transport)
        self.secure = is_secure(transport)
        if serial:
            self.key = f"{transport}/{origin}/{serial}"
        else:
            self.key = f"{transport}/{listener}/{local[0]}/{local[1]}/{remote[0]}/{remote[1]}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Flow) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        way = "<-" if self.accepted else "--"
        return f"Flow({self.transport} {self.local[0]}:{self.local[1]} {way} {self.remote[0]}:{self.remote[1]})"

    def serialize(self) -> str:
        """The flow as text, for a database or another worker; `Flow.parse` reads it back."""
        return _SEPARATOR.join(
            (
                self.transport,
                self.listener,
                self.local[0],
                str(self.local[1]),
                self.remote[0],
                str(self.remote[1]),
                self.origin,
                str(self.serial),
                "1" if self.accepted else "0",
            )
        )

    @classmethod
    def parse(cls, text: str) -> Flow:
        """Read what `serialize` wrote. Raises ValueError on anything else."""
        parts = text.split(_SEPARATOR)
        if len(parts) != 9:
            raise ValueError("not a serialized flow")
        local = (parts[2], int(parts[3]))
        remote = (parts[4], int(parts[5]))
        return cls(parts[0], parts[1], local, remote, parts[6], int(parts[7]), parts[8] == "1")

    def token(self, secret: bytes) -> str:
        """The flow as a signed token for the user part of a URI (RFC 5626 5.2)."""
        body = self.serialize().encode("utf-8", "surrogateescape")
        mac = hmac.digest(secret, body, sha256)[:TOKEN_MAC_OCTETS]
        return urlsafe_b64encode(mac + body).rstrip(b"=").decode("ascii")

    @classmethod
    def from_token(cls, token: str, secret: bytes) -> Flow | None:
        """The flow that `token` wrote, or None when the token is not ours or was changed."""
        try:
            raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
            mac, body = raw[:TOKEN_MAC_OCTETS], raw[TOKEN_MAC_OCTETS:]
            if not hmac.compare_digest(mac, hmac.digest(secret, body, sha256)[:TOKEN_MAC_OCTETS]):
                return None
            return cls.parse(body.decode("utf-8", "surrogateescape"))
        except ValueError:
            return None
