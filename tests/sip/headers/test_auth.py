"""Challenges and credentials, by RFC 3261 20 and 22, RFC 7616, RFC 8760, RFC 8898 and RFC 2543."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import ParseError
from offhook.sip.headers.auth import (
    AuthenticationInfo,
    Challenge,
    Credentials,
    Encryption,
    parse_authentication_info,
    parse_challenge,
    parse_credentials,
    parse_encryption,
)

# RFC 3261 20.44 and 20.7
CHALLENGE = (
    'Digest realm="atlanta.com", domain="sip:boxesbybob.com", qop="auth,auth-int", '
    'nonce="f84f1cec41e6cbe5aea9c8e88d359", opaque="", stale=FALSE, algorithm=MD5'
)
CREDENTIALS = (
    'Digest username="bob", realm="biloxi.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="sip:bob@biloxi.com", '
    'qop=auth, nc=00000001, cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1", '
    'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
)


def test_a_challenge() -> None:
    challenge = parse_challenge(CHALLENGE)
    assert challenge.scheme == "Digest"
    assert challenge.is_digest
    assert challenge.realm == "atlanta.com"
    assert challenge.nonce == "f84f1cec41e6cbe5aea9c8e88d359"
    assert challenge.opaque == ""
    assert challenge.algorithm == "MD5"
    assert challenge.qop == ("auth", "auth-int")
    assert not challenge.stale
    assert challenge.param("domain") == "sip:boxesbybob.com"
    assert challenge.param("absent") is None
    assert str(challenge) == CHALLENGE


def test_credentials() -> None:
    credentials = parse_credentials(CREDENTIALS)
    assert credentials.is_digest
    assert (credentials.username, credentials.realm) == ("bob", "biloxi.com")
    assert credentials.nonce == "dcd98b7102dd2f0e8b11d0f600bfb0c093"
    assert credentials.uri == "sip:bob@biloxi.com"
    assert (credentials.qop, credentials.nc, credentials.cnonce) == ("auth", "00000001", "0a4f113b")
    assert credentials.response == "6629fae49393a05397450978507c4ef1"
    assert credentials.opaque == "5ccc069c403ebaf9f0171e9517f40e41"
    assert credentials.algorithm is None
    assert str(credentials) == CREDENTIALS


def test_what_is_absent() -> None:
    challenge = parse_challenge("Digest realm=x")
    assert (challenge.nonce, challenge.opaque, challenge.algorithm, challenge.qop) == (None, None, None, ())
    assert not challenge.stale
    credentials = parse_credentials('Digest username="a"')
    assert (credentials.uri, credentials.response, credentials.cnonce, credentials.qop, credentials.nc) == (None,) * 5


@pytest.mark.rfc("8760 2.6 #2", "3261 22.4 #3")
def test_quotes_follow_the_standard() -> None:
    """Received with and without, a value of Digest is written as RFC 7616 3.3 and 3.4 say."""
    challenge = parse_challenge('DIGEST realm=here, nonce=abc==, qop=auth, algorithm="SHA-256", stale="true"')
    assert challenge.stale
    assert challenge.nonce == "abc=="
    assert str(challenge) == 'DIGEST realm="here", nonce="abc==", qop="auth", algorithm=SHA-256, stale=true'
    credentials = parse_credentials('Digest username=bob, uri=sip:a@b;lr, qop="auth", nc="00000001", algorithm="MD5"')
    assert str(credentials) == 'Digest username="bob", uri="sip:a@b;lr", qop=auth, nc=00000001, algorithm=MD5'
    built = Credentials("Digest", {"username": 'b"ob', "qop": "auth", "nc": "00000001", "x": "a b", "y": "z"})
    assert str(built) == 'Digest username="b\\"ob", qop=auth, nc=00000001, x="a b", y=z'
    assert str(Challenge("Digest", {"realm": "r", "qop": "auth"})) == 'Digest realm="r", qop="auth"'


def test_other_schemes_are_written_as_they_came() -> None:
    text = 'NoOneKnowsThisScheme opaque-data=here, realm=bare, qop="quoted"'
    credentials = parse_credentials(text)
    assert not credentials.is_digest
    assert credentials.param("opaque-data") == "here"
    assert str(credentials) == text
    assert str(parse_challenge(text)) == text


@pytest.mark.parametrize("text", ["Bearer mF_9.B5f-4.1JqM", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "X a=", "X a/b+c~"])
def test_a_single_token(text: str) -> None:
    credentials = parse_credentials(text)
    assert credentials.token68 == text.partition(" ")[2]
    assert credentials.params == {}
    assert str(credentials) == text
    assert parse_challenge(text).token68 == credentials.token68


def test_a_scheme_alone_is_a_challenge() -> None:
    challenge = parse_challenge("Negotiate")
    assert (challenge.scheme, challenge.params, challenge.token68) == ("Negotiate", {}, None)
    assert str(challenge) == "Negotiate"
    with pytest.raises(ParseError):
        parse_credentials("Negotiate")


@pytest.mark.parametrize("text", ['Digest a="b",c=d,', 'Digest ,a="b",c=d', 'Digest a="b",, ,c=d'])
def test_empty_parameters_are_passed_over(text: str) -> None:
    assert parse_challenge(text).params == parse_credentials(text).params == {"a": "b", "c": "d"}


def test_white_space_and_quoted_pairs() -> None:
    credentials = parse_credentials('Digest  username = "b\\"o\\\\b" ,realm="a,b=c"\t,\tnonce=n')
    assert credentials.params == {"username": 'b"o\\b', "realm": "a,b=c", "nonce": "n"}


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "Digest ", 'Digest username="a" realm="b"',  # RFC 3665 2.1 F3, as printed
        'Digest username="a', "Digest ,",
        "Digest username", "Digest =a", 'Digest username="a", USERNAME="b"', "Digest user name=a", 'Digest a="b"c',
        "Digest a=ü", 'Digest a="\n"', "Digest,a=b", "Dig/est a=b", "Digest a=b\n", "Digest\n", "Digest a b",
    ],
)  # fmt: skip
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_credentials(text)
    with pytest.raises(ParseError):
        parse_challenge(text)
    with pytest.raises(ParseError):
        parse_encryption(text)


def test_authentication_info() -> None:
    # RFC 3261 20.6 and RFC 7616 3.5
    info = parse_authentication_info('nextnonce="47364c23432d2e131a5fb210812c"')
    assert info.nextnonce == "47364c23432d2e131a5fb210812c"
    assert info.rspauth is None
    text = 'rspauth="abc", cnonce="x", nc=00000001, qop=auth'
    info = parse_authentication_info(text)
    assert info.rspauth == "abc"
    assert str(info) == text
    assert str(AuthenticationInfo({"nextnonce": "n"})) == 'nextnonce="n"'
    with pytest.raises(ParseError):
        parse_authentication_info("")


def test_encryption() -> None:
    # RFC 2543 6.19
    text = "PGP version=2.6.2,encoding=ascii"
    encryption = parse_encryption(text)
    assert encryption.scheme == "PGP"
    assert encryption.params == {"version": "2.6.2", "encoding": "ascii"}
    assert parse_encryption(str(encryption)) == encryption
    assert isinstance(encryption, Encryption)


def test_equality() -> None:
    assert parse_challenge('Digest realm="a", nonce="b"') == parse_challenge("digest nonce=b,REALM=a")
    assert parse_challenge('Digest realm="a"') != parse_challenge('Digest realm="A"')
    assert parse_challenge('Digest realm="a"') != parse_credentials('Digest realm="a"')
    assert hash(parse_challenge('Digest realm="a"')) == hash(parse_challenge("DIGEST realm=a"))


@pytest.mark.parametrize(
    "value",
    [
        Credentials("Digest", {"user name": "a"}),
        Credentials("Digest", {"username": "a\r\nVia: b"}),
        Credentials("Di gest", {"username": "a"}),
        Credentials("", {}),
        Credentials("Bearer", token68="a b"),
        Challenge("Digest", {"a": "b\n"}),
    ],
    ids=lambda value: str(value.params),
)
def test_what_cannot_be_written(value: Credentials | Challenge) -> None:
    with pytest.raises(ValueError):
        str(value)


NAMES = st.sampled_from(["username", "realm", "nonce", "uri", "qop", "nc", "stale", "algorithm", "x-own"])
VALUES = st.text(st.characters(exclude_characters="\r\n"))


@given(st.sampled_from(["Digest", "Other"]), st.dictionaries(NAMES, VALUES, min_size=1))
def test_what_is_built_is_read_again(scheme: str, params: dict[str, str]) -> None:
    for value, parse in (
        (Challenge(scheme, params), parse_challenge),
        (Credentials(scheme, params), parse_credentials),
        (Encryption(scheme, params), parse_encryption),
    ):
        again = parse(str(value))
        assert again == value
        assert again.params == params
        assert str(again) == str(value)


PARTS = st.sampled_from(
    ["username", "Realm", "nc", "x", "=", '="', '"', '",', ", ", ",", " ", "\t", "\\", "\r\n ", "auth", "%", ";", "é"]
)


def read(text: str) -> Credentials | None:
    try:
        return parse_credentials(text)
    except ParseError:
        return None


@given(st.lists(PARTS, max_size=16).map("".join))
def test_the_usual_way_of_writing_is_read_as_by_the_grammar(params: str) -> None:
    """The comma in front has the second read by the grammar, which passes over it."""
    quick, slow = read(f"Digest {params}"), read(f"Digest ,{params}")
    assert quick == slow
    assert quick is None or slow is None or (quick.params, quick.quoted) == (slow.params, slow.quoted)


@given(st.lists(st.tuples(st.sampled_from(["username", "realm", "uri", "x"]), st.text('ab "\\,='), st.booleans())))
def test_written_parameters_are_read_as_by_the_grammar(params: list[tuple[str, str, bool]]) -> None:
    written = ",".join([f'{name}="{value}"' if quoted else f"{name}={value}" for name, value, quoted in params])
    assert read(f"Digest {written}") == read(f"Digest ,{written}")
