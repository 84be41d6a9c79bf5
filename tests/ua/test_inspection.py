"""The checks of RFC 3261 8.2.1 to 8.2.3, one by one and in their order."""

from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.ids import IdSource
from offhook.sip.message import Request
from offhook.sip.mime import BodyPart, Multipart
from offhook.sip.serializer import new_request
from offhook.stack import Stack
from offhook.ua.body import ACCEPT
from offhook.ua.context import Context
from offhook.ua.inspection import inspect
from offhook.ua.methods import SERVED
from offhook.ua.settings import Settings
from tests.ua.household import OFFER, aor

BOB = "sip:bob@192.0.2.1"
SDP = "application/sdp"
MIXED = "multipart/mixed;boundary=part"
ALLOW = ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE")


def mixed(content_type: str = "application/sdp", disposition: str = "session") -> bytes:
    """A session description, and something else beside it."""
    parts = [BodyPart.build(OFFER, "application/sdp"), BodyPart.build(b"x", content_type, disposition)]
    return Multipart.build(parts, boundary="part").serialize()


def context() -> Context:
    settings = Settings(aor("bob"), serves=lambda uri: uri.user == "bob")
    return Context(Stack(IdSource.seeded(1), b"", lambda query: None), settings, SERVED)


def made(method: str, uri: str, headers: dict[str, str], body: bytes, content_type: str | None) -> Request:
    draft = new_request(method, uri).add("To", headers.pop("To", "<sip:bob@example.com>"))
    for name, value in headers.items():
        draft.add(name, value)
    return draft.body(body, content_type).request()


UNANSWERABLE = ("Warning", '399 example.com "only application/sdp can be answered with"')
SIGNED = 'multipart/signed;protocol="application/pkcs7-signature";micalg=sha1;boundary=part'
PKCS7 = "application/pkcs7-mime"
REQUIRED, OPTIONAL = "attachment;handling=required", "attachment;handling=optional"
SIGNATURE = "application/pkcs7-signature"

CASES: list[tuple[str, str, dict[str, str], bytes, str | None, int | None, tuple[str, str] | None]] = [
    ("INVITE", BOB, {}, OFFER, SDP, None, None),
    ("INVITE", BOB, {}, OFFER, "Application/SDP;charset=x", None, None),
    ("OPTIONS", BOB, {}, b"", None, None, None),
    ("REFER", "tel:+1", {"Require": "magic"}, b"x", "x/y", 405, ALLOW),
    ("DANCE", "tel:+1", {"Require": "magic"}, b"x", "x/y", 501, ALLOW),
    ("INVITE", "tel:+1", {"Require": "magic"}, b"", None, 416, None),
    ("INVITE", "unknown:x", {}, b"", None, 416, None),
    ("INVITE", "sip:bob@[", {}, b"", None, 400, None),
    ("INVITE", "sip:eve@192.0.2.1", {"Require": "magic"}, b"", None, 404, None),
    ("BYE", "sip:eve@192.0.2.1", {"To": "<sip:b@c>;tag=1"}, b"", None, None, None),
    ("INVITE", BOB, {"Require": "magic, 100rel, Other"}, b"x", "x/y", 420, ("Unsupported", "magic, Other")),
    ("INVITE", BOB, {"Require": "100REL"}, b"", None, None, None),
    ("INVITE", BOB, {}, b"x", "message/cpim", 415, ("Accept", ACCEPT)),
    ("INVITE", BOB, {}, b"x", None, 415, ("Accept", ACCEPT)),
    ("INVITE", BOB, {"Content-Disposition": "render;handling=optional"}, b"x", "x/y", None, None),
    ("INVITE", BOB, {"Content-Encoding": "gzip"}, b"x", SDP, 415, ("Accept-Encoding", "identity")),
    ("INVITE", BOB, {"Content-Encoding": "identity"}, b"x", SDP, None, None),
    ("INVITE", BOB, {}, mixed(), MIXED, None, None),
    ("INVITE", BOB, {}, mixed("application/isup", "signal"), MIXED, 415, ("Accept", ACCEPT)),
    ("INVITE", BOB, {}, mixed("application/isup", "signal;handling=optional"), MIXED, None, None),
    ("INVITE", BOB, {}, b"--x", MIXED, 400, None),
    ("INVITE", BOB, {}, b"x", PKCS7, 415, ("Accept", ACCEPT)),
    ("INVITE", BOB, {"Content-Disposition": REQUIRED}, b"x", PKCS7, 415, ("Accept", ACCEPT)),
    ("INVITE", BOB, {"Content-Disposition": OPTIONAL}, b"x", PKCS7, None, None),
    ("INVITE", BOB, {}, mixed(SIGNATURE, REQUIRED), SIGNED, 415, ("Accept", ACCEPT)),
    ("INVITE", BOB, {}, mixed(SIGNATURE, OPTIONAL), SIGNED, None, None),
    ("INVITE", BOB, {}, b"x", "message/sip", 415, ("Accept", ACCEPT)),
    ("OPTIONS", BOB, {}, b"x", "x/y", 415, ("Accept", ACCEPT)),
    ("OPTIONS", BOB, {"Content-Disposition": "render;handling=optional"}, b"x", "x/y", None, None),
    ("BYE", BOB, {}, b"x", "x/y", None, None),
    ("INVITE", BOB, {"Accept": "text/plain"}, OFFER, SDP, 406, UNANSWERABLE),
    ("INVITE", BOB, {"Accept": "text/plain, application/*"}, OFFER, SDP, None, None),
    ("OPTIONS", BOB, {"Accept": "text/plain"}, b"", None, None, None),
]  # fmt: skip


@pytest.mark.parametrize(("method", "uri", "headers", "body", "content_type", "status", "header"), CASES)
@pytest.mark.rfc(
    "3261 8.2 #3",
    "3261 8.2.1 #1",
    "3261 8.2.1 #2",
    "3261 8.2.1 #3",
    "3261 8.2.1 #4",
    "3261 8.2.2.1 #2",
    "3261 8.2.2.1 #3",
    "3261 8.2.2.3 #1",
    "3261 8.2.2.3 #2",
    "3261 8.2.3 #1",
    "3261 8.2.3 #2",
    "3261 8.2.3 #3",
    "3261 20.11 #1",
    "3261 20.11 #2",
    "3261 20.12 #1",
    "3261 20.32 #1",
    "3261 20.32 #2",
    "3261 21.4.13 #1",
    "3261 21.4.15 #1",
    "3261 23.2 #20",
)
def test_each_check(
    method: str,
    uri: str,
    headers: dict[str, str],
    body: bytes,
    content_type: str | None,
    status: int | None,
    header: tuple[str, str] | None,
) -> None:
    received = made(method, uri, dict(headers), body, content_type)
    if status == 400:
        with pytest.raises(ParseError):
            inspect(context(), received)
        return
    refusal = inspect(context(), received)
    assert (None if refusal is None else refusal.status) == status
    assert (refusal.headers[0] if refusal is not None and refusal.headers else None) == header
