"""Route information preprocessing (RFC 3261 16.4): old ways to write a route, brought into the one that is read."""

from __future__ import annotations

from typing import Final

from offhook.proxy.own import OwnNames
from offhook.proxy.record_route import MAC
from offhook.sip.message import Request
from offhook.sip.serializer import Draft
from offhook.sip.uri import SipUri

__all__ = ["preprocess"]

_MAC: Final = MAC.encode("ascii")


def preprocess(request: Request, own: OwnNames) -> Request:
    """The request as it is meant; the same object when it is meant as it stands. Raises ParseError.

    A strict router has put our Record-Route into the Request-URI and its target last in Route: they change places, and
    our entry stands topmost again. A maddr of ours has brought the request here, and has no further meaning.
    """
    raw = request.raw_uri
    if raw.find(_MAC) >= 0 and request.holds("route"):
        uri = request.uri
        if isinstance(uri, SipUri) and MAC in uri.params and own.is_listener(uri):
            draft = Draft.of(request).start(request.method, request.routes[-1].uri.serialize()).remove_last("Route")
            return draft.prepend("Route", f"<{uri.serialize()}>").request()
    if raw.lower().find(b"maddr") >= 0:
        uri = request.uri
        if isinstance(uri, SipUri) and uri.maddr is not None and own.is_listener(uri.with_host(uri.maddr, uri.port)):
            meant = uri.without_param("maddr").without_param("transport").with_host(uri.host)
            return Draft.of(request).start(request.method, meant.serialize()).request()
    return request
