"""The scripted peer: it answers as told and remembers what it saw."""

from __future__ import annotations

from offhook.clock import Moment
from offhook.sip.message import Request
from offhook.stack import FAILED, Stack
from offhook.testing.network import VirtualNetwork, VirtualNode
from offhook.testing.peer import ScriptedPeer
from offhook.transaction.machine import Transaction

ALICE, BOB = "192.0.2.1", "192.0.2.2"


class Pair:
    """Alice, and Bob who answers by a script."""

    def __init__(self, *script: tuple[float, int]) -> None:
        self.network = VirtualNetwork(trace=True)

        def answer(request: Request) -> list[tuple[float, int]]:
            return list(script)

        def bob(stack: Stack) -> ScriptedPeer:
            return ScriptedPeer(stack, f"sip:bob@{BOB}", answer, "b")

        self.alice: VirtualNode[ScriptedPeer] = self.network.add(
            ALICE, lambda stack: ScriptedPeer(stack, f"sip:alice@{ALICE}", None, "a")
        )
        self.bob: VirtualNode[ScriptedPeer] = self.network.add(BOB, bob)

    def send(self, method: str = "INVITE") -> Transaction:
        sent: list[Transaction] = []

        def act(now: Moment) -> None:
            peer = self.alice.role
            sent.append(peer.send(peer.request(method, f"sip:bob@{BOB}"), self.alice.target_to(BOB, 5060), now))

        self.alice.call(act)
        return sent[0]


def test_it_answers_at_the_times_of_its_script() -> None:
    pair = Pair((0.1, 180), (2.0, 486))
    pair.send()
    pair.network.run(1.0)
    assert pair.alice.role.statuses() == [180]
    pair.network.run()
    assert pair.alice.role.statuses() == [180, 486]
    assert (pair.alice.role.ended, pair.bob.role.ended) == (["INVITE terminated"], ["INVITE terminated"])


def test_without_a_script_it_says_200() -> None:
    pair = Pair()
    pair.bob.role.script = ScriptedPeer(pair.bob.stack, "sip:x@y").script
    pair.send("OPTIONS")
    pair.network.run()
    assert pair.alice.role.statuses() == [200]


def test_its_answers_bear_what_a_dialog_needs() -> None:
    pair = Pair((0.0, 200))
    pair.bob.role.extra.append(("X-Extra", "yes"))

    def act(now: Moment) -> None:
        draft = pair.alice.role.request("INVITE", f"sip:bob@{BOB}").add("Record-Route", "<sip:192.0.2.77;lr>")
        pair.alice.role.send(draft, pair.alice.target_to(BOB, 5060), now)

    pair.alice.call(act)
    pair.network.run(1.0)
    answer = pair.alice.role.responses[-1]
    assert (answer.to_tag, answer.texts("Contact"), answer.texts("X-Extra")) == ("b", [f"<sip:bob@{BOB}>"], ["yes"])
    assert answer.texts("Record-Route") == ["<sip:192.0.2.77;lr>"]


def test_a_cancelled_invite_gets_487_and_nothing_else() -> None:
    pair = Pair((0.1, 180), (2.0, 200))
    invite = pair.send()
    pair.network.run(1.0)
    pair.alice.call(lambda now: pair.alice.role.stack.cancel(invite, now))
    pair.network.run()
    assert pair.alice.role.statuses() == [180, 487]
    assert [request.method for request in pair.bob.role.cancelled] == ["CANCEL"]


def test_an_ack_is_remembered_and_not_answered() -> None:
    pair = Pair((0.0, 200))
    pair.send()
    pair.network.run(0.5)

    def act(now: Moment) -> None:
        draft = pair.alice.role.request("ACK", f"sip:bob@{BOB}", to_tag="b")
        pair.alice.role.stack.send_ack(draft, pair.alice.target_to(BOB, 5060))

    pair.alice.call(act)
    pair.network.run(1.0)
    assert [request.method for request in pair.bob.role.requests] == ["INVITE", "ACK"]


def test_a_request_has_all_that_it_needs() -> None:
    pair = Pair()
    request = pair.alice.role.request("BYE", "sip:bob@h", "call", 7, "b").request()
    assert (request.method, request.call_id, request.cseq_number, request.from_tag, request.to_tag) == (
        "BYE",
        "call",
        7,
        "a",
        "b",
    )
    assert request.max_forwards == 70


def test_it_hears_of_flows_that_end() -> None:
    pair = Pair()
    transaction = pair.send("OPTIONS")
    pair.alice.call(lambda now: pair.alice.stack.flow_changed(transaction.flow, FAILED, "unreachable", now))
    assert pair.alice.role.closed == ["unreachable"]
    assert pair.alice.role.ended == ["OPTIONS transport"]
