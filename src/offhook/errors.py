"""The exception tree of Offhook.

Exceptions hold plain values only: a message that could not be parsed is held as the bytes that are needed to
answer it, never as a half-made object.
"""

from __future__ import annotations

__all__ = [
    "AuthenticationFailed",
    "CallFailed",
    "ConfigError",
    "InvalidState",
    "LimitExceeded",
    "ParseError",
    "ProtocolError",
    "RequestFailed",
    "ResolveFailed",
    "Salvage",
    "SipError",
    "TransactionTimeout",
    "TransportFailed",
]


class SipError(Exception):
    """The root of all errors that Offhook raises on purpose."""


class Salvage:
    """What was found of a broken request, raw, so that it can still be answered (RFC 3261 8.2.6, 16.3 step 1).

    `via` holds every Via value in order, the others one value or None. `method` is the method of the start line.
    """

    __slots__ = ("call_id", "cseq", "from_", "method", "to", "via")

    def __init__(
        self,
        method: str | None = None,
        via: tuple[bytes, ...] = (),
        from_: bytes | None = None,
        to: bytes | None = None,
        call_id: bytes | None = None,
        cseq: bytes | None = None,
    ) -> None:
        self.method = method
        self.via = via
        self.from_ = from_
        self.to = to
        self.call_id = call_id
        self.cseq = cseq


class ParseError(SipError, ValueError):
    """Bytes that are not what they should be.

    `status` is the SIP status to answer a request with (400, 413, 505, 513 ...), `header` the canonical name of the
    header field at fault or None, `offset` the octet in the parsed text where it went wrong or None, `clause` the
    place in a standard that was broken, such as ``RFC 3261 20.16``, or None.
    """

    def __init__(
        self,
        reason: str,
        *,
        status: int = 400,
        header: str | None = None,
        offset: int | None = None,
        clause: str | None = None,
        salvage: Salvage | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.header = header
        self.offset = offset
        self.clause = clause
        self.salvage = salvage


class ProtocolError(SipError):
    """The peer broke a rule. `status` is the SIP status to answer with, `clause` the rule's place or None."""

    def __init__(self, reason: str, *, status: int = 400, clause: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.clause = clause


class InvalidState(SipError):
    """The caller broke a rule: what it asked for is not possible in this state."""


class LimitExceeded(SipError):
    """A configured bound was hit."""


class TransactionTimeout(SipError):
    """No final response came in time (RFC 3261 8.1.3.1: treated as 408)."""

    status = 408


class TransportFailed(SipError):
    """The transport could not deliver (RFC 3261 8.1.3.1: treated as 503)."""

    status = 503


class ResolveFailed(TransportFailed):
    """A name has no usable address (RFC 3263 4.3: treated as a transport error)."""


class AuthenticationFailed(SipError):
    """The credentials were refused, or none are known for the realm. `status` is the peer's last status."""

    def __init__(self, reason: str, *, status: int = 401, realm: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.realm = realm


class RequestFailed(SipError):
    """A request was refused. `status` and `reason` are those of the final response."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.status} {self.reason}"


class CallFailed(RequestFailed):
    """A call attempt ended without an answer."""


class ConfigError(SipError):
    """A user's mistake in a configuration file or on a command line: one sentence with the place and the mend."""
