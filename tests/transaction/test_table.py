"""Matching: RFC 3261 17.1.3, 17.2.3, 18.1.2; and what the table does for its transactions."""

from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.flow import Flow
from offhook.sip.message import Request, Response
from offhook.sip.serializer import Draft, reply
from offhook.transaction.client_non_invite import NonInviteClientTransaction
from offhook.transaction.server_invite import InviteServerTransaction
from offhook.transaction.server_non_invite import NonInviteServerTransaction
from offhook.transaction.table import client_key, server_key
from tests.transaction.machines import FLOWS, Rig, received, request, response

UDP = FLOWS["UDP"]
OLD = "SIP/2.0/UDP 192.0.2.2:5060"
"""The Via of an RFC 2543 peer."""


def serve(rig: Rig, first: Request) -> InviteServerTransaction | NonInviteServerTransaction:
    kind = InviteServerTransaction if first.method == "INVITE" else NonInviteServerTransaction
    transaction = kind(rig.table, server_key(first, first.method), first, UDP, UDP)
    rig.table.add_server(transaction)
    return transaction


@pytest.mark.parametrize(
    ("method", "headers", "matches"),
    [
        ("INVITE", {}, True),
        ("ACK", {}, True),
        ("INVITE", {"CSeq": "9 INVITE", "From": "<sip:x@y>;tag=z"}, True),
        ("INVITE", {"Call-ID": "another"}, False),
        ("CANCEL", {}, False),
        ("OPTIONS", {}, False),
        ("INVITE", {"Via": "SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKtwo"}, False),
        ("INVITE", {"Via": "SIP/2.0/UDP 192.0.2.3:5060;branch=z9hG4bKone"}, False),
        ("INVITE", {"Via": "SIP/2.0/UDP 192.0.2.2:5061;branch=z9hG4bKone"}, False),
        ("INVITE", {"Via": "SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKone;received=198.51.100.7"}, True),
    ],
)
def test_the_magic_cookie_matches_by_branch_sent_by_and_method(
    method: str, headers: dict[str, str], matches: bool
) -> None:
    rig = Rig()
    transaction = serve(rig, request("INVITE"))
    found = rig.table.match_request(request(method, **headers))
    assert found is (transaction if matches else None)


@pytest.mark.parametrize("via", [OLD, f"{OLD};branch=7.1", f"{OLD};branch=Z9hG4bK", f"{OLD};branch=z9hG4bK"])
@pytest.mark.parametrize(
    ("headers", "matches"),
    [
        ({}, True),
        ({"Call-ID": "another"}, False),
        ({"CSeq": "8 INVITE"}, False),
        ({"From": "<sip:alice@192.0.2.1>;tag=another"}, False),
        ({"From": "Alice <sip:alice@192.0.2.1>;tag=a"}, True),
        ({"To": "<sip:bob@192.0.2.2>;tag=b"}, False),
    ],
)
def test_a_peer_of_rfc_2543_matches_by_what_its_requests_share(
    via: str, headers: dict[str, str], matches: bool
) -> None:
    rig = Rig()
    transaction = serve(rig, request("INVITE", Via=via))
    again = request("INVITE", **{"Via": via, **headers})
    assert rig.table.match_request(again) is (transaction if matches else None)


def test_the_cookie_alone_tells_no_requests_apart() -> None:
    """RFC 4475 3.2.1: such a client would be given the answer to its former request."""
    rig = Rig()
    transaction = serve(rig, request("OPTIONS", Via=f"{OLD};branch=z9hG4bK"))
    assert rig.table.match_request(request("OPTIONS", Via=f"{OLD};branch=z9hG4bK", CSeq="8 OPTIONS")) is None
    assert rig.table.match_request(request("OPTIONS", Via=f"{OLD};branch=z9hG4bK")) is transaction


def test_another_request_uri_or_via_is_another_transaction_of_an_rfc_2543_peer() -> None:
    rig = Rig()
    serve(rig, request("INVITE", Via=OLD))
    elsewhere = Draft.of(request("INVITE", Via=OLD)).start("INVITE", "sip:carol@192.0.2.2").request()
    assert rig.table.match_request(elsewhere) is None
    assert rig.table.match_request(request("INVITE", Via="SIP/2.0/UDP 192.0.2.3:5060")) is None
    assert rig.table.match_request(request("OPTIONS", Via=OLD)) is None


@pytest.mark.parametrize(("status", "tag", "matches"), [(486, "b", True), (200, "b", True), (486, "other", False)])
def test_the_ack_of_an_rfc_2543_peer_matches_by_the_tag_of_the_response(status: int, tag: str, matches: bool) -> None:
    """The ACK of a 2xx that another element forwarded must not be taken for ours."""
    rig = Rig()
    transaction = serve(rig, request("INVITE", Via=OLD))
    transaction.respond(response(transaction.request, status, "b"), rig.now)
    ack = request("ACK", Via=OLD, To=f"<sip:bob@192.0.2.2>;tag={tag}")
    assert rig.table.match_request(ack) is (transaction if matches else None)


def test_the_ack_to_a_re_invite_of_an_rfc_2543_peer_matches() -> None:
    rig = Rig()
    to = "<sip:bob@192.0.2.2>;tag=b"
    transaction = serve(rig, request("INVITE", Via=OLD, To=to))
    transaction.respond(response(transaction.request, 486, "b"), rig.now)
    assert rig.table.match_request(request("ACK", Via=OLD, To=to)) is transaction
    assert rig.table.match_request(request("ACK", Via=OLD, To=f"{to}x")) is None


def test_requests_of_an_rfc_2543_peer_that_differ_in_the_tag_of_to_alone_are_two() -> None:
    """They had one key, and the second was refused as if it were the first again."""
    rig = Rig()
    first = serve(rig, request("INVITE", Via=OLD))
    second = serve(rig, request("INVITE", Via=OLD, To="<sip:bob@192.0.2.2>;tag=b"))
    assert first.key != second.key
    assert set(rig.table.servers.values()) == {first, second}


def test_an_ack_before_any_response_matches_nothing() -> None:
    rig = Rig()
    serve(rig, request("INVITE", Via=OLD))
    assert rig.table.match_request(request("ACK", Via=OLD)) is None


def answer_to(sent: Request, via: str | None = None, cseq: str | None = None) -> Response:
    draft = reply(sent, 200, None, "b")
    if via is not None:
        draft.set("Via", via)
    if cseq is not None:
        draft.set("CSeq", cseq)
    return received(draft.response(), Response)


@pytest.mark.rfc("6026 6 #3", "6026 8.9 #1", "3261 18.1.2 #1", "3261 18.1.2 #2")
@pytest.mark.parametrize(
    ("via", "cseq", "matches"),
    [
        (None, None, True),
        ("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKtwo", None, False),
        (None, "7 INVITE", False),
        # 18.1.2: a sent-by that is not ours.
        ("SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKone", None, False),
        ("SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bKone", None, False),
        ("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKone", None, True),
        ("SIP/2.0/UDP 192.0.2.1:5060;received=192.0.2.1;rport=5060;branch=z9hG4bKone", None, True),
        ("SIP/2.0/UDP 192.0.2.1:5060", None, False),
    ],
)
def test_a_response_matches_by_branch_sent_by_and_method(via: str | None, cseq: str | None, matches: bool) -> None:
    rig = Rig()
    sent = request("OPTIONS", Via="SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKone")
    key = (b"z9hG4bKone", "192.0.2.1", 5060, "OPTIONS")
    transaction = NonInviteClientTransaction(rig.table, key, sent, UDP, None)
    rig.table.add_client(transaction)
    assert rig.table.match_response(answer_to(sent, via, cseq)) is (transaction if matches else None)


def test_a_port_that_is_left_out_is_the_transports() -> None:
    sent = request("OPTIONS", Via="SIP/2.0/TLS proxy.example.com;branch=z9hG4bKone")
    assert client_key(answer_to(sent)) == (b"z9hG4bKone", "proxy.example.com", 5061, "OPTIONS")


def test_a_via_that_cannot_be_read_is_a_parse_error() -> None:
    broken = Draft.of(request("OPTIONS")).set("Via", "nonsense").request()
    with pytest.raises(ParseError):
        server_key(broken, "OPTIONS")


def test_a_transaction_is_found_by_its_flow_until_it_ends() -> None:
    rig = Rig()
    table = rig.table
    first = serve(rig, request("INVITE"))
    second = serve(rig, request("OPTIONS"))
    assert list(table.over_flow[UDP.key]) == [first, second]
    table.finish(first, False, "terminated")
    assert list(table.over_flow[UDP.key]) == [second]
    other = Flow("UDP", UDP.listener, UDP.local, ("198.51.100.7", 5060))
    table.move(second, other)
    assert (second.flow, list(table.over_flow)) == (other, [other.key])
    table.finish(second, False, "terminated")
    assert (table.over_flow, table.servers) == ({}, {})
    assert rig.take() == ["end terminated", "end terminated"]


def test_the_same_request_at_both_ends_of_one_flow_is_two_transactions() -> None:
    """So it is when a request spirals back to us from ourselves."""
    rig = Rig()
    first = request("OPTIONS")
    server = serve(rig, first)
    client = NonInviteClientTransaction(rig.table, server.key, first, UDP, None)
    rig.table.add_client(client)
    assert list(rig.table.over_flow[UDP.key]) == [server, client]
    rig.table.finish(client, True, "terminated")
    assert rig.table.servers == {server.key: server}
    assert list(rig.table.over_flow[UDP.key]) == [server]


def test_what_took_the_place_of_a_transaction_stays_when_that_ends() -> None:
    rig = Rig()
    old = serve(rig, request("OPTIONS"))
    new = serve(rig, request("OPTIONS"))
    rig.table.finish(old, False, "terminated")
    assert rig.table.servers == {new.key: new}
