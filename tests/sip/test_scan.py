"""The routing scan: its fast ways say what the grammars say, for anything that phones or strangers write."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from offhook.errors import ParseError
from offhook.sip import scan
from offhook.sip.headers.address import NameAddr, parse_name_addr
from offhook.sip.headers.cseq import CSeq, parse_cseq
from offhook.sip.headers.grammar import split_list, unfold
from offhook.sip.headers.via import Via, parse_via
from offhook.sip.host import bare_host
from offhook.sip.scan import (
    WHITE,
    decoded,
    has_bare_nul,
    method_name,
    scan_cseq,
    scan_tag,
    scan_via,
    separators,
    stamped_via,
)

# Pieces of what the fast ways look for, with what may go wrong in each place and between them.
PROTOCOLS = [
    b"SIP/2.0/UDP ",
    b"SIP/2.0/TLS-SCTP ",
    b"SIP / 2.0 / UDP ",
    b"sip/2.0/udp ",
    b"SIP/7.0/UDP ",
    b"SIP/2.0/UDP",
]
HOSTS = [b"192.0.2.1", b"a.example.com", b"a.example.com.", b"my_host", b"[2001:db8::1]", b"2001:db8::1", b"a..b"]
PORTS = [b"", b"", b":5060", b":65536", b":0", b" : 5060", b":", b":x"]
VIA_PARAMS = [
    *(b";branch=z9hG4bK1", b";branch=", b";branch", b"; branch=z9hG4bK2", b";BRANCH=z9hG4bK3", b";branch=a=b/c:d@e"),
    *(b';branch="q"', b";rport", b";rport=5060", b";rport=65536", b";rport=", b";RPORT", b"; rport", b";rport=x"),
    *(b";received=192.0.2.9", b";received=[2001:db8::9]", b";received=2001:db8::9", b";received=host.example.com"),
    *(b"; received=1.2.3.4", b";Received=1.2.3.4", b";maddr=224.2.0.1", b";ttl=16", b";hidden", b';x="a,b;c"', b";"),
]
ENDS = [
    b"",
    b"",
    b" (a, comment)",
    b",",
    b", ",
    b" ,SIP/2.0/UDP a",
    b",SIP/2.0/UDP b;branch=c",
    b"\r\n ",
    b"\t",
    b"\xff",
]
NAMES = [
    *(
        b"",
        b"",
        b'"Alice"',
        b'"Alice" ',
        b'"A, \\"B\\" <x>"',
        b"Alice ",
        b"Alice, B",
        b"Al\tice",
        b"\xc3\xa9 ",
        b"\x01",
    ),
    *(b"A\r\n B", b'"', b"A;tag=1 "),
]
ADDRESSES = [
    b"<sip:a@b>",
    b"<sip:a@b;lr>",
    b"<sip:>",
    b"< sip:a@b >",
    b"sip:a@b",
    b"sip:a@b?c=d",
    b"tel:+1",
    b"<>",
    b"<",
]
TAG_PARAMS = [
    *(
        b";tag=1",
        b";tag=a=b",
        b";tag=",
        b";tag",
        b"; tag = 1",
        b";TAG=x",
        b';tag="q"',
        b";tag=\xff",
        b";x=y",
        b";epid=1",
    ),
    *(b">", b" ;tag=2", b";tag=a\x00", b";tag=a\\b", b" "),
]
CSEQ_PIECES = [
    *(b"1", b"0009", b"2147483647", b"2147483648", b"99999999999999999999999", b"-1", b" ", b"  ", b"\t", b"\r\n "),
    *(b"INVITE", b"invite", b"ACK", b"RE%47ISTER", b"a b", b"\xff", b"\x0b"),
]


def joined(*parts: list[bytes] | st.SearchStrategy[list[bytes]]) -> st.SearchStrategy[bytes]:
    """One piece of each list in turn, or all of a list that is drawn."""
    drawn = [st.sampled_from(part).map(lambda piece: [piece]) if isinstance(part, list) else part for part in parts]
    return st.tuples(*drawn).map(lambda lists: b"".join([piece for pieces in lists for piece in pieces]).strip(WHITE))


def some(pieces: list[bytes], most: int) -> st.SearchStrategy[list[bytes]]:
    return st.lists(st.sampled_from(pieces), max_size=most)


VIAS = joined(PROTOCOLS, HOSTS, PORTS, some(VIA_PARAMS, 4), ENDS)
TAGGED = joined(NAMES, ADDRESSES, some(TAG_PARAMS, 2))


def via_by_grammar(value: bytes) -> tuple[Via, int] | None:
    parts = split_list(unfold(decoded(value)))
    try:
        return (parse_via(parts[0]), len(parts)) if parts else None
    except ParseError:
        return None


@given(VIAS)
@example(b"SIP/2.0/UDP a;branch=b;rport;received=1.2.3.4;rport")
@example(b"SIP/2.0/UDP a;rport;branch=b;rport")
@example(b"SIP/2.0/UDP a;branch=b;received=1.2.3.4;received=5.6.7.8")
@example(b"SIP/2.0/UDP a;branch=b;branch=c")
@example(b"SIP/2.0/UDP a;branch=b;")
@example(b"SIP/2.0/UDP a;branch=b;rport;")
@example(b"SIP/2.0/UDP a;branch=b(c)")
@example(b"SIP/2.0/UDP a;branch=b(a,b)")
@example(b"SIP/2.0/UDP a;branch=b,")
@example(b"SIP/2.0/UDP a;branch=b ,SIP/2.0/UDP c")
def test_a_via_is_read_as_its_grammar_does(value: bytes) -> None:
    expected = via_by_grammar(value)
    if expected is None:
        with pytest.raises(ParseError):
            scan_via(value)
        return
    via, values = expected
    found = scan_via(value)
    branch = None if found.branch is None else decoded(found.branch)
    assert (found.transport, found.host, found.port, branch) == (
        via.transport,
        bare_host(via.host),
        via.port or 0,
        via.branch,
    )
    assert (found.rport, found.maddr) == (via.rport_requested, via.maddr)
    assert found.params == (via.received is not None or via.maddr is not None)
    assert found.more == (values > 1 or value[found.length :].strip(WHITE) == b",")
    first = unfold(decoded(value[: found.length].strip(WHITE)))
    assert first == split_list(unfold(decoded(value)))[0]


@given(VIAS, st.sampled_from(["192.0.2.1", "198.51.100.7", "2001:db8::1"]), st.integers(1, 65535))
@example(b"SIP/2.0/UDP 192.0.2.1;branch=b;received=198.51.100.1", "192.0.2.1", 5060)
@example(b"SIP/2.0/UDP 192.0.2.1;branch=b; received=198.51.100.1", "192.0.2.1", 5060)
@example(b"SIP/2.0/UDP 192.0.2.1;branch=b;rport=9", "192.0.2.1", 5060)
@example(b"SIP/2.0/UDP [2001:DB8:0::1];branch=b", "2001:db8::1", 5060)
@example(b"SIP/2.0/UDP [2001:db8::1];rport;branch=b", "2001:db8::1", 5060)
def test_a_via_is_stamped_as_its_class_does(value: bytes, address: str, port: int) -> None:
    expected = via_by_grammar(value)
    if expected is None:
        return
    via, _ = expected
    stamped = stamped_via(value, scan_via(value), address, port)
    wanted = via.with_source(address, port)
    if wanted == via:
        assert stamped is None or parse_via(decoded(stamped)) == via
    else:
        assert stamped is not None
        assert parse_via(decoded(stamped)) == wanted


def test_a_plain_via_keeps_its_octets_around_the_stamp() -> None:
    value = b"SIP/2.0/UDP host.example.com:5080;branch=z9hG4bK-1;rport, SIP/2.0/TCP x"
    via = scan_via(value)
    assert via.plain
    stamped = stamped_via(value, via, "192.0.2.7", 4711)
    assert stamped == b"SIP/2.0/UDP host.example.com:5080;branch=z9hG4bK-1;rport=4711;received=192.0.2.7"
    value = b"SIP/2.0/UDP host.example.com;branch=z9hG4bK-1"
    assert stamped_via(value, scan_via(value), "192.0.2.7", 4711) == value + b";received=192.0.2.7"


@pytest.mark.parametrize(
    "value",
    [
        b"SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK-123-1-0",
        b"SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK-123-1-0;rport",
        b"SIP/2.0/UDP 127.0.0.1:5080;rport;branch=z9hG4bKPj1234",
        b"SIP/2.0/TLS pc.example.com;branch=z9hG4bK1;rport=5060;received=192.0.2.1",
        b"SIP/2.0/TCP pc.example.com;branch=z9hG4bK1;received=192.0.2.1;rport=5060",
        b"SIP/2.0/UDP pc.example.com;branch=z9hG4bK1;received=2001:db8::1,SIP/2.0/UDP x",
    ],
)
def test_usual_forms_of_via_go_the_fast_way(value: bytes) -> None:
    scan._peers.clear()
    for _ in range(2):
        via = scan_via(value)
        assert via.branch is not None
        # The grammar, which has everything else, calls none plain.
        assert via.plain == (b"received" not in value)
        assert len(scan._peers) == 1


def test_known_senders_stay_bounded() -> None:
    for number in range(scan._MOST_PEERS + 10):
        assert scan_via(b"SIP/2.0/UDP h%d:5070;branch=b" % number).host == f"h{number}"
        assert len(scan._peers) <= scan._MOST_PEERS


def tag_by_grammar(value: bytes) -> NameAddr | None:
    try:
        return parse_name_addr(unfold(decoded(value)))
    except ParseError:
        return None


@given(TAGGED)
@example(b"<sip:a@b>;tag=x>;tag=y")
@example(b'"<sip:a>;tag=1" <sip:b>;tag=2')
def test_a_tag_is_read_as_its_grammar_does(value: bytes) -> None:
    """Where the grammar refuses the URI alone, the scan may give a tag; it never gives another one."""
    expected = tag_by_grammar(value)
    if expected is not None:
        assert scan_tag(value) == expected.tag
        return
    try:
        tag = scan_tag(value)
    except ParseError:
        return
    opening = value.rindex(b"<")
    mended = value[:opening] + b"<sip:a@b" + value[value.index(b">", opening) :]
    assert parse_name_addr(unfold(decoded(mended))).tag == tag


def cseq_by_grammar(value: bytes) -> CSeq | None:
    try:
        return parse_cseq(unfold(decoded(value)))
    except ParseError:
        return None


@given(joined(some(CSEQ_PIECES, 4)))
@example(b"1 INVITE")
@example(b"2147483648 INVITE")
@example(b"1\r\n INVITE")
@example(b" INVITE")
@example(b"INVITE")
def test_a_cseq_is_read_as_its_grammar_does(value: bytes) -> None:
    expected = cseq_by_grammar(value)
    if expected is None:
        with pytest.raises(ParseError):
            scan_cseq(value)
    else:
        assert scan_cseq(value) == (expected.number, expected.method)


def test_known_methods_are_one_object() -> None:
    assert method_name(b"INVITE") is method_name(bytes(bytearray(b"INVITE")))
    assert scan_cseq(b"7 REGISTER")[1] is method_name(b"REGISTER")
    assert method_name(b"FOO\xff") == "FOO\udcff"


@given(st.lists(st.sampled_from([b"a", b",", b" ", b'"', b"<", b">", b"(", b")", b"\\", b"\r\n ", b"\n\t", b"\xff"])))
def test_separators_are_where_a_list_is_split(parts: list[bytes]) -> None:
    value = b"".join(parts).strip(WHITE)
    commas = separators(value)
    bounds = [-1, *commas, len(value)]
    pieces = [value[start + 1 : end] for start, end in pairwise(bounds)]
    expected = split_list(unfold(decoded(value))) or [""]
    assert [unfold(decoded(piece.strip(WHITE))) for piece in pieces] == expected
    assert separators(value, 1) == commas[:1]
    assert separators(value, 0) == []


@pytest.mark.parametrize(
    ("octets", "bare"),
    [
        (b"abc", False),
        (b"a\x00", True),
        (b'"\\\x00"', False),
        (b'"\\\\\x00"', True),
        (b'"\\\\\\\x00"', False),
        (b'"\\\x00\x00"', True),
    ],
)
def test_nul_has_its_place_in_quoted_pairs_alone(octets: bytes, bare: bool) -> None:
    assert has_bare_nul(octets) is bare
