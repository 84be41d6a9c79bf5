"""Via: the path that a request has taken (RFC 3261 20.42, RFC 3581)."""

from __future__ import annotations

import re
from typing import Final

from offhook.errors import ParseError
from offhook.sip.headers.grammar import TOKEN, WSP, comment_end, parse_params, serialize_params
from offhook.sip.headers.value import Parameterized
from offhook.sip.host import HOST, bare_host, bracketed_host, canonical_host, checked_host, checked_port

__all__ = ["Via", "parse_via"]

# ABNF via-parm      = sent-protocol LWS sent-by *( SEMI via-params )
# ABNF sent-protocol = protocol-name SLASH protocol-version SLASH transport
# ABNF sent-by       = host [ COLON port ]
_VIA: Final = re.compile(
    rf"({TOKEN})[ \t]*/[ \t]*({TOKEN})[ \t]*/[ \t]*({TOKEN})[ \t]+"
    rf"({HOST})[ \t]*(?::[ \t]*([0-9]+)[ \t]*)?(;.*)?",
    re.DOTALL,
)
_PORT: Final = re.compile(r"[0-9]+")


class Via(Parameterized):
    """One Via value.

    `transport` is in capitals ("UDP", "TLS-SCTP"), `host` as found, an IPv6 reference in its brackets, `port` None when
    none was written. `protocol` is "SIP" and `version` "2.0" in every Via that RFC 3261 knows.
    """

    __slots__ = ("host", "port", "protocol", "transport", "version")

    def __init__(
        self,
        transport: str,
        host: str,
        port: int | None = None,
        params: dict[str, str | None] | None = None,
        protocol: str = "SIP",
        version: str = "2.0",
    ) -> None:
        super().__init__({} if params is None else params)
        self.transport = transport
        self.host = host
        self.port = port
        self.protocol = protocol
        self.version = version

    @property
    def sent_by(self) -> str:
        """host[:port] as written, IPv6 in brackets."""
        host = bracketed_host(self.host)
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def branch(self) -> str | None:
        """The branch parameter; None with RFC 2543 peers."""
        return self.param("branch")

    @property
    def received(self) -> str | None:
        """The source address that a server found, without brackets."""
        return self.param("received")

    @property
    def rport_requested(self) -> bool:
        """Whether an rport parameter stands here, with a value or without (RFC 3581 3)."""
        return "rport" in self.params

    @property
    def rport(self) -> int | None:
        """The source port that a server found; None while it is only asked for."""
        value = self.param("rport")
        return None if value is None else int(value)

    @property
    def maddr(self) -> str | None:
        """The multicast or other address to answer to, without brackets."""
        value = self.param("maddr")
        return None if value is None else bare_host(value)

    @property
    def ttl(self) -> int | None:
        """The time-to-live of a multicast request, 0 to 255; None when absent or malformed."""
        value = self.param("ttl")
        if value is None or len(value) > 3 or _PORT.fullmatch(value) is None or int(value) > 255:
            return None
        return int(value)

    def with_param(self, name: str, value: str | None = None) -> Via:
        """A copy with one parameter set, in its old place or at the end."""
        params = dict(self.params)
        params[name.lower()] = value
        return Via(self.transport, self.host, self.port, params, self.protocol, self.version)

    def with_source(self, address: str, port: int) -> Via:
        """A copy that tells where the request came from (RFC 3261 18.2.1, RFC 3581 4).

        `received` is written when sent-by names another host, when rport is asked for, and over one that the sender
        wrote itself; `rport` when it is asked for. IPv6 is written without brackets (RFC 5118 4.5).
        """
        bare = bare_host(address)
        asked = self.rport_requested
        same = canonical_host(bracketed_host(self.host)) == canonical_host(bracketed_host(bare))
        if same and not asked and "received" not in self.params:
            return self
        params = dict(self.params)
        params["received"] = bare
        if asked:
            params["rport"] = str(port)
        return Via(self.transport, self.host, self.port, params, self.protocol, self.version)

    def serialize(self) -> str:
        return f"{self.protocol}/{self.version}/{self.transport} {self.sent_by}{serialize_params(self.params)}"

    def _key(self) -> object:
        host = canonical_host(self.host)
        return (self.protocol, self.version, self.transport, host, self.port, self._params_key())


def parse_via(text: str) -> Via:
    """One Via value. Raises ParseError.

    White space may stand around the slashes and the colon (RFC 4475 3.1.1.1). A comment at the end, which RFC 2543 6.40
    allowed, is passed over.
    """
    if text.endswith(")"):
        start = text.find("(")
        if comment_end(text, start) == len(text):
            text = text[:start].rstrip(WSP)
    found = _VIA.fullmatch(text)
    if found is None:
        raise ParseError("malformed Via", clause="RFC 3261 20.42")
    protocol, version, transport, host, port_text, rest = found.groups()
    if host[0] == "[":
        host = checked_host(host)
    port: int | None = None if port_text is None else checked_port(port_text)
    params: dict[str, str | None] = {} if rest is None else parse_params(rest)
    rport = params.get("rport")
    if rport is not None:
        if _PORT.fullmatch(rport) is None:
            raise ParseError("rport is not a port", clause="RFC 3581 3")
        params["rport"] = str(checked_port(rport))
    received = params.get("received")
    if received is not None:
        # Some write IPv6 with brackets here: understood, and never written (RFC 5118 4.5).
        params["received"] = bare_host(received)
    return Via(transport.upper(), host, port, params, protocol.upper(), version)
