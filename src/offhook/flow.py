"""The Flow: where a message came from or goes to, as a value; and what follows from a transport's name.

A flow of a stream is one connection and dies with its boot; a flow of datagrams is a pair of addresses and survives a
restart (RFC 5626 3.3). A flow is never a socket, so it can be stored with a binding, sent to another worker, and
signed into a flow token.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Final
from zlib import crc32

__all__ = ["TRANSPORTS", "Flow", "Query", "Target", "Transport", "default_port", "is_reliable", "is_secure", "secured"]

TOKEN_MAC_OCTETS: Final = 10
_SEPARATOR: Final = "\x1f"
_USUAL_PORT: Final = 5060


class Transport:
    """`name` as a Via says it. `reliable`: it delivers by itself, so that nothing is sent again (RFC 3261 17).

    `secured` is the transport that `sips` turns it into, itself where it is TLS already, or "" where there is none
    (RFC 3261 26.2.2, RFC 5630 3.1.3). `port` is the one where none is said (RFC 3261 18.2.2, 19.1.2, RFC 7118 5.5).
    `service` is its NAPTR service, `srv` what precedes a domain in the name of its SRV records, "" where
    it has none (RFC 3263 4.1, 4.2).
    """

    __slots__ = ("name", "port", "reliable", "secured", "service", "srv")

    def __init__(self, name: str, reliable: bool, secured: str, port: int, service: str, srv: str) -> None:
        self.name = name
        self.reliable = reliable
        self.secured = secured
        self.port = port
        self.service = service
        self.srv = srv


TRANSPORTS: Final = {
    row.name: row
    for row in (
        Transport("UDP", False, "", 5060, "SIP+D2U", "_sip._udp"),
        Transport("TCP", True, "TLS", 5060, "SIP+D2T", "_sip._tcp"),
        Transport("TLS", True, "TLS", 5061, "SIPS+D2T", "_sips._tcp"),
        Transport("WS", True, "WSS", 80, "SIP+D2W", ""),
        Transport("WSS", True, "WSS", 443, "SIPS+D2W", ""),
    )
}


def is_reliable(transport: str) -> bool:
    """Whether the transport delivers by itself; one that nobody knows is taken to."""
    row = TRANSPORTS.get(transport)
    return row is None or row.reliable


def is_secure(transport: str) -> bool:
    """Whether the transport is TLS, as `sips` asks for (RFC 3261 26.2.2)."""
    row = TRANSPORTS.get(transport)
    return row is not None and row.secured == transport


def secured(transport: str) -> str:
    """The transport that `sips` turns another into; "" where there is none."""
    row = TRANSPORTS.get(transport)
    return transport if row is None else row.secured


def default_port(transport: str) -> int:
    """The port of a transport where none is said."""
    row = TRANSPORTS.get(transport)
    return _USUAL_PORT if row is None else row.port


class Flow:
    """One path between a local and a remote address.

    `transport`: its name as in TRANSPORTS. `listener`: the configured name of the listener, such as
    "udp:127.0.0.1:5060". `local` and `remote`: (host, port), hosts in their numeric form without brackets. A stream
    has a `serial` above 0, unique within its `origin` (node, worker and boot in writing). `accepted`: the peer opened
    the connection, so that it carries only replies and what is registered over it (RFC 5923 section 5). `domains` are
    the SIP domains that the certificate of that peer speaks for, once it has shown one (RFC 5922 7.4).

    Two flows are equal when their keys are equal.
    """

    __slots__ = (
        "_way",
        "accepted",
        "domains",
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
        self.domains: tuple[str, ...] = ()
        self._way = ""
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

    @property
    def way(self) -> str:
        """The way back over this flow in a few characters, which a branch without state can carry (RFC 3261 16.11).

        The serial of a stream, or "d" and a sum over listener and local address.
        """
        way = self._way
        if not way:
            local = f"{self.listener}/{self.local[0]}/{self.local[1]}".encode("utf-8", "surrogateescape")
            way = self._way = str(self.serial) if self.reliable else f"d{crc32(local):08x}"
        return way

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
            text = token.encode("ascii")
            raw = urlsafe_b64decode(text + b"=" * (-len(text) % 4))
            # The decoder skips foreign characters and ignores spare bits: only our own writing is ours.
            if urlsafe_b64encode(raw).rstrip(b"=") != text:
                return None
            mac, body = raw[:TOKEN_MAC_OCTETS], raw[TOKEN_MAC_OCTETS:]
            if not hmac.compare_digest(mac, hmac.digest(secret, body, sha256)[:TOKEN_MAC_OCTETS]):
                return None
            return cls.parse(body.decode("utf-8", "surrogateescape"))
        except ValueError:
            return None


class Target:
    """A resolved next hop (RFC 3263): where to send, and the own side by which it will be reached.

    `host` is numeric, without brackets. `listener` names the listener whose socket (UDP) or advertised address
    (streams) is used; `local` is the (host, port) to bind or send from; `sent_by` is what Via says of us
    ("192.0.2.1:5060"), which a Contact or Record-Route towards this target says too. `server_name` is the SIP domain
    that a TLS certificate has to prove (RFC 5922 7.1), empty without TLS. `flow` is set when the target is an
    established flow: nothing else is tried then. `stream` is, for UDP, the same address over TCP, for requests that
    are too large for a datagram (RFC 3261 18.1.1); None where we cannot open TCP connections. `datagrams` is the flow
    that the engine made for a UDP target without one, kept so that it is made once.
    """

    __slots__ = (
        "datagrams",
        "flow",
        "host",
        "listener",
        "local",
        "port",
        "sent_by",
        "server_name",
        "stream",
        "transport",
    )

    def __init__(
        self,
        transport: str,
        host: str,
        port: int,
        listener: str,
        local: tuple[str, int],
        sent_by: str,
        server_name: str = "",
        flow: Flow | None = None,
        stream: Target | None = None,
    ) -> None:
        self.transport = transport
        self.host = host
        self.port = port
        self.listener = listener
        self.local = local
        self.sent_by = sent_by
        self.server_name = server_name
        self.flow = flow
        self.stream = stream
        self.datagrams: Flow | None = None

    def __repr__(self) -> str:
        return f"Target({self.transport} {self.host}:{self.port} from {self.sent_by})"


class Query:
    """What RFC 3263 resolution starts from: a host with what the URI said of port and transport.

    `port` is 0 and `transport` empty where the URI says nothing; `secure` is true for a sips URI. Two queries with the
    same key have the same answer.
    """

    __slots__ = ("host", "key", "port", "secure", "transport")

    def __init__(self, host: str, port: int = 0, transport: str = "", secure: bool = False) -> None:
        self.host = host
        self.port = port
        self.transport = transport
        self.secure = secure
        self.key = f"{transport}/{host}/{port}/{secure}"

    def __repr__(self) -> str:
        return f"Query({self.key})"
