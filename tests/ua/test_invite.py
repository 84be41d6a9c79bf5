"""Calling: what the caller sends, and what it makes of the answers."""

from __future__ import annotations

from typing import Any

import pytest

from offhook.errors import InvalidState, ParseError
from offhook.sip.serializer import new_request, reply
from offhook.sip.uri import Uri, parse_uri
from offhook.ua.invite import ClientInvite
from tests.ua.household import House, Phone, Script, sdp

PEER = parse_uri("sip:peer@192.0.2.9")


def calling(**settings: object) -> tuple[House, Phone, Script, ClientInvite]:
    """Alice, who calls a scripted peer."""
    house = House()
    alice = house.phone("alice", None, **settings)
    script = house.script()
    call = alice.invite(PEER)
    house.run(0.1)
    return house, alice, script, call


@pytest.mark.rfc(
    "3261 7.4.1 #3",
    "3261 8.1.1 #1",
    "3261 8.1.1.1 #1",
    "3261 8.1.1.2 #3",
    "3261 8.1.1.5 #1",
    "3261 8.1.1.6 #1",
    "3261 8.1.1.6 #2",
    "3261 8.1.1.8 #1",
    "3261 8.1.1.9 #1",
    "3261 13.1 #1",
    "3261 13.2.1 #1",
    "3261 13.2.1 #3",
    "3261 13.2.1 #5",
    "3261 13.2.1 #12",
    "3261 12.1.2 #1",
)
def test_an_invite_has_all_that_it_needs() -> None:
    _, _, script, call = calling(display_name="Alice")
    sent = script.last("INVITE")
    assert sent.request_uri == "sip:peer@192.0.2.9"
    assert (sent.text("From") or "").startswith('"Alice" <sip:alice@example.com>;tag=')
    assert sent.text("To") == "<sip:peer@192.0.2.9>"
    assert sent.call_id == call.call_id
    assert sent.text("CSeq") == "1 INVITE"
    assert sent.max_forwards == 70
    assert len(sent.vias) == 1
    assert len(sent.contacts) == 1
    assert sent.text("Contact") == "<sip:alice@192.0.2.1:5060>"
    assert sent.tokens("Supported") == ["100rel"]
    assert {"INVITE", "ACK", "CANCEL", "BYE", "OPTIONS"} <= set(sent.tokens("Allow"))
    assert sent.content_type == "application/sdp"
    assert not sent.has("Content-Encoding")


@pytest.mark.rfc("3261 8.1.1.2 #2", "3261 8.1.1.8 #3", "3261 12.1.2 #2", "3261 26.3.1 #5")
def test_a_sips_uri_is_called_over_tls_with_a_sips_contact() -> None:
    house = House()
    alice = house.phone("alice")
    script = house.script()
    alice.invite(parse_uri("sips:peer@192.0.2.9:5060"))
    house.run(0.1)
    sent = script.last("INVITE")
    assert sent.top_via.transport == "TLS"
    assert sent.text("Contact") == "<sips:alice@192.0.2.1:5060>"


@pytest.mark.rfc("3261 12.1.2 #12", "3261 12.2.1.1 #5")
def test_a_callee_of_rfc_2543_has_no_tag() -> None:
    house, alice, script, _ = calling()
    script.respond(180, tag=None)
    script.respond(200, tag=None, body=sdp())
    house.run(0.2)
    assert alice.heard == ["180", "answered"]
    invite = script.last("INVITE")
    assert script.last("ACK").text("To") == invite.text("To") == "<sip:peer@192.0.2.9>"
    bye = new_request("BYE", "sip:alice@192.0.2.1:5060").add("Max-Forwards", "70")
    bye.add("From", invite.text("To") or "").add("To", invite.text("From") or "")
    bye.add("Call-ID", invite.call_id).add("CSeq", "1 BYE")
    script.send(bye, alice)
    house.run()
    assert script.responses[-1].status == 200
    assert house.nothing_is_left()


def test_early_dialogs_end_with_the_invite_that_made_them() -> None:
    """A redirection sends another one (12.3)."""
    house, alice, script, _ = calling()
    script.respond(183, *(("Require", "100rel"), ("RSeq", "7")), tag="one", body=sdp())
    house.run(0.2)
    assert len(alice.core.context.dialogs) == 1
    script.respond(302, ("Contact", "<sip:other@192.0.2.9>"), method="INVITE", contact=False)
    house.run(0.3)
    assert len(alice.core.context.dialogs) == 0
    assert script.last("INVITE").request_uri == "sip:other@192.0.2.9"
    # Even one with the same tag is another dialog.
    script.respond(180, ("Require", "100rel"), ("RSeq", "3"), method="INVITE", tag="one")
    house.run(0.4)
    assert script.last("PRACK").text("RAck") == "3 2 INVITE"
    script.respond(200, method="PRACK")
    script.respond(200, method="INVITE", tag="one", body=sdp(port=6000))
    house.run(0.5)
    assert alice.heard == ["183+media", "180", "answered"]
    assert script.last("ACK").text("CSeq") == "2 ACK"
    remote = alice.port.sessions[-1].streams[0].remote
    assert remote is not None
    assert remote.port == 6000


@pytest.mark.parametrize("header", [("X-Id", "1\r\nX-Injected: yes"), ("X Id", "1"), ("X-Id", 1)])
def test_a_header_that_cannot_be_written_is_refused_before_anything_is_sent(header: tuple[str, Any]) -> None:
    house = House()
    alice = house.phone("alice")
    # A value that is no text: compiled code refuses its type, interpreted code fails on its first use.
    with pytest.raises((InvalidState, AttributeError, TypeError)):
        alice.invite(PEER, headers=(header,))
    assert house.nothing_is_left()


def test_a_peer_that_takes_no_media_is_called_all_the_same() -> None:
    house, alice, script, _ = calling()
    script.respond(200, body=sdp(port=0))
    house.run(0.3)
    assert alice.heard == ["answered"]
    assert script.methods() == ["INVITE", "ACK"]


def test_extra_headers_go_with_the_invite() -> None:
    house = House()
    alice = house.phone("alice")
    script = house.script()
    alice.invite(PEER, headers=(("Subject", "lunch"),))
    house.run(0.1)
    assert script.last("INVITE").text("Subject") == "lunch"


@pytest.mark.rfc("3261 8.1.2 #5", "3261 8.1.2 #6")
def test_the_outbound_proxy_gets_it_with_a_route() -> None:
    house = House()
    alice = house.phone("alice", None, outbound_proxy=parse_uri("sip:192.0.2.9:5060"))
    script = house.script()
    alice.invite(parse_uri("sip:bob@far.example.com"))
    house.run(0.1)
    sent = script.last("INVITE")
    assert sent.request_uri == "sip:bob@far.example.com"
    assert sent.text("Route") == "<sip:192.0.2.9:5060;lr>"


@pytest.mark.rfc("3261 8.1.2 #7")
def test_the_outbound_proxy_gets_only_what_its_route_leads_to() -> None:
    house = House()
    alice = house.phone("alice", None, outbound_proxy=parse_uri("sip:192.0.2.9:5060"))
    proxy, other = house.script(), house.script("192.0.2.10")
    alice.invite(parse_uri("sip:bob@far.example.com"))
    house.run(0.1)
    proxy.respond(200, ("Record-Route", "<sip:192.0.2.10;lr>"), body=sdp())
    house.run(0.3)
    assert (proxy.methods(), other.methods()) == (["INVITE"], ["ACK"])
    assert other.last("ACK").texts("Route") == ["<sip:192.0.2.10;lr>"]


@pytest.mark.rfc("3261 8.1.3.2 #3", "3261 8.1.3.2 #4")
@pytest.mark.parametrize("status", [101, 155, 183, 199])
def test_a_provisional_response_that_is_not_known_is_progress_of_the_session(status: int) -> None:
    house, alice, script, _ = calling()
    script.respond(100)
    house.run(0.2)
    assert alice.heard == []
    script.respond(status, body=sdp())
    house.run(0.3)
    assert alice.heard == [f"{status}+media"]
    assert alice.port.direction == "sendrecv"
    assert len(alice.core.context.dialogs) == 1
    script.respond(200)
    house.run(0.4)
    assert alice.heard[-1] == "answered"


@pytest.mark.rfc("3261 13.2.1 #7", "3261 13.2.1 #8", "3261 13.2.2.4 #1")
def test_early_media_is_heard_and_the_answer_ends_the_early_state() -> None:
    house, alice, script, call = calling()
    script.respond(183, body=sdp())
    house.run(0.2)
    assert alice.heard == ["183+media"]
    assert alice.port.direction == "sendrecv"
    script.respond(200, body=sdp(port=6000))
    house.run(0.3)
    assert alice.heard == ["183+media", "answered"]
    # The first description counts (13.2.1).
    remote = alice.port.sessions[-1].streams[0].remote
    assert remote is not None
    assert remote.port == 4000
    assert call.session is not None
    assert call.answered


def test_an_answer_in_a_provisional_response_alone_has_to_do() -> None:
    house, alice, script, _ = calling()
    script.respond(183, body=sdp())
    script.respond(200)
    house.run(0.3)
    assert alice.heard == ["183+media", "answered"]


@pytest.mark.parametrize("body", [b"", sdp(codecs="0") + b"m=video 1 RTP/AVP 31\r\n", b"v=0\r\nno", sdp(codecs="18")])
def test_a_200_without_a_usable_answer_is_acknowledged_and_ended(body: bytes) -> None:
    house, alice, script, call = calling()
    script.respond(200, body=body)
    house.run(0.3)
    assert script.methods() == ["INVITE", "ACK", "BYE"]
    assert script.last("BYE").text("Reason") == 'SIP;cause=488;text="no media could be agreed on"'
    assert alice.heard == ["ended: NO_MEDIA"]
    assert call.failure is not None
    assert call.failure.status == 488


@pytest.mark.rfc("3262 4", "3261 13.2.2.4 #4", "3261 13.2.2.4 #11")
def test_after_a_200_without_a_usable_answer_that_of_another_branch_comes_too_late() -> None:
    house, alice, script, _ = calling()
    script.respond(200, body=b"none")
    script.respond(200, tag="another", body=sdp())
    house.run(0.5)
    assert alice.heard == ["ended: NO_MEDIA"]
    assert script.methods().count("ACK") == 2
    assert script.methods().count("BYE") == 2


def test_reliable_responses_get_their_prack_in_order() -> None:
    house, alice, script, _ = calling()
    script.respond(180, ("Require", "100rel"), ("RSeq", "10"))
    house.run(0.2)
    assert script.last("PRACK").text("RAck") == "10 1 INVITE"
    assert script.last("PRACK").cseq_number == 2
    script.respond(200, method="PRACK")
    script.respond(183, ("Require", "100rel"), ("RSeq", "12"), method="INVITE")
    script.respond(180, ("Require", "100rel"), ("RSeq", "10"), method="INVITE")
    house.run(0.3)
    assert script.methods().count("PRACK") == 1
    script.respond(183, ("Require", "100rel"), ("RSeq", "11"), method="INVITE", body=sdp())
    house.run(0.4)
    assert script.last("PRACK").text("RAck") == "11 1 INVITE"
    script.respond(200, method="PRACK")
    script.respond(200, method="INVITE")
    house.run(0.5)
    assert alice.heard == ["180", "183+media", "answered"]


def test_a_reliable_response_with_a_bad_answer_is_acknowledged_all_the_same() -> None:
    house, _, script, _ = calling()
    two = sdp() + b"m=video 1 RTP/AVP 31\r\n"
    script.respond(183, ("Require", "100rel"), ("RSeq", "10"), body=two)
    house.run(0.2)
    assert "PRACK" in script.methods()


@pytest.mark.rfc("3261 17.1.1.3 #1", "3261 13.2.2.4 #4", "3261 13.2.2.4 #5", "3261 13.2.2.4 #6", "3261 13.2.2.4 #10")
def test_each_200_gets_the_same_ack_again() -> None:
    house, _, script, _ = calling()
    script.respond(200, body=sdp())
    house.run(0.2)
    script.respond(200, body=sdp())
    script.respond(200, body=sdp())
    house.run(0.3)
    acks = [request for request, _ in script.requests if request.method == "ACK"]
    assert len(acks) == 3
    assert len({ack.serialize() for ack in acks}) == 1
    assert acks[0].text("CSeq") == "1 ACK"
    assert acks[0].request_uri == "sip:peer@192.0.2.9:5060"


@pytest.mark.rfc("3261 13.2.2.3 #1")
@pytest.mark.parametrize("status", [503, 603, 200])
def test_after_a_failure_another_final_response_is_ignored(status: int) -> None:
    house, alice, script, call = calling()
    script.respond(486)
    house.run(0.2)
    [(invite, transaction)] = script.requests
    assert transaction is not None
    late = (
        reply(invite, status, None, "other").add("Contact", "<sip:peer@192.0.2.9:5060>").body(sdp(), "application/sdp")
    )
    arrival, response = transaction.arrival, late.response()
    assert script.node is not None
    script.node.call(lambda now: script.stack.reply_stateless(response, invite, arrival))
    house.run(0.3)
    assert alice.heard == ["ended: FAILED"]
    assert call.failure is not None
    assert call.failure.status == 486
    assert script.methods() == ["INVITE"]
    house.run()
    assert house.nothing_is_left()


def test_a_200_that_comes_again_after_the_end_gets_its_ack_and_nothing_else() -> None:
    house, alice, script, call = calling()
    script.respond(200, body=sdp())
    house.run(0.2)
    alice.do(call.hang_up)
    house.run(0.3)
    script.respond(200, method="BYE", contact=False)
    house.run(10)
    assert len(alice.core.context.dialogs) == 0
    script.respond(200, method="INVITE", body=sdp())
    house.run(20)
    assert script.methods() == ["INVITE", "ACK", "BYE", "ACK"]
    house.run()
    assert house.nothing_is_left()


@pytest.mark.rfc("3261 22.1 #5", "3261 17.1.1.3 #1", "3261 13.2.2.4 #7")
def test_the_ack_bears_the_credentials_of_its_invite() -> None:
    house = House()
    alice = house.phone("alice", "secret")
    script = house.script()
    alice.invite(PEER)
    house.run(0.1)
    script.respond(407, ("Proxy-Authenticate", 'Digest realm="example.com", nonce="n", qop="auth"'))
    house.run(0.2)
    script.respond(200, body=sdp())
    house.run(0.3)
    assert script.last("ACK").text("Proxy-Authorization") == script.last("INVITE").text("Proxy-Authorization")
    assert script.last("ACK").text("CSeq") == "2 ACK"


def test_a_bye_that_overtakes_the_200_ends_the_call_once() -> None:
    house, alice, script, call = calling()
    script.respond(180)
    house.run(0.2)
    invite = script.last("INVITE")
    bye = new_request("BYE", "sip:alice@192.0.2.1:5060").add("Max-Forwards", "70")
    bye.add("From", "<sip:peer@192.0.2.9>;tag=peer").add("To", invite.text("From") or "")
    bye.add("Call-ID", invite.call_id).add("CSeq", "1 BYE")
    script.send(bye, alice)
    house.run(0.3)
    assert script.responses[-1].status == 200
    script.respond(200, body=sdp(), method="INVITE")
    house.run(0.4)
    assert script.methods() == ["INVITE", "ACK"]
    assert alice.heard == ["180", "ended: PEER_HUNG_UP"]
    house.run()
    assert house.nothing_is_left()
    assert call.failure is not None


def test_a_cancelled_call_ends_for_its_user_at_once() -> None:
    house, alice, script, call = calling()
    alice.do(call.hang_up)
    alice.do(call.hang_up)
    assert alice.heard == ["ended: CANCELLED"]
    assert alice.port.closed
    parting = [call.parting]
    house.run(0.3)
    assert len(script.cancelled) == 1
    script.respond(487)
    house.run(0.4)
    parting.append(call.parting)
    assert parting == [True, False]
    house.run()
    assert house.nothing_is_left()


@pytest.mark.rfc("3261 9.1 #12", "3261 9.1 #13")
def test_a_callee_that_ignores_the_cancel_is_given_up_on() -> None:
    house, alice, script, call = calling()
    script.respond(180)
    house.run(0.2)
    alice.do(call.hang_up)
    house.run()
    assert house.nothing_is_left()
    assert house.now < 120


def test_a_call_that_rings_too_long_is_cancelled_with_a_reason() -> None:
    house, alice, script, _ = calling(ring_time=30.0)
    script.respond(180)
    house.run(31)
    assert alice.heard == ["180", "ended: NOT_ANSWERED"]
    assert script.cancelled[0].text("Reason") == 'SIP;cause=408;text="nobody answered"'


@pytest.mark.rfc("3261 13.2.1 #4")
@pytest.mark.parametrize(
    ("uri", "headers"),
    [(PEER, (("Expires", "20"),)), (PEER, (("expires", "20"),)), (parse_uri(f"{PEER}?Expires=20"), ())],
    ids=["a header", "in lower case", "of the URI"],
)
def test_an_invitation_of_ours_that_expires_is_cancelled(uri: Uri, headers: tuple[tuple[str, str], ...]) -> None:
    house = House()
    alice = house.phone("alice")
    script = house.script()
    alice.invite(uri, headers=headers)
    house.run(0.1)
    script.respond(180)
    house.run(19.9)
    assert script.cancelled == []
    house.run(20.1)
    assert len(script.cancelled) == 1
    assert alice.heard == ["180", "ended: NOT_ANSWERED"]


def test_an_invitation_that_is_answered_in_time_does_not_expire() -> None:
    house = House()
    alice = house.phone("alice")
    script = house.script()
    call = alice.invite(PEER, headers=(("Expires", "20"),))
    house.run(0.1)
    script.respond(200, body=sdp())
    house.run(30)
    assert script.cancelled == []
    assert call.answered


def test_an_expires_that_is_no_number_is_refused_before_anything_is_sent() -> None:
    house = House()
    alice = house.phone("alice")
    script = house.script()
    with pytest.raises(ParseError):
        alice.invite(PEER, headers=(("Expires", "soon"),))
    house.run(1)
    assert script.requests == []
    assert house.nothing_is_left()


def test_a_response_without_a_tag_is_progress_and_no_dialog() -> None:
    house, alice, script, _ = calling()
    script.respond(180, tag=None)
    house.run(0.2)
    assert alice.heard == ["180"]
    assert len(alice.core.context.dialogs) == 0


def test_a_provisional_response_that_cannot_be_read_is_passed_over() -> None:
    house, alice, script, _ = calling()
    script.respond(180, ("Record-Route", "<tel:+1>"))
    script.respond(200, body=sdp())
    house.run(0.3)
    assert alice.heard == ["180", "answered"]


def test_a_200_of_which_no_dialog_can_be_made_fails_the_call() -> None:
    house, alice, script, call = calling()
    script.respond(200, ("Record-Route", "<tel:+1>"), body=sdp())
    house.run(0.3)
    assert call.failure is not None
    assert call.failure.status == 502
    assert alice.heard == ["ended: FAILED"]


def test_the_description_follows_the_address_that_leads_to_the_next_server() -> None:
    house = House()
    house.network.name("far.example.com", ("192.0.2.9", 5060), ("192.0.2.10", 5060))
    alice = house.phone("alice")
    first, second = house.script(), house.script("192.0.2.10")
    alice.invite(parse_uri("sip:peer@far.example.com"))
    house.run(0.1)
    first.respond(503)
    house.run(0.2)
    # Nothing has changed, so neither has the offer nor its version.
    assert second.last("INVITE").body == first.last("INVITE").body
    assert second.last("INVITE").cseq_number == 1


# An INVITE that leaves the offer to the callee (13.2.1)


def asking() -> tuple[House, Phone, Script, ClientInvite]:
    """Alice, who calls a scripted peer without an offer."""
    house = House()
    alice = house.phone("alice")
    script = house.script()
    call = alice.invite(PEER, offer=False)
    house.run(0.1)
    assert script.last("INVITE").body == b""
    assert not script.last("INVITE").has("Content-Type")
    return house, alice, script, call


@pytest.mark.rfc("3261 13.2.1 #5", "3261 13.2.1 #9", "3261 13.2.1 #11", "3261 13.2.2.4 #8")
def test_the_offer_of_a_200_is_answered_in_its_ack() -> None:
    house, alice, script, call = asking()
    script.respond(180, body=sdp(port=9000))
    house.run(0.2)
    script.respond(200, body=sdp(codecs="8 3 0", port=5000))
    house.run(0.3)
    # What an unreliable response brings is no offer.
    assert alice.heard == ["180", "answered"]
    ack = script.last("ACK")
    assert ack.content_type == "application/sdp"
    assert b"m=audio 16384 RTP/AVP 8 0" in ack.body
    remote = alice.port.sessions[-1].streams[0].remote
    assert remote is not None
    assert remote.port == 5000
    script.respond(200, body=sdp(codecs="8 3 0", port=5000))
    house.run(0.4)
    assert script.last("ACK").body == ack.body
    assert script.methods() == ["INVITE", "ACK", "ACK"]
    assert call.answered


@pytest.mark.rfc("3261 13.2.2.4 #9", "3261 13.2.2.4 #11")
def test_an_offer_that_we_cannot_take_is_answered_and_ended() -> None:
    house, alice, script, call = asking()
    script.respond(200, body=sdp(codecs="3"))
    house.run(0.2)
    assert script.methods() == ["INVITE", "ACK", "BYE"]
    assert b"m=audio 0 RTP/AVP 3" in script.last("ACK").body
    assert alice.heard == ["ended: NO_MEDIA"]
    assert call.failure is not None
    assert call.failure.status == 488


@pytest.mark.parametrize("body", [b"", b"v=0\r\nno"])
def test_a_200_without_the_offer_that_it_owes_is_acknowledged_and_ended(body: bytes) -> None:
    house, alice, script, _ = asking()
    script.respond(200, body=body)
    house.run(0.2)
    assert script.methods() == ["INVITE", "ACK", "BYE"]
    assert alice.heard == ["ended: NO_MEDIA"]


@pytest.mark.rfc("3261 13.2.2.4 #8", "3261 13.2.2.4 #11")
def test_a_200_that_comes_too_late_has_its_offer_answered_too() -> None:
    house, alice, script, call = asking()
    script.respond(180)
    house.run(0.2)
    alice.do(call.hang_up)
    script.respond(200, body=sdp())
    house.run(0.3)
    assert script.methods() == ["INVITE", "ACK", "BYE"]
    assert b"m=audio 0 RTP/AVP 0" in script.last("ACK").body
    assert alice.heard == ["180", "ended: CANCELLED"]


@pytest.mark.rfc("3261 13.2.1 #5", "3262 5")
def test_the_offer_of_a_reliable_response_is_answered_in_its_prack() -> None:
    house, alice, script, _ = asking()
    script.respond(183, ("Require", "100rel"), ("RSeq", "10"), body=sdp(port=5000))
    house.run(0.2)
    assert b"m=audio 16384 RTP/AVP 0" in script.last("PRACK").body
    assert alice.heard == ["183+media"]
    script.respond(200, method="PRACK")
    script.respond(200, method="INVITE", body=sdp(port=6000))
    house.run(0.3)
    assert alice.heard == ["183+media", "answered"]
    assert script.last("ACK").body == b""
    remote = alice.port.sessions[-1].streams[0].remote
    assert remote is not None
    assert remote.port == 5000


def test_between_our_own_the_callee_makes_the_offer() -> None:
    house = House()
    alice, bob = house.phone("alice"), house.phone("bob")
    alice.invite(bob.uri, offer=False)
    house.run(0.1)
    bob.answer()
    house.run(0.2)
    assert alice.heard == bob.heard == ["answered"]
    assert alice.port.direction == bob.port.direction == "sendrecv"
    alice.do(alice.core.hang_up_all)
    house.run()
    assert house.nothing_is_left()


def test_other_events_of_time_are_the_calls_own() -> None:
    house, alice, script, call = calling(longest_call=50.0)
    script.respond(200, body=sdp())
    house.run(60)
    assert alice.heard == ["answered", "ended: TOO_LONG"]
    assert call.end is not None
    assert script.last("BYE").text("Reason") == 'SIP;cause=480;text="longest time for a call is over"'
