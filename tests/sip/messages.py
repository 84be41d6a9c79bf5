"""Messages that the tests of the wire share, and a way to make one with a line of it changed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from offhook.sip.message import Request, Response
from offhook.sip.parser import parse

SDP: Final = (
    b"v=0\r\no=user1 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 6000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)
INVITE: Final = (
    b"INVITE sip:bob@127.0.0.1:5060 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK-123-1-0\r\n"
    b'From: "Alice" <sip:alice@example.com>;tag=123SIPpTag001\r\n'
    b"To: <sip:bob@example.com>\r\n"
    b"Call-ID: 1-123@127.0.0.1\r\n"
    b"CSeq: 1 INVITE\r\n"
    b"Contact: <sip:alice@127.0.0.1:5080>\r\n"
    b"Max-Forwards: 70\r\n"
    b"Subject: Performance Test\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(SDP), SDP)
)
OPTIONS: Final = (
    b"OPTIONS sip:carol@chicago.example.com SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP pc33.atlanta.example.com;branch=z9hG4bKhjhs8ass877\r\n"
    b"Max-Forwards: 70\r\n"
    b"To: <sip:carol@chicago.example.com>\r\n"
    b"From: Alice <sip:alice@atlanta.example.com>;tag=1928301774\r\n"
    b"Call-ID: a84b4c76e66710\r\n"
    b"CSeq: 63104 OPTIONS\r\n"
    b"Content-Length: 0\r\n\r\n"
)
RINGING: Final = (
    b"SIP/2.0 180 Ringing\r\n"
    b"Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK-77-1-0;rport=5060;received=127.0.0.1, SIP/2.0/UDP 127.0.0.1:5080;"
    b"branch=z9hG4bK-123-1-0\r\n"
    b'From: "Alice" <sip:alice@example.com>;tag=123SIPpTag001\r\n'
    b"To: <sip:bob@example.com>;tag=9\r\n"
    b"Call-ID: 1-123@127.0.0.1\r\n"
    b"CSeq: 1 INVITE\r\n"
    b"Content-Length: 0\r\n\r\n"
)


def request_of(data: bytes) -> Request:
    message = parse(data)
    assert isinstance(message, Request)
    return message


def response_of(data: bytes) -> Response:
    message = parse(data)
    assert isinstance(message, Response)
    return message


def with_line(data: bytes, name: bytes, *lines: bytes) -> bytes:
    """The message with the first field of that name replaced by lines, or taken out when none are given."""
    head, blank, body = data.partition(b"\r\n\r\n")
    fields = head.split(b"\r\n")
    position = next(index for index, line in enumerate(fields) if line.lower().startswith(name.lower() + b":"))
    fields[position : position + 1] = lines
    return b"\r\n".join(fields) + blank + body


def with_start(data: bytes, start: bytes) -> bytes:
    """The message with another start line."""
    return start + data[data.index(b"\r\n") :]


def with_more(data: bytes, *lines: bytes) -> bytes:
    """The message with lines below its head."""
    return data.replace(b"\r\n\r\n", b"".join([b"\r\n" + line for line in lines]) + b"\r\n\r\n", 1)


def seconds_of(act: Callable[[], object], tries: int = 3) -> float:
    """The CPU time of one call, the least of some tries."""
    least = float("inf")
    for _ in range(tries):
        start = time.thread_time()
        act()
        least = min(least, time.thread_time() - start)
    return least
