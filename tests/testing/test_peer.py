"""The scripted peer."""

from __future__ import annotations

from offhook.clock import Moment
from offhook.sip.message import Request
from offhook.testing.network import VirtualNetwork, VirtualNode
from offhook.testing.peer import ScriptedPeer
from offhook.transaction.machine import Transaction

Peer = VirtualNode[ScriptedPeer]


def household(*script: tuple[float, int]) -> tuple[VirtualNetwork, Peer, Peer]:
    network = VirtualNetwork(trace=True)

    def answer(request: Request) -> list[tuple[float, int]]:
        return list(script)

    alice = network.add("192.0.2.1", lambda stack: ScriptedPeer(stack, "sip:alice@192.0.2.1", None, "a"))
    bob = network.add("192.0.2.2", lambda stack: ScriptedPeer(stack, "sip:bob@192.0.2.2", answer, "b"))
    return network, alice, bob


def send(alice: Peer, method: str = "INVITE") -> Transaction:
    sent: list[Transaction] = []

    def act(now: Moment) -> None:
        draft = alice.role.request(method, "sip:bob@192.0.2.2").add("Record-Route", "<sip:192.0.2.9;lr>")
        sent.append(alice.role.send(draft, alice.target_to("192.0.2.2", 5060), now))

    alice.call(act)
    return sent[0]


def test_it_answers_by_its_script() -> None:
    network, alice, bob = household((0.1, 180), (2.0, 200))
    send(alice)
    network.run(3.0)
    assert alice.role.statuses() == [180, 200]
    answer = alice.role.responses[-1]
    assert (answer.to_tag, answer.text("Contact"), answer.text("Record-Route")) == (
        "b",
        "<sip:bob@192.0.2.2>",
        "<sip:192.0.2.9;lr>",
    )
    assert [request.method for request in bob.role.requests] == ["INVITE"]


def test_without_a_script_it_says_200() -> None:
    network, alice, bob = household()
    bob.role.script = ScriptedPeer(bob.stack, "sip:x@192.0.2.2").script
    send(alice, "MESSAGE")
    network.run()
    assert alice.role.statuses() == [200]
    assert alice.role.ended == ["MESSAGE terminated"]


def test_its_own_fields_go_with_every_answer() -> None:
    network, alice, bob = household((0.0, 486))
    bob.role.extra.append(("Retry-After", "5"))
    send(alice)
    network.run()
    assert alice.role.responses[0].text("Retry-After") == "5"
    assert not alice.role.responses[0].has("Contact")


def test_a_cancelled_invite_gets_487_and_no_late_answer() -> None:
    network, alice, bob = household((0.1, 180), (5.0, 200))
    invite = send(alice)
    network.run(1.0)
    alice.call(lambda now: alice.role.stack.cancel(invite, now))
    network.run()
    assert alice.role.statuses() == [180, 487]
    assert len(bob.role.cancelled) == 1


def test_a_draft_has_what_every_request_needs() -> None:
    _, alice, _ = household()
    request = (
        alice.role.request("BYE", "sip:bob@192.0.2.2", "c9", 7, "b").add("Via", "SIP/2.0/UDP h;branch=z").request()
    )
    assert (request.method, request.call_id, request.cseq_number, request.from_tag, request.to_tag) == (
        "BYE",
        "c9",
        7,
        "a",
        "b",
    )
    assert request.max_forwards == 70
