"""The ACK to a 2xx, made by hand and sent when its target is known (RFC 3261 13.2.2.4)."""

from __future__ import annotations

import pytest

from offhook.clock import Moment
from offhook.dialog.dialog import Dialog
from offhook.errors import ResolveFailed
from offhook.flow import Query, Target
from offhook.ids import IdSource
from offhook.sip.headers.address import parse_route
from offhook.sip.message import Request
from offhook.sip.parser import parse
from offhook.sip.serializer import Draft
from offhook.stack import FAILED, Stack
from offhook.transaction.effects import Connect, Transmit
from offhook.ua.acknowledgement import Acknowledgement
from offhook.ua.context import Context
from offhook.ua.methods import SERVED
from offhook.ua.settings import Settings
from tests.dialog.messages import UDP, request, response
from tests.ua.household import OFFER, aor

NOW = Moment(0.0, 0.0)
TARGET = Target("UDP", "192.0.2.4", 5060, "udp:x", ("192.0.2.1", 5060), "192.0.2.1:5060")


class Bench:
    """One ACK; names resolve to `targets`, or later when there are none."""

    def __init__(self, targets: list[Target] | None, uri: str = "sip:bob@192.0.2.4", answer: bytes = b"") -> None:
        self.stack = Stack(IdSource.seeded(1), b"", lambda query: targets)
        draft = Draft.of(request()).add("Authorization", 'Digest username="a"').add("Subject", "x")
        invite = draft.add("Require", "magic").add("Proxy-Require", "wand").request()
        dialog = Dialog.as_uac(invite, response(headers=(("Contact", f"<{uri}>"),)), UDP)
        context = Context(self.stack, Settings(aor("alice")), SERVED)
        self.told: list[Moment] = []
        self.ack = Acknowledgement(context, dialog, invite, answer, self.told.append)

    def sent(self) -> list[Request]:
        messages = [parse(effect.data) for effect in self.stack.drain() if isinstance(effect, Transmit)]
        return [message for message in messages if isinstance(message, Request)]


@pytest.mark.rfc("3261 8.2.2.3 #5")
def test_it_goes_to_the_target_of_the_dialog_with_the_credentials_of_the_invite() -> None:
    bench = Bench([TARGET])
    bench.ack.start(NOW)
    sent = bench.sent()[0]
    assert (sent.method, sent.request_uri, sent.text("CSeq")) == ("ACK", "sip:bob@192.0.2.4", "314159 ACK")
    assert sent.text("Authorization") == 'Digest username="a"'
    assert not sent.has("Subject")
    assert not sent.has("Require")
    assert not sent.has("Proxy-Require")
    assert sent.body == b""
    assert bench.told == [NOW]


@pytest.mark.rfc("3261 8.1.2 #3")
@pytest.mark.parametrize(("uri", "secure"), [("sips:bob@192.0.2.4", True), ("sip:bob@192.0.2.4", False)])
def test_a_sips_target_is_reached_over_tls_by_every_route(uri: str, secure: bool) -> None:
    asked: list[Query] = []
    bench = Bench(None, uri)
    bench.stack._resolve_now = lambda query: asked.append(query)
    bench.ack._dialog.route_set = [parse_route("<sip:192.0.2.4;lr>")]
    bench.ack.start(NOW)
    assert [query.secure for query in asked] == [secure]


def test_each_repetition_is_the_same_message() -> None:
    bench = Bench([TARGET])
    bench.ack.repeat(NOW)
    bench.ack.start(NOW)
    bench.ack.repeat(NOW)
    first, second = bench.sent()
    assert first.serialize() == second.serialize()
    assert len(bench.told) == 1


def test_an_answer_goes_with_it() -> None:
    bench = Bench([TARGET], answer=OFFER)
    bench.ack.start(NOW)
    sent = bench.sent()[0]
    assert (sent.body, sent.content_type) == (OFFER, "application/sdp")


@pytest.mark.rfc("3261 18.1.1 #1", "3261 18.1.1 #2", "3261 18.1.1 #4")
def test_one_too_large_for_a_datagram_goes_by_tcp_and_falls_back_to_udp() -> None:
    wide = Target("UDP", "192.0.2.4", 5060, "udp:x", ("192.0.2.1", 5060), "192.0.2.1:5060")
    wide.stream = Target("TCP", "192.0.2.4", 5060, "tcp:x", ("192.0.2.1", 5060), "192.0.2.1:5060")
    bench = Bench([wide], answer=OFFER + b"a=x\r\n" * 250)
    bench.ack.start(NOW)
    connect, _ = bench.stack.pending
    assert isinstance(connect, Connect)
    bench.ack.repeat(NOW)
    assert [sent.top_via.transport for sent in bench.sent()] == ["TCP", "TCP"]
    bench.stack.flow_changed(connect.flow, FAILED, "refused", NOW)
    bench.ack.repeat(NOW)
    bench.ack.repeat(NOW)
    again = bench.sent()
    assert [sent.top_via.transport for sent in again] == ["UDP", "UDP"]
    assert again[0].serialize() == again[1].serialize()
    assert len(bench.told) == 1


@pytest.mark.parametrize("stream", [True, False])
def test_a_small_one_stays_with_udp(stream: bool) -> None:
    target = Target("UDP", "192.0.2.4", 5060, "udp:x", ("192.0.2.1", 5060), "192.0.2.1:5060")
    if stream:
        target.stream = Target("TCP", "192.0.2.4", 5060, "tcp:x", ("192.0.2.1", 5060), "192.0.2.1:5060")
    bench = Bench([target], answer=OFFER)
    bench.ack.start(NOW)
    assert [sent.top_via.transport for sent in bench.sent()] == ["UDP"]


def test_it_waits_for_dns() -> None:
    bench = Bench(None)
    bench.ack.start(NOW)
    assert bench.told == []
    bench.ack.on_resolved(None, [TARGET], None, NOW)
    assert len(bench.sent()) == 1
    assert bench.told == [NOW]


def test_without_a_way_nothing_is_sent_and_all_goes_on() -> None:
    bench = Bench(None)
    bench.ack.start(NOW)
    bench.ack.on_resolved(None, [], ResolveFailed("gone"), NOW)
    bench.ack.repeat(NOW)
    assert bench.sent() == []
    assert bench.told == [NOW]
