"""What must hold for any octets at all that come as a datagram."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from offhook.errors import ParseError
from offhook.sip.checks import Judgement, judge
from offhook.sip.headers.registry import row
from offhook.sip.message import Message, Request
from offhook.sip.mime import body_of
from offhook.sip.parser import Limits, parse
from offhook.sip.serializer import Draft
from tests.fuzz.pieces import framed
from tests.fuzz.timing import stopwatch

__all__ = ["check_whole"]

ROOMY: Final = Limits(octets=131072, fields=130, vias=71)
"""What a message may have grown to at the next hop."""


def read(message: Message) -> None:
    """Everything that can be asked of a message: a value or ParseError, and never anything else."""
    if isinstance(message, Request):
        with suppress(ParseError):
            str(message.uri)
        with suppress(ParseError):
            assert message.max_forwards is None or 0 <= message.max_forwards < 256
    for key in dict.fromkeys(message.keys[1:]):
        with suppress(ParseError):
            values = message.headers(key)
            assert row(key) is not None or len(values) == message.keys.count(key)
    # What every hop reads has been read by `parse`, and raises nothing any more.
    assert message.top_via.length > 0
    assert message.call_id
    assert 0 <= message.cseq_number < 1 << 31
    assert message.to_tag != ""
    with suppress(ParseError):
        assert message.from_tag != ""
    with suppress(ParseError):
        body = body_of(message)
        assert not body.is_multipart or body.multipart().serialize() == message.body


def act_on(data: bytes) -> tuple[Message | None, Judgement]:
    """Judge, parse, read all, write: what programs do with a datagram."""
    judgement = judge(data)
    try:
        message = parse(data)
    except ParseError as error:
        if error.status not in (400, 505, 513) or error.salvage is None:
            raise AssertionError("an error that nobody can answer") from error
        return None, judgement
    read(message)
    message.serialize()
    return message, judgement


def check_whole(data: bytes) -> bool:
    """Whether a datagram is accepted; that it does no harm, on a stream neither, and is written as what it was read."""
    framed(data, (40, 300, 1000))
    message, judgement = stopwatch.within(lambda: act_on(data))
    if message is None:
        return False
    octets = message.serialize()
    if octets != data:
        again, other = act_on(octets)
        assert again is not None
        assert type(again) is type(message)
        assert (again.lines, again.keys, again.body) == (message.lines, message.keys, message.body)
        assert again.serialize() == octets
        assert (judgement.verdict, judgement.status, judgement.clause) == (other.verdict, other.status, other.clause)
    forwarded = parse(Draft.of(message).prepend("Via", "SIP/2.0/UDP p;branch=z9hG4bKp").finish().serialize(), ROOMY)
    assert forwarded.body == message.body
    kept = len(message.lines) + 1
    assert forwarded.keys[2:kept] == message.keys[1:]
    changed = [key for key, one, other in zip(*_fields(message, forwarded), strict=True) if one != other]
    assert changed in ([], ["content-length"])
    if isinstance(message, Request):
        check_stamp(message)
    return True


def _fields(message: Message, forwarded: Message) -> tuple[list[str], list[bytes], list[bytes]]:
    return message.keys[1:], message.lines[1:], forwarded.lines[2 : len(message.lines) + 1]


def check_stamp(request: Request) -> None:
    request.stamp_via("2001:db8::1", 4711)
    via = parse(request.serialize(), ROOMY).top_via
    mine = request.top_via
    assert (via.length, via.branch, via.rport, via.params) == (mine.length, mine.branch, mine.rport, mine.params)
