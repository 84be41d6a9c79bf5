"""Branches of requests that are forwarded without state (RFC 3261 16.11).

The branch is a keyed hash of the received message, so that a retransmission, the CANCEL and the ACK of an INVITE get
the same one in every worker, and a response shows by its branch that the request went through here. In front of the
hash stands the way back, which the next Via does not tell: the serial of a stream, or the socket that was spoken to.
"""

from __future__ import annotations

import hmac
from hashlib import blake2b
from typing import Final

from offhook.errors import ParseError
from offhook.flow import Flow, default_port
from offhook.ids import MAGIC_COOKIE
from offhook.sip.message import Message, Request, Response
from offhook.sip.serializer import without_top_via

__all__ = ["StatelessBranches"]

_COOKIE: Final = MAGIC_COOKIE.encode("ascii")
_PREFIX: Final = _COOKIE + b"-s-"
_LONGEST_WAY: Final = 16
_SHARED: Final = ("via", "from", "call-id", "cseq")


class StatelessBranches:
    """Makes and verifies branches with one key."""

    __slots__ = ("_key",)

    def __init__(self, secret: bytes) -> None:
        self._key = blake2b(secret, person=b"stateless").digest()

    def branch(self, request: Request, arrival: Flow, host: str, port: int) -> str:
        """The branch for a request that came over `arrival`, to stand beside the sent-by of `host` and `port`.

        Raises ParseError.
        """
        way = arrival.way
        return f"{MAGIC_COOKIE}-s-{way}-{self._digest(request, way, host, port)}"

    def tag(self, request: Request) -> str:
        """A To tag for a stateless answer: the same for every retransmission (RFC 3261 8.2.7).

        Nothing is decoded for it, so that the request may be answered for being broken.
        """
        lines = request.lines
        return self._hash([lines[place] for key in _SHARED for place in request.places(key)[:1]])

    def verify(self, response: Response) -> tuple[str, Response] | None:
        """The way back, and the response without our Via; None when the Via at its top is not of ours (18.1.2)."""
        via = response.top_via
        branch = via.branch
        if branch is None or not branch.startswith(_PREFIX):
            return None
        octets, _, digest = branch[len(_PREFIX) :].partition(b"-")
        if not octets.isalnum() or len(octets) > _LONGEST_WAY:
            return None
        way = octets.decode("ascii")
        try:
            onwards = without_top_via(response)
            if onwards is None:
                return None
            expected = self._digest(onwards, way, via.host, via.port or default_port(via.transport))
            if not hmac.compare_digest(expected.encode("ascii"), digest):
                return None
        except ParseError:
            return None
        return way, onwards

    def _digest(self, message: Message, way: str, host: str, port: int) -> str:
        """Of the branch of the client, as 16.11 proposes; from an RFC 2543 client of what its requests share.

        And of our own sent-by, for a response that comes back with another one is not ours (18.1.2). A branch that is
        the magic cookie alone tells no requests apart (RFC 4475 3.2.1).
        """
        via = message.top_via
        seed = [via.branch or b"", via.host.encode("utf-8", "surrogateescape"), b"%d" % via.port, way.encode("ascii")]
        seed += [host.encode("utf-8", "surrogateescape"), b"%d" % port]
        if via.branch is None or not via.branch.startswith(_COOKIE) or via.branch == _COOKIE:
            tag = (message.from_tag or "").encode("utf-8", "surrogateescape")
            seed += [message.octets("call-id") or b"", b"%d" % message.cseq_number, tag]
        return self._hash(seed)

    def _hash(self, seed: list[bytes]) -> str:
        return blake2b(b"\0".join(seed), key=self._key, digest_size=12).hexdigest()
