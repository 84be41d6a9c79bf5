"""One field in an else faultless message, so that a verdict is about it alone."""

from __future__ import annotations

from tests.sip.messages import INVITE, OPTIONS, RINGING, with_line, with_more

__all__ = ["with_field"]

REGISTER = OPTIONS.replace(b"OPTIONS", b"REGISTER")


def with_field(name: bytes, value: bytes) -> bytes:
    """A message of the kind that has such a field, with that field."""
    line = name + b":" + value
    base = {
        b"Contact": REGISTER, b"Authorization": REGISTER, b"Expires": REGISTER, b"WWW-Authenticate": RINGING,
        b"Warning": RINGING, b"Retry-After": RINGING, b"Server": RINGING, b"Unsupported": RINGING,
        b"Content-Type": with_line(INVITE, b"Content-Type"), b"Subject": with_line(INVITE, b"Subject"),
    }.get(name, OPTIONS)  # fmt: skip
    if name in (b"Via", b"From", b"To", b"Call-ID", b"CSeq", b"Max-Forwards", b"Content-Length"):
        return with_line(OPTIONS, name, line)
    return with_more(base, line)
