"""What a transaction lets go of once its user is done with a 2xx, and what it still has to do."""

from __future__ import annotations

import pytest

from offhook.sip.message import Request
from offhook.sip.serializer import reply
from offhook.transaction.effects import Effect, Transmit
from tests.engine import TARGET, Bench, accepted, incoming, outgoing, sent, shown


def remains_of(request: Request) -> Request:
    remains = request.remains()
    assert (remains.method, remains.call_id, remains.cseq_number) == (request.method, request.call_id, 1)
    assert len(remains.lines) == 1
    return remains


def test_an_answered_invite_still_absorbs_passes_acks_and_takes_more_2xx() -> None:
    bench = Bench()
    transaction = bench.accept(incoming())
    request = transaction.request
    bench.respond(transaction, 200)
    transaction.shed(remains_of(request))
    assert (transaction.request is request, transaction.response) == (False, None)
    assert bench.receive(incoming()) == []
    assert shown(bench.receive(incoming("ACK", To="<sip:bob@192.0.2.1>;tag=b", CSeq="1 ACK"))) == ["RequestReceived"]
    bench.stack.respond(transaction, reply(request, 200, None, "c").response(), bench.now)
    assert [message.to_tag for message in sent(bench.stack.drain())] == ["c"]
    cancel = sent(bench.receive(incoming("CANCEL")))
    assert [message.to_tag for message in cancel] == ["b"]
    assert shown(bench.pass_time(33)) == ["Ended terminated", "Ended terminated"]
    assert bench.left() == 0


def test_an_answered_bye_still_gets_its_answer_again() -> None:
    bench = Bench()
    transaction = bench.accept(incoming("BYE"))
    first = sent(bench.respond(transaction, 200))
    transaction.shed(remains_of(transaction.request))
    assert [message.serialize() for message in sent(bench.receive(incoming("BYE")))] == [first[0].serialize()]


@pytest.mark.parametrize("method", ["INVITE", "BYE"])
def test_a_client_still_ends(method: str) -> None:
    bench = Bench()
    transaction = bench.stack.send(outgoing(method), TARGET, bench.now)
    bench.stack.drain()
    request = transaction.request
    answer = reply(request, 200, None, "b").response().serialize()
    assert shown(bench.receive(answer)) == ["ResponseReceived"]
    transaction.shed(remains_of(request))
    assert transaction.response is None
    assert shown(bench.receive(answer)) == (["ResponseReceived"] if method == "INVITE" else [])
    assert shown(bench.pass_time(33)) == ["Ended terminated"]
    assert bench.left() == 0


@pytest.mark.parametrize("method", ["INVITE", "BYE"])
def test_what_may_be_needed_again_is_kept(method: str) -> None:
    """A connection may have to be opened again (18.2.2); a peer of RFC 2543 is matched by its whole request."""
    bench = Bench()
    over_tcp = bench.accept(incoming(method, "SIP/2.0/TCP 198.51.100.7;branch=z9hG4bKtcp"), accepted())
    old = bench.accept(incoming(method, "SIP/2.0/UDP 198.51.100.7"))
    for transaction in (over_tcp, old):
        request = transaction.request
        bench.respond(transaction, 200)
        transaction.shed(remains_of(request))
        assert transaction.request is request
        assert transaction.response is not None


def octets_of(effects: list[Effect]) -> bytes:
    [data] = [effect.data for effect in effects if isinstance(effect, Transmit)]
    return data


def test_while_a_call_rings_its_octets_are_kept_once() -> None:
    """As header lines; what was sent is made of them again, where an INVITE comes again."""
    bench = Bench()
    transaction = bench.accept(incoming())
    ringing = octets_of(bench.respond(transaction, 180))
    again = octets_of(bench.receive(incoming()))
    assert again == ringing
    assert again is not ringing
    onwards = bench.stack.send(outgoing("INVITE"), TARGET, bench.now)
    invite = octets_of(bench.stack.drain())
    bench.receive(reply(onwards.request, 180, None, "b").response().serialize())
    assert onwards.response is None
    assert onwards.request.serialize() == invite
    assert onwards.request.serialize() is not invite
