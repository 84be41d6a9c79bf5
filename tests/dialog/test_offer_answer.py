"""Exchanges of offers and answers: every state and event, and what holds after each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from offhook.clock import Moment
from offhook.dialog.offer_answer import Exchange, ExchangeEvent, OfferAnswer
from offhook.errors import InvalidState, ProtocolError
from offhook.sdp.attributes import Direction
from offhook.sdp.codec import Codec
from offhook.sdp.fields import Connection, Origin
from offhook.sdp.negotiate import Capabilities, NegotiatedSession, StreamCapability, make_answer, make_offer

STABLE, OFFER_SENT, ANSWER_PREVIEWED, OFFER_RECEIVED, PREVIEW_SENT = Exchange
SEND_OFFER, RECEIVE_PREVIEW, RECEIVE_ANSWER, RECEIVE_OFFER, SEND_PREVIEW, SEND_ANSWER, REJECT = ExchangeEvent

OUTCOMES: dict[tuple[Exchange, ExchangeEvent], Exchange] = {
    (STABLE, SEND_OFFER): OFFER_SENT,
    (STABLE, RECEIVE_OFFER): OFFER_RECEIVED,
    (OFFER_SENT, RECEIVE_PREVIEW): ANSWER_PREVIEWED,
    (OFFER_SENT, RECEIVE_ANSWER): STABLE,
    (OFFER_SENT, REJECT): STABLE,
    (ANSWER_PREVIEWED, RECEIVE_PREVIEW): ANSWER_PREVIEWED,
    (ANSWER_PREVIEWED, RECEIVE_ANSWER): STABLE,
    (ANSWER_PREVIEWED, REJECT): STABLE,
    (OFFER_RECEIVED, SEND_PREVIEW): PREVIEW_SENT,
    (OFFER_RECEIVED, SEND_ANSWER): STABLE,
    (OFFER_RECEIVED, REJECT): STABLE,
    (PREVIEW_SENT, SEND_PREVIEW): PREVIEW_SENT,
    (PREVIEW_SENT, SEND_ANSWER): STABLE,
    (PREVIEW_SENT, REJECT): STABLE,
}


@pytest.mark.parametrize("event", list(ExchangeEvent))
@pytest.mark.parametrize("state", list(Exchange))
@pytest.mark.rfc("3264 4 #1", "3264 4 #2")
def test_every_state_and_event(state: Exchange, event: ExchangeEvent) -> None:
    exchange = OfferAnswer()
    exchange.state = state
    exchange.row = exchange.table[state]
    listed = exchange.fire(event, None, Moment(0.0, 0.0))
    assert listed is ((state, event) in OUTCOMES)
    assert exchange.state is OUTCOMES.get((state, event), state)


def side(host: str, *codecs: str, direction: Direction = Direction.SENDRECV) -> Capabilities:
    stream = StreamCapability("audio", 4000, tuple(Codec(name) for name in codecs or ("PCMU",)), direction=direction)
    return Capabilities(Origin.of(host, 1, 1), (Connection.to(host),), (stream,))


ALICE, BOB = side("192.0.2.1", "PCMU", "PCMA"), side("192.0.2.2", "PCMA", "PCMU")


def agreed(exchange: OfferAnswer) -> NegotiatedSession:
    assert exchange.session is not None
    return exchange.session


def remote_port(exchange: OfferAnswer) -> int:
    remote = agreed(exchange).streams[0].remote
    assert remote is not None
    return remote.port


def test_an_offer_and_its_answer_agree_on_a_session_at_both_ends() -> None:
    caller, callee = OfferAnswer(), OfferAnswer()
    callee.take_offer(caller.offer(ALICE))
    assert (caller.offering, callee.answering) == (True, True)
    assert caller.take_answer(callee.answer(BOB, True), True)
    assert caller.stable
    assert callee.stable
    assert [codec.encoding for codec in agreed(caller).streams[0].send] == ["PCMU", "PCMA"]
    assert agreed(caller).local == agreed(callee).remote


@pytest.mark.rfc("3261 13.2.1 #7", "3261 13.2.1 #8")
def test_the_first_answer_counts_and_later_ones_are_ignored() -> None:
    caller = OfferAnswer()
    offer = caller.offer(ALICE)
    first = make_answer(offer, BOB)
    other = make_answer(offer, replace(BOB, streams=(replace(BOB.streams[0], port=6000),)))
    assert caller.take_answer(first, False)
    assert caller.state is ANSWER_PREVIEWED
    assert not caller.take_answer(other, False)
    assert not caller.take_answer(other, True)
    assert caller.stable
    assert remote_port(caller) == 4000


def test_a_preview_may_have_to_do() -> None:
    caller = OfferAnswer()
    offer = caller.offer(ALICE)
    caller.take_answer(make_answer(offer, BOB), False)
    assert caller.settle()
    assert caller.stable
    assert remote_port(caller) == 4000


def test_without_a_preview_there_is_nothing_to_settle_on() -> None:
    caller = OfferAnswer()
    caller.offer(ALICE)
    assert not caller.settle()
    assert caller.stable
    assert caller.session is None


@pytest.mark.rfc("3261 13.2.1 #10")
def test_the_answer_is_the_same_as_its_preview() -> None:
    callee = OfferAnswer()
    callee.take_offer(make_offer(ALICE))
    preview = callee.answer(BOB, False)
    assert callee.state is PREVIEW_SENT
    other = replace(BOB, streams=(replace(BOB.streams[0], port=6000),))
    assert callee.answer(other, False) is preview
    assert callee.answer(other, True) is preview
    assert callee.stable


@pytest.mark.rfc("3261 14.1 #1", "3261 14.1 #5")
def test_what_fails_leaves_the_session_as_it_was() -> None:
    caller, callee = OfferAnswer(), OfferAnswer()
    callee.take_offer(caller.offer(ALICE))
    caller.take_answer(callee.answer(BOB, True), True)
    before = caller.session
    refused = caller.offer(ALICE.held)
    caller.take_answer(make_answer(refused, BOB, callee.session), False)
    assert caller.session is not before
    caller.reject()
    assert caller.session is before
    caller.reject()
    assert caller.session is before
    # The version of what was refused is not used again (RFC 3264 8).
    assert caller.offer(ALICE.held).origin.session_version == refused.origin.session_version + 1


@pytest.mark.rfc("3264 4 #1", "3264 4 #2")
def test_glare_and_haste() -> None:
    exchange = OfferAnswer()
    exchange.offer(ALICE)
    with pytest.raises(ProtocolError) as caught:
        exchange.take_offer(make_offer(BOB))
    assert caught.value.status == 491
    with pytest.raises(InvalidState):
        exchange.offer(ALICE)
    other = OfferAnswer()
    other.take_offer(make_offer(ALICE))
    with pytest.raises(ProtocolError) as caught:
        other.take_offer(make_offer(ALICE))
    assert caught.value.status == 500
    with pytest.raises(InvalidState):
        other.offered(make_offer(BOB))


def test_answers_need_an_offer() -> None:
    exchange = OfferAnswer()
    with pytest.raises(InvalidState):
        exchange.answer(BOB, True)
    with pytest.raises(ProtocolError):
        exchange.take_answer(make_offer(BOB), True)
    exchange.take_offer(make_offer(ALICE))
    with pytest.raises(ProtocolError):
        exchange.take_answer(make_offer(BOB), True)


def test_an_offer_that_cannot_be_taken_stays_open_for_its_refusal() -> None:
    exchange = OfferAnswer()
    exchange.take_offer(make_offer(side("192.0.2.1", "GSM")))
    with pytest.raises(ProtocolError) as caught:
        exchange.answer(BOB, True)
    assert caught.value.status == 488
    assert exchange.answering
    exchange.reject()
    assert exchange.stable


def test_an_offer_that_cannot_be_refused_is_answered_with_port_zero() -> None:
    exchange = OfferAnswer()
    exchange.take_offer(make_offer(side("192.0.2.1", "GSM")))
    answer = exchange.answer(BOB, True, may_refuse=False)
    assert answer.media[0].port == 0


def test_an_answer_that_does_not_fit_leaves_the_offer_open() -> None:
    exchange = OfferAnswer()
    exchange.offer(ALICE)
    two = replace(BOB, streams=(BOB.streams[0], replace(BOB.streams[0], port=4002)))
    with pytest.raises(ProtocolError):
        exchange.take_answer(make_offer(two), True)
    assert exchange.offering
