"""Alert-Info, Call-Info and Error-Info, by RFC 3261 20.4, 20.9 and 20.18, and as telephones write them."""

from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.sip.headers.info import InfoReference, parse_info
from offhook.sip.uri import parse_uri


@pytest.mark.parametrize(
    ("text", "reference", "is_uri", "params"),
    [
        ("<http://www.example.com/sounds/moo.wav>", "http://www.example.com/sounds/moo.wav", True, {}),
        ("<http://www.example.com/alice/photo.jpg> ;purpose=icon", "http://www.example.com/alice/photo.jpg", True,
         {"purpose": "icon"}),
        ("<sip:not-in-service-recording@atlanta.com>", "sip:not-in-service-recording@atlanta.com", True, {}),
        # RFC 7462 6.1
        ("<urn:alert:source:external>", "urn:alert:source:external", True, {}),
        # Cisco, Polycom, Snom, Yealink
        ("Bellcore-dr2", "Bellcore-dr2", False, {}),
        ("<Bellcore-dr2>", "Bellcore-dr2", False, {}),
        (";info=alert-autoanswer", "", False, {"info": "alert-autoanswer"}),
        ("<>;info=alert-autoanswer ; delay=0", "", False, {"info": "alert-autoanswer", "delay": "0"}),
        ("info=alert-autoanswer", "info=alert-autoanswer", False, {}),
        ("< http://127.0.0.1/ > ;info=ring", "http://127.0.0.1/", True, {"info": "ring"}),
    ],
)  # fmt: skip
def test_references(text: str, reference: str, is_uri: bool, params: dict[str, str | None]) -> None:
    info = parse_info(text)
    assert (info.reference, info.params) == (reference, params)
    assert info.uri == (parse_uri(reference) if is_uri else None)
    assert parse_info(str(info)) == info
    assert hash(parse_info(str(info))) == hash(info)


def test_purpose() -> None:
    assert parse_info("<http://a/>;purpose=Icon").purpose == "icon"
    assert parse_info("<http://a/>").purpose is None


@pytest.mark.parametrize(
    "text", ["", "<http://a", "<a>b", "<a>;;", '"a" <b>', "a<b>", "<a<b>", "<a\x00>", "a>b", "<a>;x;x", '"a"']
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_info(text)


@pytest.mark.parametrize("reference", ["a>b", "a\r\nVia: b"])
def test_what_cannot_be_written(reference: str) -> None:
    with pytest.raises(ValueError, match="brackets"):
        str(InfoReference(reference))
