"""The next server when one fails (RFC 3263 4.3), and TCP for what is too large for a datagram (RFC 3261 18.1.1)."""

from __future__ import annotations

from typing import Final

from offhook.flow import Target

__all__ = ["LARGEST_DATAGRAM", "VIA_ROOM", "Failover", "calls_for_next", "widen"]

LARGEST_DATAGRAM: Final = 1300
"""Octets of a request that may go by UDP when the path MTU is not known (RFC 3261 18.1.1)."""

VIA_ROOM: Final = 120
"""Octets of the Via that is still to come when the size of a request is asked for, about."""


def widen(targets: list[Target], size: int) -> list[Target]:
    """The targets for a request of `size` octets: above 1300, each UDP one is tried over TCP first.

    The UDP target stays behind it, for peers that do not speak TCP (18.1.1). This holds for URIs with transport=udp
    too: the MUST of 18.1.1 stands above the SHOULD of RFC 3263 4.1. A target that is an established flow is left alone,
    which deviates from 18.1.1: a phone behind a NAT cannot accept a connection.
    """
    if size <= LARGEST_DATAGRAM:
        return targets
    widened: list[Target] = []
    for target in targets:
        if target.transport == "UDP" and target.flow is None and target.stream is not None:
            widened.append(target.stream)
        widened.append(target)
    return widened


def calls_for_next(status: int) -> bool:
    """Whether a final response makes the client try the next server: 503 alone (RFC 3263 4.3).

    A transport failure and a time-out without any response do so too.
    """
    return status == 503


class Failover:
    """Steps through the targets of one request: a new transaction with a new branch for each (RFC 3263 4.3).

    `targets` must not be empty. `current` is the one in use.
    """

    __slots__ = ("_position", "_targets", "current")

    def __init__(self, targets: list[Target]) -> None:
        self._targets = targets
        self._position = 0
        self.current: Target = targets[0]

    def next(self) -> Target | None:
        """Give up on the current target; return the one to use now, or None when none is left."""
        if self._position + 1 >= len(self._targets):
            return None
        self._position += 1
        self.current = self._targets[self._position]
        return self.current
