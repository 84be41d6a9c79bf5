"""A request on its way through the proxy."""

from __future__ import annotations

from offhook.flow import Flow
from offhook.proxy.record_route import OwnRoute
from offhook.sip.message import Request

__all__ = ["Passage"]


class Passage:
    """A request that passes, and what all of its copies have in common.

    `arrival` is the flow that it came by, `routed` what its Route values say. `dialog_forming`: it may set up a dialog;
    then `caller_ours` tells that it is known to be from one of ours once it passes, `callee_ours` that it goes to one
    of ours, and `came_to` what we are called towards the caller. `stateless`: nothing is kept of it, nor of what
    follows within its dialog.
    """

    __slots__ = (
        "arrival",
        "callee_ours",
        "caller_ours",
        "came_to",
        "dialog_forming",
        "request",
        "routed",
        "stateless",
    )

    def __init__(self, request: Request, arrival: Flow, routed: OwnRoute) -> None:
        self.request = request
        self.arrival = arrival
        self.routed = routed
        self.dialog_forming = False
        self.caller_ours = False
        self.callee_ours = False
        self.came_to = ""
        self.stateless = False
