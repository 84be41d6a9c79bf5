from __future__ import annotations

import pytest

from offhook.transport import foreign
from offhook.transport.foreign import foreign_protocol


def test_all_names_exist() -> None:
    assert all(hasattr(foreign, name) for name in foreign.__all__)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"\r\n\r\nINVITE sip:a@b SIP/2.0\r\n",
        b"I",
        b"INVITE sip:a@b SIP/2.0\r\n",
        b"!interesting-Method0123456789_*+`.%indeed'~ sip:a@b SIP/2.0\r\n",
        b"SIP/2.0 200 OK\r\n",
        b"OPTIONS sip:HTTP/1.1\r\n",
        b"nonsense\r\n\r\n",
    ],
)
def test_what_may_be_sip_is_let_through(data: bytes) -> None:
    assert foreign_protocol(data) is None


@pytest.mark.parametrize(
    ("data", "spoken"),
    [
        (b"\x16\x03\x01\x02\x00", "TLS, and this is a connection without it"),
        (b"\x16", "TLS, and this is a connection without it"),
        (b"\x15\x03\x03\x00\x02\x02\x46", "TLS, and this is a connection without it"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP"),
        (b"HEAD / HTTP/1.0", "HTTP"),
        (b"HTTP/1.1 400 Bad Request\r\n", "HTTP"),
        (b"\x00\x00\x00\x54\xffSMB", "another protocol than SIP"),
        (b"{}", "another protocol than SIP"),
        (b"\xff", "another protocol than SIP"),
    ],
)
def test_what_is_not_sip_is_named(data: bytes, spoken: str) -> None:
    assert foreign_protocol(data) == spoken
