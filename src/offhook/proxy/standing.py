"""Whether a request within a dialog is from one of ours or goes to one of ours (RFC 3261 16.3 step 6, 26.3.2).

Both sides of a dialog have the Route entry that proves it, and one of them may be anybody. Without a further look, one
call to a user of ours would let a stranger send anything anywhere by this server, in anybody's name.
"""

from __future__ import annotations

from typing import Final

from offhook.flow import Flow
from offhook.proxy.access import Standing
from offhook.proxy.forwarding import Forwarder
from offhook.proxy.own import OwnNames
from offhook.proxy.record_route import OwnRoute
from offhook.proxy.target_uri import TargetUri
from offhook.recent import Recent
from offhook.sip.message import Request
from offhook.stack import Stack

__all__ = ["Standings"]

_MOST_MOVED: Final = 4096
_LONGEST_MOVED: Final = 128


class Standings:
    """Judges requests within dialogs by the hosts that their Route entry names.

    Whoever moved in mid-call, and showed by credentials who it is, is known at its new address from then on; who is
    forgotten is asked again.
    """

    __slots__ = ("_forwarder", "_moved", "_own", "_stack")

    def __init__(self, stack: Stack, forwarder: Forwarder, own: OwnNames) -> None:
        self._stack = stack
        self._forwarder = forwarder
        self._own = own
        self._moved: Recent[tuple[str, str], str] = Recent(_MOST_MOVED)

    def of(self, request: Request, flow: Flow, routed: OwnRoute) -> Standing:
        """The standing of a request. Raises ParseError, and ProtocolError where no next hop can be."""
        if not routed.proven:
            return Standing.OUTSIDE
        host = flow.remote[0]
        from_side = routed.sender == host
        if from_side and host not in self._own.addresses:
            return Standing.KNOWN
        # What comes back from ourselves is no better than what was let in: its source says nothing, also where a side
        # of the dialog is a neighbour at our address.
        returns = self._own.sent(request, flow)
        if not returns and (from_side or self._address_moved_to(request) == host):
            return Standing.KNOWN
        if self.is_bound(request, routed) and not self._is_pretended(request, routed):
            return Standing.BOUND
        return Standing.OUTSIDE if returns else Standing.CLAIMED

    def is_bound(self, request: Request, routed: OwnRoute) -> bool:
        """Whether a request goes where the other side of its dialog was reached. Raises ParseError and ProtocolError.

        A flow that the entry names leads nowhere else, also to a foreign side.
        """
        target = TargetUri(request.request_uri)
        flow = routed.flow
        if flow is not None and (flow.secure or not target.secure) and self._stack.is_open(flow):
            return True
        if not routed.receiver:
            return False
        return routed.leads_to(self._forwarder.next_hop(request, target, routed).host)

    def vouch(self, request: Request, flow: Flow) -> None:
        """Take note of where the sender of a request within a dialog has moved to, who has just been authenticated."""
        key = (request.call_id, request.from_tag or "")
        if len(key[0]) > _LONGEST_MOVED or len(key[1]) > _LONGEST_MOVED:
            return
        self._moved.note(key, flow.remote[0])

    def _address_moved_to(self, request: Request) -> str | None:
        return self._moved.get((request.call_id, request.from_tag or ""))

    def _is_pretended(self, request: Request, routed: OwnRoute) -> bool:
        """Whether the caller was a stranger and now says to be one of ours.

        A callee may well bear an address of ours in From: that which was called.
        """
        return routed.by_caller and not routed.sender and self._own.is_served(request.from_uri)
