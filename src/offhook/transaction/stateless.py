"""Branches of requests that are forwarded without state (RFC 3261 16.11).

The branch is a keyed hash of the received message, so that a retransmission, the CANCEL and the ACK of an INVITE get
the same one in every worker, and a response shows by its branch that the request went through here.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from offhook.errors import ParseError
from offhook.ids import MAGIC_COOKIE
from offhook.sip.message import Message, Request, Response
from offhook.sip.serializer import Draft

__all__ = ["StatelessBranches"]

_PREFIX: Final = f"{MAGIC_COOKIE}-s-".encode("ascii")


class StatelessBranches:
    """Makes and verifies branches with one key."""

    __slots__ = ("_key",)

    def __init__(self, secret: bytes) -> None:
        self._key = blake2b(secret, person=b"stateless").digest()

    def branch(self, request: Request, serial: int) -> str:
        """The branch for a received request; `serial` is that of the stream that it came by, 0 for datagrams."""
        return f"{MAGIC_COOKIE}-s-{serial}-{self._digest(request, serial)}"

    def tag(self, request: Request) -> str:
        """A To tag for a stateless answer: the same for every retransmission (RFC 3261 8.2.7)."""
        return self._digest(request, 0)

    def verify(self, response: Response) -> int | None:
        """The serial in a branch of ours at the top of a response; None when it is not ours."""
        branch = response.top_via.branch
        if branch is None or not branch.startswith(_PREFIX):
            return None
        serial, _, digest = branch[len(_PREFIX) :].partition(b"-")
        if not serial.isdigit() or len(serial) > 15:
            return None
        try:
            onwards = Draft.of(response).remove_first("Via").response()
            if onwards.octets("via") is None or self._digest(onwards, int(serial)).encode("ascii") != digest:
                return None
        except ParseError:
            return None
        return int(serial)

    def _digest(self, message: Message, serial: int) -> str:
        """Of the branch of the client, as 16.11 proposes; from an RFC 2543 client of what its requests share."""
        via = message.top_via
        seed = [via.branch or b"", via.host.encode("utf-8", "surrogateescape"), b"%d" % via.port, b"%d" % serial]
        if via.branch is None or not via.branch.startswith(MAGIC_COOKIE.encode("ascii")):
            tag = (message.from_tag or "").encode("utf-8", "surrogateescape")
            seed += [message.octets("call-id") or b"", b"%d" % message.cseq_number, tag]
        return blake2b(b"\0".join(seed), key=self._key, digest_size=12).hexdigest()
