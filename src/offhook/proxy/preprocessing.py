"""Route information preprocessing (RFC 3261 16.4): old ways to write a route, brought into the one that is read."""

from __future__ import annotations

from typing import Final

from offhook.flow import Flow, default_port
from offhook.proxy.own import OwnNames, transport_of
from offhook.proxy.record_route import MAC
from offhook.sip.host import is_ip_address
from offhook.sip.message import Request
from offhook.sip.serializer import Draft
from offhook.sip.uri import SipUri
from offhook.stack import Stack

__all__ = ["preprocess"]

_MAC: Final = MAC.encode("ascii")


def preprocess(request: Request, flow: Flow, own: OwnNames, stack: Stack) -> Request:
    """The request as it is meant; the same object when it is meant as it stands. Raises ParseError.

    A strict router has put our Record-Route into the Request-URI and its target last in Route: they change places, and
    our entry stands topmost again. A maddr of ours has brought the request here, and has no further meaning. Where the
    URI asks for another port or transport of ours than it came by, it has yet to go there.
    """
    raw = request.raw_uri
    if raw.find(_MAC) >= 0 and request.holds("route"):
        uri = request.uri
        if isinstance(uri, SipUri) and MAC in uri.params and own.is_listener(uri):
            draft = Draft.of(request).start(request.method, request.routes[-1].uri.serialize()).remove_last("Route")
            return draft.prepend("Route", f"<{uri.serialize()}>").request()
    if raw.lower().find(b"maddr") >= 0:
        uri = request.uri
        if own.is_maddr(uri) and isinstance(uri, SipUri) and _came_so(uri, flow, stack):
            meant = uri.without_param("maddr").without_param("transport").with_host(uri.host)
            return Draft.of(request).start(request.method, meant.serialize()).request()
    return request


def _came_so(uri: SipUri, flow: Flow, stack: Stack) -> bool:
    """Whether a request came by the port and transport that its URI with a maddr indicates, explicitly or by default.

    Where the maddr is a name, what the URI leaves open is for the DNS to say (RFC 3263 4.1, 4.2), which led here.
    """
    port = uri.port
    transport = uri.transport
    open_to_dns = port is None and not is_ip_address(uri.maddr or "")
    if (transport is not None or not open_to_dns) and flow.transport != transport_of(uri):
        return False
    if open_to_dns:
        return True
    named = stack.sent_by(flow).rpartition(":")[2]
    return str(port or default_port(flow.transport)) in (named, str(flow.local[1]))
