"""URIs, by RFC 3261 19.1, RFC 4475, RFC 5118 and RFC 5954."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import ParseError
from offhook.sip.uri import OtherUri, SipUri, TelUri, parse_uri

PLAIN = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = st.text("abcXYZ019-", min_size=1, max_size=8)
HOSTS = st.sampled_from(["example.com", "EXAMPLE.com.", "a", "192.0.2.1", "2001:db8::10", "[2001:DB8::9:1]", "my_host"])


def sip(text: str) -> SipUri:
    uri = parse_uri(text)
    assert isinstance(uri, SipUri)
    return uri


@pytest.mark.rfc("3261 8.1.1.2 #1", "3261 8.1.1.2 #2")
def test_all_parts() -> None:
    uri = sip("SIPS:%61lice:se%63ret@Example.COM:5061;Transport=TCP;lr;x=%41?Subject=next%20meeting&to=sip:bob%40b.com")
    assert uri.scheme == "sips"
    assert uri.secure
    assert (uri.user, uri.user_unescaped, uri.password) == ("%61lice", "alice", "se%63ret")
    assert (uri.host, uri.bare_host, uri.port) == ("Example.COM", "Example.COM", 5061)
    assert uri.params == {"transport": "TCP", "lr": None, "x": "A"}
    assert uri.params_text == ";Transport=TCP;lr;x=%41"
    assert (uri.transport, uri.lr) == ("tcp", True)
    assert uri.headers == (("Subject", "next meeting"), ("to", "sip:bob@b.com"))
    # Parts stay as they were written; only the scheme is the standard's own word.
    assert str(uri) == (
        "sips:%61lice:se%63ret@Example.COM:5061;Transport=TCP;lr;x=%41?Subject=next%20meeting&to=sip:bob%40b.com"
    )
    assert repr(sip("sip:a@b")) == "SipUri('sip:a@b')"


def test_what_is_absent() -> None:
    uri = sip("sip:example.com")
    assert (uri.user, uri.user_unescaped, uri.password, uri.port) == (None, None, None, None)
    assert (uri.params, uri.headers) == ({}, ())
    assert (uri.transport, uri.maddr, uri.user_param, uri.method, uri.ttl, uri.telephone) == (None,) * 6
    assert not uri.lr
    assert not uri.secure


def test_known_parameters() -> None:
    uri = sip("sip:+1-201-555-0123;isub=5@gw.com;user=PHONE;maddr=[2001:db8::1];ttl=15;method=REGISTER")
    assert (uri.user_param, uri.maddr, uri.ttl, uri.method) == ("phone", "2001:db8::1", 15, "REGISTER")
    assert uri.telephone == parse_uri("tel:+12015550123;isub=5")
    assert sip("sip:bob@gw.com;user=phone").telephone is None
    assert sip("sip:+12015550123@gw.com").telephone is None


@pytest.mark.parametrize("value", ["256", "-1", "x", "0x1", "٣", "1000"])
def test_a_malformed_ttl_is_none(value: str) -> None:
    assert sip(f"sip:a@b;ttl={value}").ttl is None


@pytest.mark.parametrize(
    ("text", "user"),
    [
        # RFC 4475 3.1.1.2, 3.1.1.3, 3.1.1.4 and 3.1.1.9
        (
            "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
            "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*",
        ),
        ("sip:sips%3Auser%40example.com@example.net", "sips:user@example.com"),
        ("sip:I%20have%20spaces@example.net", "I have spaces"),
        ("sip:%75se%72@example.com", "user"),
        ("sip:null-%00-null@example.com", "null-\0-null"),
        ("sip:user;par=u%40example.net@example.com", "user;par=u@example.net"),
        # Seen in the field: service codes and names that nobody escaped.
        ("sip:*21*5551#@example.com", "*21*5551#"),
        ("sip:Jörg@example.com", "Jörg"),
        ("sip:%C3%B6%ff@example.com", "ö\udcff"),
        ("sip:@example.com", None),
    ],
)
def test_users(text: str, user: str | None) -> None:
    uri = sip(text)
    assert uri.user_unescaped == user
    assert uri.host in ("example.com", "example.net")
    assert uri.params == {}
    assert parse_uri(str(uri)) == uri


def test_escapes_are_resolved_once() -> None:
    """RFC 4475 3.1.1.3 (esc01)."""
    uri = sip("sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31")
    assert uri.user_unescaped == "caller"
    assert uri.lr
    assert uri.params == {"lr": None, "name": "value%41"}


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("sip:[2001:db8::10]", "2001:db8::10", None),
        ("sip:[2001:db8::10:5070]", "2001:db8::10:5070", None),
        ("sip:user@[2001:db8::10]:5070", "2001:db8::10", 5070),
        ("sip:[::ffff:192.0.2.2]", "::ffff:192.0.2.2", None),
        # RFC 5118 4.9: three colons, from the mistake in RFC 3261's grammar.
        ("sip:user@[2001:db8:::192.0.2.1]", "2001:db8::192.0.2.1", None),
        ("sip:my_host-.example.com.:0", "my_host-.example.com.", 0),
        ("sip:12345", "12345", None),
        ("sip:a:000000005060", "a", 5060),
        ("sip:a:65535", "a", 65535),
    ],
)
def test_hosts_and_ports(text: str, host: str, port: int | None) -> None:
    uri = sip(text)
    assert (uri.bare_host, uri.port) == (host, port)
    assert parse_uri(str(uri)) == uri


@pytest.mark.rfc("3261 19.1.1 #2", "3261 19.1.2 #2", "3261 19.1.2 #6")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip:",
        "sips:@",
        "<sip:user@example.com>",  # RFC 4475 3.1.2.7
        "sip:user@example.com; lr",  # RFC 4475 3.1.2.8
        "sip:user@example.com ",
        " sip:user@example.com",
        "sip:2001:db8::10",  # RFC 5118 4.2
        "sip:user@2001:db8::10",
        "sip:[2001:db8::10",
        "sip:[2001:db8::g]",
        "sip:[fe80::1%25eth0]",
        "sip:[1.2.3.4]",
        "sip:[:::1:::2]",
        "sip:a@b@c",
        "sip:a:b:c@d",
        "sip::secret@host",
        "sip:50%@host",
        "sip:a b@host",
        'sip:"a"@host',
        "sip:a@b:",
        "sip:a@b:65536",
        "sip:a@b:99999999999999999999",
        "sip:a@b:5o60",
        "sip:a@b..c",
        "sip:a@.b",
        "sip:a@bücher.example",
        "sip:a@%62.example",
        "sip:a@b;;lr",
        "sip:a@b;=x",
        "sip:a@b;x=@c",
        "sip:a@b;lr;lr",
        "sip:a@b;lr;%6cr",
        "sip:a@b?",
        "sip:a@b?x",
        "sip:a@b?=x",
        "sip:a@b?a=b&",
        "sip:a@b\r\nVia: x",
        "sip:a@b;x=\x00",
        "tel:",
        "justaname",
        "*",
        ":x",
        "1a:b",
        "http:<x>",
        "http:",
    ],
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_uri(text)


EQUAL = [
    # RFC 3261 19.1.4
    ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
    ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
    (
        "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
        "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
    ),
    (
        "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
        "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
    ),
    ("sip:carol@chicago.com;security=off", "sip:carol@chicago.com"),
    # RFC 5954 4.2: addresses are compared as addresses.
    ("sip:a@[2001:db8::0:1]", "sip:a@[2001:DB8:0::1]"),
    ("SIP:a@b", "sip:a@B"),
    ("sip:a%2Cb@c", "sip:a%2cb@c"),
    ("sip:a%21@c", "sip:a!@c"),
    ("sip:a@b;X=Y", "sip:a@b;x=y"),
    ("sip:a@b;x=%79", "sip:a@b;%78=y"),
    ("sip:a:p%77@b", "sip:a:pw@b"),
]
UNEQUAL = [
    # RFC 3261 19.1.4
    ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
    ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
    ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
    ("sip:a@b", "sips:a@b"),
    ("sip:b", "sip:a@b"),
    ("sip:a@b", "sip:a:@b"),
    ("sip:a:p@b", "sip:a:P@b"),
    ("sip:a@b", "sip:a@b;user=ip"),
    ("sip:a@b", "sip:a@b;ttl=1"),
    ("sip:a@b", "sip:a@b;method=INVITE"),
    ("sip:a@b", "sip:a@b;maddr=192.0.2.1"),
    ("sip:a%40@b", "sip:a%2F@b"),
    ("sip:a%2Cb@c", "sip:a,b@c"),
    ("sip:a%2541@b", "sip:a%41@b"),
    ("sip:a%253B@b", "sip:a%3B@b"),
    ("sip:a@b?x=1&x=2", "sip:a@b?x=1"),
    ("sip:+1@b;user=phone", "tel:+1"),
    ("sip:a@b", "tel:+1"),
    ("http:a", "sip:a"),
]


@pytest.mark.rfc("3261 19.1.4 #1")
@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_equal(one: str, other: str) -> None:
    assert parse_uri(one) == parse_uri(other)
    assert parse_uri(other) == parse_uri(one)
    assert hash(parse_uri(one)) == hash(parse_uri(other))


@pytest.mark.rfc("3261 19.1.4 #1")
@pytest.mark.parametrize(("one", "other"), UNEQUAL)
def test_unequal(one: str, other: str) -> None:
    assert parse_uri(one) != parse_uri(other)
    assert parse_uri(other) != parse_uri(one)


def test_no_uri_equals_a_text() -> None:
    for text in ("sip:a@b", "tel:+1", "urn:service:sos"):
        assert parse_uri(text) != text


@pytest.mark.parametrize(
    ("text", "aor"),
    [
        ("sip:%61lice@AtLanTa.CoM.;transport=tcp?a=b", "sip:alice@atlanta.com"),
        ("sips:alice:secret@atlanta.com:5061", "sips:alice@atlanta.com:5061"),
        ("sip:Alice@atlanta.com", "sip:Alice@atlanta.com"),
        ("sip:+1-201@b;user=phone", "sip:+1-201@b"),
        ("sip:u;par=u%40example.net@b", "sip:u;par=u%40example.net@b"),
        ("sip:j%c3%b6rg@b", "sip:j%C3%B6rg@b"),
        ("sip:jörg@b", "sip:j%C3%B6rg@b"),
        ("sip:a%2Cb@c", "sip:a,b@c"),
        ("sip:a%3Ab@c", "sip:a%3Ab@c"),
        ("sip:[2001:DB8:0::1]:5060", "sip:[2001:db8::1]:5060"),
        ("urn:service:SOS", "urn:service:SOS"),
    ],
)
def test_aor(text: str, aor: str) -> None:
    """RFC 3261 10.3 step 5."""
    assert parse_uri(text).aor() == aor
    assert parse_uri(aor).aor() == aor


@pytest.mark.parametrize(
    "text",
    [
        "soap.beep://192.0.2.103:3002",
        "nobodyKnowsThisScheme:totallyopaquecontent",
        "isbn:2983792873",
        "http://www.example.com/a?b=c&d=(e)#f",
        "name:John_Smith",
        "urn:service:sos",
        "mailto:a@b",
    ],
)
def test_other_schemes(text: str) -> None:
    """RFC 4475 3.3.2, 3.3.3 and 3.3.4."""
    uri = parse_uri(text)
    assert isinstance(uri, OtherUri)
    assert str(uri) == text
    assert f"{uri.scheme}:{uri.rest}".lower() == text.lower()
    assert uri.scheme == uri.scheme.lower()
    assert uri.aor() == f"{uri.scheme}:{uri.rest}"
    assert parse_uri(str(uri)) == uri
    assert hash(parse_uri(str(uri))) == hash(uri)
    assert repr(uri) == f"OtherUri({str(uri)!r})"


def test_a_missing_scheme_is_understood() -> None:
    """RFC 3666 3.2 F3 and 2.3 F14, RFC 5359 2.4 F5 are printed so."""
    assert str(parse_uri("bob@b.example.com")) == "sip:bob@b.example.com"
    assert str(parse_uri("ss1.a.example.com;lr")) == "sip:ss1.a.example.com;lr"


def test_copies() -> None:
    uri = sip("sip:alice:pw@example.com:5060;transport=udp;lr?a=b")
    assert str(uri.with_scheme("sips")) == "sips:alice:pw@example.com:5060;transport=udp;lr?a=b"
    assert str(uri.with_user("bob smith")) == "sip:bob%20smith@example.com:5060;transport=udp;lr?a=b"
    assert str(uri.with_user(None)) == "sip:example.com:5060;transport=udp;lr?a=b"
    assert str(uri.with_host("2001:db8::1")) == "sip:alice:pw@[2001:db8::1];transport=udp;lr?a=b"
    assert str(uri.with_host("b", 1)) == "sip:alice:pw@b:1;transport=udp;lr?a=b"
    assert str(uri.with_param("Transport", "tcp")) == "sip:alice:pw@example.com:5060;lr;Transport=tcp?a=b"
    assert str(uri.with_param("x", "a;b=c")) == "sip:alice:pw@example.com:5060;transport=udp;lr;x=a%3Bb%3Dc?a=b"
    assert str(uri.with_param("ob")) == "sip:alice:pw@example.com:5060;transport=udp;lr;ob?a=b"
    assert str(uri.without_param("LR")) == "sip:alice:pw@example.com:5060;transport=udp?a=b"
    assert str(uri.without_params()) == "sip:alice:pw@example.com:5060?a=b"
    assert str(uri.with_header("Replaces", "1@b;to-tag=2")).endswith("?a=b&Replaces=1%40b%3Bto-tag%3D2")
    assert str(uri.without_headers()) == "sip:alice:pw@example.com:5060;transport=udp;lr"
    assert str(uri.without_headers().with_header("a", "")) == "sip:alice:pw@example.com:5060;transport=udp;lr?a="
    assert str(uri) == "sip:alice:pw@example.com:5060;transport=udp;lr?a=b"
    with pytest.raises(ParseError):
        uri.with_host("a b")


@pytest.mark.rfc("3261 19.1.1 #1", "3261 19.1.2 #1", "3261 19.1.2 #3", "3261 19.1.2 #4")
def test_what_is_built_is_escaped_where_it_must_be() -> None:
    uri = SipUri.build(
        "h", "j@s0n <a>:%;?/\x7fö", password="p:;?/", params={"a;b": "c=d@?,"}, headers={"x&y": "a=b&c?"}
    )
    assert str(uri) == ("sip:j%40s0n%20%3Ca%3E%3A%25;?/%7F%C3%B6:p%3A%3B%3F%2F@h;a%3Bb=c%3Dd%40%3F%2C?x%26y=a%3Db%26c?")
    assert str(SipUri.build("h", "")) == "sip:h"


BROKEN_BUILDS: list[Callable[[], SipUri]] = [
    lambda: SipUri.build("a b"),
    lambda: SipUri.build(""),
    lambda: SipUri.build("a", port=65536),
    lambda: SipUri.build("a", port=-1),
    lambda: SipUri.build("a", scheme="http"),
    lambda: SipUri.build("a", params={"X": "1", "x": "2"}),
    lambda: SipUri.build("a", params={"": "1"}),
    lambda: SipUri.build("a", headers={"": "1"}),
]


@pytest.mark.rfc("3261 19.1.1 #2")
@pytest.mark.parametrize("build", BROKEN_BUILDS)
def test_building_refuses_what_is_no_uri(build: Callable[[], SipUri]) -> None:
    with pytest.raises(ValueError):
        build()


@pytest.mark.rfc("3261 19.1.2 #1", "3261 19.1.2 #2", "3261 19.1.2 #3")
@given(
    host=HOSTS,
    user=st.none() | PLAIN,
    port=st.none() | st.integers(0, 65535),
    scheme=st.sampled_from(["sip", "sips"]),
    password=st.none() | PLAIN,
    params=st.dictionaries(NAMES.map(str.lower), st.none() | PLAIN.filter(bool), max_size=3),
    headers=st.dictionaries(NAMES, PLAIN, max_size=3),
)
def test_what_is_built_is_read_again(
    host: str,
    user: str | None,
    port: int | None,
    scheme: str,
    password: str | None,
    params: dict[str, str | None],
    headers: dict[str, str],
) -> None:
    uri = SipUri.build(host, user, port, scheme=scheme, password=password, params=params, headers=headers)
    text = str(uri)
    assert text.isascii()
    assert not set(text) & set(' "<>\r\n\t')
    again = sip(text)
    assert again == uri
    assert hash(again) == hash(uri)
    assert again.user_unescaped == (user or None)
    assert again.params == params
    assert again.headers == tuple(headers.items())
    assert again.port == port


@given(st.text(st.one_of(st.sampled_from('sip:@;=?&%[].,/<>" 4\r\n'), st.characters()), max_size=30))
def test_any_text(tail: str) -> None:
    for text in (tail, f"sip:{tail}", f"sips:a@{tail}", f"sip:a@b;{tail}", f"sip:a@b?{tail}", f"tel:+{tail}"):
        try:
            uri = parse_uri(text)
        except ParseError:
            continue
        assert not set(str(uri)) & set(' "<>\r\n\t')
        assert parse_uri(str(uri)) == uri
        assert str(parse_uri(str(uri))) == str(uri)
        # An address-of-record is plain ASCII and stable, whatever octets came.
        aor = uri.aor()
        assert parse_uri(aor).aor() == aor


@given(st.lists(st.sampled_from(["transport=tcp", "TRANSPORT=TCP", "lr", "x=1", "x=2", "user=phone"]), max_size=3))
def test_equality_is_symmetric_and_agrees_with_hash(params: list[str]) -> None:
    uris = []
    for start in (
        "sip:alice@example.com",
        "sip:%61lice@EXAMPLE.com",
        "sip:Alice@example.com",
        "sip:[::1]",
        "sip:[0::1]",
    ):
        try:
            uris.append(parse_uri(";".join([start, *params])))
        except ParseError:
            assert len({param.partition("=")[0].lower() for param in params}) < len(params)
        uris.append(parse_uri(start))
    for one in uris:
        for other in uris:
            assert (one == other) == (other == one)
            if one == other:
                assert hash(one) == hash(other)


@pytest.mark.parametrize(
    "piece",
    ["a", "a@", ":", ";", ";a", ";a=b", "?", "?a=b", "&a=b", "%", "%41", "[", "[:", "0", ".", "a.", "a:", "=", "-"],
)
def test_no_input_takes_long(piece: str) -> None:
    text = piece * (65536 // len(piece))
    for start in ("sip:", "sip:a@", "sip:a@b", "sip:a@b;x", "sip:a@b?x=y", "tel:+1", "tel:", "x:", "", "sip:["):
        began = time.process_time()
        try:
            uri = parse_uri(start + text)
            assert str(uri) == start + text or start == ""
            hash(uri)
            assert uri == parse_uri(start + text)
        except ParseError:
            pass
        assert time.process_time() - began < 0.5, start


@pytest.mark.rfc("3261 19.1.6 #1", "3261 19.1.2 #5", "3261 19.1.1 #5")
@pytest.mark.parametrize(
    ("number", "uri"),
    [
        ("tel:+1-201-555-0123", "sip:+1-201-555-0123@example.com;user=phone"),
        ("tel:7042;phone-context=Example.COM", "sip:7042;phone-context=example.com@example.com;user=phone"),
        ("tel:+358;Zone=b;postd=PP22;alt=c;isub=1", "sip:+358;isub=1;postd=pp22;alt=c;zone=b@example.com;user=phone"),
        ("tel:*31;phone-context=+1;x=%3B", "sip:*31;phone-context=+1;x=%3b@example.com;user=phone"),
        ("tel:*31#;phone-context=+1", "sip:*31%23;phone-context=+1@example.com;user=phone"),
        ("tel:+1;x=%25zz", "sip:+1;x=%25zz@example.com;user=phone"),
    ],
)  # fmt: skip
@pytest.mark.rfc("3261 25.1 #2")
def test_a_number_as_a_sip_uri(number: str, uri: str) -> None:
    tel = parse_uri(number)
    assert isinstance(tel, TelUri)
    made = SipUri.of_telephone(tel, "example.com")
    assert str(made) == uri
    assert sip(uri) == made
    assert made.telephone == tel


@pytest.mark.parametrize("param", ["x=%zz", "x=100%", "%=y", "x=%4", "x=%%41"])
def test_a_percent_sign_that_escapes_nothing_is_escaped_in_a_user(param: str) -> None:
    tel = parse_uri(f"tel:+1;{param}")
    assert isinstance(tel, TelUri)
    number = sip(str(SipUri.of_telephone(tel, "example.com"))).telephone
    assert number is not None
    assert number.params == tel.params


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("sip:1212;x=%zz?Replaces=1@h", "sip:1212?Replaces=1%40h"),
        ("sip:[::1]?Replaces=1@h", "sip:[::1]?Replaces=1%40h"),
        ("sip:a@b;x=y?Replaces=1@h", "sip:a@b?Replaces=1@h"),
    ],
)
def test_an_at_sign_in_headers_makes_no_user(text: str, written: str) -> None:
    """RFC 3261 25.1: hvalue has none unescaped, and another reader would take the host from behind it."""
    uri = sip(text)
    copy = uri.without_params()
    assert str(copy) == written
    assert sip(written) == copy
    assert copy.headers == uri.headers == (("Replaces", "1@h"),)


def test_a_long_user_of_strange_octets_is_escaped_in_time() -> None:
    uri = sip("sip:" + "\udcc0" * 65000 + "@b")
    began = time.thread_time()
    assert uri.aor() == "sip:" + "%C0" * 65000 + "@b"
    assert time.thread_time() - began < 0.05


def test_tel_is_one_of_them() -> None:
    assert isinstance(parse_uri("TEL:+1-201-555-0123"), TelUri)
