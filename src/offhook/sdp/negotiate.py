"""The offer/answer model (RFC 3264): pure functions from descriptions and capabilities to descriptions and streams.

A caller makes an offer, sends it, and applies the answer:

    offer = make_offer(capabilities)
    session = apply_answer(offer, answer)

A callee makes the answer, sends it, and applies the two seen from its side:

    answer = make_answer(offer, capabilities)
    session = apply_answer(offer, answer, side=Side.ANSWERER)

Later exchanges of the dialog pass the `NegotiatedSession` of the one before to all three. An exchange that failed
leaves no trace: the session before it still holds (RFC 3264 section 4).
"""

from __future__ import annotations

from enum import StrEnum

from offhook.errors import ProtocolError
from offhook.sdp.answer import make_answer
from offhook.sdp.capabilities import Capabilities, StreamCapability
from offhook.sdp.codec import Codec
from offhook.sdp.negotiated import NegotiatedSession, NegotiatedStream, TransportAddress, negotiate_stream
from offhook.sdp.offer import describe_capabilities, make_offer
from offhook.sdp.session import MediaDescription, SessionDescription

__all__ = [
    "Capabilities",
    "Codec",
    "NegotiatedSession",
    "NegotiatedStream",
    "Side",
    "StreamCapability",
    "TransportAddress",
    "apply_answer",
    "describe_capabilities",
    "make_answer",
    "make_offer",
]


class Side(StrEnum):
    """Which of the two we are in an exchange."""

    OFFERER = "offerer"
    ANSWERER = "answerer"


def apply_answer(
    offer: SessionDescription,
    answer: SessionDescription,
    session: NegotiatedSession | None = None,
    *,
    side: Side = Side.OFFERER,
) -> NegotiatedSession:
    """What the offer and the answer agree on, seen from one side (RFC 3264 sections 6 and 7).

    Raises ProtocolError (488) for an answer that does not fit its offer: another number of m= lines, another media
    type in one of them, or another transport for a stream that it takes.
    """
    if len(offer.media) != len(answer.media):
        raise ProtocolError(
            f"{len(offer.media)} m= lines were offered, {len(answer.media)} answered", status=488, clause="RFC 3264 6"
        )
    for offered, answered in zip(offer.media, answer.media, strict=True):
        _check_stream(offered, answered)
    local, remote = (offer, answer) if side is Side.OFFERER else (answer, offer)
    streams = [negotiate_stream(index, local, remote, session) for index in range(len(offer.media))]
    return NegotiatedSession(local, remote, tuple(streams))


def _check_stream(offered: MediaDescription, answered: MediaDescription) -> None:
    if offered.media != answered.media:
        raise ProtocolError(
            f"{offered.media} was offered, {answered.media} answered", status=488, clause="RFC 3264 6.1"
        )
    running = offered.port > 0 and answered.port > 0
    if running and offered.proto.upper() != answered.proto.upper():
        raise ProtocolError(
            f"{offered.proto} was offered, {answered.proto} answered", status=488, clause="RFC 3264 6.1"
        )
