"""The 100 that a server transaction sends by itself (RFC 3261 8.2.6.1, 17.2.1; RFC 4320 4.1)."""

from __future__ import annotations

from offhook.errors import ParseError
from offhook.sip.headers.timestamp import Timestamp
from offhook.sip.message import Request, Response
from offhook.sip.serializer import reply

__all__ = ["make_trying"]


def make_trying(request: Request, waited: float) -> Response:
    """The 100 to a request that came `waited` seconds ago; its Timestamp says so, for the client measures the way.

    A Timestamp that cannot be read goes back as it came.
    """
    draft = reply(request, 100)
    if request.holds("timestamp"):
        try:
            timestamp = request.header("Timestamp")
        except ParseError:
            timestamp = None
        if isinstance(timestamp, Timestamp):
            draft.set("Timestamp", timestamp.with_delay(waited).serialize())
    return draft.response()
