"""What is sent for calls that ring."""

from __future__ import annotations

from bench.phones import CALLERS
from bench.proceeding import request_of, response_to
from offhook.sip.message import Request, Response
from offhook.sip.parser import parse

FIELDS = {"To": "<sip:bob@example.com>", "Contact": "<sip:alice@127.0.0.1:9>"}


def test_what_each_phone_sends_is_whole() -> None:
    for number, phone in enumerate(CALLERS):
        invite = parse(request_of(phone, "INVITE", number, "sip:bob@example.com", FIELDS))
        assert isinstance(invite, Request)
        assert invite.content_length == len(invite.body) > 100
        assert b"[" not in invite.serialize()
        answer = parse(response_to(invite.serialize(), 180))
        assert isinstance(answer, Response)
        assert (answer.branch, answer.call_id, answer.to_tag) == (invite.branch, invite.call_id, "callee")
