"""Dialogs against RFC 3261 12 and its examples."""

from __future__ import annotations

import pytest

from offhook.dialog.dialog import Dialog, DialogState, answers_with_sips, asks_with_sips, request_uri_of
from offhook.errors import InvalidState, ProtocolError
from offhook.flow import Flow
from offhook.sip.headers.address import parse_route
from offhook.sip.uri import parse_uri
from tests.dialog.messages import TLS, UDP, request, response

RECORDED = (
    ("Record-Route", "<sip:p3.example.com;lr>, <sip:p2.example.com;lr;x=1>"),
    ("Record-Route", "<sip:p1.example.com;lr>;y"),
    ("Contact", "<sip:far@192.0.2.4;x=y?Subject=no>"),
)


def uac(headers: tuple[tuple[str, str], ...] = RECORDED, status: int = 200, flow: Flow = UDP) -> Dialog:
    return Dialog.as_uac(request(), response(status, headers), flow)


def uas(headers: tuple[tuple[str, str], ...] = RECORDED, flow: Flow = UDP, uri: str = "sip:bob@biloxi.com") -> Dialog:
    return Dialog.as_uas(request(uri=uri, headers=headers), "a6c85cf", flow)


@pytest.mark.rfc(
    "3261 12.1 #1",
    "3261 12.1.2 #4",
    "3261 12.1.2 #6",
    "3261 12.1.2 #7",
    "3261 12.1.2 #8",
    "3261 12.1.2 #9",
    "3261 12.1.2 #10",
    "3261 12.1.2 #11",
)
def test_the_uac_builds_its_state_from_request_and_response() -> None:
    dialog = uac()
    assert dialog.id == ("a84b4c76e66710", "1928301774", "a6c85cf")
    assert dialog.local_cseq == 314159
    assert dialog.remote_cseq is None
    assert dialog.owner
    assert dialog.state is DialogState.EARLY
    assert str(dialog.remote_target) == "sip:far@192.0.2.4;x=y?Subject=no"
    # In reverse order, with all parameters.
    assert [str(route) for route in dialog.route_set] == [
        "<sip:p1.example.com;lr>;y",
        "<sip:p2.example.com;lr;x=1>",
        "<sip:p3.example.com;lr>",
    ]


@pytest.mark.rfc(
    "3261 12.1 #1",
    "3261 12.1.1 #8",
    "3261 12.1.1 #10",
    "3261 12.1.1 #11",
    "3261 12.1.1 #12",
    "3261 12.1.1 #13",
    "3261 12.1.1 #14",
    "3261 12.1.1 #15",
)
def test_the_uas_builds_its_state_from_the_request() -> None:
    dialog = uas()
    assert dialog.id == ("a84b4c76e66710", "a6c85cf", "1928301774")
    assert str(dialog.remote_target) == "sip:far@192.0.2.4;x=y?Subject=no"
    assert dialog.remote_cseq == 314159
    assert dialog.local_cseq is None
    assert not dialog.owner
    assert [str(route) for route in dialog.route_set] == [
        "<sip:p3.example.com;lr>",
        "<sip:p2.example.com;lr;x=1>",
        "<sip:p1.example.com;lr>;y",
    ]


@pytest.mark.rfc("3261 12.1.1 #9", "3261 12.1.2 #5")
def test_without_record_route_there_are_no_routes_whatever_there_was_before() -> None:
    asked = request(headers=(("Contact", "<sip:a@192.0.2.1>"), ("Route", "<sip:p1.example.com;lr>")))
    assert Dialog.as_uac(asked, response(), UDP).route_set == []
    assert Dialog.as_uas(asked, "1", UDP).route_set == []


@pytest.mark.rfc("3261 12.1.1 #17", "3261 12.1.1 #18", "3261 12.1.2 #13", "3261 12.1.2 #14")
def test_both_ends_have_the_same_dialog_seen_from_either_side() -> None:
    caller, callee = uac(), uas()
    assert caller.local == "Alice <sip:alice@atlanta.com>;tag=1928301774" == callee.remote
    assert caller.remote == "Bob <sip:bob@biloxi.com>;tag=a6c85cf" == callee.local
    assert (caller.local_tag, caller.remote_tag) == (callee.remote_tag, callee.local_tag)


@pytest.mark.rfc(
    "3261 12.2.1.1 #1",
    "3261 12.2.1.1 #2",
    "3261 12.2.1.1 #3",
    "3261 12.2.1.1 #4",
    "3261 12.2.1.1 #6",
    "3261 12.2.1.1 #8",
    "3261 12.2.1.1 #9",
    "3261 12.2.1.1 #11",
    "3261 12.2.1.1 #14",
    "3261 12.2.1.1 #15",
)
def test_a_request_of_the_uac_follows_the_loose_routes() -> None:
    dialog = uac()
    sent = dialog.draft("BYE", dialog.next_cseq()).request()
    # Header components have no place in a Request-URI (19.1.1 table 1).
    assert sent.request_uri == "sip:far@192.0.2.4;x=y"
    assert sent.texts("Route") == [
        "<sip:p1.example.com;lr>;y",
        "<sip:p2.example.com;lr;x=1>",
        "<sip:p3.example.com;lr>",
    ]
    assert sent.text("From") == "Alice <sip:alice@atlanta.com>;tag=1928301774"
    assert sent.text("To") == "Bob <sip:bob@biloxi.com>;tag=a6c85cf"
    assert sent.call_id == "a84b4c76e66710"
    assert sent.text("CSeq") == "314160 BYE"
    assert sent.max_forwards == 70
    assert str(dialog.next_hop) == "sip:p1.example.com;lr"


@pytest.mark.rfc("3261 12.2.1.1 #16", "3261 12.2.1.1 #17", "3261 12.2.1.1 #18")
def test_the_example_of_strict_routing() -> None:
    headers = (
        ("Record-Route", "<sip:proxy4>, <sip:proxy3;lr>, <sip:proxy2>, <sip:proxy1;method=BYE?X=y>"),
        ("Contact", "<sip:user@remoteua>"),
    )
    dialog = uac(headers)
    sent = dialog.draft("BYE", 2).request()
    assert sent.request_uri == "sip:proxy1"
    assert sent.texts("Route") == ["<sip:proxy2>", "<sip:proxy3;lr>", "<sip:proxy4>", "<sip:user@remoteua>"]
    assert str(dialog.next_hop) == "sip:proxy1;method=BYE?X=y"


@pytest.mark.rfc("3261 12.2.1.1 #12", "3261 12.2.1.1 #13")
def test_without_routes_the_target_is_the_next_hop_and_there_is_no_route() -> None:
    dialog = uac((("Contact", "<sip:far@192.0.2.4>"),))
    sent = dialog.draft("INFO", dialog.next_cseq()).request()
    assert sent.request_uri == "sip:far@192.0.2.4" == str(dialog.next_hop)
    assert not sent.has("Route")


@pytest.mark.rfc("3261 12.2.1.1 #7", "3261 12.2.1.1 #11")
def test_an_ack_bears_the_number_of_its_invite() -> None:
    dialog = uac()
    dialog.next_cseq()
    assert dialog.draft("ACK", 314159).request().text("CSeq") == "314159 ACK"


@pytest.mark.rfc("3261 8.1.1.5 #2", "3261 8.1.1.5 #3", "3261 12.2.1.1 #10", "3261 12.2.1.1 #8")
def test_numbers_go_up_by_one_and_start_at_one_for_the_callee() -> None:
    dialog = uas()
    assert [dialog.next_cseq() for _ in range(3)] == [1, 2, 3]


def test_no_request_starts_once_the_dialog_is_over() -> None:
    dialog = uac()
    dialog.terminate()
    with pytest.raises(InvalidState):
        dialog.next_cseq()


@pytest.mark.rfc("3261 12.2.2 #3", "3261 12.2.2 #4", "3261 12.2.2 #5")
def test_requests_come_in_order_and_may_leave_gaps() -> None:
    dialog = uas()
    for number in (314159, 314160, 314999, 314999):
        dialog.receive(request("INFO", cseq=number))
    with pytest.raises(ProtocolError) as caught:
        dialog.receive(request("INFO", cseq=314998))
    assert caught.value.status == 500
    assert dialog.remote_cseq == 314999


@pytest.mark.rfc("3261 12.2.2 #2")
def test_the_first_request_of_the_callee_sets_its_number() -> None:
    dialog = uac()
    dialog.receive(request("BYE", cseq=7))
    assert dialog.remote_cseq == 7


@pytest.mark.parametrize(
    ("flow", "uri", "secure"),
    [
        (TLS, "sips:bob@biloxi.com", True),
        (TLS, "sip:bob@biloxi.com", False),
        (UDP, "sips:bob@biloxi.com", False),
        (UDP, "tel:+15551234", False),
    ],
)
def test_secure_takes_tls_and_a_sips_uri(flow: Flow, uri: str, secure: bool) -> None:
    assert Dialog.as_uas(request(uri=uri), "1", flow).secure is secure
    assert Dialog.as_uac(request(uri=uri), response(), flow).secure is secure


@pytest.mark.rfc("3261 13.2.2.4 #1", "3261 13.2.2.4 #2")
def test_the_2xx_alone_decides_about_the_routes() -> None:
    dialog = uac(status=180)
    dialog.next_cseq()
    dialog.confirm(response(200, (("Record-Route", "<sip:other.example.com;lr>"), ("Contact", "<sip:b@192.0.2.9>"))))
    assert dialog.state is DialogState.CONFIRMED
    assert [str(route) for route in dialog.route_set] == ["<sip:other.example.com;lr>"]
    assert str(dialog.remote_target) == "sip:b@192.0.2.9"
    assert dialog.local_cseq == 314160


@pytest.mark.rfc("3261 12.2.1.2 #1", "3261 12.2.2 #6")
def test_a_target_refresh_without_contact_changes_nothing() -> None:
    dialog = uac()
    dialog.refresh_target(response(200, ()))
    assert str(dialog.remote_target) == "sip:far@192.0.2.4;x=y?Subject=no"
    dialog.refresh_target(request(headers=(("Contact", "<mailto:x@y.z>, <sip:new@192.0.2.7>"),)))
    assert str(dialog.remote_target) == "sip:new@192.0.2.7"
    assert len(dialog.route_set) == 3


@pytest.mark.rfc("3261 12.1.1 #16", "3261 12.1.2 #12", "3261 12.2.1.1 #5")
def test_peers_of_rfc_2543_have_no_tags() -> None:
    dialog = Dialog.as_uac(request(), response(tag=None), UDP)
    assert dialog.remote_tag == ""
    assert dialog.draft("BYE", 1).request().text("To") == "Bob <sip:bob@biloxi.com>"
    dialog = Dialog.as_uas(request(from_="sip:alice@atlanta.com"), "1", UDP)
    assert dialog.remote_tag == ""
    assert dialog.draft("BYE", 1).request().text("To") == "sip:alice@atlanta.com"


def test_a_provisional_response_without_contact_leaves_the_called_address() -> None:
    assert str(Dialog.as_uac(request(), response(180, ()), UDP).remote_target) == "sip:bob@biloxi.com"


def test_a_peer_of_rfc_2543_without_contact_is_reached_by_its_from() -> None:
    dialog = Dialog.as_uas(request(from_="sip:alice@atlanta.com", headers=()), "1", UDP)
    assert str(dialog.remote_target) == "sip:alice@atlanta.com"
    with pytest.raises(ProtocolError):
        Dialog.as_uas(request(from_="<tel:+1>", headers=()), "1", UDP)


@pytest.mark.parametrize(
    "headers",
    [(("Contact", "<mailto:alice@atlanta.com>"),), (("Record-Route", "<tel:+1>"), ("Contact", "<sip:a@b>"))],
)
def test_an_invite_that_makes_no_dialog_is_a_bad_request(headers: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(ProtocolError) as caught:
        Dialog.as_uas(request(headers=headers), "1", UDP)
    assert caught.value.status == 400


def test_a_folded_header_is_written_in_one_line() -> None:
    # Written here by hand, for a draft makes no folded lines.
    folded = request()
    position = folded.keys.index("from")
    folded.lines[position] = b"From: Alice\r\n <sip:alice@atlanta.com>;tag=1"
    dialog = Dialog.as_uas(folded, "2", UDP)
    assert dialog.draft("BYE", 1).request().octets("to") == b"Alice <sip:alice@atlanta.com>;tag=1"


@pytest.mark.rfc("3261 8.1.1.8 #3", "3261 12.1.2 #2")
def test_when_the_contact_of_a_request_is_sips() -> None:
    sip, sips = parse_uri("sip:a@b"), parse_uri("sips:a@b")
    assert asks_with_sips(sips, [])
    assert not asks_with_sips(sip, [])
    assert asks_with_sips(sip, [parse_route("<sips:p;lr>"), parse_route("<sip:q;lr>")])
    assert not asks_with_sips(sip, [parse_route("<sip:q;lr>"), parse_route("<sips:p;lr>")])
    assert not asks_with_sips(parse_uri("tel:+1"), [])


@pytest.mark.rfc("3261 12.1.1 #5")
@pytest.mark.parametrize(
    ("uri", "headers", "expected"),
    [
        ("sips:bob@biloxi.com", (("Contact", "<sip:a@b>"),), True),
        ("sip:bob@biloxi.com", (("Contact", "<sips:a@b>"),), True),
        ("sip:bob@biloxi.com", (("Contact", "<sip:a@b>"),), False),
        ("sip:bob@biloxi.com", (("Record-Route", "<sips:p;lr>"), ("Contact", "<sip:a@b>")), True),
        ("sip:bob@biloxi.com", (("Record-Route", "<sip:p;lr>"), ("Contact", "<sips:a@b>")), False),
    ],
)
def test_when_the_contact_of_an_answer_is_sips(uri: str, headers: tuple[tuple[str, str], ...], expected: bool) -> None:
    assert answers_with_sips(request(uri=uri, headers=headers)) is expected


def test_the_request_uri_of_other_schemes_stays_as_it_is() -> None:
    assert request_uri_of(parse_uri("tel:+1-555;x=y")) == "tel:+1-555;x=y"


def test_a_dialog_says_which_it_is() -> None:
    assert repr(uac()) == "<Dialog a84b4c76e66710 1928301774/a6c85cf early>"
