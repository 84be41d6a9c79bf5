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

__all__ = ["AUTHENTICATION", "FAILED", "REFUSED", "TIMEOUT", "TRANSPORT", "USAGE", "status_of"]

FAILED: Final = 1
"""Anything that has no status of its own."""
USAGE: Final = 2
"""A mistake on the command line, in a configuration or in a URI."""
REFUSED: Final = 3
"""The other side said no: busy, declined, not found."""
AUTHENTICATION: Final = 4
"""The password was refused, or none is known."""
TIMEOUT: Final = 5
"""Nobody answered in time."""
TRANSPORT: Final = 6
"""The network: an unknown host, a refused connection, a port in use."""

_STATUSES: Final[tuple[tuple[type[SipError], int], ...]] = (
    (ConfigError, USAGE),
    (ParseError, USAGE),
    (AuthenticationFailed, AUTHENTICATION),
    (TransactionTimeout, TIMEOUT),
    (RequestFailed, REFUSED),
    (TransportFailed, TRANSPORT),
)


def status_of(error: SipError) -> int:
    """The exit status that an error ends the command with."""
    for kind, status in _STATUSES:
        if isinstance(error, kind):
            return status
    return FAILED
