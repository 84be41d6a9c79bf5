"""The values of the o=, c=, b= and m= lines (RFC 8866 sections 5.2, 5.7, 5.8 and 5.14)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from offhook.sdp.grammar import integer, ip4_address, ip6_address, is_host_name, malformed, subfields, token

__all__ = ["Bandwidth", "Connection", "MediaField", "Origin"]

# RFC 3264 section 5 asks for 64 signed bits. Phones that put an NTP timestamp there fill 64 unsigned ones.
MAX_SESSION_NUMBER: Final = (1 << 64) - 1
MAX_ADDRESSES: Final = 255
MAX_BANDWIDTH: Final = (1 << 53) - 1
MAX_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class Origin:
    """Who made the description: ``o=<username> <sess-id> <sess-version> <nettype> <addrtype> <unicast-address>``."""

    username: str
    session_id: int
    session_version: int
    address: str
    nettype: str = "IN"
    addrtype: str = "IP4"

    @classmethod
    def of(cls, address: str, session_id: int, session_version: int, username: str = "-") -> Origin:
        """The origin of a machine of the Internet; the address type follows from the address."""
        return cls(username, session_id, session_version, address, addrtype=_addrtype(address))

    @classmethod
    def parse(cls, text: str, offset: int | None = None) -> Origin:
        """Read the value of an o= line. Raises ParseError.

        The five last subfields are fixed and the rest is the user name: phones write display names with spaces
        there, or nothing, though RFC 8866 5.2 forbids both.
        """
        clause = "RFC 8866 5.2"
        parts = text.rstrip(" ").rsplit(" ", 5)
        if len(parts) != 6 or not all(parts[1:]):
            raise malformed("o= has fewer than six subfields", clause, offset)
        username, session_id, version, nettype, addrtype, address = parts
        return cls(
            username,
            integer(session_id, "the session id", clause, offset, most=MAX_SESSION_NUMBER),
            integer(version, "the session version", clause, offset, most=MAX_SESSION_NUMBER),
            address,
            token(nettype, "the network type", clause, offset),
            token(addrtype, "the address type", clause, offset),
        )

    def serialize(self) -> str:
        return f"{self.username} {self.session_id} {self.session_version} {self.nettype} {self.addrtype} {self.address}"

    def same_session(self, other: Origin) -> bool:
        """Whether both name one session: all subfields but the version are equal (RFC 8866 5.2)."""
        return (self.username, self.session_id, self.nettype, self.addrtype, self.address) == (
            other.username,
            other.session_id,
            other.nettype,
            other.addrtype,
            other.address,
        )


@dataclass(frozen=True, slots=True)
class Connection:
    """Where media goes: ``c=<nettype> <addrtype> <connection-address>``.

    `address` is a numeric address or a domain name. `ttl` belongs to IPv4 multicast alone; `count` is the number of
    multicast addresses, counted up from `address`, for layered encodings.
    """

    nettype: str
    addrtype: str
    address: str
    ttl: int | None = None
    count: int = 1

    @classmethod
    def to(cls, address: str) -> Connection:
        """The connection to a unicast address or a name of the Internet; a name is taken as one of IPv4."""
        return cls("IN", _addrtype(address), address)

    @classmethod
    def parse(cls, text: str, offset: int | None = None) -> Connection:
        """Read the value of a c= line. Raises ParseError. Of other networks than IN the address stays as it is."""
        clause = "RFC 8866 5.7"
        parts = subfields(text)
        if len(parts) < 3:
            raise malformed("c= has fewer than three subfields", clause, offset)
        nettype = token(parts[0], "the network type", clause, offset)
        addrtype = token(parts[1], "the address type", clause, offset)
        if nettype != "IN" or addrtype not in ("IP4", "IP6"):
            return cls(nettype, addrtype, " ".join(parts[2:]))
        if len(parts) > 3:
            raise malformed("c= has more than three subfields", clause, offset)
        connection = _read_address(addrtype, parts[2], offset)
        if connection is None:
            raise malformed(f"c= has no {addrtype} address", clause, offset)
        return connection

    def serialize(self) -> str:
        text = f"{self.nettype} {self.addrtype} {self.address}"
        if self.ttl is not None:
            text += f"/{self.ttl}"
        return f"{text}/{self.count}" if self.count > 1 else text

    @property
    def is_multicast(self) -> bool:
        """Whether the address is a numeric multicast one."""
        numeric = ip4_address(self.address) or ip6_address(self.address)
        return numeric is not None and numeric.is_multicast

    @property
    def is_unspecified(self) -> bool:
        """Whether nothing may be sent there.

        0.0.0.0 is RFC 2543's hold (RFC 3264 8.4), a name under .invalid its counterpart for IPv6 (RFC 6157 4.1);
        the IPv6 unspecified address is no destination either.
        """
        numeric = ip4_address(self.address) or ip6_address(self.address)
        if numeric is not None:
            return numeric.is_unspecified
        return self.address.rstrip(".").rpartition(".")[2].lower() == "invalid"

    @property
    def addresses(self) -> tuple[str, ...]:
        """All addresses, one for each layer."""
        numeric = ip4_address(self.address) or ip6_address(self.address)
        if numeric is None or self.count == 1:
            return (self.address,)
        return tuple(str(numeric + step) for step in range(self.count))


def _addrtype(address: str) -> str:
    return "IP6" if ":" in address else "IP4"


def _read_address(addrtype: str, text: str, offset: int | None) -> Connection | None:
    clause = "RFC 8866 5.7"
    address, *slashes = text.split("/")
    numeric = ip4_address(address) if addrtype == "IP4" else ip6_address(address)
    if numeric is None or not numeric.is_multicast:
        # Slashes must not be used for unicast addresses.
        named = numeric is not None or is_host_name(address)
        return Connection("IN", addrtype, address) if named and not slashes else None
    if addrtype == "IP6":
        if len(slashes) > 1:
            return None
        return Connection("IN", addrtype, address, None, _read_count(slashes, offset))
    if not 1 <= len(slashes) <= 2:
        raise malformed("an IPv4 multicast address needs a TTL", clause, offset)
    ttl = integer(slashes[0], "the TTL", clause, offset, most=255)
    # Counting up must not run over the end of the address space of multicast.
    count = _read_count(slashes[1:], offset)
    return Connection("IN", addrtype, address, ttl, count) if (numeric + (count - 1)).is_multicast else None


def _read_count(slashes: list[str], offset: int | None) -> int:
    if not slashes:
        return 1
    return integer(slashes[0], "the number of addresses", "RFC 8866 5.7", offset, least=1, most=MAX_ADDRESSES)


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """``b=<bwtype>:<bandwidth>``: kilobits per second for AS and CT, bits per second for TIAS, RS and RR."""

    bwtype: str
    bandwidth: int

    @classmethod
    def parse(cls, text: str, offset: int | None = None) -> Bandwidth:
        """Read the value of a b= line. Raises ParseError."""
        clause = "RFC 8866 5.8"
        bwtype, _, number = text.rstrip(" ").partition(":")
        return cls(
            token(bwtype, "the bandwidth type", clause, offset),
            integer(number.lstrip(" "), "the bandwidth", clause, offset, most=MAX_BANDWIDTH),
        )

    def serialize(self) -> str:
        return f"{self.bwtype}:{self.bandwidth}"


@dataclass(frozen=True, slots=True)
class MediaField:
    """``m=<media> <port>[/<number of ports>] <proto> <fmt> ...``"""

    media: str
    port: int
    proto: str
    formats: tuple[str, ...]
    port_count: int = 1

    @classmethod
    def parse(cls, text: str, offset: int | None = None) -> MediaField:
        """Read the value of an m= line. Raises ParseError.

        A stream with port zero may come without a format: phones that reject a stream forget them, and RFC 3264
        section 6 has them ignored.
        """
        clause = "RFC 8866 5.14"
        parts = subfields(text)
        if len(parts) < 3:
            raise malformed("m= has fewer than four subfields", clause, offset)
        port, slash, count = parts[1].partition("/")
        field = cls(
            token(parts[0], "the media type", clause, offset),
            integer(port, "the port", clause, offset, most=MAX_PORT),
            "/".join(token(part, "the transport protocol", clause, offset) for part in parts[2].split("/")),
            tuple(parts[3:]),
            integer(count, "the number of ports", clause, offset, least=1, most=MAX_ADDRESSES) if slash else 1,
        )
        if not field.formats and field.port:
            raise malformed("m= has no format", clause, offset)
        return field

    @property
    def is_rtp(self) -> bool:
        """Whether the transport protocol is RTP in any of its profiles, so that formats are payload types."""
        return "RTP" in self.proto.upper().split("/")

    @property
    def disabled(self) -> MediaField:
        """The line that rejects or ends this stream: port zero and a single format (RFC 3264 sections 6 and 8.2)."""
        return replace(self, port=0, port_count=1, formats=self.formats[:1] or ("0",))

    def serialize(self) -> str:
        port = f"{self.port}/{self.port_count}" if self.port_count > 1 else str(self.port)
        return " ".join((self.media, port, self.proto, *self.formats))
