"""Requests as the proxy gets them."""

from __future__ import annotations

from offhook.sip.message import Request
from offhook.sip.serializer import Draft, new_request
from tests.transaction.machines import received

ALICE = "<sip:alice@example.com>;tag=a"
VIA = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKone"


def draft(method: str = "INVITE", uri: str = "sip:bob@example.com", **headers: str | None) -> Draft:
    """A request with what each needs; underscores in names stand for hyphens, None leaves a field out."""
    fields: dict[str, str | None] = {
        "Via": VIA,
        "Max-Forwards": "70",
        "From": ALICE,
        "To": "<sip:bob@example.com>",
        "Call-ID": "call",
        "CSeq": f"1 {method}",
        "Contact": "<sip:alice@192.0.2.1>",
    }
    fields.update({name.replace("_", "-"): value for name, value in headers.items()})
    made = new_request(method, uri)
    for name, value in fields.items():
        if value is not None:
            made.add(name, value)
    return made


def request(method: str = "INVITE", uri: str = "sip:bob@example.com", **headers: str | None) -> Request:
    return received(draft(method, uri, **headers).request(), Request)
