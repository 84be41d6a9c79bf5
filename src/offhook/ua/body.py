"""Session descriptions in messages (RFC 3261 13.2.1, 20.11)."""

from __future__ import annotations

from typing import Final

from offhook import sdp
from offhook.sdp.session import SessionDescription
from offhook.sip.headers.content import ContentDisposition
from offhook.sip.message import Message

__all__ = ["SDP", "is_optional", "session_description"]

SDP: Final = "application/sdp"


def session_description(message: Message) -> SessionDescription | None:
    """The session description in a message, None without one.

    One with another disposition than "session", which is its default, is no offer or answer. Raises ParseError.
    """
    if not message.body or message.content_type != SDP:
        return None
    disposition = message.header("Content-Disposition")
    if isinstance(disposition, ContentDisposition) and disposition.token.lower() != "session":
        return None
    return sdp.parse(message.body)


def is_optional(message: Message) -> bool:
    """Whether a body that we do not understand may be passed over (RFC 3261 8.2.3). Raises ParseError."""
    disposition = message.header("Content-Disposition")
    return isinstance(disposition, ContentDisposition) and disposition.handling == "optional"
