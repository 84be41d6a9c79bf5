"""One session: what its dialog, usage and exchanges come to."""

from __future__ import annotations

import pytest

from offhook.clock import Moment
from offhook.dialog.dialog import DialogState
from offhook.dialog.invite import UsageState
from offhook.flow import Target
from offhook.ua.events import CallEnd, EndCause
from offhook.ua.invite_session import InviteSession, media_hosts
from tests.ua.household import House, Script, sdp
from tests.ua.test_in_dialog import in_call
from tests.ua.test_invite import PEER

NOW = Moment(0.0, 0.0)
LOST = CallEnd(EndCause.LOST)


def session_of(house: House) -> InviteSession:
    session = house.phones[0].core.calls[0].session
    assert session is not None
    return session


@pytest.mark.parametrize(
    ("local", "sent_by", "hosts"),
    [
        ("192.0.2.1", "192.0.2.1:5060", ("192.0.2.1", "192.0.2.1")),
        ("10.0.0.1", "198.51.100.1:5060", ("10.0.0.1", "198.51.100.1")),
        ("2001:db8::1", "[2001:db8::1]:5060", ("2001:db8::1", "2001:db8::1")),
        # Media cannot be described by a name that we would have to resolve.
        ("10.0.0.1", "phone.example.com:5060", ("10.0.0.1", "10.0.0.1")),
    ],
)
def test_where_media_are_bound_and_what_is_shown(local: str, sent_by: str, hosts: tuple[str, str]) -> None:
    assert media_hosts(Target("UDP", "192.0.2.9", 5060, "x", (local, 0), sent_by)) == hosts


@pytest.mark.rfc("3261 12.2.1.1 #20", "3261 12.2.1.1 #21")
@pytest.mark.parametrize("scheme", ["sip", "sips"])
def test_our_contact_changes_with_our_address_alone(scheme: str) -> None:
    house, _ = in_call()
    session = session_of(house)
    first = session._contact = f"<{scheme}:alice@192.0.2.1:5060>"
    for transport in ("UDP", "TCP", "TLS"):
        assert session.contact(Target(transport, "192.0.2.9", 5060, "x", ("192.0.2.1", 0), "192.0.2.1:5060")) == first
    moved = Target("UDP", "192.0.2.9", 5060, "x", ("192.0.2.77", 0), "192.0.2.77:5060")
    assert session.contact(moved) == f"<{scheme}:alice@192.0.2.77:5060>" == session._contact


def test_a_session_ends_once_and_keeps_its_first_reason() -> None:
    house, _ = in_call()
    session = session_of(house)
    assert session.hang_up(NOW, LOST)
    assert not session.hang_up(NOW, CallEnd(EndCause.HUNG_UP))
    assert session.end is LOST
    assert session.usage.state is UsageState.MORTAL


def test_over_it_leaves_the_table() -> None:
    house, script = in_call()
    alice = house.phones[0]
    session = session_of(house)
    assert alice.core.context.dialogs.dialogs() == [session.dialog]
    alice.do(alice.core.calls[0].hang_up)
    house.run(0.4)
    script.respond(200, method="BYE", contact=False)
    house.run()
    assert len(alice.core.context.dialogs) == 0
    assert session.dialog.state is DialogState.TERMINATED
    assert session.dialog.usages == []


def test_an_early_session_cannot_be_hung_up() -> None:
    house = House()
    alice = house.phone("alice")
    script = house.script()
    alice.invite(PEER)
    house.run(0.1)
    script.respond(180)
    house.run(0.2)
    session = alice.core.context.dialogs.dialogs()[0].usages[0]
    assert isinstance(session, InviteSession)
    assert not session.hang_up(NOW, LOST)
    assert session.end is None


def test_a_lost_dialog_is_ended_with_a_bye_to_be_sure() -> None:
    house, script = in_call()
    alice = house.phones[0]
    alice.do(session_of(house).lose)
    house.run(0.4)
    assert "BYE" in script.methods()
    assert alice.heard[-1] == "ended: LOST"


def answered_slowly() -> tuple[House, Script]:
    """Alice, whose ACK has to wait for DNS."""
    house = House()
    alice = house.phone("alice")
    script = house.script()
    alice.invite(PEER)
    house.run(0.1)
    # The name is not known yet, and the look-up takes as long as the test likes.
    alice.node.stack._resolve_now = lambda query: None
    house.network.resolve = lambda node, query: []  # type: ignore[method-assign]
    script.respond(200, ("Contact", "<sip:peer@slow.example.com>"), body=sdp(), contact=False)
    return house, script


def test_a_hang_up_before_the_ack_can_be_sent_follows_it() -> None:
    house, _ = answered_slowly()
    alice = house.phones[0]
    house.run(0.2)
    # No way to the peer was found: the ACK cannot go, nor can the BYE, and the call ends all the same.
    alice.do(alice.core.hang_up_all)
    house.run()
    assert alice.heard == ["answered", "ended: HUNG_UP"]
    assert alice.left[:4] == (0, 0, 0, 0)


def test_a_bye_without_a_reason_that_can_be_read_is_a_bye() -> None:
    house = House()
    alice, bob = house.phone("alice"), house.phone("bob")
    alice.invite(bob.uri)
    house.run(0.1)
    bob.answer()
    house.run(0.2)
    session = session_of(house)
    draft = session.dialog.draft("BYE", session.dialog.next_cseq()).add("Reason", '"broken')
    target = alice.node.target_to("192.0.2.2", 5060)
    alice.do(lambda now: (alice.node.stack.send(draft, target, now), None)[1])
    house.run(0.3)
    assert bob.heard == ["answered", "ended: PEER_HUNG_UP"]
    assert bob.got[0].end is not None
    assert bob.got[0].end.reason is None
