"""What becomes of bodies that mean nothing (RFC 3261 8.2.3)."""

from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.registrar import body
from offhook.registrar.body import refusal_of_body
from offhook.sip.serializer import new_request

NO_TYPE = ("Accept", "")


@pytest.mark.rfc("3261 8.2.3 #1", "3261 8.2.3 #2", "3261 8.2.3 #3", "3261 20.11 #2", "3261 21.4.13 #1")
@pytest.mark.parametrize(
    ("headers", "octets", "refusal"),
    [
        ((), b"", ()),
        ((), b"x", (NO_TYPE,)),
        ((("Content-Disposition", "session"),), b"x", (NO_TYPE,)),
        ((("Content-Disposition", "session;handling=required"),), b"x", (NO_TYPE,)),
        ((("Content-Disposition", "session;handling=Optional"),), b"x", ()),
        ((("Content-Encoding", "identity"),), b"x", (NO_TYPE,)),
        ((("Content-Encoding", "gzip"),), b"x", (NO_TYPE, ("Accept-Encoding", "identity"))),
        ((("Content-Encoding", "gzip"),), b"", ()),
    ],
)
def test_what_is_refused_and_with_what(
    headers: tuple[tuple[str, str], ...], octets: bytes, refusal: tuple[tuple[str, str], ...]
) -> None:
    draft = new_request("REGISTER", "sip:example.com")
    for name, value in headers:
        draft.add(name, value)
    assert refusal_of_body(draft.body(octets, "x/y").request()) == refusal


def test_a_disposition_that_cannot_be_read_is_an_error() -> None:
    draft = new_request("OPTIONS", "sip:example.com").add("Content-Disposition", ";")
    with pytest.raises(ParseError):
        refusal_of_body(draft.body(b"x", "x/y").request())


def test_all_names_exist() -> None:
    assert all(hasattr(body, name) for name in body.__all__)
