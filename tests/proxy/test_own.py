from __future__ import annotations

import pytest

from offhook.flow import Flow
from offhook.proxy import own
from offhook.proxy.own import OwnNames
from offhook.sip.uri import parse_uri
from tests.proxy.requests import request
from tests.proxy.wiring import sip_uri


@pytest.fixture(name="names")
def own_names() -> OwnNames:
    names = OwnNames(frozenset(("example.com", "192.0.2.10", "2001:db8::10")))
    names.add("192.0.2.10", 5060)
    names.add("[2001:DB8::10]", 5061)
    names.add("sip.example.com", 5070)
    return names


def test_all_names_exist() -> None:
    assert all(hasattr(own, name) for name in own.__all__)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sip:192.0.2.10", True),
        ("sip:192.0.2.10:5060", True),
        ("sip:192.0.2.10:5062", False),
        ("sip:192.0.2.11", False),
        ("sips:[2001:db8::10]", True),
        ("sip:[2001:db8::10];transport=tls", True),
        ("sip:[2001:db8::11]:5061", False),
        ("sip:SIP.example.com:5070", True),
        ("sip:sip.example.com", False),
        ("sip:example.com", True),
        ("sip:EXAMPLE.COM:5070", True),
        ("sip:example.com:5999", False),
        ("sip:example.com.", True),
        ("sip:sip.example.com.:5070", True),
    ],
)
def test_a_listener_is_known_by_host_and_port(names: OwnNames, uri: str, expected: bool) -> None:
    assert names.is_listener(sip_uri(uri)) is expected


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sip:example.com:5999", True),
        ("sip:bob@sip.example.com:5070", True),
        ("sip:192.0.2.10:5062", False),
        ("sip:elsewhere.example", False),
    ],
)
def test_a_domain_and_a_listener_are_ours(names: OwnNames, uri: str, expected: bool) -> None:
    assert names.is_ours(sip_uri(uri)) is expected


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sip:bob@example.com", "example.com"),
        ("sip:bob@Example.COM:5999", "example.com"),
        ("sip:bob@example.com.", "example.com"),
        ("sip:bob@[2001:DB8:0::10]:5061", "2001:db8::10"),
        ("sip:bob@sip.example.com", None),
        ("sip:bob@192.0.2.10", "192.0.2.10"),
        ("sip:bob@192.0.2.10:5060", "192.0.2.10"),
        ("sip:bob@192.0.2.10:5999", None),
        ("sip:bob@[2001:db8::10]:5061", "2001:db8::10"),
        ("sip:bob@[2001:db8::10]:5999", None),
    ],
)
def test_a_domain_is_known_by_its_name(names: OwnNames, uri: str, expected: str | None) -> None:
    assert names.domain_of(sip_uri(uri)) == expected


def test_what_our_vias_say_is_noted_once(names: OwnNames) -> None:
    names.add("192.0.2.10", 5060)
    assert names.sent_by == [b"192.0.2.10:5060", b"[2001:db8::10]:5061", b"sip.example.com:5070"]


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sip:alice@example.com", True),
        ("sips:alice@EXAMPLE.com:5999", True),
        ("sip:alice@example.com.", True),
        ("sip:alice@[2001:DB8::10]", True),
        ("sip:alice@sip.example.com", False),
        ("tel:+1555", False),
    ],
)
def test_somebody_is_of_a_served_domain_at_any_port(names: OwnNames, uri: str, expected: bool) -> None:
    assert names.is_served(parse_uri(uri)) is expected


@pytest.mark.rfc("3261 16.4 #4")
@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sip:bob@elsewhere.example;maddr=example.com", True),
        ("sip:bob@elsewhere.example;MADDR=192.0.2.10", True),
        ("sip:bob@elsewhere.example:5999;maddr=192.0.2.10", False),
        ("sip:bob@example.com;maddr=192.0.2.99", False),
        ("sip:bob@example.com", False),
        ("tel:+1555", False),
    ],
)
def test_a_maddr_is_ours_as_a_host_is(names: OwnNames, uri: str, expected: bool) -> None:
    assert names.is_maddr(parse_uri(uri)) is expected


OURS, THEIRS = "192.0.2.10:5060;branch=z9hG4bKx", "192.0.2.10:5080;branch=z9hG4bKx"


@pytest.mark.parametrize(
    ("transport", "remote", "via", "expected"),
    [
        ("UDP", ("192.0.2.10", 5060), THEIRS, True),
        ("UDP", ("192.0.2.10", 5080), OURS, False),
        ("UDP", ("192.0.2.11", 5060), OURS, False),
        ("TCP", ("192.0.2.10", 40000), OURS, True),
        ("TCP", ("192.0.2.10", 40000), "192.0.2.10;branch=z9hG4bKx", True),
        ("TCP", ("192.0.2.10", 40000), "SIP.example.com:5070;branch=z9hG4bKx", True),
        ("TCP", ("192.0.2.10", 40000), THEIRS, False),
        ("TCP", ("192.0.2.11", 40000), OURS, False),
        ("TLS", ("2001:db8::10", 40000), "[2001:db8:0::10]:5061;branch=z9hG4bKx", True),
    ],
)
def test_what_comes_back_from_ourselves_is_known(
    names: OwnNames, transport: str, remote: tuple[str, int], via: str, expected: bool
) -> None:
    flow = Flow(transport, "listener", ("192.0.2.10", 5060), remote, "0", 0 if transport == "UDP" else 1)
    assert names.sent(request(Via=f"SIP/2.0/{transport} {via}"), flow) is expected
