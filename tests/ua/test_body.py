"""Which bodies are session descriptions."""

from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.sip.serializer import Draft
from offhook.ua.body import is_optional, session_description
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
@pytest.mark.rfc("3261 13.2.1")
def test_what_is_an_offer_or_answer(content_type: str | None, disposition: str | None, described: bool) -> None:
    found = session_description(bearing(OFFER, content_type, disposition).request())
    assert (found is not None) is described


def test_no_body_is_no_description() -> None:
    assert session_description(bearing(b"", "application/sdp").request()) is None


def test_a_broken_one_is_an_error() -> None:
    with pytest.raises(ParseError):
        session_description(bearing(b"v=1", "application/sdp").request())


@pytest.mark.parametrize(
    ("disposition", "optional"), [(None, False), ("render", False), ("render;handling=Optional", True)]
)
def test_what_may_be_passed_over(disposition: str | None, optional: bool) -> None:
    assert is_optional(bearing(b"x", "x/y", disposition).request()) is optional
