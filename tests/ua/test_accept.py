"""Being called: what the callee sends, and what becomes of its decisions."""

from __future__ import annotations

import pytest

from offhook.errors import InvalidState, ProtocolError
from offhook.sip.serializer import Draft, new_request
from offhook.sip.uri import parse_uri
from offhook.ua.accept import REFRESH
from tests.ua.household import OFFER, House, Phone, Script, sdp


def called(
    *headers: tuple[str, str], body: bytes = OFFER, method: str = "INVITE", **settings: float
) -> tuple[House, Phone, Script]:
    """Bob, called by a scripted peer."""
    house = House()
    bob = house.phone("bob", None, **settings)
    script = house.script()
    script.send(invite(*headers, body=body), bob)
    house.run(0.1)
    return house, bob, script


def invite(*headers: tuple[str, str], body: bytes = OFFER, uri: str = "sip:bob@192.0.2.1") -> Draft:
    draft = new_request("INVITE", uri)
    draft.add("Max-Forwards", "70").add("From", '"A. Peer" <sip:peer@example.com>;tag=theirs')
    draft.add("To", "<sip:bob@example.com>").add("Call-ID", "one").add("CSeq", "1 INVITE")
    draft.add("Contact", "<sip:peer@192.0.2.9:5060>")
    for name, value in headers:
        draft.add(name, value)
    return draft.body(body, "application/sdp") if body else draft


def in_dialog(script: Script, method: str, number: int, *headers: tuple[str, str], body: bytes = b"") -> Draft:
    """A request of the peer's in the dialog of its INVITE."""
    answer = script.responses[-1]
    draft = new_request(method, "sip:bob@192.0.2.1:5060").add("Max-Forwards", "70")
    draft.add("From", answer.text("From") or "").add("To", answer.text("To") or "").add("Call-ID", "one")
    draft.add("CSeq", f"{number} {method}")
    for name, value in headers:
        draft.add(name, value)
    return draft.body(body, "application/sdp") if body else draft


def statuses(script: Script) -> list[int]:
    return [response.status for response in script.responses]


def test_the_callee_says_who_calls_and_what_was_called() -> None:
    _, bob, _ = called()
    call = bob.got[0]
    assert str(call.caller) == '"A. Peer" <sip:peer@example.com>'
    assert str(call.request.uri) == "sip:bob@192.0.2.1"
    assert call.call_id == "one"


@pytest.mark.rfc(
    "3261 8.2.6.2 #9",
    "3261 12.1.1 #1",
    "3261 12.1.1 #2",
    "3261 12.1.1 #3",
    "3261 12.1.1 #4",
    "3261 13.1 #1",
    "3261 13.2.1 #6",
    "3261 13.3.1.1 #1",
    "3261 13.3.1.4 #1",
    "3261 13.3.1.4 #2",
)
def test_responses_that_make_a_dialog_bear_contact_and_record_route() -> None:
    routes = ["<sip:p3.example.com;lr;u=1>;x, <sip:p2.example.com;lr>", '<sip:p1.example.com;lr>;y="z, <a>"']
    house, bob, script = called(*[("Record-Route", value) for value in routes])
    bob.ring()
    bob.answer()
    house.run(0.2)
    ringing, answer = script.responses
    assert (ringing.status, answer.status) == (180, 200)
    for response in (ringing, answer):
        assert response.texts("Record-Route") == routes
        assert response.text("Contact") == "<sip:bob@192.0.2.1:5060>"
        assert response.to_tag == ringing.to_tag
        assert "INVITE" in response.tokens("Allow")
    # Supported has no place in a provisional response (20 table 3).
    assert (ringing.tokens("Supported"), answer.tokens("Supported")) == ([], ["100rel"])
    assert not ringing.body
    assert b"m=audio" in answer.body


@pytest.mark.rfc("3261 12.1.1 #16", "3261 12.2.1.1 #5")
def test_a_caller_of_rfc_2543_has_no_tag() -> None:
    house = House()
    bob = house.phone("bob")
    script = house.script()
    script.send(invite().set("From", "sip:peer@example.com"), bob)
    house.run(0.1)
    bob.answer()
    house.run(0.2)
    script.send_ack(in_dialog(script, "ACK", 1), bob)
    script.send(in_dialog(script, "OPTIONS", 2), bob)
    house.run(0.3)
    assert statuses(script) == [200, 200]
    bob.do(lambda now: bob.got[0].hang_up(now))
    house.run(0.4)
    bye = script.last("BYE")
    assert (bye.text("To"), bye.text("From")) == ("sip:peer@example.com", script.responses[0].text("To"))
    script.respond(200, method="BYE", tag=None, contact=False)
    house.run()
    assert house.nothing_is_left()


def test_100_comes_by_itself_and_nothing_else_does() -> None:
    house, _, script = called()
    house.run(3)
    assert statuses(script) == [100]
    assert script.responses[0].to_tag is None


@pytest.mark.rfc("3261 13.3.1.1 #2")
def test_a_provisional_response_is_sent_every_minute() -> None:
    house, bob, script = called(answer_time=400.0)
    bob.ring()
    house.run(3 * REFRESH + 1)
    assert statuses(script) == [180, 180, 180, 180]


@pytest.mark.rfc("3261 13.3.1.1 #2")
@pytest.mark.parametrize("more", [(), (("Require", "100rel"),)])
def test_who_decides_late_without_ringing_tells_of_progress_every_minute(more: tuple[tuple[str, str], ...]) -> None:
    house, bob, script = called(*more, answer_time=400.0, body=b"")
    house.run(REFRESH + 0.1)
    assert statuses(script)[:2] == [100, 183]
    first = script.responses[1]
    assert first.to_tag is not None
    assert first.has("RSeq") == bool(more)
    assert bool(first.body) == bool(more)
    if more:
        acknowledge(script, bob, 2, sdp())
    house.run(2 * REFRESH + 0.1)
    assert [answer.status for answer in script.responses if answer.cseq_method == "INVITE"] == [100, 183, 183]
    bob.answer()
    house.run(2 * REFRESH + 0.2)
    assert script.responses[-1].status == 200
    assert {answer.to_tag for answer in script.responses} == {None, first.to_tag}


@pytest.mark.rfc("3261 13.3.1.1 #1", "3261 13.3.1.1 #2")
def test_several_announcements_are_of_one_dialog_and_one_a_minute_is_enough() -> None:
    house, bob, script = called(answer_time=400.0)
    bob.ring()
    bob.ring()
    bob.ring(early_media=True)
    house.run(2 * REFRESH + 1)
    assert statuses(script) == [180, 180, 183, 183, 183]
    assert len({answer.to_tag for answer in script.responses}) == 1


def test_without_a_port_for_the_offer_that_progress_would_need_the_call_goes_on() -> None:
    house, bob, script = called(("Require", "100rel"), answer_time=400.0, body=b"")
    bob.port.closed = True
    house.run(REFRESH + 1)
    assert statuses(script) == [100]
    bob.port.closed = False
    house.run(2 * REFRESH + 1)
    assert 183 in statuses(script)


@pytest.mark.rfc("3261 21.4.18 #1")
def test_nobody_who_decides_in_time_is_480() -> None:
    house, bob, script = called(answer_time=20.0)
    bob.ring()
    house.run(30)
    assert statuses(script) == [180, 480]
    assert script.responses[-1].reason == "Nobody Answered"
    assert bob.heard == ["ended: NOT_ANSWERED"]
    house.run()
    assert house.nothing_is_left()


@pytest.mark.rfc("3261 13.3.1 #1")
@pytest.mark.parametrize("expires", ["0", "5"])
def test_an_invitation_expires_with_487(expires: str) -> None:
    house, bob, script = called(("Expires", expires))
    house.run(6)
    assert statuses(script)[-1] == 487
    assert bob.heard == ["ended: CANCELLED"]


def test_an_answered_invitation_does_not_expire() -> None:
    house, bob, script = called(("Expires", "2"))
    bob.answer()
    house.run(0.2)
    script.send_ack(in_dialog(script, "ACK", 1), bob)
    house.run(5)
    assert bob.heard == ["answered"]


@pytest.mark.rfc("3261 13.3.1.2 #1")
def test_a_redirection_names_its_contacts() -> None:
    house, bob, script = called()
    bob.refuse(302, contacts=(parse_uri("sip:carol@example.com"), parse_uri("tel:+1555")))
    house.run(1)
    assert statuses(script) == [302]
    assert script.responses[0].texts("Contact") == ["<sip:carol@example.com>", "<tel:+1555>"]


@pytest.mark.rfc("3261 13.3.1.3 #1", "3261 13.3.1.3 #2")
@pytest.mark.parametrize("status", [486, 600])
def test_who_takes_no_call_says_whether_others_may(status: int) -> None:
    house, bob, script = called()
    bob.refuse(status)
    house.run(1)
    assert statuses(script) == [status]
    assert bob.heard == ["ended: REFUSED"]


def test_no_decision_is_made_twice() -> None:
    house, bob, _ = called()
    bob.answer()
    for act in (bob.answer, bob.ring):
        with pytest.raises(InvalidState):
            act()
    with pytest.raises(InvalidState):
        bob.refuse(486)
    bob.do(lambda now: bob.got[0].hang_up(now))
    house.run()
    with pytest.raises(InvalidState):
        bob.answer()


@pytest.mark.rfc("3261 13.3.1.3 #3", "3261 13.3.1.3 #4")
def test_an_offer_without_a_common_codec_gets_488_with_a_warning() -> None:
    house, bob, script = called(body=sdp(codecs="3"))
    with pytest.raises(ProtocolError):
        bob.answer()
    bob.node.flush()
    house.run(1)
    assert statuses(script) == [488]
    assert (script.responses[0].text("Warning") or "").startswith('305 example.com "')
    assert bob.heard == ["ended: NO_MEDIA"]


@pytest.mark.rfc("3261 15 #2", "3261 15 #3")
@pytest.mark.parametrize("rings", [False, True])
def test_a_hang_up_before_the_answer_is_603(rings: bool) -> None:
    house, bob, script = called()
    if rings:
        bob.ring()
    bob.do(lambda now: bob.got[0].hang_up(now))
    house.run(1)
    assert statuses(script) == [180] * rings + [603]
    bob.do(lambda now: bob.got[0].hang_up(now))
    house.run()
    assert script.methods() == []
    assert house.nothing_is_left()


@pytest.mark.rfc("3261 15 #4")
def test_a_hang_up_before_the_ack_waits_for_it() -> None:
    house, bob, script = called()
    bob.answer()
    bob.do(lambda now: bob.got[0].hang_up(now))
    house.run(1)
    assert "BYE" not in script.methods()
    script.send_ack(in_dialog(script, "ACK", 1), bob)
    house.run(2)
    assert "BYE" in script.methods()
    script.respond(200, method="BYE")
    house.run()
    assert bob.heard == ["answered", "ended: HUNG_UP"]
    assert house.nothing_is_left()


@pytest.mark.rfc("3261 15 #4", "3261 13.3.1.4 #4")
def test_without_an_ack_the_bye_comes_after_64_t1() -> None:
    house, bob, script = called()
    bob.answer()
    house.run(40)
    assert statuses(script).count(200) == 11
    assert script.last("BYE").text("Reason") == 'SIP;cause=408;text="no ACK"'
    assert bob.heard == ["answered", "ended: NOT_ACKNOWLEDGED"]


@pytest.mark.rfc("3261 13.2.1 #5", "3261 13.2.1 #9", "3261 13.2.1 #11", "3261 13.3.1 #2", "3261 13.3.1.4 #3")
def test_without_an_offer_the_200_brings_ours_and_the_ack_the_answer() -> None:
    house, bob, script = called(body=b"")
    bob.answer()
    house.run(0.2)
    assert b"m=audio" in script.responses[-1].body
    assert bob.port.sessions == []
    script.send_ack(in_dialog(script, "ACK", 1, body=sdp(port=5000)), bob)
    house.run(0.3)
    remote = bob.port.sessions[-1].streams[0].remote
    assert remote is not None
    assert remote.port == 5000


@pytest.mark.parametrize("body", [b"", b"v=1\r\n", sdp() + b"m=audio 1 RTP/AVP 0\r\n"])
def test_an_ack_without_a_usable_answer_ends_the_call(body: bytes) -> None:
    house, bob, script = called(body=b"")
    bob.answer()
    house.run(0.2)
    script.send_ack(in_dialog(script, "ACK", 1, body=body), bob)
    house.run(0.3)
    assert bob.heard == ["answered", "ended: NO_MEDIA"]
    assert script.methods() == ["ACK", "BYE"] or script.methods() == ["BYE"]


@pytest.mark.rfc("3261 15.1.2 #4", "3261 15.1.2 #5", "3261 15.1.2 #6")
def test_a_bye_before_the_answer_gets_200_and_the_invite_487() -> None:
    house, bob, script = called()
    bob.ring()
    house.run(0.2)
    script.send(in_dialog(script, "BYE", 2, ("Reason", 'Q.850;cause=16;text="changed my mind"')), bob)
    house.run(1)
    assert sorted(statuses(script)) == [180, 200, 487]
    assert bob.heard == ["ended: PEER_HUNG_UP"]
    assert bob.got[0].end is not None
    assert bob.got[0].end.reason == "changed my mind"
    house.run()
    assert house.nothing_is_left()


@pytest.mark.rfc("3261 15.1.2 #6")
def test_a_bye_while_the_200_waits_for_a_prack_ends_the_invite_with_487() -> None:
    house, bob, script = called(ABLE)
    bob.ring(early_media=True)
    bob.answer()
    house.run(0.2)
    script.send(in_dialog(script, "BYE", 2), bob)
    house.run(1)
    assert sorted(statuses(script)[1:]) == [200, 487]
    house.run()
    assert (bob.heard, statuses(script).count(200)) == (["ended: PEER_HUNG_UP"], 1)


@pytest.mark.parametrize("broken", [("Contact", "<mailto:x@y>"), ("Record-Route", "<tel:+1>")])
def test_an_invite_that_makes_no_dialog_is_400(broken: tuple[str, str]) -> None:
    house = House()
    bob = house.phone("bob")
    script = house.script()
    draft = invite(broken)
    if broken[0] == "Contact":
        draft.set("Contact", broken[1])
    script.send(draft, bob)
    house.run()
    assert statuses(script) == [400]
    assert bob.got == []
    assert house.nothing_is_left()


@pytest.mark.parametrize(
    "broken",
    [("Expires", "soon"), ("Supported", "100rel;x"), ("Accept", "text"), ("Date", "today"), ("Subject", "\x01")],
)
def test_what_is_malformed_and_not_needed_is_ignored(broken: tuple[str, str]) -> None:
    """RFC 3261 8.2.2"""
    house, bob, script = called(broken)
    bob.refuse(486)
    house.run()
    assert statuses(script) == [486]


def test_an_offer_that_cannot_be_read_is_400() -> None:
    house, bob, script = called(body=b"v=0\r\nthis is no session")
    house.run()
    assert statuses(script) == [400]
    assert bob.got == []
    assert house.nothing_is_left()


# Reliable provisional responses (RFC 3262)

RELIABLE = ("Require", "100rel")
ABLE = ("Supported", "timer, 100rel")


def acknowledge(script: Script, bob: Phone, number: int, body: bytes = b"") -> None:
    answer = next(response for response in reversed(script.responses) if response.has("RSeq"))
    script.responses.append(answer)
    rack = f"{answer.number('RSeq')} 1 INVITE"
    draft = in_dialog(script, "PRACK", number, ("RAck", rack), body=body)
    script.responses.pop()
    script.send(draft, bob)


@pytest.mark.rfc("3261 8.2.4 #3", "3261 8.2.4 #4")
def test_who_requires_it_gets_a_reliable_180() -> None:
    house, bob, script = called(RELIABLE)
    bob.ring()
    house.run(2)
    assert statuses(script) == [180, 180, 180]
    assert {response.text("RSeq") for response in script.responses} == {script.responses[0].text("RSeq")}
    assert script.responses[0].tokens("Require") == ["100rel"]
    acknowledge(script, bob, 2)
    house.run(10)
    assert statuses(script) == [180, 180, 180, 200]
    bob.answer()
    house.run(10.2)
    assert b"m=audio" in script.responses[-1].body


def test_who_only_can_gets_an_ordinary_180_and_reliable_early_media() -> None:
    house, bob, script = called(ABLE)
    bob.ring()
    bob.ring(early_media=True)
    house.run(0.2)
    assert [response.has("RSeq") for response in script.responses] == [False, True]
    assert b"m=audio" in script.responses[1].body
    assert len(bob.port.sessions) == 1


@pytest.mark.rfc("3261 8.2.4 #1", "3261 8.2.4 #2", "3261 8.2.4 #5", "3261 13.2.1 #6")
def test_who_cannot_gets_early_media_as_a_preview_and_the_same_again() -> None:
    house, bob, script = called()
    bob.ring(early_media=True)
    bob.answer()
    house.run(0.2)
    preview, answer = script.responses
    assert (preview.status, answer.status) == (183, 200)
    assert not preview.has("RSeq")
    assert not preview.has("Require")
    assert preview.body == answer.body


@pytest.mark.rfc("3262 5", "3261 13.2.1 #10")
def test_the_200_waits_for_the_prack_of_an_answer() -> None:
    house, bob, script = called(ABLE)
    bob.ring(early_media=True)
    bob.answer()
    house.run(0.3)
    assert set(statuses(script)) == {183}
    with pytest.raises(InvalidState):
        bob.answer()
    acknowledge(script, bob, 2)
    house.run(0.4)
    assert statuses(script)[-2:] == [200, 200]
    # The answer went reliably: the 200 to the INVITE brings none (RFC 6337 3.1.1).
    assert [response.cseq_method for response in script.responses[-2:]] == ["PRACK", "INVITE"]
    assert script.responses[-1].body == b""
    assert bob.heard == ["answered"]


def test_a_hang_up_while_the_200_waits_refuses_the_call() -> None:
    house, bob, script = called(ABLE)
    bob.ring(early_media=True)
    bob.answer()
    bob.do(lambda now: bob.got[0].hang_up(now))
    house.run(0.3)
    assert statuses(script) == [183, 603]
    acknowledge(script, bob, 2)
    house.run()
    assert bob.heard == ["ended: REFUSED"]
    assert 200 not in [response.status for response in script.responses if response.cseq_method == "INVITE"]
    assert house.nothing_is_left()


def test_no_prack_is_504() -> None:
    house, bob, script = called(RELIABLE)
    bob.ring()
    house.run(40)
    assert statuses(script)[-1] == 504
    assert bob.heard == ["ended: LOST"]
    house.run()
    assert house.nothing_is_left()


@pytest.mark.rfc("3262 5", "3261 13.2.1 #10", "3261 13.3.1 #2")
def test_the_first_reliable_response_to_an_invite_without_offer_brings_ours() -> None:
    house, bob, script = called(RELIABLE, body=b"")
    bob.ring()
    house.run(0.2)
    assert b"m=audio" in script.responses[0].body
    acknowledge(script, bob, 2, body=sdp(port=5000))
    house.run(0.4)
    remote = bob.port.sessions[-1].streams[0].remote
    assert remote is not None
    assert remote.port == 5000
    bob.answer()
    house.run(0.5)
    assert script.responses[-1].status == 200
    assert script.responses[-1].body == b""


@pytest.mark.rfc("3262 5")
def test_an_offer_in_a_prack_is_answered_in_its_200() -> None:
    house, bob, script = called(ABLE)
    bob.ring(early_media=True)
    house.run(0.2)
    acknowledge(script, bob, 2, body=sdp(port=7000, version=2))
    house.run(0.3)
    assert b"m=audio" in script.responses[-1].body
    remote = bob.port.sessions[-1].streams[0].remote
    assert remote is not None
    assert remote.port == 7000


def test_a_prack_for_nothing_is_481() -> None:
    house, bob, script = called(ABLE)
    bob.ring()
    house.run(0.2)
    script.send(in_dialog(script, "PRACK", 2, ("RAck", "1 1 INVITE")), bob)
    house.run(0.3)
    assert statuses(script)[-1] == 481


def test_reliable_responses_extend_the_time_too() -> None:
    house, bob, script = called(RELIABLE, answer_time=400.0)
    bob.ring()
    house.run(0.2)
    acknowledge(script, bob, 2)
    house.run(REFRESH + 1)
    first = script.responses[0].number("RSeq")
    assert first is not None
    assert script.responses[-1].number("RSeq") == first + 1
