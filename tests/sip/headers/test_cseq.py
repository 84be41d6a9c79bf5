"""CSeq, RAck and RSeq, by RFC 3261 20.16, 8.1.1.5 and RFC 3262 7."""

from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.sip.headers.cseq import MAX_CSEQ, CSeq, RAck, parse_cseq, parse_rack, parse_rseq


@pytest.mark.parametrize(
    ("text", "number", "method"),
    [
        ("4711 INVITE", 4711, "INVITE"),
        ("0009   INVITE", 9, "INVITE"),  # RFC 4475 3.1.1.1
        ("0\tACK", 0, "ACK"),
        ("2147483647 NEWMETHOD", 2**31 - 1, "NEWMETHOD"),
        ("0" * 5000 + "7 BYE", 7, "BYE"),
        ("1 invite", 1, "invite"),
        (
            "139122385 !interesting-Method0123456789_*+`.%indeed'~",
            139122385,
            "!interesting-Method0123456789_*+`.%indeed'~",
        ),
    ],
)
def test_cseq(text: str, number: int, method: str) -> None:
    cseq = parse_cseq(text)
    assert (cseq.number, cseq.method) == (number, method)
    assert str(cseq) == f"{number} {method}"
    assert parse_cseq(str(cseq)) == cseq == CSeq(number, method)


@pytest.mark.parametrize(
    "text",
    [
        "", "1", "INVITE", "1INVITE", "-1 INVITE", "1.0 INVITE", "1 INVITE x", "x INVITE", "1 IN/VITE", "1 \u0130",
        "٣ INVITE", "2147483648 INVITE", "4294967295 INVITE", "36893488147419103232 REGISTER",
        "9" * 5000 + " INVITE", "1 INVITE\n",
    ],
)  # fmt: skip
def test_what_is_refused(text: str) -> None:
    """RFC 4475 3.1.2.4 and 3.1.2.5 among them."""
    with pytest.raises(ParseError):
        parse_cseq(text)


@pytest.mark.rfc("3261 8.1.1.5 #2", "3261 8.1.1.5 #3", "3261 20.16 #1")
def test_the_bound_is_the_clause() -> None:
    assert MAX_CSEQ == 2**31 - 1
    with pytest.raises(ParseError) as caught:
        parse_cseq("2147483648 INVITE")
    assert caught.value.clause == "RFC 3261 8.1.1.5"


def test_a_method_differs_by_case() -> None:
    assert CSeq(1, "INVITE") != CSeq(1, "invite")
    assert CSeq(1, "INVITE") != CSeq(2, "INVITE")


def test_rack() -> None:
    rack = parse_rack("776656 0001 INVITE")
    assert (rack.response_number, rack.cseq_number, rack.method) == (776656, 1, "INVITE")
    assert str(rack) == "776656 1 INVITE"
    assert rack == RAck(776656, 1, "INVITE")


@pytest.mark.parametrize(
    "text", ["", "1 INVITE", "1 2", "1 2 3 INVITE", "x 1 A", "4294967296 1 A", "1 2147483648 A", "99999999999 1 A"]
)
def test_malformed_racks(text: str) -> None:
    with pytest.raises(ParseError):
        parse_rack(text)


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("0988789", 988789), ("4294967295", 2**32 - 1)])
def test_rseq(text: str, number: int) -> None:
    assert parse_rseq(text) == number


@pytest.mark.parametrize("text", ["", "0", "000", "4294967296", "-1", "1 2", "x", "9" * 5000])
def test_malformed_rseqs(text: str) -> None:
    with pytest.raises(ParseError):
        parse_rseq(text)
