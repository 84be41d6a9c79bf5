"""What a call is from either side."""

from __future__ import annotations

import pytest

from offhook.clock import Moment
from offhook.ua.events import EndCause
from offhook.ua.invite_call import InviteCall
from tests.ua.household import House, sdp
from tests.ua.test_in_dialog import in_call
from tests.ua.test_invite import PEER

NOW = Moment(0.0, 0.0)


def test_the_longest_time_begins_with_the_answer_and_ends_with_the_call() -> None:
    house = House()
    alice, bob = house.phone("alice", None, longest_call=100.0), house.phone("bob")
    call = alice.invite(bob.uri)
    house.run(50)
    bob.answer()
    house.run(149)
    assert call.answered
    house.run(151)
    assert call.end is not None
    assert call.end.cause is EndCause.TOO_LONG
    house.run()
    assert house.nothing_is_left()


def test_given_up_it_is_over_for_its_user_whatever_the_peer_says() -> None:
    house, _ = in_call()
    alice = house.phones[0]
    call = alice.core.calls[0]
    call.give_up(NOW)
    call.give_up(NOW)
    assert alice.heard == ["answered", "ended: HUNG_UP"]
    assert alice.port.closed


def test_parting_lasts_until_the_peer_has_answered_the_bye() -> None:
    house, script = in_call()
    alice = house.phones[0]
    call = alice.core.calls[0]
    parting = [call.parting]
    settled: list[float] = []
    alice.core.context.on_settled = lambda: settled.append(house.now)
    alice.do(call.hang_up)
    house.run(0.4)
    parting.append(call.parting)
    script.respond(200, method="BYE", contact=False)
    house.run(0.5)
    parting.append(call.parting)
    assert parting == [True, True, False]
    assert len(settled) == 1
    house.run()
    assert call not in alice.core.calls
    assert len(settled) == 2


def test_media_of_a_session_that_does_not_count_are_not_applied() -> None:
    house = House()
    alice = house.phone("alice")
    script = house.script()
    call = alice.invite(PEER)
    house.run(0.1)
    script.respond(183, tag="one", body=sdp(port=5000))
    script.respond(183, tag="two", body=sdp(port=6000))
    house.run(0.2)
    assert len(alice.port.sessions) == 2
    script.respond(200, tag="one")
    script.respond(200, tag="two", body=sdp(port=6000))
    house.run(0.3)
    remote = alice.port.sessions[-1].streams[0].remote
    assert remote is not None
    assert remote.port == 5000
    assert call.session is not None
    assert call.session.dialog.remote_tag == "one"


def test_each_side_says_for_itself_how_it_hangs_up() -> None:
    house = House()
    alice = house.phone("alice")
    bare = InviteCall(alice.core.context, alice.media.port(), alice.hear)
    with pytest.raises(NotImplementedError):
        bare.hang_up(NOW)
    bare.on_timer("something else", NOW)
    with pytest.raises(NotImplementedError):
        bare.give_up(NOW)
