"""Our re-INVITE: every state and event, then holds that meet all that can come in their way."""

from __future__ import annotations

import pytest

from offhook.clock import Moment
from offhook.errors import InvalidState, RequestFailed, SipError, TransactionTimeout, TransportFailed
from offhook.sip.serializer import new_response
from offhook.sip.uri import parse_uri
from offhook.stack import FAILED
from offhook.ua.invite import ClientInvite
from offhook.ua.modify import MAX_TRIES, PATIENCE, Modification, ModifyEvent, ModifyState
from tests.ua.household import House, Phone, Script, sdp
from tests.ua.test_accept import statuses
from tests.ua.test_reinvite import answered, reinvite

BLOCKED, CALLING, BACKING_OFF, DONE = ModifyState
PROCEED, SUCCESS, GLARE, FAILURE, GONE, TIMER, LATE, STOP = ModifyEvent
PEER = parse_uri("sip:peer@192.0.2.9")

OUTCOMES: dict[tuple[ModifyState, ModifyEvent], tuple[ModifyState, list[str]]] = {
    (BLOCKED, PROCEED): (CALLING, ["INVITE"]),
    (BLOCKED, STOP): (DONE, ["failed"]),
    # Nothing is in the way any more.
    (BLOCKED, TIMER): (CALLING, ["INVITE"]),
    (CALLING, SUCCESS): (DONE, ["done"]),
    (CALLING, GLARE): (BACKING_OFF, ["timer"]),
    (CALLING, FAILURE): (DONE, ["failed"]),
    (CALLING, GONE): (DONE, ["failed", "BYE"]),
    # The transaction of this bench has no 1xx yet, so the CANCEL waits.
    (CALLING, LATE): (CALLING, []),
    (CALLING, STOP): (DONE, ["failed"]),
    # Nothing is in the way of the next try.
    (BACKING_OFF, TIMER): (CALLING, ["INVITE"]),
    (BACKING_OFF, STOP): (DONE, ["failed"]),
    (DONE, SUCCESS): (DONE, []),
    (DONE, GLARE): (DONE, []),
    (DONE, FAILURE): (DONE, []),
    (DONE, GONE): (DONE, []),
}


class Hold:
    """Alice in a call with a scripted peer, and what her holds come to."""

    def __init__(self, password: str | None = None) -> None:
        self.house = House()
        self.alice: Phone = self.house.phone("alice", password)
        self.script: Script = self.house.script()
        self.call: ClientInvite = self.alice.invite(PEER)
        self.house.run(0.1)
        self.script.respond(200, body=sdp())
        self.run(0.1)
        self.results: list[SipError | None] = []

    def run(self, seconds: float) -> None:
        self.house.run(self.house.now + seconds)

    def hold(self, hold: bool = True) -> None:
        self.alice.do(lambda now: self.call.hold(hold, self.done, now))
        self.run(0.1)

    def done(self, error: SipError | None, now: Moment) -> None:
        self.results.append(error)

    def invites(self) -> int:
        return self.script.methods().count("INVITE")

    def answer(self, direction: str = "recvonly", version: int = 2) -> None:
        self.script.respond(200, method="INVITE", body=sdp(version=version, direction=direction))
        self.run(0.1)


@pytest.mark.parametrize("event", list(ModifyEvent))
@pytest.mark.parametrize("state", list(ModifyState))
@pytest.mark.rfc("3261 14.1 #2", "3261 14.1 #7")
def test_every_state_and_event(state: ModifyState, event: ModifyEvent) -> None:
    bench = Hold()
    bench.script.requests.clear()
    session = bench.call.session
    assert session is not None
    change = Modification(session, bench.done)
    change._wait = 5.0
    if state is CALLING:
        change.start(Moment(bench.house.now, 0.0))
        session.exchange.settle()
        bench.alice.node.stack.drain()
    machine = change.machine
    machine.state = state
    machine.row = machine.table[state]
    listed = machine.fire(event, new_response(200).response() if event is SUCCESS else None, Moment(0.0, 0.0))
    outcome = ["done" if error is None else "failed" for error in bench.results]
    if change._timer is not None:
        outcome.append("timer")
    bench.alice.node.flush()
    bench.run(0.01)
    outcome += [method for method in bench.script.methods() if method != "ACK"]
    expected = OUTCOMES.get((state, event))
    assert listed is (expected is not None)
    assert (machine.state, outcome) == (expected or (state, []))


@pytest.mark.rfc("3261 12.2.1.1 #19", "3261 12.2.1.1 #20", "3261 13.2.1 #13", "3261 14.1 #1")
def test_hold_and_resume() -> None:
    bench = Hold()
    bench.hold()
    offered = bench.script.last("INVITE")
    assert b"a=sendonly" in offered.body
    assert offered.cseq_number == 2
    assert offered.text("Contact") == "<sip:alice@192.0.2.1:5060>"
    bench.answer()
    assert bench.results == [None]
    assert bench.alice.port.direction == "sendonly"
    assert bench.script.last("ACK").cseq_number == 2
    bench.hold(False)
    assert b"a=sendrecv" in bench.script.last("INVITE").body
    bench.answer("sendrecv", 3)
    assert bench.results == [None, None]
    assert bench.alice.port.direction == "sendrecv"


@pytest.mark.rfc("3261 12.2.1.1 #19", "3261 12.2.1.1 #20")
def test_the_contact_stays_what_it_was_by_whatever_transport_we_send() -> None:
    house = House()
    alice = house.phone("alice")
    script = house.script()
    call = alice.invite(parse_uri("sip:peer@192.0.2.9;transport=tcp"))
    house.run(0.1)
    first = script.last("INVITE")
    script.respond(200, body=sdp())
    house.run(0.2)
    alice.do(lambda now: call.hold(True, lambda error, now: None, now))
    house.run(0.3)
    again = script.last("INVITE")
    assert (first.top_via.transport, again.top_via.transport) == ("TCP", "UDP")
    assert first.text("Contact") == again.text("Contact") == "<sip:alice@192.0.2.1:5060;transport=tcp>"


def move(phone: Phone, host: str) -> None:
    """Give a phone another address in mid-call."""
    node = phone.node
    del node.network.nodes[(node.host, node.port)]
    node.host = host
    node.network.nodes[(host, node.port)] = node


def test_the_media_go_along_to_another_address() -> None:
    """RFC 3665 3.7."""
    bench = Hold()
    move(bench.alice, "192.0.2.50")
    bench.hold()
    offered = bench.script.last("INVITE")
    assert b"c=IN IP4 192.0.2.50" in offered.body
    assert offered.text("Contact") == "<sip:alice@192.0.2.50:5060>"
    bench.answer()
    assert bench.results == [None]
    bench.hold(False)
    assert b"c=IN IP4 192.0.2.50" in bench.script.last("INVITE").body


def test_the_media_stay_where_the_peer_does_not_take_the_change() -> None:
    bench = Hold()
    session = bench.call.session
    assert session is not None
    move(bench.alice, "192.0.2.50")
    for status in (488, 491):
        bench.hold()
        bench.script.respond(status, method="INVITE")
        bench.run(0.1)
        assert session.hosts == ("192.0.2.1", "192.0.2.1")
    # After the glare it is offered again.
    bench.run(5.0)
    assert b"c=IN IP4 192.0.2.50" in bench.script.last("INVITE").body


def test_what_is_so_already_needs_no_request() -> None:
    bench = Hold()
    bench.hold(False)
    assert bench.results == [None]
    assert bench.invites() == 1


@pytest.mark.rfc("3261 14.1 #2", "3261 14.1 #3")
def test_one_change_at_a_time() -> None:
    bench = Hold()
    bench.hold()
    with pytest.raises(InvalidState):
        bench.hold(False)


def test_before_the_answer_and_after_the_end_there_is_nothing_to_hold() -> None:
    house = House()
    alice = house.phone("alice")
    house.script()
    call = alice.invite(PEER)
    with pytest.raises(InvalidState):
        call.hold(True, lambda error, now: None, Moment(0.0, 0.0))
    bench = Hold()
    bench.alice.do(bench.call.hang_up)
    with pytest.raises(InvalidState):
        bench.hold()


@pytest.mark.rfc("3261 14.1 #1", "3261 14.1 #5")
def test_a_refusal_leaves_the_session_as_it_was() -> None:
    bench = Hold()
    before = bench.alice.port.sessions[-1]
    bench.hold()
    bench.script.respond(488, method="INVITE")
    bench.run(0.1)
    assert isinstance(bench.results[0], RequestFailed)
    session = bench.call.session
    assert session is not None
    assert session.exchange.session is before
    assert not session.holding
    # A new try has a new version.
    bench.hold()
    assert b"o=- 16384 3" in bench.script.last("INVITE").body
    bench.answer()
    assert bench.results[1:] == [None]


@pytest.mark.rfc("3261 14.1 #6", "3261 14.1 #7")
def test_glare_is_tried_again_after_a_while() -> None:
    bench = Hold()
    bench.hold()
    bench.script.respond(491, method="INVITE")
    # The owner of the Call-ID waits for 2.1 to 4 seconds.
    bench.run(2.0)
    assert bench.invites() == 2
    bench.run(2.1)
    assert bench.invites() == 3
    bench.answer()
    assert bench.results == [None]


@pytest.mark.rfc("3261 14.1 #6")
def test_the_other_side_of_a_glare_waits_less() -> None:
    house = House()
    alice, bob = house.phone("alice"), house.phone("bob")
    alice.invite(bob.uri)
    house.run(0.1)
    bob.answer()
    house.run(0.2)
    done: list[SipError | None] = []
    start = len(house.log())
    alice.do(lambda now: alice.core.calls[0].hold(True, lambda error, now: done.append(error), now))
    bob.do(lambda now: bob.core.calls[0].hold(True, lambda error, now: done.append(error), now))
    house.run(10)
    assert done == [None, None]
    log = house.log(start)
    assert sorted(log[2:4]) == ["1>2 491 (INVITE)", "2>1 491 (INVITE)"]
    # Bob does not own the Call-ID and comes first.
    assert [line for line in log[4:] if line.endswith(" INVITE")] == ["2>1 INVITE", "1>2 INVITE"]
    assert alice.port.direction == bob.port.direction == "inactive"


def test_500_with_retry_after_is_tried_again() -> None:
    bench = Hold()
    bench.hold()
    bench.script.respond(500, ("Retry-After", "3"), method="INVITE")
    bench.run(2.9)
    assert bench.invites() == 2
    bench.run(0.3)
    assert bench.invites() == 3


@pytest.mark.parametrize("header", [("X", "y"), ("Retry-After", "soon")])
def test_another_500_is_a_refusal(header: tuple[str, str]) -> None:
    bench = Hold()
    bench.hold()
    bench.script.respond(500, header, method="INVITE")
    bench.run(0.1)
    assert isinstance(bench.results[0], RequestFailed)


def test_endless_glare_ends() -> None:
    bench = Hold()
    bench.hold()
    for _ in range(20):
        if not bench.results:
            bench.script.respond(491, method="INVITE")
            bench.run(4.2)
    assert bench.invites() == 1 + MAX_TRIES
    assert isinstance(bench.results[0], RequestFailed)


@pytest.mark.rfc("3261 12.2.1.2 #2")
@pytest.mark.parametrize("status", [481, 408])
def test_a_dialog_that_the_peer_has_lost_is_ended(status: int) -> None:
    bench = Hold()
    bench.hold()
    bench.script.respond(status, method="INVITE")
    bench.run(0.1)
    assert isinstance(bench.results[0], RequestFailed)
    assert "BYE" in bench.script.methods()
    assert bench.alice.heard[-1] == "ended: LOST"


@pytest.mark.rfc("3261 12.2.1.2 #3")
def test_a_peer_that_does_not_answer_is_lost() -> None:
    bench = Hold()
    assert bench.script.node is not None
    bench.script.node.crash()
    bench.hold()
    bench.run(33)
    assert isinstance(bench.results[0], TransactionTimeout)
    assert bench.alice.heard[-1] == "ended: LOST"
    bench.house.run()
    assert bench.house.nothing_is_left()


def test_a_peer_that_cannot_be_reached_for_once_is_not_lost() -> None:
    """A fatal transport error is a 503 (8.1.3.1), which leaves the session unchanged (14.1)."""
    bench = Hold()
    assert bench.script.node is not None
    bench.alice.do(lambda now: bench.call.hold(True, bench.done, now))
    flow = bench.alice.node.stack.flow_to(bench.alice.node.target_to("192.0.2.9", 5060))
    bench.alice.do(lambda now: bench.alice.node.stack.flow_changed(flow, FAILED, "unreachable", now))
    assert isinstance(bench.results[0], TransportFailed)
    bench.run(1)
    assert bench.call.answered
    assert bench.alice.port.direction == "sendrecv"
    bench.hold()
    bench.script.respond(200, body=sdp(direction="recvonly"), method="INVITE")
    bench.run(1)
    assert bench.results[1:] == [None]


def test_a_peer_that_never_decides_is_asked_no_longer() -> None:
    bench = Hold()
    bench.hold()
    bench.run(PATIENCE + 1)
    assert len(bench.script.cancelled) == 1
    bench.script.respond(487, method="INVITE")
    bench.run(0.1)
    assert isinstance(bench.results[0], RequestFailed)
    assert bench.call.answered


def test_one_that_vanishes_after_its_100_is_lost() -> None:
    bench = Hold()
    bench.hold()
    bench.run(1)
    assert bench.script.node is not None
    bench.script.node.crash()
    bench.house.run()
    assert bench.results[0] is not None
    assert bench.alice.heard[-1] == "ended: LOST"
    assert bench.house.nothing_is_left()


def test_a_hang_up_meanwhile_ends_the_change_and_the_late_200_gets_its_ack() -> None:
    bench = Hold()
    bench.hold()
    bench.alice.do(bench.call.hang_up)
    bench.run(0.1)
    assert isinstance(bench.results[0], InvalidState)
    acks = bench.script.methods().count("ACK")
    bench.answer()
    bench.answer()
    assert bench.script.methods().count("ACK") == acks + 2
    bench.script.respond(200, method="BYE", contact=False)
    bench.house.run()
    assert bench.house.nothing_is_left()


@pytest.mark.rfc("3261 9.1 #2")
def test_a_hang_up_cancels_a_re_invite_that_nobody_answers_any_more() -> None:
    bench = Hold()
    bench.hold()
    bench.script.respond(100, method="INVITE")
    bench.run(0.1)
    bench.alice.do(bench.call.hang_up)
    bench.run(0.1)
    assert bench.script.methods()[-1] == "BYE"
    [cancel] = bench.script.cancelled
    again = bench.script.last("INVITE")
    assert cancel.text("CSeq") == "2 CANCEL"
    assert (cancel.request_uri, cancel.to_tag) == (again.request_uri, "peer")
    for name in ("To", "From", "Call-ID"):
        assert cancel.text(name) == again.text(name)
    bench.script.respond(200, method="BYE")
    bench.house.run()
    assert bench.alice.left == (0, 0, 0, 0, 0)


@pytest.mark.rfc("3261 14.1 #7")
def test_a_hang_up_while_backing_off_leaves_no_timer() -> None:
    bench = Hold()
    bench.hold()
    bench.script.respond(491, method="INVITE")
    bench.run(0.1)
    bench.alice.do(bench.call.hang_up)
    bench.run(0.1)
    bench.script.respond(200, method="BYE", contact=False)
    bench.house.run()
    assert bench.house.nothing_is_left()
    assert bench.invites() == 2


@pytest.mark.parametrize("body", [b"", b"v=0\r\nno", sdp() + b"m=video 1 RTP/AVP 31\r\n"])
def test_a_200_without_a_usable_answer_ends_the_call(body: bytes) -> None:
    bench = Hold()
    bench.hold()
    bench.script.respond(200, method="INVITE", body=body)
    bench.run(0.1)
    assert bench.results[0] is not None
    assert bench.script.methods()[-2:] == ["ACK", "BYE"]
    assert bench.alice.heard[-1] == "ended: NO_MEDIA"


@pytest.mark.rfc("3261 14.1 #2", "3261 14.1 #4")
def test_it_waits_for_the_ack_to_a_200_of_ours() -> None:
    house = House()
    alice, bob = house.phone("alice"), house.phone("bob")
    alice.invite(bob.uri)
    house.run(0.1)
    bob.answer()
    done: list[SipError | None] = []
    bob.do(lambda now: bob.core.calls[0].hold(True, lambda error, now: done.append(error), now))
    house.run(1)
    assert done == [None]
    log = house.log()
    assert log.index("1>2 ACK") < log.index("2>1 INVITE")


@pytest.mark.rfc("3261 14.1 #2", "3261 14.1 #4")
@pytest.mark.parametrize("hang_up", [False, True])
def test_it_waits_for_the_ack_to_a_refusal_of_ours(hang_up: bool) -> None:
    house, bob, script = answered()
    script.send(reinvite(script, 2, sdp(codecs="3", version=2)), bob)
    house.run(house.now + 0.0015)
    house.network.partition({bob.node.host}, {"192.0.2.9"})
    bob.do(lambda now: bob.got[0].hold(True, lambda error, now: None, now))
    house.run(house.now + 1.2)
    clients = [bob.left[2]]
    house.network.heal()
    if hang_up:
        bob.do(lambda now: bob.got[0].hang_up(now))
    house.run(house.now + 2.5)
    assert clients == [0]
    assert statuses(script)[-1] == 488
    assert [request.method for request, _ in script.requests] == ["BYE" if hang_up else "INVITE"]
    script.respond(200, method="BYE" if hang_up else "INVITE", contact=not hang_up, body=b"" if hang_up else sdp())
    house.run(house.now + 60)
    assert bob.left[2:4] == (0, 0)
    assert bob.left[4] == (0 if hang_up else 1)  # the longest time for a call


def test_a_challenge_is_answered_with_the_same_offer() -> None:
    bench = Hold("secret")
    bench.hold()
    first = bench.script.last("INVITE")
    bench.script.respond(
        401, ("WWW-Authenticate", 'Digest realm="example.com", nonce="n", qop="auth"'), method="INVITE"
    )
    bench.run(0.1)
    second = bench.script.last("INVITE")
    assert second.has("Authorization")
    assert second.body == first.body
    assert second.cseq_number == first.cseq_number + 1
    bench.answer()
    assert bench.results == [None]


def test_a_reliable_response_to_a_re_invite_gets_its_prack() -> None:
    bench = Hold()
    bench.hold()
    reliable = (("Require", "100rel"), ("RSeq", "5"))
    bench.script.respond(183, *reliable, method="INVITE", body=sdp(version=2, direction="recvonly"))
    bench.run(0.1)
    assert bench.script.last("PRACK").text("RAck") == "5 2 INVITE"
    assert bench.alice.port.direction == "sendonly"
    bench.script.respond(200, method="PRACK")
    bench.script.respond(200, method="INVITE")
    bench.run(0.1)
    assert bench.results == [None]


@pytest.mark.rfc("3261 12.2.1.2 #3")
def test_a_prack_that_finds_nobody_ends_the_call() -> None:
    bench = Hold()
    bench.hold()
    bench.script.respond(183, ("Require", "100rel"), ("RSeq", "5"), method="INVITE")
    bench.run(0.1)
    assert bench.script.last("PRACK").text("RAck") == "5 2 INVITE"
    bench.run(33)
    assert bench.results[0] is not None
    assert bench.alice.heard[-1] == "ended: LOST"
    assert "BYE" in bench.script.methods()


def test_a_broken_provisional_response_does_no_harm() -> None:
    bench = Hold()
    bench.hold()
    bench.script.respond(183, ("Require", "100rel"), ("RSeq", "many"), method="INVITE")
    bench.answer()
    assert bench.results == [None]


@pytest.mark.rfc("3261 12.2.1.2 #1")
def test_the_target_moves_with_the_200() -> None:
    bench = Hold()
    bench.hold()
    bench.script.respond(
        200, ("Contact", "<sip:moved@192.0.2.9:5060>"), method="INVITE", body=sdp(version=2), contact=False
    )
    bench.run(0.1)
    assert bench.script.last("ACK").request_uri == "sip:moved@192.0.2.9:5060"
