"""Symmetric RTP: audio goes to where valid audio comes from (RFC 4961), and who may redirect it.

A peer behind a NAT signals an address that does not reach it, so its real address is learned from its packets. An
attacker who guesses our port could abuse that to listen in or to be heard. The rules:

1. One address is heard at a time: the latched one. Before anything came, that is the signalled one.
2. Another address must first show a run of `RUN` packets in sequence with one SSRC and a negotiated payload type.
3. It is then latched when nothing valid has come from anywhere yet.
4. For `LEARNING` seconds from then on, the signalled address takes the latch back with one packet: it is the one
   that the peer named over the signalling, so a stranger who was faster does not keep the call.
5. After that the latch is firm. It moves only when the latched address has been silent for `SILENCE` seconds, and the
   newcomer is the signalled address, or another port of the latched host, or goes on with the same SSRC and a fitting
   sequence number (a NAT that gave the peer a new address).
6. A new signalled address starts over.

RTCP is heard from the signalled RTCP address, and from the host that is heard; it is sent to where it came from last.
"""

from __future__ import annotations

from typing import Final

from offhook.media.rtp.packet import RtpPacket
from offhook.media.rtp.sequence import MAX_DROPOUT, SEQUENCE_MODULUS
from offhook.media.rtp.session import Address

__all__ = ["LEARNING", "RUN", "SILENCE", "SymmetricLatch"]

RUN: Final = 4
LEARNING: Final = 5.0
SILENCE: Final = 1.0


class SymmetricLatch:
    """Where RTP and RTCP are sent, and from where they are heard.

    `destination` and `rtcp_destination` are None while no address was signalled: then nothing can be sent, but audio
    that comes early is heard by the same rules (RFC 3264 5.1). With `symmetric` off only the signalled address counts.
    `rejected` counts the packets of strangers.
    """

    __slots__ = (
        "_candidate",
        "_candidate_run",
        "_candidate_sequence",
        "_candidate_ssrc",
        "_first_heard",
        "_last_heard",
        "_latched",
        "_rtcp_latched",
        "_sequence",
        "_signalled",
        "_signalled_rtcp",
        "_ssrc",
        "rejected",
        "symmetric",
    )

    def __init__(self, *, symmetric: bool = True) -> None:
        self.symmetric = symmetric
        self.rejected = 0
        self._signalled: Address | None = None
        self._signalled_rtcp: Address | None = None
        self._forget()

    def _forget(self) -> None:
        self._latched: Address | None = None
        self._rtcp_latched: Address | None = None
        self._first_heard = 0.0
        self._last_heard = 0.0
        self._ssrc = 0
        self._sequence = 0
        self._candidate: Address | None = None
        self._candidate_run = 0
        self._candidate_ssrc = 0
        self._candidate_sequence = 0

    @property
    def destination(self) -> Address | None:
        """Where RTP goes."""
        return None if self._signalled is None else self._latched or self._signalled

    @property
    def rtcp_destination(self) -> Address | None:
        """Where RTCP goes."""
        return None if self._signalled is None else self._rtcp_latched or self._signalled_rtcp

    @property
    def latched(self) -> Address | None:
        """The address that is heard; None before anything valid came."""
        return self._latched

    def signal(self, rtp: Address | None, rtcp: Address | None, now: float) -> None:
        """Take the peer's addresses from its session description. The same ones again change nothing."""
        if rtp == self._signalled and rtcp == self._signalled_rtcp:
            return
        if self._signalled is not None:
            self._forget()
        # What was heard before the first description came is most likely the peer: it is kept, and learning begins.
        self._first_heard = now
        self._signalled = rtp
        self._signalled_rtcp = rtcp

    def accept(self, packet: RtpPacket, source: Address, now: float) -> bool:
        """Whether a packet is heard, its payload type being a negotiated one. `now` in monotonic seconds."""
        if source == self._latched:
            self._hear(packet, now)
            return True
        if source == self._signalled and self._may_return(now):
            self._latch(packet, source, now)
            return True
        if self.symmetric and self._run(packet, source) >= RUN and self._may_move(packet, source, now):
            self._latch(packet, source, now)
            return True
        self.rejected += 1
        return False

    def accept_rtcp(self, source: Address) -> bool:
        """Whether an RTCP datagram that came from there is heard."""
        if source in (self._rtcp_latched, self._signalled_rtcp):
            return True
        heard = self._latched or self._signalled
        if self.symmetric and heard is not None and source[0] == heard[0]:
            return True
        self.rejected += 1
        return False

    def latch_rtcp(self, source: Address) -> None:
        """A valid RTCP packet came from there: answer to it."""
        if self.symmetric:
            self._rtcp_latched = source

    def _hear(self, packet: RtpPacket, now: float) -> None:
        self._last_heard = now
        self._ssrc = packet.ssrc
        self._sequence = packet.sequence

    def _latch(self, packet: RtpPacket, source: Address, now: float) -> None:
        if self._latched is None:
            self._first_heard = now
        elif self._latched != source:
            self._rtcp_latched = None
        self._latched = source
        self._candidate = None
        self._hear(packet, now)

    def _may_return(self, now: float) -> bool:
        return self._latched is None or now - self._first_heard <= LEARNING or now - self._last_heard >= SILENCE

    def _may_move(self, packet: RtpPacket, source: Address, now: float) -> bool:
        if self._latched is None:
            return True
        if now - self._last_heard < SILENCE:
            return False
        ahead = (packet.sequence - self._sequence) % SEQUENCE_MODULUS
        return source[0] == self._latched[0] or (packet.ssrc == self._ssrc and ahead < MAX_DROPOUT)

    def _run(self, packet: RtpPacket, source: Address) -> int:
        """How many packets in sequence the candidate has shown, this one included."""
        follows = (
            source == self._candidate
            and packet.ssrc == self._candidate_ssrc
            and packet.sequence == (self._candidate_sequence + 1) % SEQUENCE_MODULUS
        )
        self._candidate_run = self._candidate_run + 1 if follows else 1
        self._candidate = source
        self._candidate_ssrc = packet.ssrc
        self._candidate_sequence = packet.sequence
        return self._candidate_run
