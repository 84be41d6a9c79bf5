"""Where responses go: RFC 3261 18.2.2, RFC 3581 4."""

from __future__ import annotations

import pytest

from offhook.errors import ParseError, Salvage
from offhook.flow import Flow
from offhook.sip.message import Request
from offhook.sip.parser import parse
from offhook.transaction.way_back import flow_back, flow_of_via, reply_to_broken

ARRIVAL = Flow("UDP", "udp:192.0.2.9:5060", ("192.0.2.9", 5060), ("198.51.100.7", 40000))


def request(via: str) -> Request:
    message = parse(
        (
            f"OPTIONS sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP {via}\r\nMax-Forwards: 70\r\n"
            "From: <sip:alice@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\nCall-ID: a\r\nCSeq: 1 OPTIONS\r\n"
            "Content-Length: 0\r\n\r\n"
        ).encode()
    )
    assert isinstance(message, Request)
    return message


def by_via(via: str) -> tuple[str, int] | None:
    """Where a response goes whose next Via this is, when nothing else is known."""
    flow = flow_of_via(request(via), ARRIVAL)
    return None if flow is None else flow.remote


@pytest.mark.parametrize(
    ("via", "remote"),
    [
        ("198.51.100.7;branch=z9hG4bK1", ("198.51.100.7", 5060)),
        ("phone.example.com:5070;branch=z9hG4bK1", ("198.51.100.7", 5070)),
        ("10.0.0.1:5070;branch=z9hG4bK1;rport", ("198.51.100.7", 40000)),
        ("10.0.0.1:5070;branch=z9hG4bK1;maddr=203.0.113.1", ("203.0.113.1", 5070)),
        ("10.0.0.1;branch=z9hG4bK1;rport;maddr=203.0.113.1", ("203.0.113.1", 5060)),
        ("10.0.0.1:5070;branch=z9hG4bK1;maddr=[2001:db8::1]", ("2001:db8::1", 5070)),
    ],
)
@pytest.mark.rfc("3261 18.2.2", "3581 4 #3", "3261 18.2.2 #5", "3261 18.2.2 #7", "3261 18.2.2 #9")
def test_datagrams_go_back_by_the_top_via(via: str, remote: tuple[str, int]) -> None:
    assert flow_back(request(via), ARRIVAL).remote == remote


def test_a_name_in_maddr_is_never_sent_to() -> None:
    """A flow's addresses are numeric, and a stranger does not choose what we look up."""
    by_name = request("10.0.0.1:5070;branch=z9hG4bK1;maddr=multicast.example.com")
    assert flow_back(by_name, ARRIVAL).remote == ("198.51.100.7", 5070)
    stamped = "10.0.0.1:5070;branch=z9hG4bK1;received=198.51.100.7;maddr=multicast.example.com"
    assert by_via(stamped) == ("198.51.100.7", 5070)


@pytest.mark.parametrize("maddr", ["224.0.1.75", "239.255.255.255", "[ff02::1]", "255.255.255.255"])
def test_a_group_in_maddr_is_never_sent_to(maddr: str) -> None:
    """No request comes by multicast, for we join no group; one datagram must not be answered to many hosts."""
    received = f"10.0.0.1:5070;branch=z9hG4bK1;received=198.51.100.7;maddr={maddr};ttl=16"
    assert flow_back(request(received), ARRIVAL).remote == ("198.51.100.7", 5070)
    assert by_via(received) == ("198.51.100.7", 5070)


@pytest.mark.parametrize(
    "written", ["phone.example.com", "10.0.0.1;received=phone.example.com", "10.0.0.1;received=224.0.1.75", "239.1.1.1"]
)
def test_a_response_without_a_transaction_goes_to_one_address_or_nowhere(written: str) -> None:
    """Whoever answers can change the Vias below ours: a name there would be looked up while everybody waits."""
    assert by_via(f"{written};branch=z9hG4bK1") is None
    assert by_via("phone.example.com;branch=z9hG4bK1;received=198.51.100.7;rport=40000") == ("198.51.100.7", 40000)
    assert by_via("[2001:db8::1]:5070;branch=z9hG4bK1") == ("2001:db8::1", 5070)
    assert by_via("[2001:db8::1];branch=z9hG4bK1;received=fe80::1%eth0") == ("fe80::1%eth0", 5060)


def test_what_is_remembered_of_a_way_back_is_of_that_via_and_that_listener_alone() -> None:
    known = flow_of_via(request("10.0.0.1:5070;branch=z9hG4bK1;received=198.51.100.7;rport=40000"), ARRIVAL)
    again = request("10.0.0.1:5070;branch=z9hG4bK2;received=198.51.100.7;rport=40000")
    assert flow_of_via(again, ARRIVAL) is known
    there = Flow("UDP", "udp:192.0.2.8:5060", ("192.0.2.8", 5060), ("198.51.100.7", 40000))
    elsewhere = flow_of_via(again, there)
    assert elsewhere is not None
    assert (elsewhere.listener, elsewhere.local) == (there.listener, there.local)
    assert by_via("10.0.0.1:5070;branch=z9hG4bK1;received=198.51.100.8;rport=40000") == ("198.51.100.8", 40000)
    assert by_via("10.0.0.1:5071;branch=z9hG4bK1;received=198.51.100.7") == ("198.51.100.7", 5071)
    assert by_via('10.0.0.1:5070;x=";branch=z9hG4bK3";received=198.51.100.7;rport=40000') == ("198.51.100.7", 40000)
    assert by_via('10.0.0.1:5070;x=";branch=";received=198.51.100.9;rport=40001') == ("198.51.100.9", 40001)
    assert by_via('10.0.0.1:5070;x=";branch=1;received=198.51.100.9";rport=40001') == ("10.0.0.1", 40001)


def test_a_response_over_a_stream_goes_back_over_it() -> None:
    stream = Flow("TCP", "tcp:192.0.2.9:5060", ("192.0.2.9", 5060), ("198.51.100.7", 40000), "0", 1, True)
    assert flow_back(request("10.0.0.1:5070;branch=z9hG4bK1;maddr=203.0.113.1"), stream) is stream


@pytest.mark.rfc("3581 4 #3")
def test_the_flow_of_a_stamped_via_is_where_it_came_from() -> None:
    stamped = "10.0.0.1:5070;branch=z9hG4bK1;received=198.51.100.7;rport=40000"
    assert by_via(stamped) == ("198.51.100.7", 40000)


@pytest.mark.rfc("3581 4 #1", "3581 4 #2")
@pytest.mark.parametrize(
    ("written", "stamped"),
    [
        ("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1;rport", "192.0.2.9;branch=z9hG4bK1;rport=4711;received=192.0.2.9"),
        ("SIP/2.0/UDP host.example.com;branch=z9hG4bK1", "host.example.com;branch=z9hG4bK1;received=192.0.2.9"),
        ("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1", "192.0.2.9;branch=z9hG4bK1"),
    ],
)
def test_the_answer_to_a_broken_request_tells_where_it_came_from_too(written: str, stamped: str) -> None:
    flow = Flow("UDP", "udp", ("192.0.2.1", 5060), ("192.0.2.9", 4711))
    salvage = Salvage(
        "OPTIONS", (written.encode(), b"SIP/2.0/UDP other;branch=z9hG4bK2"), b"<sip:a@b>", None, None, None
    )
    answer = reply_to_broken(ParseError("no Call-ID", salvage=salvage), flow, "tag")
    assert answer is not None
    assert [line for line in answer[0].lines if line.startswith(b"Via")] == [
        b"Via: SIP/2.0/UDP " + stamped.encode(),
        b"Via: SIP/2.0/UDP other;branch=z9hG4bK2",
    ]


@pytest.mark.parametrize(
    ("via", "port"),
    [
        ("SIP/2.0/UDP 192.0.2.15;;,;,,", 5060),
        ("SIP / 2.0 / UDP phone.example.com:5070;branch=z9hG4bK1;;", 5070),
        ("SIP/2.0/UDP [2001:db8::1]:5070;branch=1;branch=2", 5070),
        ("SIP/2.0/UDP 10.0.0.1:5070;;rport;branch=z9hG4bK1", 40000),
        ("SIP/2.0/UDP 10.0.0.1:5070;rport=;;", 40000),
        ("SIP/2.0/UDP a b", 5060),
        ("SIP/2.0/UDP a:65536;branch=1;", None),
        ("SIP/2.0/UDP a$b;;", None),
        ("SIP/2.0/UDP ;;", None),
        ("", None),
    ],
)
def test_a_broken_via_goes_back_as_it_came_while_its_sent_by_can_be_read(via: str, port: int | None) -> None:
    """RFC 4475 3.1.2.1 asks for a 400 to such a request."""
    salvage = Salvage("INVITE", (via.encode(),), b"<sip:a@b>", None, b"call", b"1 INVITE")
    answer = reply_to_broken(ParseError("malformed parameter", salvage=salvage), ARRIVAL, "tag")
    if port is None:
        assert answer is None
        return
    assert answer is not None
    response, back = answer
    assert response.lines[1] == b"Via: " + via.encode()
    assert back.remote == ("198.51.100.7", port)
