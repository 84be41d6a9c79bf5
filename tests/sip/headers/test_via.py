"""Via, by RFC 3261 20.42, RFC 3581, RFC 4475 and RFC 5118."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import ParseError
from offhook.sip.headers.via import Via, parse_via


def test_all_parts() -> None:
    via = parse_via("SIP/2.0/udp First.example.com:4000;ttl=16;maddr=224.2.0.1;branch=z9hG4bKa7c6a8dlze.1;hidden")
    assert (via.protocol, via.version, via.transport) == ("SIP", "2.0", "UDP")
    assert (via.host, via.port, via.sent_by) == ("First.example.com", 4000, "First.example.com:4000")
    assert (via.ttl, via.maddr, via.branch) == (16, "224.2.0.1", "z9hG4bKa7c6a8dlze.1")
    assert (via.received, via.rport, via.rport_requested) == (None, None, False)
    assert "hidden" in via.params
    assert str(via) == ("SIP/2.0/UDP First.example.com:4000;ttl=16;maddr=224.2.0.1;branch=z9hG4bKa7c6a8dlze.1;hidden")


def test_what_is_absent() -> None:
    via = parse_via("SIP/2.0/TCP iftgw.example.com")
    assert (via.port, via.branch, via.received, via.rport, via.maddr, via.ttl) == (None,) * 6
    assert via.sent_by == "iftgw.example.com"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        # RFC 4475 3.1.1.1 (wsinv), unfolded
        ("SIP  /   2.0 /UDP    192.0.2.2;branch=390skdjuw", "SIP/2.0/UDP 192.0.2.2;branch=390skdjuw"),
        (
            "SIP  / 2.0  / TCP     spindle.example.com   ;  branch  =   z9hG4bK9ikj8",
            "SIP/2.0/TCP spindle.example.com;branch=z9hG4bK9ikj8",
        ),
        ("SIP/2.0/UDP a : 5060 ;rport", "SIP/2.0/UDP a:5060;rport"),
        # RFC 4475 3.1.1.2 and 3.1.1.5
        (
            "SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~",
            "SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~",
        ),
        ("SIP/2.0/TCP h;branch=z9hG4bK209%fzsnel234", "SIP/2.0/TCP h;branch=z9hG4bK209%fzsnel234"),
        # RFC 4475 3.1.1.10: transports that nobody here knows
        ("SIP/2.0/UNKNOWN t4.example.com", "SIP/2.0/UNKNOWN t4.example.com"),
        ("sip/2.0/sctp h", "SIP/2.0/SCTP h"),
        # RFC 5118 4.5: received with and without brackets, written without
        (
            "SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111",
            "SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3-111",
        ),
        (
            "SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3",
            "SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3",
        ),
        ("SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z", "SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z"),
        ("SIP/2.0/UDP h;rport=0005060", "SIP/2.0/UDP h;rport=5060"),
        ("SIP/2.0/UDP h;rport=", "SIP/2.0/UDP h;rport"),
    ],
)
def test_leniencies(text: str, written: str) -> None:
    via = parse_via(text)
    assert str(via) == written
    assert parse_via(written) == via


@pytest.mark.parametrize(
    "text",
    [
        "", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP/2.0 host", "SIP/2.0/UDPhost", "/2.0/UDP host",
        "SIP/2.0/UDP 192.0.2.15;;",  # RFC 4475 3.1.2.1
        "SIP/2.0/UDP 2001:db8::9:1", "SIP/2.0/UDP [2001:db8::9:1", "SIP/2.0/UDP [::g]", "SIP/2.0/UDP host:",
        "SIP/2.0/UDP host:65536", "SIP/2.0/UDP host:x", "SIP/2.0/UDP host other", "SIP/2.0/UDP a@b",
        "SIP/2.0/UDP host;rport=x", "SIP/2.0/UDP host;rport=65536", "SIP/2.0/UDP host;rport=-1",
        "SIP/2.0/UDP host;branch=a;branch=b", "SIP/2.0/UDP host;branch=a b", "SIP/2.0/UDP host\n",
        "SIP/2.0/UDP host;a\r\nVia:", "SIP/2.0/UDP \xa0host",
    ],
)  # fmt: skip
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_via(text)


def test_a_malformed_ttl_counts_as_none() -> None:
    assert parse_via("SIP/2.0/UDP a;ttl=256").ttl is None
    assert parse_via("SIP/2.0/UDP a;ttl=x").ttl is None
    assert parse_via("SIP/2.0/UDP a;ttl=0255").ttl is None
    assert parse_via("SIP/2.0/UDP a;ttl=255").ttl == 255


@pytest.mark.rfc("3581 4 #1", "3581 4 #2")
@pytest.mark.parametrize(
    ("text", "address", "written"),
    [
        ("SIP/2.0/UDP 192.0.2.1", "192.0.2.1", "SIP/2.0/UDP 192.0.2.1"),
        ("SIP/2.0/UDP bob.example.com", "192.0.2.1", "SIP/2.0/UDP bob.example.com;received=192.0.2.1"),
        # RFC 3581 4: both, whatever sent-by says
        ("SIP/2.0/UDP 192.0.2.1;rport;a", "192.0.2.1", "SIP/2.0/UDP 192.0.2.1;rport=4444;a;received=192.0.2.1"),
        ("SIP/2.0/UDP 192.0.2.1;rport=7", "192.0.2.1", "SIP/2.0/UDP 192.0.2.1;rport=4444;received=192.0.2.1"),
        # What a client says of its own source is no news.
        ("SIP/2.0/UDP 192.0.2.1;received=192.0.2.9", "192.0.2.1", "SIP/2.0/UDP 192.0.2.1;received=192.0.2.1"),
        ("SIP/2.0/UDP [2001:DB8:0::1]", "2001:db8::1", "SIP/2.0/UDP [2001:DB8:0::1]"),
        ("SIP/2.0/UDP [::1]", "2001:db8::1", "SIP/2.0/UDP [::1];received=2001:db8::1"),
        ("SIP/2.0/UDP [::1]", "[2001:db8::1]", "SIP/2.0/UDP [::1];received=2001:db8::1"),
    ],
)
def test_the_source_of_a_request(text: str, address: str, written: str) -> None:
    via = parse_via(text)
    assert str(via.with_source(address, 4444)) == written
    assert str(parse_via(text)) == str(via)


def test_equality() -> None:
    assert parse_via("SIP/2.0/udp A.b;x;branch=z") == parse_via("sip/2.0/UDP a.B;branch=z;X")
    assert parse_via("SIP/2.0/UDP [::1]") == parse_via("SIP/2.0/UDP [0::1]")
    assert parse_via("SIP/2.0/UDP a;branch=z") != parse_via("SIP/2.0/UDP a;branch=Z")
    assert parse_via("SIP/2.0/UDP a") != parse_via("SIP/2.0/UDP a:5060")
    assert hash(parse_via("SIP/2.0/UDP [::1]")) == hash(parse_via("SIP/2.0/UDP [0::1]"))


def test_copies() -> None:
    via = Via("UDP", "::1", 5060, {"branch": "z"})
    assert str(via) == "SIP/2.0/UDP [::1]:5060;branch=z"
    assert str(via.with_param("Alias")) == "SIP/2.0/UDP [::1]:5060;branch=z;alias"
    assert str(via.with_param("branch", "y")) == "SIP/2.0/UDP [::1]:5060;branch=y"
    assert via.branch == "z"


@given(
    transport=st.sampled_from(["UDP", "TCP", "TLS", "WSS"]),
    host=st.sampled_from(["a", "192.0.2.1", "[2001:db8::1]"]),
    port=st.none() | st.integers(0, 65535),
    branch=st.text("abz019-.!%*_+`'~", min_size=1),
)
def test_what_is_built_is_read_again(transport: str, host: str, port: int | None, branch: str) -> None:
    via = Via(transport, host, port, {"branch": branch, "rport": None})
    assert parse_via(str(via)) == via


@pytest.mark.parametrize(
    ("text", "written"),
    [
        # RFC 2543 6.40
        (
            "SIP/2.0/UDP first.example.com:4000;ttl=16;maddr=224.2.0.1 (Example)",
            "SIP/2.0/UDP first.example.com:4000;ttl=16;maddr=224.2.0.1",
        ),
        ("SIP/2.0/UDP a (b (c) \\))", "SIP/2.0/UDP a"),
    ],
)
def test_a_comment_of_rfc_2543_is_passed_over(text: str, written: str) -> None:
    assert str(parse_via(text)) == written


@pytest.mark.parametrize(
    "text", ["SIP/2.0/UDP a)", "SIP/2.0/UDP a (b))", "SIP/2.0/UDP a (b)(c)", "(b)", "SIP/2.0/UDP (b)"]
)
def test_what_is_no_comment_at_the_end(text: str) -> None:
    with pytest.raises(ParseError):
        parse_via(text)
