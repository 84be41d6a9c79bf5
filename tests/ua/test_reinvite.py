"""A re-INVITE of the peer's: hold, glare, haste, and what is refused (RFC 3261 14.2)."""

from __future__ import annotations

import pytest

from offhook.sip.serializer import Draft, new_request
from offhook.sip.uri import parse_uri
from tests.ua.household import House, Phone, Script, sdp
from tests.ua.test_accept import called, in_dialog, invite, statuses

CONTACT = ("Contact", "<sip:moved@192.0.2.9:5060>")


def answered(acknowledge: bool = True, body: bytes = sdp()) -> tuple[House, Phone, Script]:
    """Bob in a call with a scripted caller."""
    house, bob, script = called(body=body)
    bob.answer()
    house.run(0.2)
    if acknowledge:
        script.send_ack(in_dialog(script, "ACK", 1), bob)
        house.run(0.3)
    return house, bob, script


def reinvite(script: Script, number: int = 2, body: bytes = b"", *headers: tuple[str, str]) -> Draft:
    return in_dialog(script, "INVITE", number, CONTACT, *headers, body=body)


@pytest.mark.rfc("3264 8.4 #1", "3264 8.4 #3", "3261 14.2 #5")
def test_a_hold_of_the_peers_works_in_both_styles() -> None:
    house, bob, script = answered()
    script.send(reinvite(script, 2, sdp(version=2, direction="sendonly")), bob)
    house.run(0.4)
    assert b"a=recvonly" in script.responses[-1].body
    assert script.responses[-1].text("Contact") == "<sip:bob@192.0.2.1:5060>"
    script.send_ack(in_dialog(script, "ACK", 2), bob)
    house.run(0.5)
    script.send(reinvite(script, 3, sdp(version=3)), bob)
    house.run(0.6)
    script.send_ack(in_dialog(script, "ACK", 3), bob)
    house.run(0.7)
    # RFC 2543's style (RFC 3264 8.4).
    script.send(reinvite(script, 4, sdp(host="0.0.0.0", version=4)), bob)
    house.run(0.8)
    script.send_ack(in_dialog(script, "ACK", 4), bob)
    house.run(0.9)
    assert bob.heard == ["answered", "held", "resumed", "held"]
    assert bob.got[0].held


@pytest.mark.rfc("3261 12.1.1 #5", "3261 12.2.1.1 #20", "3261 12.2.1.1 #21")
@pytest.mark.parametrize("secured", ["Request-URI", "Record-Route", "Contact", "nothing"])
def test_our_contact_is_a_sips_uri_all_the_time_where_it_was_one_at_first(secured: str) -> None:
    house = House()
    bob = house.phone("bob")
    script = house.script()
    draft = invite(uri="sips:bob@192.0.2.1" if secured == "Request-URI" else "sip:bob@192.0.2.1")
    if secured == "Record-Route":
        draft.add("Record-Route", "<sips:192.0.2.9;lr>")
    scheme = "sips" if secured == "Contact" else "sip"
    draft.set("Contact", f"<{scheme}:peer@192.0.2.9:5060>")
    node = script.node
    assert node is not None
    target = node.target_to("192.0.2.1", 5060, "TLS" if secured == "Request-URI" else "UDP")
    node.call(lambda now: (script.stack.send(draft, target, now), None)[1])
    house.run(0.1)
    bob.ring()
    bob.answer()
    house.run(0.2)
    script.send_ack(in_dialog(script, "ACK", 1), bob)
    script.send(in_dialog(script, "UPDATE", 2, ("Contact", f"<{scheme}:peer@192.0.2.9:5060>")), bob)
    house.run(0.3)
    script.send(reinvite(script, 3, sdp(version=2)), bob)
    house.run(0.4)
    script.send_ack(in_dialog(script, "ACK", 3), bob)
    bob.do(lambda now: bob.got[0].hold(True, lambda error, now: None, now))
    house.run(0.5)
    assert statuses(script) == [180, 200, 200, 200]
    assert script.last("INVITE").top_via.transport == ("TLS" if secured in ("Request-URI", "Record-Route") else "UDP")
    contacts = {answer.text("Contact") for answer in script.responses} | {script.last("INVITE").text("Contact")}
    assert contacts == {"<sip:bob@192.0.2.1:5060>" if secured == "nothing" else "<sips:bob@192.0.2.1:5060>"}


@pytest.mark.rfc("3261 8.2 #1", "3261 8.2 #2", "3261 12.2.2 #6")
def test_the_target_moves_with_an_accepted_re_invite_alone() -> None:
    house, bob, script = answered()
    script.send(reinvite(script, 2, sdp(codecs="3", version=2)), bob)
    house.run(0.4)
    session = bob.got[0].session
    assert session is not None
    assert str(session.dialog.remote_target) == "sip:peer@192.0.2.9:5060"
    script.send(reinvite(script, 3, sdp(version=2)), bob)
    house.run(0.5)
    assert str(session.dialog.remote_target) == "sip:moved@192.0.2.9:5060"


@pytest.mark.rfc("3261 8.2 #2")
@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_one_with_a_broken_contact_is_400_and_changes_nothing(method: str) -> None:
    house, bob, script = answered()
    call = bob.got[0]
    assert call.session is not None
    before = call.session.exchange.session
    script.send(in_dialog(script, method, 2, ("Contact", "<sip:moved@"), body=sdp(version=2, port=7000)), bob)
    house.run(0.4)
    assert statuses(script)[-1] == 400
    assert call.session.exchange.session is before
    assert call.session.exchange.stable
    assert str(call.session.dialog.remote_target) == "sip:peer@192.0.2.9:5060"


@pytest.mark.rfc("3261 8.2 #2", "3261 14.2 #6")
def test_an_offer_that_we_cannot_take_gets_488_and_changes_nothing() -> None:
    house, bob, script = answered()
    before = bob.port.sessions[-1]
    script.send(reinvite(script, 2, sdp(codecs="3", version=2)), bob)
    house.run(0.4)
    assert statuses(script)[-1] == 488
    assert script.responses[-1].has("Warning")
    assert bob.port.sessions[-1] is before
    assert bob.got[0].answered


def test_without_an_offer_we_make_one_and_the_ack_answers() -> None:
    house, bob, script = answered()
    script.send(reinvite(script), bob)
    house.run(0.4)
    assert b"m=audio" in script.responses[-1].body
    script.send_ack(in_dialog(script, "ACK", 2, body=sdp(port=5000, version=2)), bob)
    house.run(0.5)
    remote = bob.port.sessions[-1].streams[0].remote
    assert remote is not None
    assert remote.port == 5000


@pytest.mark.rfc("3261 14.2 #8", "3261 14.2 #9", "3261 14.2 #10")
def test_the_offer_that_is_asked_for_has_all_that_we_can_in_the_place_of_what_runs() -> None:
    house, bob, script = answered()
    first = script.responses[-1].body
    assert b"m=audio 16384 RTP/AVP 0\r\n" in first
    script.send(reinvite(script), bob)
    house.run(0.4)
    offer = script.responses[-1].body
    assert offer.count(b"m=") == 1
    assert b"m=audio 16384 RTP/AVP 0 8 101\r\n" in offer
    assert offer.splitlines()[1] == first.splitlines()[1].replace(b" 1 IN", b" 2 IN")


@pytest.mark.rfc("3261 14.2 #4", "3261 14.2 #5")
@pytest.mark.parametrize("version", [1, 2])
def test_only_a_description_that_has_changed_changes_the_session(version: int) -> None:
    house, bob, script = answered()
    first = script.responses[-1].body
    script.send(reinvite(script, 2, sdp()), bob)
    house.run(0.4)
    script.send_ack(in_dialog(script, "ACK", 2), bob)
    house.run(0.5)
    assert script.responses[-1].body == first
    before, after = bob.port.sessions[-2:]
    assert before.streams == after.streams
    # Some change what they say and forget the version.
    script.send(reinvite(script, 3, sdp(port=5000, version=version)), bob)
    house.run(0.6)
    remote = bob.port.sessions[-1].streams[0].remote
    assert remote is not None
    assert remote.port == 5000


def test_an_ack_without_the_answer_that_it_owes_ends_the_call() -> None:
    house, bob, script = answered()
    script.send(reinvite(script), bob)
    house.run(0.4)
    script.send_ack(in_dialog(script, "ACK", 2), bob)
    house.run(0.5)
    assert bob.heard[-1] == "ended: NO_MEDIA"


@pytest.mark.rfc("3261 14.2 #3")
def test_our_own_re_invite_in_progress_is_glare() -> None:
    house, bob, script = answered()
    bob.do(lambda now: bob.got[0].hold(True, lambda error, now: None, now))
    script.send(reinvite(script, 2, sdp(version=2)), bob)
    house.run(0.4)
    assert statuses(script)[-1] == 491


@pytest.mark.rfc("5407 3.1.4")
def test_a_lost_ack_does_not_stand_in_the_way() -> None:
    house, bob, script = answered(acknowledge=False)
    script.send(reinvite(script, 2, sdp(version=2)), bob)
    house.run(0.4)
    assert script.responses[-1].cseq_number == 2
    assert script.responses[-1].status == 200
    script.send_ack(in_dialog(script, "ACK", 2), bob)
    house.run(40)
    assert bob.heard == ["answered"]


@pytest.mark.parametrize("number", [1, 2])
def test_a_reinvite_that_overtakes_the_ack_is_none(number: int) -> None:
    """The callee sends no BYE before it has an ACK (RFC 3261 15), that of the call or one behind it."""
    house, bob, script = answered(acknowledge=False)
    script.send(reinvite(script, 2, sdp(version=2)), bob)
    house.run(0.4)
    bob.do(lambda now: bob.got[0].hang_up(now))
    house.run(0.6)
    assert "BYE" not in script.methods()
    script.send_ack(in_dialog(script, "ACK", number), bob)
    house.run(0.7)
    assert script.methods()[-1] == "BYE"


@pytest.mark.rfc("5407 3.1.5")
def test_an_offer_of_ours_that_waits_for_the_ack_is_glare() -> None:
    house, bob, script = answered(acknowledge=False, body=b"")
    script.send(reinvite(script, 2, sdp(version=2)), bob)
    house.run(0.4)
    assert statuses(script)[-1] == 491
    assert bob.got[0].answered


@pytest.mark.rfc("3261 14.2 #1", "3261 14.2 #2")
def test_a_second_invite_before_the_first_is_answered_is_500() -> None:
    house, bob, script = called()
    bob.ring()
    house.run(0.2)
    script.send(reinvite(script, 2, sdp(version=2)), bob)
    house.run(0.3)
    assert statuses(script)[-1] == 500
    after = script.responses[-1].text("Retry-After")
    assert after is not None
    assert 0 <= int(after) <= 10


@pytest.mark.rfc("3261 14.2 #3")
def test_an_invite_in_the_early_dialog_of_ours_is_491() -> None:
    house = House()
    alice = house.phone("alice")
    script = house.script()
    alice.invite(parse_uri("sip:peer@192.0.2.9"))
    house.run(0.1)
    script.respond(180)
    house.run(0.2)
    invite = script.last("INVITE")
    draft = new_request("INVITE", "sip:alice@192.0.2.1").add("Max-Forwards", "70")
    draft.add("From", "<sip:peer@192.0.2.9>;tag=peer").add("To", invite.text("From") or "")
    draft.add("Call-ID", invite.call_id).add("CSeq", "1 INVITE").add(*CONTACT)
    script.send(draft, alice)
    house.run(0.3)
    assert statuses(script) == [491]


def test_after_our_hang_up_it_is_481() -> None:
    house, bob, script = answered(acknowledge=False)
    bob.do(lambda now: bob.got[0].hang_up(now))
    script.send(reinvite(script, 2, sdp(version=2)), bob)
    house.run(0.4)
    assert statuses(script)[-1] == 481


@pytest.mark.rfc("3261 14.2 #7")
def test_without_an_ack_the_call_is_ended() -> None:
    house, bob, script = answered()
    script.send(reinvite(script, 2, sdp(version=2)), bob)
    house.run(40)
    assert bob.heard[-1] == "ended: NOT_ACKNOWLEDGED"
    assert "BYE" in script.methods()


@pytest.mark.rfc("3261 12.2.2 #3")
def test_out_of_order_is_500() -> None:
    house, bob, script = answered()
    script.send(reinvite(script, 0, sdp(version=2)), bob)
    house.run(0.4)
    assert statuses(script)[-1] == 500


def test_while_we_hold_the_answer_holds_on() -> None:
    house, bob, script = answered()
    bob.do(lambda now: bob.got[0].hold(True, lambda error, now: None, now))
    house.run(0.4)
    script.respond(200, method="INVITE", body=sdp(version=2, direction="recvonly"))
    house.run(0.5)
    script.send(reinvite(script, 2, sdp(version=3)), bob)
    house.run(0.6)
    assert b"a=sendonly" in script.responses[-1].body


def test_a_broken_offer_is_400() -> None:
    house, bob, script = answered()
    script.send(reinvite(script, 2, b"v=0\r\nno"), bob)
    house.run(0.4)
    assert statuses(script)[-1] == 400
    assert bob.got[0].answered
