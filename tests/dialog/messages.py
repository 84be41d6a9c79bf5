"""Messages of one call, as RFC 3261 24.2 has them, with the headers that a test wants to change."""

from __future__ import annotations

from offhook.flow import Flow
from offhook.sip.message import Request, Response
from offhook.sip.serializer import new_request, new_response

__all__ = ["TLS", "UDP", "request", "response"]

UDP = Flow("UDP", "udp:192.0.2.1:5060", ("192.0.2.1", 5060), ("192.0.2.2", 5060))
TLS = Flow("TLS", "tls:192.0.2.1:5061", ("192.0.2.1", 5061), ("192.0.2.2", 5061), "1.0.0", 1)

CALLER = "Alice <sip:alice@atlanta.com>;tag=1928301774"
CALLEE = "Bob <sip:bob@biloxi.com>"


def request(
    method: str = "INVITE",
    uri: str = "sip:bob@biloxi.com",
    cseq: int = 314159,
    headers: tuple[tuple[str, str], ...] = (("Contact", "<sip:alice@pc33.atlanta.com>"),),
    from_: str = CALLER,
    to: str = CALLEE,
    call_id: str = "a84b4c76e66710",
    body: bytes = b"",
) -> Request:
    draft = new_request(method, uri).add("Via", "SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bKnashds8")
    draft.add("Max-Forwards", "70").add("From", from_).add("To", to)
    draft.add("Call-ID", call_id).add("CSeq", f"{cseq} {method}")
    for name, value in headers:
        draft.add(name, value)
    if body:
        draft.body(body, "application/sdp")
    return draft.request()


def response(
    status: int = 200,
    headers: tuple[tuple[str, str], ...] = (("Contact", "<sip:bob@192.0.2.4>"),),
    tag: str | None = "a6c85cf",
    cseq: str = "314159 INVITE",
    body: bytes = b"",
) -> Response:
    draft = new_response(status).add("Via", "SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bKnashds8")
    draft.add("From", CALLER).add("To", CALLEE if tag is None else f"{CALLEE};tag={tag}")
    draft.add("Call-ID", "a84b4c76e66710").add("CSeq", cseq)
    for name, value in headers:
        draft.add(name, value)
    if body:
        draft.body(body, "application/sdp")
    return draft.response()
