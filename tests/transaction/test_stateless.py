"""Branches of requests that are forwarded without state: RFC 3261 16.11."""

from __future__ import annotations

import pytest

from offhook.flow import Flow
from offhook.sip.message import Request, Response
from offhook.sip.parser import parse
from offhook.sip.serializer import Draft, reply
from offhook.transaction.stateless import StatelessBranches
from tests.transaction.machines import FLOWS, received, request

UDP = FLOWS["UDP"]
TCP = FLOWS["TCP"]
OURS = StatelessBranches(b"secret")
HERE = ("192.0.2.1", 5060)
OLD = "SIP/2.0/UDP 192.0.2.2:5060"


def forwarded(original: Request, branch: str) -> Request:
    return received(Draft.of(original).prepend("Via", f"SIP/2.0/UDP 192.0.2.1:5060;branch={branch}").request(), Request)


def answered(original: Request, branch: str) -> Response:
    return received(reply(forwarded(original, branch), 200, None, "b").response(), Response)


@pytest.mark.rfc("3261 16.11", "3261 16.11 #9", "3261 16.11 #10")
@pytest.mark.parametrize("via", ["SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKone", OLD])
def test_what_belongs_together_gets_the_same_branch(via: str) -> None:
    """A retransmission, the CANCEL, the ACK with its To tag; in every worker, over any connection of datagrams."""
    branches = {
        StatelessBranches(b"secret").branch(request(method, Via=via, To=to), UDP, *HERE)
        for method in ("INVITE", "CANCEL", "ACK")
        for to in ("<sip:bob@192.0.2.2>", "<sip:bob@192.0.2.2>;tag=b")
    }
    assert len(branches) == 1
    assert branches.pop().startswith("z9hG4bK")


@pytest.mark.parametrize(
    "headers",
    [
        {"Via": "SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKtwo"},
        {"Via": "SIP/2.0/UDP 192.0.2.3:5060;branch=z9hG4bKone"},
        {"Via": OLD},
        {"Via": OLD, "Call-ID": "another"},
        {"Via": OLD, "CSeq": "8 INVITE"},
        {"Via": OLD, "From": "<sip:alice@192.0.2.1>;tag=another"},
    ],
)
def test_different_transactions_get_different_branches(headers: dict[str, str]) -> None:
    others = [request("INVITE", Via=OLD), request("INVITE")]
    assert OURS.branch(request("INVITE", **headers), UDP, *HERE) not in [
        OURS.branch(other, UDP, *HERE)
        for other in others
        if other.serialize() != request("INVITE", **headers).serialize()
    ]


def test_the_key_decides() -> None:
    assert StatelessBranches(b"other").branch(request("INVITE"), UDP, *HERE) != OURS.branch(
        request("INVITE"), UDP, *HERE
    )


@pytest.mark.parametrize("flow", [UDP, TCP])
def test_a_response_shows_that_the_request_went_through_here(flow: Flow) -> None:
    original = request("INVITE")
    verified = OURS.verify(answered(original, OURS.branch(original, flow, *HERE)))
    assert verified is not None
    way, onwards = verified
    assert way == flow.way
    assert [via.branch for via in onwards.vias] == ["z9hG4bKone"]


def test_a_way_tells_streams_and_sockets_apart() -> None:
    assert TCP.way == "7"
    here = UDP.way
    assert here[0] == "d"
    assert Flow("UDP", UDP.listener, UDP.local, ("198.51.100.7", 1)).way == here
    assert Flow("UDP", UDP.listener, ("192.0.2.5", 5060), UDP.remote).way != here
    assert Flow("UDP", "udp:other", UDP.local, UDP.remote).way != here


@pytest.mark.parametrize(
    "forge",
    [
        lambda branch: branch[:-1] + ("0" if branch[-1] != "0" else "1"),
        lambda branch: branch.replace("-s-d", "-s-e"),
        lambda branch: branch.replace("-s-", "-t-"),
        lambda branch: "z9hG4bK-s-",
        lambda branch: "z9hG4bK-s-d0-",
        lambda branch: f"z9hG4bK-s-{'9' * 40}-{branch.rpartition('-')[2]}",
        lambda branch: f"z9hG4bK-s-~-{branch.rpartition('-')[2]}",
        lambda branch: "z9hG4bKone",
    ],
)
def test_what_we_did_not_write_proves_nothing(forge: object) -> None:
    original = request("INVITE")
    assert callable(forge)
    assert OURS.verify(answered(original, forge(OURS.branch(original, UDP, *HERE)))) is None


def test_a_branch_of_ours_over_another_via_proves_nothing() -> None:
    branch = OURS.branch(request("INVITE"), UDP, *HERE)
    assert OURS.verify(answered(request("INVITE", Via="SIP/2.0/UDP 203.0.113.9;branch=z9hG4bKone"), branch)) is None


@pytest.mark.rfc("3261 18.1.2 #1", "3261 16.11 #15", "3261 16.11 #19")
@pytest.mark.parametrize(
    ("sent_by", "ours"),
    [("192.0.2.1:5060", True), ("192.0.2.1", True), ("192.0.2.1:5070", False), ("192.0.2.9:5060", False)],
)
def test_a_branch_of_ours_beside_another_sent_by_proves_nothing(sent_by: str, ours: bool) -> None:
    response = answered(request("INVITE"), OURS.branch(request("INVITE"), UDP, *HERE))
    data = response.serialize().replace(b"192.0.2.1:5060;branch", f"{sent_by};branch".encode(), 1)
    changed = parse(data)
    assert isinstance(changed, Response)
    assert (OURS.verify(changed) is not None) is ours


@pytest.mark.parametrize("below", ["", "nonsense"])
def test_a_response_with_nothing_readable_below_our_via_goes_nowhere(below: str) -> None:
    original = request("INVITE")
    response = answered(original, OURS.branch(original, UDP, *HERE))
    draft = Draft.of(response).set("Via", response.texts("Via")[0])
    if below:
        draft = Draft.of(draft.response()).set("Via", f"{response.texts('Via')[0]}, {below}")
    assert OURS.verify(received(draft.response(), Response)) is None


def test_the_tag_of_a_stateless_answer_stays_the_same() -> None:
    """And says nothing about the way back."""
    assert OURS.tag(request("INVITE")) == StatelessBranches(b"secret").tag(request("INVITE"))
    assert OURS.tag(request("INVITE")) not in OURS.branch(request("INVITE"), UDP, *HERE)
