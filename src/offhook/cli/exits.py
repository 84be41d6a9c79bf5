"""Exit statuses, so that scripts can tell what went wrong."""

from __future__ import annotations

from typing import Final

from offhook.errors import (
    AuthenticationFailed,
    ConfigError,
    ParseError,
    RequestFailed,
    SipError,
    TransactionTimeout,
    TransportFailed,
)

__all__ = [
    "AUTHENTICATION",
    "FAILED",
    "INTERRUPTED",
    "REFUSED",
    "STATUSES",
    "TIMEOUT",
    "TRANSPORT",
    "USAGE",
    "status_of",
]

FAILED: Final = 1
USAGE: Final = 2
REFUSED: Final = 3
AUTHENTICATION: Final = 4
TIMEOUT: Final = 5
TRANSPORT: Final = 6
INTERRUPTED: Final = 130

STATUSES: Final = {
    0: "done",
    FAILED: "failed otherwise, or lint found a message that is not ok",
    USAGE: "a mistake on the command line, in a configuration or in a URI",
    REFUSED: "the other side said no: busy, declined, not found",
    AUTHENTICATION: "the password was refused, or none is known",
    TIMEOUT: "nobody answered in time",
    TRANSPORT: "the network: an unknown host, a refused connection, a port in use",
    INTERRUPTED: "interrupted before it was done",
}
"""All statuses with their meanings, for people."""

_OF_ERRORS: Final[tuple[tuple[type[SipError], int], ...]] = (
    (ConfigError, USAGE),
    (ParseError, USAGE),
    (AuthenticationFailed, AUTHENTICATION),
    (TransactionTimeout, TIMEOUT),
    (TransportFailed, TRANSPORT),
)


def status_of(error: SipError) -> int:
    """The exit status that an error ends the command with."""
    if isinstance(error, RequestFailed):
        # A call that got no answer at all fails like one that was refused; its cause tells the difference.
        cause = error.__cause__
        if isinstance(cause, SipError):
            return status_of(cause)
        return TIMEOUT if error.status == TransactionTimeout.status else REFUSED
    for kind, status in _OF_ERRORS:
        if isinstance(error, kind):
            return status
    return FAILED
