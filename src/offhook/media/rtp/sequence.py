"""Sequence numbers of one source: validity, wrap-around and loss (RFC 3550 A.1, A.3)."""

from __future__ import annotations

from enum import Enum
from typing import Final

__all__ = ["MIN_SEQUENTIAL", "SEQUENCE_MODULUS", "Arrival", "SequenceState"]

SEQUENCE_MODULUS: Final = 1 << 16
MAX_DROPOUT: Final = 3000
MAX_MISORDER: Final = 100
MIN_SEQUENTIAL: Final = 2


class Arrival(Enum):
    """What a packet's sequence number says about it."""

    PROBATION = "probation"
    """The source is not yet valid."""
    VALIDATED = "validated"
    """This packet made the source valid."""
    VALID = "valid"
    """In order, or a permissible gap, or late, or a duplicate."""
    RESTARTED = "restarted"
    """The second packet of a new sequence: the other side restarted without telling."""
    INVALID = "invalid"
    """A very large jump: dropped, unless the next packet follows it."""


class SequenceState:
    """The state that RFC 3550 A.1 keeps for each source; the names are the RFC's."""

    __slots__ = (
        "bad_seq",
        "base_seq",
        "cycles",
        "expected_prior",
        "max_seq",
        "probation",
        "received",
        "received_prior",
    )

    def __init__(self, sequence: int) -> None:
        self._init(sequence)
        self.max_seq = (sequence - 1) % SEQUENCE_MODULUS
        self.probation = MIN_SEQUENTIAL

    def _init(self, sequence: int) -> None:
        self.base_seq = sequence
        self.max_seq = sequence
        self.bad_seq = SEQUENCE_MODULUS + 1
        self.cycles = 0
        self.received = 0
        self.received_prior = 0
        self.expected_prior = 0
        self.probation = 0

    def update(self, sequence: int) -> Arrival:
        """Judge the next packet's sequence number (update_seq of A.1)."""
        if self.probation:
            return self._update_on_probation(sequence)
        delta = (sequence - self.max_seq) % SEQUENCE_MODULUS
        arrival = Arrival.VALID
        if delta < MAX_DROPOUT:
            if sequence < self.max_seq:
                self.cycles += SEQUENCE_MODULUS
            self.max_seq = sequence
        elif delta <= SEQUENCE_MODULUS - MAX_MISORDER:
            if sequence != self.bad_seq:
                self.bad_seq = (sequence + 1) % SEQUENCE_MODULUS
                return Arrival.INVALID
            self._init(sequence)
            arrival = Arrival.RESTARTED
        self.received += 1
        return arrival

    def _update_on_probation(self, sequence: int) -> Arrival:
        if sequence != (self.max_seq + 1) % SEQUENCE_MODULUS:
            self.probation = MIN_SEQUENTIAL - 1
            self.max_seq = sequence
            return Arrival.PROBATION
        self.probation -= 1
        self.max_seq = sequence
        if self.probation:
            return Arrival.PROBATION
        self._init(sequence)
        self.received = 1
        return Arrival.VALIDATED

    def include_previous(self) -> None:
        """Count the packet before the first as received, because it was kept and is delivered after all."""
        if self.base_seq == 0:
            self.cycles += SEQUENCE_MODULUS
        self.base_seq = (self.base_seq - 1) % SEQUENCE_MODULUS
        self.received += 1

    @property
    def extended_max(self) -> int:
        """The highest sequence number received, with its cycles above the lower 16 bits."""
        return self.cycles + self.max_seq

    @property
    def expected(self) -> int:
        """How many packets the source has sent, as far as is known (A.3)."""
        return self.extended_max - self.base_seq + 1

    @property
    def lost(self) -> int:
        """Expected less received; negative when there were duplicates (A.3)."""
        return self.expected - self.received

    def take_fraction_lost(self) -> int:
        """The fraction lost since the last call, in 1/256 (A.3); called once for each report."""
        expected_interval = self.expected - self.expected_prior
        received_interval = self.received - self.received_prior
        self.expected_prior = self.expected
        self.received_prior = self.received
        lost_interval = expected_interval - received_interval
        if expected_interval == 0 or lost_interval <= 0:
            return 0
        # A whole interval lost is 256/256, which eight bits do not hold; RFC 3550 leaves the case open.
        return min((lost_interval << 8) // expected_interval, 255)
