from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.location import base
from offhook.location.base import LocationService, address_of_record
from offhook.location.memory import MemoryLocation
from offhook.location.sqlite import SqliteLocation
from offhook.sip.uri import SipUri, parse_uri


@pytest.mark.rfc("3261 10.3 #13", "3261 10.3 #14", "3261 10.3 #15")
@pytest.mark.parametrize(
    ("text", "aor"),
    [
        ("sip:alice@example.com", "sip:alice@example.com"),
        ("sip:%61lice@Example.COM", "sip:alice@example.com"),
        ("sip:Alice@example.com", "sip:Alice@example.com"),
        ("sip:alice@example.com;user=phone;transport=tcp", "sip:alice@example.com"),
        ("sip:alice:secret@example.com?Subject=x", "sip:alice@example.com"),
        ("sips:alice@example.com", "sip:alice@example.com"),
        ("sip:alice@example.com:5060", "sip:alice@example.com"),
        ("sips:alice@example.com.:5061", "sip:alice@example.com"),
        ("sip:alice@[2001:DB8::0:1]:5060", "sip:alice@[2001:db8::1]"),
        ("sip:example.com", "sip:example.com"),
        ("sip:a%40b%3Ac@example.com:1", "sip:a%40b%3Ac@example.com"),
    ],
)
def test_an_address_of_record_is_canonical(text: str, aor: str) -> None:
    uri = parse_uri(text)
    assert isinstance(uri, SipUri)
    assert address_of_record(uri) == aor


@given(
    st.text(min_size=1, max_size=20).map(lambda text: text.encode("utf-8", "replace").decode()),
    st.sampled_from(["example.com", "[2001:db8::1]", "192.0.2.1"]),
    st.none() | st.integers(0, 65535),
    st.sampled_from(["sip", "sips"]),
)
def test_it_is_its_own_canonical_form(user: str, host: str, port: int | None, scheme: str) -> None:
    aor = address_of_record(SipUri.build(host, user, port, scheme=scheme))
    again = parse_uri(aor)
    assert isinstance(again, SipUri)
    assert address_of_record(again) == aor
    assert aor.isascii()


def test_our_services_are_of_the_protocol() -> None:
    services: list[type[LocationService]] = [MemoryLocation, SqliteLocation]
    methods = [name for name in vars(LocationService) if not name.startswith("_")]
    assert len(methods) == 6
    assert all(callable(getattr(service, name)) for service in services for name in methods)


def test_all_names_exist() -> None:
    assert all(hasattr(base, name) for name in base.__all__)
