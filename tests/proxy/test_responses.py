"""Response selection: RFC 3261 16.7 steps 6 and 7."""

from __future__ import annotations

import pytest

from offhook.proxy.context import Branch, ResponseContext
from offhook.proxy.record_route import NO_ROUTE
from offhook.proxy.responses import best_branch, final_response
from offhook.proxy.target_uri import TargetUri
from offhook.sip.message import Response
from offhook.sip.serializer import Draft, reply
from offhook.transaction.server_invite import InviteServerTransaction
from tests.proxy.requests import request
from tests.transaction.machines import FLOWS, Rig, received

OURS = "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-0-1"


def answered(*statuses: int, method: str = "INVITE") -> ResponseContext:
    """A context whose branches have these answers, each received."""
    arrived = request(method)
    flow = FLOWS["UDP"]
    server = InviteServerTransaction(Rig().table, (b"z9hG4bKone", "h", 5060, "INVITE"), arrived, flow, flow)
    context = ResponseContext(arrived, server, flow, NO_ROUTE, "0")
    forwarded = Draft.of(arrived).prepend("Via", OURS).request()
    for status in statuses:
        branch = Branch(context, TargetUri("sip:bob@h"), 1)
        branch.status = status
        branch.response = received(reply(forwarded, status, None, f"t{len(context.branches)}").response(), Response)
        context.branches.append(branch)
    return context


@pytest.mark.rfc("3261 16.7 step 6", "3261 16.7 #24", "3261 16.7 #25", "3261 16.7 #26")
@pytest.mark.parametrize(
    ("statuses", "best"),
    [
        ([404], 404),
        ([404, 600], 600),
        ([603, 600], 600),
        ([500, 404, 302], 302),
        ([404, 302, 301], 302),
        ([503, 407, 501, 404], 407),
        ([404, 401], 401),
        ([404, 415], 415),
        ([404, 420], 420),
        ([404, 484], 484),
        ([408, 404], 404),
        ([408, 503], 408),
        ([503, 500], 500),
        ([486, 404], 486),
    ],
)
def test_the_best_answer(statuses: list[int], best: int) -> None:
    branch = best_branch(answered(*statuses))
    assert branch is not None
    assert branch.status == best


@pytest.mark.rfc("4320 4.2 #2")
@pytest.mark.parametrize(("statuses", "best"), [([408, 503], 503), ([408, 404], 404), ([408], 408), ([408, 600], 600)])
def test_a_408_that_would_not_be_sent_hides_no_other_answer(statuses: list[int], best: int) -> None:
    branch = best_branch(answered(*statuses, method="MESSAGE"))
    assert branch is not None
    assert branch.status == best


def test_no_answer_is_none() -> None:
    assert best_branch(answered()) is None
    pending = answered(404)
    pending.branches[0].status = 0
    assert best_branch(pending) is None


@pytest.mark.rfc("3261 16.7 step 6", "3261 16.7 #28", "3261 16.7 #32")
@pytest.mark.parametrize(("status", "sent", "tag"), [(486, 486, "t0"), (600, 600, "t0"), (503, 500, "ours")])
def test_the_answer_is_the_received_one_but_for_503(status: int, sent: int, tag: str) -> None:
    context = answered(status)
    response = final_response(context, context.branches[0], "ours")
    assert (response.status, response.to_tag) == (sent, tag)
    assert [via.branch for via in response.vias] == ["z9hG4bKone"]


def test_a_branch_without_an_answer_gets_one_of_ours() -> None:
    context = answered(404)
    context.branches[0].status = 408
    context.branches[0].response = None
    response = final_response(context, context.branches[0], "ours")
    assert (response.status, response.to_tag, response.call_id) == (408, "ours", "call")


@pytest.mark.rfc("3261 16.7 step 7", "8760 2.5 #1", "3261 16.7 #34", "3261 16.7 #29", "3261 22.3 #10")
def test_a_challenge_bears_the_challenges_of_all() -> None:
    context = answered(401, 407, 404)
    for branch, name in zip(
        context.branches, ("WWW-Authenticate", "Proxy-Authenticate", "Proxy-Authenticate"), strict=True
    ):
        assert branch.response is not None
        challenge = f'Digest realm="{branch.status}", nonce="n"'
        branch.response = Draft.of(branch.response).add(name, challenge).response()
    response = final_response(context, context.branches[0], "ours")
    assert (response.status, len(response.texts("WWW-Authenticate"))) == (401, 1)
    assert response.texts("Proxy-Authenticate") == ['Digest realm="407", nonce="n"']


@pytest.mark.rfc("8760 2.5 #1", "8760 2.5 #2")
def test_the_challenges_of_one_hop_keep_their_order() -> None:
    """The most preferred algorithm stands at the top (RFC 8760 2.3), whichever branch is chosen."""
    context = answered(401, 401)
    for branch, realm in zip(context.branches, ("one", "two"), strict=True):
        assert branch.response is not None
        draft = Draft.of(branch.response)
        for algorithm in ("SHA-512-256", "SHA-256", "MD5"):
            draft.add("WWW-Authenticate", f'Digest realm="{realm}", nonce="n", algorithm={algorithm}')
        branch.response = draft.response()
    for chosen in context.branches:
        values = final_response(context, chosen, "ours").texts("WWW-Authenticate")
        assert len(values) == 6
        for realm in ("one", "two"):
            algorithms = [value.rpartition("=")[2] for value in values if f'realm="{realm}"' in value]
            assert algorithms == ["SHA-512-256", "SHA-256", "MD5"]
