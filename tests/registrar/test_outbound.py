from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.flow import Flow
from offhook.registrar.contacts import WantedContact, wanted_contacts
from offhook.registrar.outbound import binds_flow, is_first_hop, leads_back, supports
from offhook.registrar.refused import Refused
from offhook.registrar.settings import RegistrarSettings
from offhook.sip.message import Request
from offhook.sip.parser import parse
from tests.registrar.wiring import NAT, SERVER, UDP, Desk

INSTANCE = '+sip.instance="<urn:uuid:1>"'


def request(*headers: str, sent_by: str = "192.0.2.1") -> Request:
    message = parse(Desk().text(*headers, sent_by=sent_by))
    assert isinstance(message, Request)
    return message


def contacts(found: Request) -> list[WantedContact]:
    wanted = wanted_contacts(found, RegistrarSettings())
    assert wanted is not None
    return wanted


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ((), False),
        (("Supported: path",), True),
        (("Supported: 100rel, PATH",), True),
        (("k: 100rel", "k: path"), True),
        (("Require: path",), True),
        (("Supported: pathfinder",), False),
        (("Supported:",), False),
    ],
)
def test_what_a_client_supports(headers: tuple[str, ...], expected: bool) -> None:
    assert supports(request(*headers), "path") is expected


@pytest.mark.parametrize(
    ("headers", "sent_by", "expected"),
    [
        ((), "192.0.2.1", True),
        (("Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKb",), "192.0.2.1", False),
        ((), "192.0.2.1;branch=z9hG4bKa, SIP/2.0/UDP 192.0.2.9", False),
    ],
)
def test_who_is_the_first_hop(headers: tuple[str, ...], sent_by: str, expected: bool) -> None:
    assert is_first_hop(request(*headers, sent_by=sent_by)) is expected


@pytest.mark.rfc("5626 6")
@pytest.mark.parametrize(
    ("path", "first_hop", "expected"),
    [
        ((), True, True),
        ((), False, False),
        (("<sip:edge.example;lr>",), False, False),
        (("<sip:edge.example;lr;ob>",), False, True),
        (("<sip:inner.example;lr>", "<sip:edge.example;lr;ob>"), False, True),
        (("<sip:inner.example;lr;ob>", "<sip:edge.example;lr>"), False, False),
        (("<tel:+15550100>",), False, False),
    ],
)
def test_the_first_hop_has_to_support_outbound(path: tuple[str, ...], first_hop: bool, expected: bool) -> None:
    contact = f"Contact: <sip:a@10.0.0.1>;reg-id=7;{INSTANCE}"
    asking = request(contact, "Supported: outbound, path")
    wanted = contacts(asking)
    if expected:
        assert binds_flow(asking, wanted, path, first_hop)
    else:
        with pytest.raises(Refused) as raised:
            binds_flow(asking, wanted, path, first_hop)
        assert raised.value.status == 439
    # Who does not ask for outbound only has its reg-id ignored.
    modest = request(contact, "Supported: path")
    wanted = contacts(modest)
    assert binds_flow(modest, wanted, path, first_hop) is expected
    assert wanted[0].reg_id == (7 if expected else 0)


def test_without_a_reg_id_nothing_is_bound() -> None:
    plain = request(f"Contact: <sip:a@10.0.0.1>;{INSTANCE}", "Contact: <sip:b@10.0.0.1>", "Supported: outbound")
    assert not binds_flow(plain, contacts(plain), (), True)
    assert not binds_flow(plain, contacts(plain), (), False)


@pytest.mark.rfc("5626 6")
def test_one_contact_is_bound_at_a_time() -> None:
    both = request(f"Contact: <sip:a@10.0.0.1>;reg-id=1;{INSTANCE}", "Contact: <sip:b@10.0.0.1>")
    with pytest.raises(ParseError):
        binds_flow(both, contacts(both), (), True)
    one = request(f"Contact: <sip:a@10.0.0.1>;reg-id=1;{INSTANCE}", "Contact: <sip:b@10.0.0.1>;expires=0")
    assert binds_flow(one, contacts(one), (), True)


INNER = Flow("UDP", UDP.listener, SERVER, ("192.168.7.7", 5060))
IPV6 = Flow("UDP", UDP.listener, ("2001:db8::10", 5060), ("2001:db8::7", 5060))


@pytest.mark.parametrize(
    ("host", "sent_by", "flow", "expected"),
    [
        ("192.0.2.1", "192.0.2.1", UDP, True),
        ("192.0.2.1", "10.1.1.1", UDP, True),
        ("10.1.1.1", "10.1.1.1:5060", UDP, True),
        ("Phone.local", "phone.LOCAL", NAT, True),
        ("phone.example", "192.0.2.1", UDP, False),
        ("df7jal23ls0d.invalid", "192.0.2.1", UDP, True),
        ("203.0.113.77", "192.168.1.5", NAT, False),
        *[(host, "192.0.2.1", NAT, True) for host in ("192.168.1.5", "10.0.0.1", "172.31.0.1", "100.64.0.1")],
        *[(host, "192.0.2.1", NAT, True) for host in ("127.0.0.1", "[fd00::1]", "[fe80::1]", "[::1]")],
        *[(host, "192.0.2.1", NAT, False) for host in ("172.32.0.1", "192.0.2.99", "[2001:db8::1]")],
        # Two hosts of one inner network reach each other.
        ("192.168.7.8", "192.168.7.7", INNER, False),
        ("[2001:DB8::0:7]", "[2001:db8::9]", IPV6, True),
        ("[2001:db8::9]", "[2001:db8::9]", IPV6, True),
        ("[2001:db8::8]", "[2001:db8::9]", IPV6, False),
    ],
)
def test_whether_the_flow_leads_to_the_contact(host: str, sent_by: str, flow: Flow, expected: bool) -> None:
    found = request(f"Contact: <sip:alice@{host}>", sent_by=sent_by)
    assert leads_back(found, flow, contacts(found)[0]) is expected


@pytest.mark.parametrize(
    ("contact", "sent_by", "flow", "expected"),
    [
        ("192.0.2.1:5060", "192.0.2.1", UDP, True),
        ("192.0.2.1:5062", "192.0.2.1", UDP, False),
        ("192.0.2.1:5062", "192.0.2.1:5060", UDP, False),
        ("192.0.2.1:5062", "192.0.2.1:5062", UDP, True),
        ("192.0.2.1:50622", "192.0.2.1:50622", UDP, True),
        ("192.0.2.1:50622", "192.0.2.1", UDP, False),
        ("192.0.2.1", "192.0.2.1:5062", UDP, True),
    ],
)
def test_whether_the_flow_leads_to_the_port(contact: str, sent_by: str, flow: Flow, expected: bool) -> None:
    found = request(f"Contact: <sip:alice@{contact}>", sent_by=sent_by)
    assert leads_back(found, flow, contacts(found)[0]) is expected


def test_a_port_does_not_matter_on_a_connection() -> None:
    stream = Flow("TCP", UDP.listener, SERVER, ("192.0.2.1", 40000))
    found = request("Contact: <sip:alice@192.0.2.1:5060;transport=tcp>")
    assert leads_back(found, stream, contacts(found)[0])


def test_what_is_no_sip_uri_is_another_place() -> None:
    found = request("Contact: <mailto:alice@example.com>")
    assert not leads_back(found, UDP, contacts(found)[0])
