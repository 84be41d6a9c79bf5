"""CSeq, RAck and RSeq: the sequence numbers (RFC 3261 20.16, RFC 3262 7.1 and 7.2)."""

from __future__ import annotations

import re
from typing import Final

from offhook.errors import ParseError
from offhook.sip.headers.grammar import TOKEN
from offhook.sip.headers.numbers import bounded
from offhook.sip.headers.value import HeaderValue
from offhook.sip.method import intern_method

__all__ = ["MAX_CSEQ", "CSeq", "RAck", "parse_cseq", "parse_rack", "parse_rseq"]

MAX_CSEQ: Final = 2**31 - 1
"""RFC 3261 8.1.1.5: the number MUST be less than 2**31."""
_MAX_RSEQ: Final = 2**32 - 1

# ABNF CSeq  = "CSeq" HCOLON 1*DIGIT LWS Method
_CSEQ: Final = re.compile(rf"([0-9]+)[ \t]+({TOKEN})")
# ABNF RAck  = "RAck" HCOLON response-num LWS CSeq-num LWS Method
_RACK: Final = re.compile(rf"([0-9]+)[ \t]+([0-9]+)[ \t]+({TOKEN})")
# ABNF RSeq  = "RSeq" HCOLON response-num
_RSEQ: Final = re.compile(r"[0-9]+")


class CSeq(HeaderValue):
    """The place of a request in its dialog: `number`, below 2**31, and `method`, case-sensitive."""

    __slots__ = ("method", "number")

    def __init__(self, number: int, method: str) -> None:
        self.number = number
        self.method = method

    def serialize(self) -> str:
        return f"{self.number} {self.method}"

    def _key(self) -> object:
        return (self.number, self.method)


class RAck(HeaderValue):
    """The provisional response that a PRACK acknowledges: its RSeq `response_number` and the CSeq of its request."""

    __slots__ = ("cseq_number", "method", "response_number")

    def __init__(self, response_number: int, cseq_number: int, method: str) -> None:
        self.response_number = response_number
        self.cseq_number = cseq_number
        self.method = method

    def serialize(self) -> str:
        return f"{self.response_number} {self.cseq_number} {self.method}"

    def _key(self) -> object:
        return (self.response_number, self.cseq_number, self.method)


def parse_cseq(text: str) -> CSeq:
    """The value of CSeq. Raises ParseError, also for a number of 2**31 and above."""
    found = _CSEQ.fullmatch(text)
    if found is None:
        raise ParseError("malformed CSeq", clause="RFC 3261 20.16")
    number = bounded(found.group(1), MAX_CSEQ)
    if number < 0:
        raise ParseError("CSeq number out of range", clause="RFC 3261 8.1.1.5")
    return CSeq(number, intern_method(found.group(2)))


def parse_rack(text: str) -> RAck:
    """The value of RAck. Raises ParseError."""
    found = _RACK.fullmatch(text)
    if found is None:
        raise ParseError("malformed RAck", clause="RFC 3262 7.2")
    response_number = bounded(found.group(1), _MAX_RSEQ)
    cseq_number = bounded(found.group(2), MAX_CSEQ)
    if response_number < 0 or cseq_number < 0:
        raise ParseError("RAck number out of range", clause="RFC 3262 7.2")
    return RAck(response_number, cseq_number, intern_method(found.group(3)))


def parse_rseq(text: str) -> int:
    """The value of RSeq, 1 to 2**32-1 (RFC 3262 7.1). Raises ParseError."""
    number = 0 if _RSEQ.fullmatch(text) is None else bounded(text, _MAX_RSEQ)
    if number < 1:
        raise ParseError("malformed RSeq", clause="RFC 3262 7.1")
    return number
