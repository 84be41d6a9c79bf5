"""Whole calls between user agents: RFC 3261 24.2 and RFC 3665 3, their races (RFC 5407), and a network that fails."""

from __future__ import annotations

import pytest

from offhook.clock import Moment
from offhook.dialog.invite import UsageState
from offhook.sip.headers.address import Contact
from offhook.sip.message import Request
from offhook.sip.parser import parse
from offhook.sip.serializer import reply
from offhook.sip.uri import parse_uri
from offhook.stack import ServerTransaction
from offhook.testing.network import Faults
from offhook.ua.invite import MOST_FORKS
from tests.ua.household import OFFER, Fork, House, sdp

GROUP = parse_uri("sip:group@192.0.2.8")


def established(house: House) -> None:
    """Alice calls Bob, and he answers."""
    alice, bob = house.phones
    alice.invite(bob.uri)
    house.run(house.now + 5)
    bob.ring()
    house.run(house.now + 1)
    bob.answer()
    house.run(house.now + 5)


def pair(seed: int = 1, faults: Faults | None = None, **settings: float) -> House:
    house = House(seed, faults)
    house.phone("alice", None, **settings)
    house.phone("bob", None, **settings)
    return house


@pytest.mark.rfc(
    "3665 3.1",
    "3261 15 #1",
    "3261 15.1.2 #3",
    "3261 15.1.2 #4",
    "3261 15.1.2 #5",
    "3261 13.1 #1",
    "3261 13.2.1 #6",
    "3261 13.2.1 #11",
    "3261 13.2.1 #12",
    "3261 13.2.1 #13",
)
def test_session_establishment_without_proxies() -> None:
    house = pair()
    established(house)
    alice, bob = house.phones
    assert house.log() == ["1>2 INVITE", "2>1 100 (INVITE)", "2>1 180 (INVITE)", "2>1 200 (INVITE)", "1>2 ACK"]
    bob.do(lambda now: bob.got[0].hang_up(now))
    house.run()
    assert house.log()[5:] == ["2>1 BYE", "1>2 200 (BYE)"]
    assert alice.heard == ["180", "answered", "ended: PEER_HUNG_UP"]
    assert bob.heard == ["answered", "ended: HUNG_UP"]
    assert alice.port.closed
    assert bob.port.closed
    assert house.nothing_is_left()


@pytest.mark.rfc("3261 7.4.1 #1", "3261 7.4.1 #3", "3261 20.2 #1", "3261 20.12 #3")
def test_every_body_says_its_type_and_no_encoding() -> None:
    house = pair()
    established(house)
    house.phones[1].do(lambda now: house.phones[1].got[0].hang_up(now))
    house.run()
    trace = house.network.trace
    assert trace is not None
    messages = [parse(data) for _, _, _, data in trace]
    assert sum(message.body != b"" for message in messages) == 2
    for message in messages:
        assert message.content_type == ("application/sdp" if message.body else None)
        assert not message.has("Content-Encoding")


@pytest.mark.rfc("3261 7.3.2 #1", "3261 20 #11")
def test_what_belongs_into_requests_alone_is_ignored_in_responses() -> None:
    house = House()
    alice = house.phone("alice", None)
    script = house.script()
    call = alice.invite(parse_uri("sip:peer@192.0.2.9"))
    house.run(0.1)
    odd = [
        ("Max-Forwards", "0"), ("Route", "<sip:198.51.100.1"), ("Proxy-Require", "magic"), ("Subject", "no"),
        ("Authorization", "nonsense"), ("Proxy-Authorization", "Digest"), ("In-Reply-To", "@@"), ("Priority", "?"),
    ]  # fmt: skip
    script.respond(180, *odd)
    house.run(0.2)
    script.respond(200, *odd, body=OFFER)
    house.run(0.3)
    assert alice.heard == ["180", "answered"]
    assert not script.last("ACK").has("Route")
    alice.do(call.hang_up)
    house.run(0.4)
    script.respond(200, *odd, method="BYE")
    house.run()
    assert house.nothing_is_left()


@pytest.mark.rfc("3261 8.1.1.8 #2", "3261 12.1.2 #1")
def test_a_caller_is_reached_by_its_contact_without_a_dialog_too() -> None:
    house = pair()
    established(house)
    alice, bob = house.phones
    [invite] = house.sent("INVITE")
    [contact] = invite.contacts
    assert isinstance(contact, Contact)
    bob.invite(contact.uri)
    house.run(house.now + 1)
    assert len(alice.got) == 1


@pytest.mark.rfc("3261 12.1.1 #6")
def test_a_callee_is_reached_by_its_contact_without_a_dialog_too() -> None:
    house = pair()
    carol = house.phone("carol")
    alice, bob, _ = house.phones
    alice.invite(bob.uri)
    house.run(0.1)
    bob.answer()
    house.run(0.2)
    session = alice.core.calls[0].session
    assert session is not None
    carol.invite(session.dialog.remote_target)
    house.run(0.3)
    assert [str(call.caller.uri) for call in bob.got] == ["sip:alice@example.com", "sip:carol@example.com"]


@pytest.mark.rfc("3261 12.1.1 #7", "3261 12.1.2 #3")
def test_a_dialog_lasts_as_long_as_its_call() -> None:
    house = pair()
    established(house)
    alice, bob = house.phones
    dialogs = [phone.core.context.dialogs.dialogs() for phone in house.phones]
    for phone in (bob, alice):
        house.run(house.now + 3600)
        start = len(house.log())
        phone.do(lambda now, call=phone.core.calls[0]: call.hold(True, lambda error, now: None, now))  # type: ignore[misc]
        house.run(house.now + 1)
        assert [line.partition(" ")[2] for line in house.log(start)] == ["INVITE", "200 (INVITE)", "ACK"]
    assert [phone.core.context.dialogs.dialogs() for phone in house.phones] == dialogs
    alice.do(alice.core.hang_up_all)
    house.run()
    assert house.nothing_is_left()


@pytest.mark.rfc("3261 8.1.1.3 #2", "3261 8.1.1.4 #1", "3261 8.1.1.4 #3", "3261 19.3 #1")
def test_a_dialog_keeps_its_call_id_and_every_call_has_its_own_tag_and_call_id() -> None:
    house = pair()
    for _ in range(2):
        established(house)
    alice = house.phones[0]
    alice.core.hang_up_all(house.network.clock.now())
    alice.node.flush()
    house.run()
    invites = house.sent("INVITE")
    assert len(house.sent("BYE")) == len({invite.call_id for invite in invites}) == 2
    assert len({invite.from_tag for invite in invites}) == 2
    for _, _, _, data in house.network.trace or []:
        message = parse(data)
        tags = {message.from_tag, message.to_tag}
        [call_id] = {invite.call_id for invite in invites if invite.from_tag in tags}
        assert message.call_id == call_id


@pytest.mark.rfc("3261 13.1 #1")
def test_the_caller_hangs_up() -> None:
    house = pair()
    established(house)
    alice, bob = house.phones
    alice.do(alice.core.calls[0].hang_up)
    house.run()
    assert house.log()[5:] == ["1>2 BYE", "2>1 200 (BYE)"]
    assert bob.heard == ["answered", "ended: PEER_HUNG_UP"]
    assert house.nothing_is_left()


def test_both_hang_up_at_once() -> None:
    house = pair()
    established(house)
    alice, bob = house.phones
    alice.do(alice.core.calls[0].hang_up)
    bob.do(lambda now: bob.got[0].hang_up(now))
    house.run()
    assert sorted(house.log()[5:]) == ["1>2 200 (BYE)", "1>2 BYE", "2>1 200 (BYE)", "2>1 BYE"]
    assert alice.heard[-1] == bob.heard[-1] == "ended: HUNG_UP"
    assert house.nothing_is_left()


@pytest.mark.rfc("3665 3.8", "3261 9.2 #2", "3261 9.2 #3", "3261 15 #2", "3261 13.1 #1")
def test_an_unanswered_call_is_cancelled() -> None:
    house = pair()
    alice, bob = house.phones
    call = alice.invite(bob.uri)
    house.run(0.1)
    bob.ring()
    house.run(1)
    alice.do(call.hang_up)
    house.run()
    assert house.log() == [
        "1>2 INVITE",
        "2>1 180 (INVITE)",
        "1>2 CANCEL",
        "2>1 200 (CANCEL)",
        "2>1 487 (INVITE)",
        "1>2 ACK",
    ]
    assert alice.heard == ["180", "ended: CANCELLED"]
    assert bob.heard == ["ended: CANCELLED"]
    messages = [parse(data) for _, _, to, data in house.network.trace or [] if to == alice.node.host]
    assert len({message.to_tag for message in messages}) == 1
    assert house.nothing_is_left()


@pytest.mark.rfc("3261 9.1 #8", "3261 9.1 #9")
def test_a_cancel_waits_for_the_first_provisional_response() -> None:
    house = pair()
    alice, bob = house.phones
    call = alice.invite(bob.uri)
    alice.do(call.hang_up)
    house.run()
    # 100 comes after 200 ms.
    assert house.log()[:3] == ["1>2 INVITE", "2>1 100 (INVITE)", "1>2 CANCEL"]
    assert bob.heard == ["ended: CANCELLED"]
    assert house.nothing_is_left()


@pytest.mark.rfc("3261 15 #2", "3261 13.2.2.4 #11")
def test_an_answer_that_crosses_the_cancel_is_acknowledged_and_ended() -> None:
    house = pair()
    alice, bob = house.phones
    call = alice.invite(bob.uri)
    house.run(0.1)
    bob.ring()
    house.run(1)
    alice.do(call.hang_up)
    bob.answer()
    house.run()
    log = house.log()
    assert log[2:] == [
        "1>2 CANCEL",
        "2>1 200 (INVITE)",
        "2>1 200 (CANCEL)",
        "1>2 ACK",
        "1>2 BYE",
        "2>1 200 (BYE)",
    ]
    assert alice.heard == ["180", "ended: CANCELLED"]
    assert bob.heard == ["answered", "ended: PEER_HUNG_UP"]
    assert house.sent("BYE")[0].text("Reason") == 'SIP;cause=487;text="the call was cancelled"'
    assert house.nothing_is_left()


@pytest.mark.rfc("3665 3.9", "3261 13.3.1.3 #1")
def test_busy_and_the_other_refusals() -> None:
    for status in (486, 603, 302):
        house = pair()
        alice, bob = house.phones
        call = alice.invite(bob.uri)
        house.run(0.1)
        bob.refuse(status)
        house.run()
        assert house.log() == ["1>2 INVITE", f"2>1 {status} (INVITE)", "1>2 ACK"]
        assert call.failure is not None
        assert call.failure.status == status
        assert alice.heard == ["ended: FAILED"]
        assert bob.heard == ["ended: REFUSED"]
        assert house.nothing_is_left()


@pytest.mark.rfc("3665 3.4")
def test_an_unreachable_peer_times_out() -> None:
    house = pair()
    alice, bob = house.phones
    bob.node.crash()
    call = alice.invite(bob.uri)
    house.run()
    assert house.now >= 32
    assert call.failure is not None
    assert call.failure.status == 408
    assert alice.left == (0, 0, 0, 0, 0)


@pytest.mark.rfc("3261 13.2.2.4 #10")
def test_a_lost_ack_is_made_up_for_by_the_next_200() -> None:
    house = pair()
    alice, bob = house.phones
    alice.invite(bob.uri)
    house.run(0.1)
    bob.answer()
    house.network.partition({"192.0.2.1"}, {"192.0.2.2"})
    house.run(0.4)
    assert alice.heard == bob.heard == ["answered"]
    assert "1>2 ACK" not in house.log()
    assert bob.got[0].session is not None
    assert bob.got[0].session.usage.state is UsageState.MORATORIUM
    house.network.heal()
    house.run(5)
    assert house.log().count("1>2 ACK") == 1
    assert house.log().count("2>1 200 (INVITE)") == 2
    states = [phone.core.calls[0].session.usage.state for phone in house.phones if phone.core.calls[0].session]
    assert states == [UsageState.ESTABLISHED] * 2
    alice.core.hang_up_all(house.network.clock.now())
    alice.node.flush()
    house.run()
    assert house.nothing_is_left()


@pytest.mark.rfc("3261 13.3.1.4 #4")
def test_without_any_ack_the_callee_says_bye() -> None:
    house = pair()
    alice, bob = house.phones
    alice.invite(bob.uri)
    house.run(0.1)
    alice.node.crash()
    bob.answer()
    house.run()
    assert bob.heard == ["answered", "ended: NOT_ACKNOWLEDGED"]
    assert bob.left == (0, 0, 0, 0, 0)
    assert 32 < house.now < 100


@pytest.mark.rfc("3261 15.1.1 #1", "3261 15.1.1 #2")
def test_a_bye_that_nobody_answers_ends_the_call_all_the_same() -> None:
    house = pair()
    established(house)
    alice, bob = house.phones
    bob.node.crash()
    alice.core.hang_up_all(house.network.clock.now())
    alice.node.flush()
    assert alice.heard[-1] == "ended: HUNG_UP"
    house.run()
    assert alice.left == (0, 0, 0, 0, 0)


def test_a_peer_that_vanished_is_found_out_by_the_longest_time_of_a_call() -> None:
    house = pair(longest_call=600.0)
    established(house)
    alice, bob = house.phones
    bob.node.crash()
    house.run()
    assert alice.heard[-1] == "ended: TOO_LONG"
    assert 600 < house.now < 700
    assert alice.left == (0, 0, 0, 0, 0)


def test_a_peer_that_vanished_while_it_rang_is_found_out_by_the_ring_time() -> None:
    house = pair(ring_time=60.0)
    alice, bob = house.phones
    call = alice.invite(bob.uri)
    house.run(0.1)
    bob.ring()
    house.run(1)
    bob.node.crash()
    house.run()
    assert alice.heard == ["180", "ended: NOT_ANSWERED"]
    assert call.failure is not None
    assert call.failure.status == 408
    assert alice.left == (0, 0, 0, 0, 0)


def forked(house: House, *phones: str) -> Fork:
    targets = [(phone.node.host, 5060) for phone in house.phones if phone.uri.serialize()[4:].split("@")[0] in phones]
    node = house.network.add("192.0.2.8", lambda stack: Fork(stack, targets))
    node.role.node = node
    return node.role


@pytest.mark.rfc("3261 13.2.2.4 #3", "3261 13.2.2.4 #4", "3261 13.2.2.4 #11")
def test_of_two_that_answer_the_first_counts_and_the_other_is_ended() -> None:
    house = pair()
    house.phone("carol")
    forked(house, "bob", "carol")
    alice, bob, carol = house.phones
    call = alice.invite(GROUP)
    house.run(0.1)
    bob.ring()
    carol.ring()
    house.run(0.2)
    assert len(alice.core.context.dialogs) == 2
    bob.answer()
    carol.answer()
    house.run(10)
    assert alice.heard == ["180", "180", "answered"]
    assert call.session is not None
    assert str(call.session.dialog.remote_target) == "sip:bob@192.0.2.2:5060"
    assert bob.heard == ["answered"]
    assert carol.heard == ["answered", "ended: PEER_HUNG_UP"]
    # The ACK and BYE go past the proxy, which records no route.
    assert "1>3 ACK" in house.log()
    assert "1>3 BYE" in house.log()
    # The media of the one that counts.
    assert call.session.exchange.session is alice.port.sessions[-1]
    assert alice.port.sessions[-1].remote.origin.address == "192.0.2.2"
    alice.do(call.hang_up)
    house.run()
    assert house.nothing_is_left()


def test_a_fork_of_which_one_answers_and_the_other_falls_silent_leaves_nothing() -> None:
    house = pair(answer_time=20.0)
    house.phone("carol", answer_time=20.0)
    forked(house, "bob", "carol")
    alice, bob, carol = house.phones
    call = alice.invite(GROUP)
    house.run(0.1)
    bob.ring()
    carol.ring()
    house.run(0.2)
    carol.answer()
    house.run(60)
    assert alice.heard == ["180", "180", "answered"]
    assert len(alice.core.context.dialogs) == 1
    alice.do(call.hang_up)
    house.run()
    assert house.nothing_is_left()


def test_a_cancelled_fork_cancels_both() -> None:
    house = pair()
    house.phone("carol")
    forked(house, "bob", "carol")
    alice, bob, carol = house.phones
    call = alice.invite(GROUP)
    house.run(0.1)
    bob.ring()
    carol.ring()
    house.run(0.2)
    alice.do(call.hang_up)
    house.run()
    assert bob.heard == carol.heard == ["ended: CANCELLED"]
    assert house.nothing_is_left()


def test_who_answers_with_ever_new_tags_takes_no_more_than_there_is_room_for() -> None:
    house = House()
    alice = house.phone("alice")
    script = house.script()

    def end_at_once(request: Request, transaction: ServerTransaction | None, now: Moment) -> None:
        if transaction is not None and request.method == "BYE":
            script.stack.respond(transaction, reply(request, 200, None, "peer").response(), now)

    script.on_request = end_at_once
    call = alice.invite(parse_uri("sip:bob@192.0.2.9"))
    house.run(0.1)
    for number in range(1000):
        script.respond(180, method="INVITE", tag=f"ringing{number}")
    house.run(0.5)
    assert len(alice.core.context.dialogs) == MOST_FORKS
    request, transaction = script.requests[0]
    assert transaction is not None
    node = script.node
    assert node is not None

    def answer_a_thousand_times(now: Moment) -> None:
        for number in range(1000):
            draft = reply(request, 200, None, f"answered{number}").add("Contact", "<sip:peer@192.0.2.9:5060>")
            script.stack.reply_stateless(draft.body(sdp(), "application/sdp").response(), request, transaction.flow)

    node.call(answer_a_thousand_times)
    house.run(1.0)
    assert call.answered
    tags = {request.to_tag for request, _ in script.requests if request.method == "ACK"}
    assert len(tags) == MOST_FORKS
    house.run(80.0)
    assert len(alice.core.context.dialogs) == 1
    alice.do(call.hang_up)
    house.run()
    assert house.nothing_is_left()


@pytest.mark.rfc("3261 8.2.2.2 #1", "3261 8.2.2.2 #2")
def test_one_that_is_reached_by_two_ways_answers_482_to_the_second() -> None:
    house = pair()
    fork = forked(house, "bob")
    fork.targets *= 2
    alice, bob = house.phones
    alice.invite(GROUP)
    house.run(1)
    assert len(bob.got) == 1
    assert house.log().count("2>8 482 (INVITE)") == 1
    bob.answer()
    house.run(2)
    assert alice.heard == ["answered"]


@pytest.mark.parametrize("seed", range(12))
def test_calls_over_a_bad_network_end_in_a_defined_state_and_leave_nothing(seed: int) -> None:
    faults = Faults(loss=0.2, duplication=0.1, delay=(0.01, 0.4))
    house = pair(seed, faults, longest_call=120.0, ring_time=30.0, answer_time=40.0)
    alice, bob = house.phones
    calls = []
    for number in range(8):
        calls.append(alice.invite(bob.uri))
        house.run(house.now + 3)
        for waiting in bob.got:
            if waiting.end is None and waiting.session is None and number % 4 != 3:
                bob.do(lambda now, call=waiting: call.ring(now))  # type: ignore[misc]
        house.run(house.now + 2)
        for waiting in bob.got:
            if waiting.end is None and waiting.session is None and number % 4 != 3:
                bob.do(lambda now, call=waiting: call.answer(now))  # type: ignore[misc]
        house.run(house.now + 2)
        if number % 2:
            alice.do(calls[-1].hang_up)
        else:
            for answered in bob.got[-1:]:
                if answered.session is not None:
                    bob.do(lambda now, call=answered: call.hang_up(now))  # type: ignore[misc]
    house.run()
    assert all(call.end is not None for call in calls)
    assert all(call.end is not None for call in bob.got)
    assert house.nothing_is_left()


def test_a_seeded_run_repeats_exactly() -> None:
    traces = []
    for _ in range(2):
        house = pair(7, Faults(loss=0.2, delay=(0.01, 0.4)))
        established(house)
        house.run(100)
        traces.append(house.network.trace)
    assert traces[0] == traces[1]
