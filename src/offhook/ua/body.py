"""Session descriptions in messages, alone or among other parts (RFC 3261 8.2.3, 13.2.1; RFC 5621)."""

from __future__ import annotations

from typing import Final

from offhook import sdp
from offhook.errors import ProtocolError
from offhook.sdp.session import SessionDescription
from offhook.sip.message import Message
from offhook.sip.mime import BodyPart, body_of, processed

__all__ = ["ACCEPT", "SDP", "session_description", "understood"]

SDP: Final = "application/sdp"

ACCEPT: Final = f"{SDP}, multipart/mixed, multipart/alternative"
"""The value of Accept: what we process in requests and responses (RFC 3261 20.1, RFC 5621 3.1)."""


def understood(message: Message) -> list[BodyPart]:
    """The parts of a body that we process.

    Raises ProtocolError (415) for one that must not be passed over, and ParseError.
    """
    return processed(body_of(message), _is_description) if message.body else []


def session_description(message: Message) -> SessionDescription | None:
    """The session description in a message, None without one.

    One with another disposition than "session", which is its default, is no offer or answer. Raises ParseError.
    """
    if not message.body:
        return None
    try:
        parts = understood(message)
    except ProtocolError:
        # In a response nobody can refuse what stands beside the description (RFC 5621 8.4).
        parts = processed(body_of(message), lambda part: True)
    for part in parts:
        if _is_description(part) and part.disposition.token.lower() == "session":
            return sdp.parse(part.decoded_content())
    return None


def _is_description(part: BodyPart) -> bool:
    return part.media_type.essence == SDP
