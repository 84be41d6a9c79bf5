"""Messages: octets kept, headers decoded when read, the top Via stamped."""

from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.sip.headers.address import STAR, Contact, NameAddr
from offhook.sip.headers.cseq import CSeq
from offhook.sip.headers.via import Via
from offhook.sip.parser import parse
from offhook.sip.uri import OtherUri, SipUri, TelUri
from tests.sip.messages import (
    INVITE,
    OPTIONS,
    RINGING,
    SDP,
    request_of,
    response_of,
    with_line,
    with_more,
    with_start,
)

WSINV = (
    b"INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\n"
    b"TO :\r\n sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\r\n"
    b'from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8\r\n'
    b"MaX-fOrWaRdS: 0068\r\n"
    b"Call-ID: wsinv.ndaksdj@192.0.2.1\r\n"
    b"Content-Length   : 0\r\n"
    b"cseq: 0009\r\n  INVITE\r\n"
    b"Via  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw\r\n"
    b"s :\r\n"
    b"NewFangledHeader:   newfangled value\r\n continued newfangled value\r\n"
    b"UnknownHeaderWithUnusualValue: ;;,,;;,;\r\n"
    b"v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n"
    b" SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239\r\n"
    b'm:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =\r\n      newvalue ;\r\n'
    b"  secondparam ; q = 0.33\r\n"
    b"\r\n"
)


@pytest.mark.parametrize("data", [INVITE, OPTIONS, RINGING, WSINV, with_line(OPTIONS, b"Content-Length")])
def test_what_nobody_changed_comes_back_byte_for_byte(data: bytes) -> None:
    message = parse(data)
    assert message.serialize() == data
    for key in message.keys[1:]:
        message.headers(key)
    assert message.serialize() == data


def test_what_every_hop_reads() -> None:
    request = request_of(INVITE)
    assert (request.method, request.request_uri, request.raw_uri) == (
        "INVITE",
        "sip:bob@127.0.0.1:5060",
        b"sip:bob@127.0.0.1:5060",
    )
    assert request.uri == SipUri("sip", "bob", None, "127.0.0.1", 5060)
    assert (request.call_id, request.cseq_number, request.cseq_method) == ("1-123@127.0.0.1", 1, "INVITE")
    assert (request.from_tag, request.to_tag, request.branch) == ("123SIPpTag001", None, "z9hG4bK-123-1-0")
    assert (request.top_via.host, request.top_via.port, request.top_via.transport) == ("127.0.0.1", 5080, "UDP")
    assert (request.max_forwards, request.content_length, request.body) == (70, len(SDP), SDP)
    assert not request.truncated
    response = response_of(RINGING)
    assert (response.status, response.reason, response.to_tag) == (180, "Ringing", "9")
    assert response.top_via.more
    assert [via.port for via in response.vias] == [5060, 5080]
    assert repr(response) == "<Response 180 'Ringing'>"
    assert repr(request) == "<Request INVITE 'sip:bob@127.0.0.1:5060'>"


@pytest.mark.rfc("3261 7.3.1 #3")
def test_folds_compact_forms_and_odd_spacing() -> None:
    request = request_of(WSINV)
    assert (request.to_tag, request.from_tag) == ("1918181833n", "98asjd8")
    assert request.from_.display_name == 'J Rosenberg \\"'
    assert (request.max_forwards, request.cseq_number) == (68, 9)
    assert [str(via) for via in request.vias] == [
        "SIP/2.0/UDP 192.0.2.2;branch=390skdjuw",
        "SIP/2.0/TCP spindle.example.com;branch=z9hG4bK9ikj8",
        "SIP/2.0/UDP 192.168.255.111;branch=z9hG4bK30239",
    ]
    assert request.texts("newfangledheader") == ["newfangled value continued newfangled value"]
    assert request.headers("UnknownHeaderWithUnusualValue") == [";;,,;;,;"]
    assert request.text("Subject") == ""
    assert request.header("Subject") == ""
    contact = request.contacts[0]
    assert isinstance(contact, Contact)
    assert contact.display_name == 'Quoted string ""'
    assert contact.q == 0.33


@pytest.mark.rfc("3261 7.3.1 #1", "3261 7.3.1 #3")
@pytest.mark.parametrize("cuts", range(8))
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Route", ["<sip:a,b@x;lr>", '"x, y" <sip:c;lr>', "<sip:d;lr>;e=1", "<sip:f;lr>"]),
        ("Contact", ["sip:a", "<sip:b>;q=0.5", '"c" <sip:d>', "<sip:e>"]),
        ("Warning", ['301 a "one"', '302 b "two, three"', '303 c ""', '304 d "four"']),
        ("Supported", ["100rel", "timer", "path", "outbound"]),
    ],
)
def test_values_in_one_field_and_in_several_mean_the_same(name: str, values: list[str], cuts: int) -> None:
    """Each of the three gaps between four values is a comma, or the beginning of another field."""
    fields = [f"{name}: {values[0]}"]
    for gap, value in enumerate(values[1:]):
        if cuts >> gap & 1:
            fields.append(f"{name}: {value}")
        else:
            fields[-1] += f", {value}"
    together = request_of(with_more(OPTIONS, f"{name}: {', '.join(values)}".encode()))
    apart = request_of(with_more(OPTIONS, *(field.encode() for field in fields)))
    assert apart.headers(name) == together.headers(name)
    assert len(apart.headers(name)) == len(values)


@pytest.mark.rfc("3261 7.3.3 #1")
def test_names_are_read_in_any_form() -> None:
    request = request_of(WSINV)
    for name in ("Via", "via", "VIA", "v", "V", "vIa"):
        assert request.has(name)
        assert len(request.texts(name)) == 2
        assert len(request.headers(name)) == 3
    assert request.places("via")[0] == 7
    assert request.places("route") == ()
    assert (request.holds("via"), request.holds("route")) == (True, False)
    assert request.octets("route") is None
    assert request.octets("subject") == b""
    assert request.text("Route") is None
    assert request.header("Route") is None
    assert request.texts("Route") == []
    assert request.routes == request.record_routes == []
    assert not request.has("Route")
    with pytest.raises(ParseError):
        request.has("no name")


def test_a_header_is_decoded_once() -> None:
    request = request_of(INVITE)
    assert request.headers("Contact") is request.headers("m")
    assert request.uri is request.uri
    assert request.top_via is request.top_via


def test_decoded_values_have_their_types() -> None:
    request = request_of(
        with_more(INVITE, b"Route: <sip:a;lr>, <sip:b;lr>", b"Record-Route: <sip:c;lr>", b"Expires: 60")
    )
    assert isinstance(request.from_, NameAddr)
    assert isinstance(request.to, NameAddr)
    assert isinstance(request.cseq, CSeq)
    assert isinstance(request.vias[0], Via)
    assert [str(route) for route in request.routes] == ["<sip:a;lr>", "<sip:b;lr>"]
    assert [str(route) for route in request.record_routes] == ["<sip:c;lr>"]
    assert request.number("Expires") == 60
    assert request.number("Min-Expires") is None
    assert request.content_type == "application/sdp"
    assert request_of(OPTIONS).content_type is None
    assert request_of(with_more(OPTIONS, b"Supported: 100rel,timer", b"k: path")).tokens("Supported") == [
        "100rel",
        "timer",
        "path",
    ]
    assert request_of(with_line(OPTIONS, b"Content-Length", b"c: Text/Plain ; charset=x")).content_type == "text/plain"
    assert request_of(with_more(OPTIONS, b"Contact: *")).contacts == [STAR]


@pytest.mark.parametrize(
    ("uri", "kind"),
    [
        (b"sip:a@b", SipUri),
        (b"sips:b", SipUri),
        (b"tel:+1-212-555-0101", TelUri),
        (b"http://example.com/", OtherUri),
        (b"bob@b.example.com", SipUri),
        (b"ss1.example.com;lr", SipUri),
    ],
)
def test_request_uris(uri: bytes, kind: type) -> None:
    request = request_of(with_start(OPTIONS, b"OPTIONS " + uri + b" SIP/2.0"))
    assert isinstance(request.uri, kind)


def test_a_broken_header_names_itself_when_it_is_read() -> None:
    request = request_of(with_more(OPTIONS, b"Contact: <sip:", b"Date: yesterday", b"Max-Breadth: many"))
    for name in ("Contact", "Date", "Max-Breadth"):
        with pytest.raises(ParseError) as caught:
            request.headers(name)
        assert caught.value.header == name
        with pytest.raises(ParseError):
            request.header(name)
    request = request_of(with_line(OPTIONS, b"From", b"From: <sip:a"))
    with pytest.raises(ParseError) as caught:
        _ = request.from_tag
    assert caught.value.header == "From"


@pytest.mark.rfc("3261 8.2.2 #2")
@pytest.mark.parametrize(
    "name", [b"Contact", b"Route", b"Require", b"Expires", b"Date", b"Authorization", b"Supported"]
)
def test_an_empty_field_counts_as_absent(name: bytes) -> None:
    for line in (name + b":", name + b": ", name + b": \r\n "):
        request = request_of(with_more(OPTIONS, line))
        assert request.headers(name.decode()) == []
        assert request.header(name.decode()) is None
        assert request.text(name.decode()) == ""


def test_an_empty_field_beside_others_counts_as_absent() -> None:
    request = request_of(with_more(OPTIONS, b"Route:", b"Route: <sip:a;lr>", b"Route:"))
    assert [str(route) for route in request.routes] == ["<sip:a;lr>"]


@pytest.mark.parametrize(
    ("text", "value"), [(b"70", 70), (b"0", 0), (b"255", 255), (b"0068", 68), (b"", None), (b"0" * 300 + b"7", 7)]
)
def test_max_forwards(text: bytes, value: int | None) -> None:
    assert request_of(with_line(OPTIONS, b"Max-Forwards", b"Max-Forwards: " + text)).max_forwards == value
    assert request_of(with_line(OPTIONS, b"Max-Forwards")).max_forwards is None


@pytest.mark.parametrize("text", [b"256", b"300", b"-1", b"7x", b"\xb2", b"1 2", b"99999999999999999999999"])
def test_max_forwards_out_of_range(text: bytes) -> None:
    request = request_of(with_line(OPTIONS, b"Max-Forwards", b"Max-Forwards: " + text))
    with pytest.raises(ParseError) as caught:
        _ = request.max_forwards
    assert caught.value.header == "Max-Forwards"


def test_octets_that_are_no_utf_8_are_kept() -> None:
    request = request_of(with_more(OPTIONS, b"Subject: caf\xe9", b"X-Odd: \xff\xfe", b'Contact: "J\xfcrgen" <sip:a@b>'))
    subject = request.header("Subject")
    assert isinstance(subject, str)
    assert subject.encode("utf-8", "surrogateescape") == b"caf\xe9"
    contact = request.contacts[0]
    assert isinstance(contact, Contact)
    assert str(contact).encode("utf-8", "surrogateescape") == b'"J\xfcrgen" <sip:a@b>'


def test_tags_of_rfc_2543_peers_are_missing() -> None:
    request = request_of(with_line(OPTIONS, b"From", b"From: sip:alice@atlanta.example.com"))
    assert request.from_tag is None
    request = request_of(with_line(OPTIONS, b"To", b"To: <sip:carol@chicago.example.com>;tag="))
    assert request.to_tag is None
    request = request_of(with_line(OPTIONS, b"Via", b"Via: SIP/2.0/UDP pc33.atlanta.example.com"))
    assert request.branch is None


# The stamp

VIA = b"Via: SIP/2.0/UDP pc33.atlanta.example.com;branch=z9hG4bKhjhs8ass877"


def stamped(line: bytes, address: str = "192.0.2.4", port: int = 5062) -> tuple[bytes, bytes]:
    """The line of the top Via after the stamp, and the whole message."""
    request = request_of(with_line(OPTIONS, b"Via", line))
    before = request.headers("Via")
    request.stamp_via(address, port)
    after = request.lines[request.places("via")[0]]
    data = request.serialize()
    again = request_of(data)
    assert request.top_via.length == again.top_via.length
    assert (request.top_via.branch, request.top_via.rport) == (again.top_via.branch, again.top_via.rport)
    assert request.top_via.params == again.top_via.params
    assert [str(via) for via in request.vias] == [str(via) for via in again.vias]
    assert len(before) == len(request.vias)
    return after, data


@pytest.mark.rfc("3261 18.2.1 #3", "3261 18.2.1 #4", "3261 18.2.1 #5")
def test_the_source_is_stamped_where_sent_by_is_another_host() -> None:
    line, data = stamped(VIA)
    assert line == VIA + b";received=192.0.2.4"
    assert data == OPTIONS.replace(VIA, line)


@pytest.mark.rfc("3261 18.2.1 #3")
def test_nothing_is_stamped_where_sent_by_is_the_source() -> None:
    here = b"Via: SIP/2.0/UDP 192.0.2.4:5060;branch=z9hG4bK1"
    assert stamped(here)[0] == here
    here = b"Via: SIP/2.0/UDP [2001:db8:0:0::4];branch=z9hG4bK1"
    assert stamped(here, "2001:db8::4")[0] == here


@pytest.mark.rfc("3581 4 #1", "3581 4 #2")
@pytest.mark.parametrize(
    ("line", "after"),
    [
        (VIA + b";rport", VIA + b";rport=5062;received=192.0.2.4"),
        (
            b"v: SIP/2.0/UDP 192.0.2.4;rport;branch=z9hG4bK1",
            b"v: SIP/2.0/UDP 192.0.2.4;rport=5062;received=192.0.2.4;branch=z9hG4bK1",
        ),
        (VIA + b";rport=9;received=10.0.0.1", VIA + b";rport=5062;received=192.0.2.4"),
        (VIA + b";received=10.0.0.1;rport", VIA + b";received=192.0.2.4;rport=5062"),
        (VIA + b"; RPORT", VIA + b";rport=5062;received=192.0.2.4"),
        (VIA + b";rport=", VIA + b";rport=5062;received=192.0.2.4"),
    ],
)
def test_rport_gets_its_value(line: bytes, after: bytes) -> None:
    assert stamped(line)[0] == after


def test_what_a_stranger_wrote_himself_is_overwritten() -> None:
    for lie in (b";received=10.0.0.1", b"; received = 10.0.0.1", b";Received=[2001:db8::1]", b";received=evil.example"):
        line, _ = stamped(b"Via: SIP/2.0/UDP 192.0.2.4;branch=z9hG4bK1" + lie)
        assert line == b"Via: SIP/2.0/UDP 192.0.2.4;branch=z9hG4bK1;received=192.0.2.4"


@pytest.mark.rfc("5118 4.5")
def test_ipv6_sources_are_written_without_brackets() -> None:
    assert stamped(VIA, "2001:db8::9:1")[0] == VIA + b";received=2001:db8::9:1"
    line, _ = stamped(b"Via: SIP/2.0/UDP [2001:db8::1];branch=z9hG4bK1;rport", "2001:db8::9", 5060)
    assert line == b"Via: SIP/2.0/UDP [2001:db8::1];branch=z9hG4bK1;rport=5060;received=2001:db8::9"


def test_further_vias_stay_as_they_are() -> None:
    rest = b" ,\tSIP / 2.0 / TCP  x ; branch = z9hG4bK2  , SIP/2.0/UDP y (a, comment)"
    assert stamped(VIA + rest)[0] == VIA + b";received=192.0.2.4" + rest.replace(b" ,", b",", 1)
    folded = b"Via:\r\n SIP/2.0/UDP\r\n pc33.atlanta.example.com\r\n ;branch=z9hG4bK1\r\n ,SIP/2.0/UDP\r\n y"
    line, _ = stamped(folded)
    assert line == (
        b"Via:\r\n SIP/2.0/UDP pc33.atlanta.example.com;branch=z9hG4bK1;received=192.0.2.4,SIP/2.0/UDP\r\n y"
    )


def test_a_stamp_forgets_what_was_decoded_and_kept() -> None:
    request = request_of(OPTIONS.replace(b"\r\n", b"\n"))
    before = [via.received for via in request.vias]
    request.stamp_via("192.0.2.4", 5062)
    assert (before, [via.received for via in request.vias]) == ([None], ["192.0.2.4"])
    assert request.serialize() == OPTIONS.replace(VIA, VIA + b";received=192.0.2.4")


def test_a_broken_second_via_does_not_keep_the_first_from_its_stamp() -> None:
    request = request_of(with_line(OPTIONS, b"Via", VIA + b";rport, nonsense"))
    request.stamp_via("192.0.2.4", 5062)
    assert request.octets("via") == VIA[5:] + b";rport=5062;received=192.0.2.4, nonsense"
    with pytest.raises(ParseError):
        _ = request.vias
