"""Which bodies are session descriptions."""

from __future__ import annotations

from base64 import b64encode

import pytest

from offhook.errors import ParseError, ProtocolError
from offhook.sip.message import Request
from offhook.sip.mime import BodyPart, Multipart
from offhook.sip.serializer import Draft
from offhook.ua.body import session_description, understood
from tests.dialog.messages import request
from tests.ua.household import OFFER


def bearing(body: bytes, content_type: str | None, disposition: str | None = None) -> Draft:
    draft = Draft.of(request()).body(body, content_type)
    return draft if disposition is None else draft.add("Content-Disposition", disposition)


@pytest.mark.parametrize(
    ("content_type", "disposition", "described"),
    [
        ("application/sdp", None, True),
        ("application/SDP ;x=y", "Session", True),
        ("application/sdp", "render", False),
        ("application/sdp", "early-session", False),
        ("text/plain", None, False),
        (None, None, False),
    ],
)
@pytest.mark.rfc("3261 13.2.1 #12", "3261 20.11 #1")
def test_what_is_an_offer_or_answer(content_type: str | None, disposition: str | None, described: bool) -> None:
    found = session_description(bearing(OFFER, content_type, disposition).request())
    assert (found is not None) is described


def test_no_body_is_no_description() -> None:
    assert session_description(bearing(b"", "application/sdp").request()) is None


def test_a_broken_one_is_an_error() -> None:
    with pytest.raises(ParseError):
        session_description(bearing(b"v=1", "application/sdp").request())


def several(subtype: str, *parts: BodyPart) -> Request:
    whole = Multipart.build(parts, subtype)
    return Draft.of(request()).body(whole.serialize(), whole.content_type).request()


OTHER = BodyPart.build(b"isup", "application/isup", "signal;handling=optional")
NEEDED = BodyPart.build(b"isup", "application/isup", "signal")
DESCRIPTION = BodyPart.build(OFFER, "application/sdp")


@pytest.mark.rfc("5621 8")
def test_a_description_is_found_among_other_parts() -> None:
    for parts in ((DESCRIPTION, OTHER), (OTHER, DESCRIPTION)):
        found = session_description(several("mixed", *parts))
        assert found is not None
        assert found.serialize() == OFFER
        assert len(understood(several("mixed", *parts))) == 1
    # Of alternatives the last one that is understood.
    assert session_description(several("alternative", DESCRIPTION, NEEDED)) is not None
    inner = Multipart.build([DESCRIPTION, OTHER])
    nested = BodyPart.build(inner.serialize(), inner.content_type)
    assert session_description(several("mixed", OTHER, nested)) is not None
    assert session_description(several("mixed", OTHER)) is None


def test_what_must_not_be_passed_over_is_refused_in_requests_alone() -> None:
    received = several("mixed", DESCRIPTION, NEEDED)
    with pytest.raises(ProtocolError) as caught:
        understood(received)
    assert caught.value.status == 415
    assert session_description(received) is not None


def test_an_encoded_part_is_decoded() -> None:
    part = BodyPart.build(b64encode(OFFER), "application/sdp", fields=[("Content-Transfer-Encoding", "base64")])
    assert session_description(several("mixed", part)) is not None


def test_no_body_needs_no_understanding() -> None:
    assert understood(request()) == []
