"""Names and addresses, by RFC 3261 20.10, RFC 4475 and RFC 5118."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import ParseError
from offhook.sip.headers.address import (
    STAR,
    Contact,
    NameAddr,
    Star,
    parse_contact,
    parse_name_addr,
    parse_route,
)
from offhook.sip.uri import OtherUri, SipUri, TelUri, parse_uri


@pytest.mark.parametrize(
    ("text", "name", "uri", "tag"),
    [
        # RFC 3261 20.20
        ('"A. G. Bell" <sip:agb@bell-telephone.com> ;tag=a48s', "A. G. Bell", "sip:agb@bell-telephone.com", "a48s"),
        ("sip:+12125551212@server.phone2net.com;tag=887s", None, "sip:+12125551212@server.phone2net.com", "887s"),
        ("Anonymous <sip:c8oqz84zk7z@privacy.org>;tag=hyh8", "Anonymous", "sip:c8oqz84zk7z@privacy.org", "hyh8"),
        # RFC 4475 3.1.1.1
        (
            "sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n",
            None,
            "sip:vivekg@chair-dnrc.example.com",
            "1918181833n",
        ),
        (
            '"J Rosenberg \\\\\\""       <sip:jdrosen@example.com>   ;   tag = 98asjd8',
            'J Rosenberg \\"',
            "sip:jdrosen@example.com",
            "98asjd8",
        ),
        # RFC 4475 3.1.1.2
        (
            '"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:1_unusual.URI~(to-be!sure)&isn\'t+it$/crazy?,/;;*@example.com>',
            "BEL:\x07 NUL:\x00 DEL:\x7f",
            "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com",
            None,
        ),
        (
            "token1~` token2'+_ token3*%!.- <sip:mundane@example.com>;f''~+*_!.-%=\"работающий\";tag=_token~1'+`*%!-.",
            "token1~` token2'+_ token3*%!.-",
            "sip:mundane@example.com",
            "_token~1'+`*%!-.",
        ),
        # RFC 4475 3.1.1.6: no white space before "<"
        ("caller<sip:caller@example.com>;tag=323", "caller", "sip:caller@example.com", "323"),
        # RFC 4475 3.1.2.14: white space inside the brackets
        ('"Watson, Thomas" < sip:t.watson@example.org >', "Watson, Thomas", "sip:t.watson@example.org", None),
        # RFC 4475 3.3.4: any scheme
        ("isbn:2983792873", None, "isbn:2983792873", None),
        ("<http://www.example.com>;tag=3234233", None, "http://www.example.com", "3234233"),
        ("<tel:+1-201;ext=5>;tag=1", None, "tel:+1-201;ext=5", "1"),
        ('"" <sip:a@b>', "", "sip:a@b", None),
        ("<sip:a@b>", None, "sip:a@b", None),
        ("Jörg (home) <sip:a@b>", "Jörg (home)", "sip:a@b", None),
        ("alice@example.com <sip:a@b>", "alice@example.com", "sip:a@b", None),
        ('"Latin \udcf6" <sip:a@b>;tag=a/b==', "Latin \udcf6", "sip:a@b", "a/b=="),
        ("<sip:a@b;lr>;tag", None, "sip:a@b;lr", None),
    ],
)
def test_addresses(text: str, name: str | None, uri: str, tag: str | None) -> None:
    address = parse_name_addr(text)
    assert (address.display_name, str(address.uri), address.tag) == (name, uri, tag)
    assert parse_name_addr(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "", "<>", "Bob", "Bob <>", "<sip:a@b", "sip:a@b>", "<<sip:a@b>>", "<sip:a@b>>", "<sip:a@b> x", "<sip:a@b>tag=1",
        '"Mr. J. User <sip:j.user@example.com>',  # RFC 4475 3.1.2.6
        "Bell, Alexander <sip:a.g.bell@example.com>;tag=43",  # RFC 4475 3.1.2.15
        "Bob; <sip:a@b>", 'Bob "x" <sip:a@b>', '"Bob" x <sip:a@b>', '"Bob" sip:a@b', '"Bob"',
        "sip:user@example.com?Route=%3Csip:sip.example.com%3E",  # RFC 4475 3.1.2.13
        "sip:a,b@c", "sip:user;par=u@example.com", "<sip:a@b>;;;;", "<sip:a@b>;tag=1;tag=2", "<sip:a@b>;tag=a b",
        "<sip:a@b>\r\n;tag=1", "<sip:a b@c>", "B\x00b <sip:a@b>", "*",
    ],
)  # fmt: skip
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_name_addr(text)


@pytest.mark.rfc("3261 20 #13", "3261 20.10 #1", "3261 20.20 #2", "3261 20.31 #2")
def test_written_form() -> None:
    uri = parse_uri("sip:a@b;lr")
    assert str(NameAddr(uri)) == "<sip:a@b;lr>"
    assert str(NameAddr(uri, "Bob", {"tag": "1"})) == '"Bob" <sip:a@b;lr>;tag=1'
    assert str(NameAddr(uri, 'B"ob\\')) == '"B\\"ob\\\\" <sip:a@b;lr>'
    with pytest.raises(ValueError, match="CR"):
        str(NameAddr(uri, "Bob\r\nVia: x"))


def test_equality_is_that_of_the_uris() -> None:
    one = parse_name_addr("<sip:%61lice@Atlanta.com>;tag=1")
    assert one == parse_name_addr("sip:alice@atlanta.com;TAG=1")
    assert hash(one) == hash(parse_name_addr("sip:alice@atlanta.com;TAG=1"))
    assert one != parse_name_addr("sip:alice@atlanta.com;tag=2")
    assert one != parse_name_addr("Alice <sip:alice@atlanta.com>;tag=1")
    assert one != parse_contact("<sip:alice@atlanta.com>;tag=1")


def test_copies() -> None:
    address = parse_name_addr("Bob <sip:a@b>")
    assert str(address.with_tag("7")) == '"Bob" <sip:a@b>;tag=7'
    assert str(address.with_tag("7").with_param("X").with_tag("8")) == '"Bob" <sip:a@b>;tag=8;x'
    assert address.tag is None
    contact = parse_contact("<sip:a@b>;expires=5")
    assert isinstance(contact, Contact)
    assert contact.with_param("expires", "7").expires == 7
    assert contact.expires == 5


def test_star() -> None:
    assert parse_contact("*") is STAR
    assert str(STAR) == "*"
    assert isinstance(STAR, Star)
    with pytest.raises(ParseError):
        parse_contact("*;expires=0")


def test_contacts() -> None:
    # RFC 3261 20.10 and RFC 4475 3.1.1.1
    contact = parse_contact('"Mr. Watson" <sip:watson@worcester.bell-telephone.com> ;q=0.7; expires=3600')
    assert isinstance(contact, Contact)
    assert (contact.q, contact.expires, contact.display_name) == (0.7, 3600, "Mr. Watson")
    contact = parse_contact(
        '"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =      newvalue ;  secondparam ; q = 0.33'
    )
    assert isinstance(contact, Contact)
    assert contact.q == 0.33
    assert contact.params == {"newparam": "newvalue", "secondparam": None, "q": "0.33"}
    assert contact.expires is None
    contact = parse_contact('<sip:a@b>;+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>";reg-id=1')
    assert isinstance(contact, Contact)
    assert contact.param("+sip.instance") == "<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"
    assert contact.q is None


def test_whose_parameters() -> None:
    """RFC 4475 3.3.12 and 3.3.13."""
    bare = parse_contact("sip:+19725552222@gw1.example.net;unknownparam")
    assert isinstance(bare, Contact)
    assert isinstance(bare.uri, SipUri)
    assert (bare.uri.params, bare.params) == ({}, {"unknownparam": None})
    inside = parse_contact("<sip:+19725552222@gw1.example.net;unknownparam>")
    assert isinstance(inside, Contact)
    assert isinstance(inside.uri, SipUri)
    assert (inside.uri.params, inside.params) == ({"unknownparam": None}, {})


@pytest.mark.rfc("3261 8.3 #3")
@pytest.mark.parametrize(
    ("text", "expires"),
    [
        ("0", 0),
        ("007", 7),
        ("4294967295", 2**32 - 1),
        ("4294967296", 2**32 - 1),
        ("280297596632815", 2**32 - 1),
        ("9" * 5000, 2**32 - 1),
        ("-1", 3600),
        ("x", 3600),
        ('"60"', 60),
        ('"Thu, 01 Dec 1994 16:00:00 GMT"', 3600),
        ("", 3600),
    ],
)
def test_expires(text: str, expires: int) -> None:
    """RFC 3261 10.2.1.1 and 20.10; RFC 2543 wrote dates here."""
    contact = parse_contact(f"<sip:a@b>;expires={text}")
    assert isinstance(contact, Contact)
    assert contact.expires == expires


@pytest.mark.parametrize("q", ["1.1", "2", "x", "-1", "0,5"])
def test_a_malformed_q_is_refused(q: str) -> None:
    with pytest.raises(ParseError):
        parse_contact(f"<sip:a@b>;q={q}")


def test_routes() -> None:
    route = parse_route("<sip:services.example.com;lr;unknownwith=value;unknown-no-value>;x=1")
    assert isinstance(route.uri, SipUri)
    assert route.uri.lr
    assert route.params == {"x": "1"}
    assert str(parse_route("sip:p1.example.com")) == "<sip:p1.example.com>"
    with pytest.raises(ParseError):
        parse_route("sip:p1.example.com;lr")


@given(
    name=st.none() | st.text(st.characters(exclude_characters="\r\n")),
    uri=st.sampled_from(["sip:a@b", "sips:[::1];lr?a=b", "tel:+1;ext=5", "urn:service:sos"]),
    tag=st.none() | st.text("abz019-.!%*_+`'~", min_size=1),
)
def test_what_is_built_is_read_again(name: str | None, uri: str, tag: str | None) -> None:
    parsed = parse_uri(uri)
    assert isinstance(parsed, SipUri | TelUri | OtherUri)
    address = NameAddr(parsed, name, None if tag is None else {"tag": tag})
    again = parse_name_addr(str(address))
    assert again == address
    assert (again.display_name, again.tag) == (name, tag)
