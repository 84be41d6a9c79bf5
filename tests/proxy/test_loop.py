"""Loops: RFC 5393 4.2."""

from __future__ import annotations

import pytest

from offhook.proxy.loop import has_looped, loop_mark
from offhook.proxy.own import OwnNames
from tests.proxy.requests import request

OWN = OwnNames(frozenset(("example.com",)))
OWN.add("192.0.2.10", 5060)
OWN.add("Proxy.Example.com", 5070)


@pytest.mark.rfc("5393 4.2.1 #4", "5393 4.2.1 #5", "5393 4.2.4 #1")
def test_the_mark_varies_with_what_decides_where_a_request_goes() -> None:
    marks = {
        loop_mark(request()),
        loop_mark(request(uri="sip:carol@example.com")),
        loop_mark(request(Route="<sip:192.0.2.10;lr>")),
        loop_mark(request(Route="<sip:192.0.2.11;lr>")),
        loop_mark(request(Route="<sip:192.0.2.10;lr>, <sip:192.0.2.11;lr>")),
        loop_mark(request(Call_ID="another")),
    }
    assert len(marks) == 6


@pytest.mark.rfc("5393 4.2.1 #4")
def test_the_way_of_a_telephone_number_depends_on_who_dials_it() -> None:
    """The caller's domain says which gateway takes it; at any other address the caller makes no difference."""
    for uri, different in (("tel:+15550100", 2), ("TEL:+15550100", 2), ("sip:bob@example.com", 1)):
        callers = ("<sip:alice@example.com>;tag=a", "<sip:alice@example.net>;tag=a")
        assert len({loop_mark(request(uri=uri, From=caller)) for caller in callers}) == different


@pytest.mark.rfc("5393 4.2.1 #6")
@pytest.mark.parametrize(
    "same",
    [
        request("CANCEL"),
        request("ACK", To="<sip:bob@example.com>;tag=b"),
        request(Via="SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKtwo", Max_Forwards="3"),
        request(CSeq="9 INVITE", From="<sip:carol@example.com>;tag=c"),
    ],
)
def test_nothing_else_of_a_request_changes_the_mark(same: object) -> None:
    """The method least of all: ACK and CANCEL have the branch of their INVITE."""
    assert loop_mark(same) == loop_mark(request())  # type: ignore[arg-type]


def test_a_mark_is_a_token_of_eight_hexadecimal_digits() -> None:
    mark = loop_mark(request())
    assert len(mark) == 8
    assert set(mark) <= set("0123456789abcdef")


def passed(*vias: str, uri: str = "sip:bob@example.com") -> bool:
    """Whether a request with these Vias counts as looped; M in them stands for its mark."""
    mark = loop_mark(request(uri=uri))
    arrived = request(uri=uri, Via=", ".join(vias).replace("-M", f"-{mark}"))
    return has_looped(arrived, mark, OWN)


CALLER = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKone"


@pytest.mark.rfc("5393 4.2.2 #2", "5393 4.2.2 #3")
@pytest.mark.parametrize(
    ("vias", "looped"),
    [
        ([CALLER], False),
        (["SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-0-1234-M", CALLER], True),
        ([CALLER, "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-0-1234-M"], True),
        (["SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKx", "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-0-1234-M"], True),
        (["SIP/2.0/TCP proxy.example.com:5070;received=192.0.2.10;branch=z9hG4bK-0-1234-M"], True),
        (["SIP/2.0/TCP PROXY.example.com:5070;branch=z9hG4bK-0-1234-M"], True),
        # It went through here with another Request-URI: a spiral.
        (["SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-0-1234-00000000", CALLER], False),
        # Somebody else's branch may end as it likes.
        (["SIP/2.0/UDP 192.0.2.99:5060;branch=z9hG4bK-0-1234-M"], False),
        (["SIP/2.0/UDP 192.0.2.10:5062;branch=z9hG4bK-0-1234-M"], False),
        (["SIP/2.0/UDP 192.0.2.99:5060;x=z9hG4bK-M;branch=z9hG4bKx", CALLER], False),
    ],
)
def test_a_loop_is_known_by_our_sent_by_and_the_mark(vias: list[str], looped: bool) -> None:
    assert passed(*vias) is looped


@pytest.mark.rfc("5393 4.2.2 #2")
def test_the_via_of_somebody_else_may_look_as_it_likes() -> None:
    ours = "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-0-1234-M"
    for odd in (
        'SIP/2.0/UDP "nobody reads this";branch=z9hG4bK-M',
        'SIP/2.0/UDP h;x="a, b";y;rport=x;branch=z9hG4bK-M',
    ):
        assert not passed(CALLER, odd)
        assert passed(CALLER, odd, ours)
        assert passed(CALLER, ours, odd)


def test_the_mark_anywhere_but_in_a_via_is_no_loop() -> None:
    mark = loop_mark(request())
    assert not has_looped(request(Subject=f"about-{mark}"), mark, OWN)
