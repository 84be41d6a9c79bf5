"""Drafts: messages from nothing, and edits over those that were received."""

from __future__ import annotations

import pytest

from offhook.errors import InvalidState
from offhook.sip.message import Request
from offhook.sip.parser import parse
from offhook.sip.serializer import Draft, new_request, new_response, reply

DATA = (
    b"OPTIONS sip:bob@example.com SIP/2.0\r\nv: SIP/2.0/UDP a;branch=z9hG4bK1,SIP/2.0/UDP b;branch=z9hG4bK2\r\n"
    b"From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nTimestamp: 54\r\nMax-Forwards: 70\r\n"
    b"Route: <sip:one;lr>, <sip:two;lr>\r\nrOuTe: <sip:three;lr>\r\nl: 0\r\n\r\n"
)


def received() -> Request:
    message = parse(DATA)
    assert isinstance(message, Request)
    return message


def test_without_edits_nothing_changes() -> None:
    assert Draft.of(received()).finish().serialize() == DATA


def test_edits_leave_the_original_alone() -> None:
    message = received()
    Draft.of(message).set("Max-Forwards", b"69").remove("Route").body(b"x", "text/plain").finish()
    assert message.serialize() == DATA


def test_the_others_stay_where_they_are() -> None:
    edited = Draft.of(received()).set("Max-Forwards", b"69").prepend("Via", "SIP/2.0/UDP us;branch=z9hG4bK0").finish()
    lines = edited.serialize().split(b"\r\n")
    original = DATA.split(b"\r\n")
    assert lines[1] == b"Via: SIP/2.0/UDP us;branch=z9hG4bK0"
    assert lines[2:7] == original[1:6]
    assert lines[8] == b"Max-Forwards: 69"


def test_the_first_and_the_last_value_of_a_list() -> None:
    draft = Draft.of(received()).remove_first("Via").remove_first("Route").remove_last("Route")
    message = draft.finish()
    assert [via.sent_by for via in message.vias] == ["b"]
    assert [str(route) for route in message.routes] == ["<sip:two;lr>"]
    assert not Draft.of(message).remove_first("Via").remove_first("Via").finish().has("Via")


def test_a_body_makes_its_length_true() -> None:
    message = Draft.of(received()).body(b"four", "text/plain").finish()
    assert (message.text("Content-Length"), message.content_type, message.body) == ("4", "text/plain", b"four")
    empty = Draft.of(message).body(b"").finish()
    assert (empty.text("Content-Length"), empty.has("Content-Type")) == ("0", False)


@pytest.mark.parametrize("value", ["a\r\nEvil: 1", "a\nb", "a\rb", "a\0b"])
def test_no_value_can_smuggle_a_field(value: str) -> None:
    for act in (Draft.add, Draft.set, Draft.prepend):
        with pytest.raises(InvalidState):
            act(Draft.of(received()), "Subject", value)


@pytest.mark.parametrize("uri", ["sip:a b@h", "sip:a@h\r\nEvil: 1", "sip:a@h\n"])
def test_no_uri_can_smuggle_a_field(uri: str) -> None:
    with pytest.raises(InvalidState):
        new_request("OPTIONS", uri)


def test_no_reason_phrase_can_smuggle_a_field() -> None:
    with pytest.raises(InvalidState):
        new_response(200, "OK\r\nEvil: 1")


@pytest.mark.rfc("3261 8.2.6")
def test_a_reply_copies_what_it_must() -> None:
    answer = reply(received(), 200, None, "mine").response()
    assert (answer.status, answer.reason) == (200, "OK")
    assert [via.sent_by for via in answer.vias] == ["a", "b"]
    assert (answer.from_tag, answer.to_tag, answer.call_id, answer.cseq_number) == ("1", "mine", "c", 1)
    assert answer.text("Content-Length") == "0"
    assert not answer.has("Timestamp")


@pytest.mark.rfc("3261 8.2.6.1")
def test_a_100_has_the_timestamp_and_no_tag() -> None:
    answer = reply(received(), 100, None, "mine").response()
    assert (answer.text("Timestamp"), answer.to_tag) == ("54", None)


def test_a_draft_is_of_one_kind() -> None:
    with pytest.raises(InvalidState):
        new_response(200).request()
    with pytest.raises(InvalidState):
        new_request("OPTIONS", "sip:h").response()


def test_what_is_drafted_can_be_parsed() -> None:
    draft = new_request("MESSAGE", "sip:b@h").add("Via", "SIP/2.0/UDP h;branch=z9hG4bK1").add("From", "<sip:a@h>;tag=1")
    draft.add("To", "<sip:b@h>").add("Call-ID", "1").add("CSeq", "1 MESSAGE").body("grüß".encode(), "text/plain")
    message = parse(draft.finish().serialize())
    assert (message.body.decode(), message.cseq_method) == ("grüß", "MESSAGE")
