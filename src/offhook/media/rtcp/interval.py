"""When to send the next RTCP packet (RFC 3550 6.3, A.7).

Randomness is passed in as a number from 0.0 to 1.0, time as monotonic seconds.
"""

from __future__ import annotations

from typing import Final

__all__ = ["COMPENSATION", "MIN_INTERVAL", "RtcpTiming", "deterministic_interval", "randomized"]

MIN_INTERVAL: Final = 5.0
SENDER_SHARE: Final = 0.25
COMPENSATION: Final = 2.71828 - 1.5
"""Timer reconsideration converges to a value below the intended average (6.3.1 item 5)."""

MEMBER_TIMEOUT: Final = 5
"""M of 6.3.5: a member unheard of for so many intervals is timed out."""

TRANSPORT_OCTETS: Final = 28
"""IPv4 and UDP headers, which count towards the average size (6.2)."""


def deterministic_interval(
    members: int, senders: int, bandwidth: float, we_sent: bool, average_size: float, initial: bool
) -> float:
    """Td of 6.3.1 in seconds. `bandwidth` is all members' share for RTCP, octets a second; sizes are in octets."""
    n = members
    if senders <= members * SENDER_SHARE:
        if we_sent:
            bandwidth *= SENDER_SHARE
            n = senders
        else:
            bandwidth *= 1 - SENDER_SHARE
            n -= senders
    return max(average_size * n / bandwidth, MIN_INTERVAL / 2 if initial else MIN_INTERVAL)


def randomized(interval: float, fraction: float) -> float:
    """T of 6.3.1: between 0.5 and 1.5 times the interval by `fraction` (0.0 to 1.0), compensated."""
    return interval * (fraction + 0.5) / COMPENSATION


class RtcpTiming:
    """The state of 6.3 that one participant keeps; the names are the RFC's where they are words.

    `previous` is tp, `next` is tn. Members and senders count the participant itself.
    """

    __slots__ = (
        "average_size",
        "bandwidth",
        "initial",
        "members",
        "next",
        "pmembers",
        "previous",
        "senders",
        "we_sent",
    )

    def __init__(self, now: float, bandwidth: float, first_size: float, fraction: float) -> None:
        self.bandwidth = bandwidth
        self.average_size = first_size + TRANSPORT_OCTETS
        self.members = 1
        self.pmembers = 1
        self.senders = 0
        self.we_sent = False
        self.initial = True
        self.previous = now
        self.next = now + self.interval(fraction)

    def interval(self, fraction: float) -> float:
        """A freshly drawn interval in seconds."""
        return randomized(self._deterministic(self.we_sent), fraction)

    @property
    def member_timeout(self) -> float:
        """How long a member may be silent before it is timed out, in seconds (6.3.5)."""
        return MEMBER_TIMEOUT * self._deterministic(False)

    @property
    def sender_timeout(self) -> float:
        """How long a sender may send nothing before it counts as a mere receiver, in seconds (6.3.5, 6.3.8)."""
        return 2 * self._deterministic(self.we_sent)

    def _deterministic(self, we_sent: bool) -> float:
        return deterministic_interval(
            self.members, self.senders, self.bandwidth, we_sent, self.average_size, self.initial
        )

    def received(self, octets: int) -> None:
        """A compound packet arrived (6.3.3)."""
        self.average_size += (octets + TRANSPORT_OCTETS - self.average_size) / 16

    def update(self, members: int, senders: int, we_sent: bool, now: float) -> None:
        """Take new counts. Fewer members than before bring the next report nearer (reverse reconsideration, 6.3.4)."""
        self.members = members
        self.senders = senders
        self.we_sent = we_sent
        if members < self.pmembers:
            share = members / self.pmembers
            self.next = now + share * (self.next - now)
            self.previous = now - share * (now - self.previous)
            self.pmembers = members

    def expired(self, now: float, fraction: float) -> bool:
        """The timer for `next` went off: whether to send now. If not, `next` has moved (6.3.6)."""
        self.pmembers = self.members
        due = self.previous + self.interval(fraction)
        if due <= now:
            return True
        self.next = due
        return False

    def sent(self, octets: int, now: float, fraction: float) -> None:
        """A compound packet left; `next` is drawn anew (6.3.6)."""
        self.average_size += (octets + TRANSPORT_OCTETS - self.average_size) / 16
        self.previous = now
        self.next = now + self.interval(fraction)
        self.initial = False
