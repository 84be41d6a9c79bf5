from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.request import AbstractDigestAuthHandler, HTTPPasswordMgr, Request

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import ConfigError, ParseError
from offhook.security import digest
from offhook.security.digest import (
    ALGORITHMS,
    AuthenticationInfo,
    Challenge,
    Credentials,
    answer_challenge,
    available_algorithms,
    base_algorithm,
    canonical_algorithm,
    choose_challenges,
    compute_ha1,
    request_digest,
    require_algorithms,
    rspauth,
    verify,
    verify_rspauth,
)

DATA = Path(__file__).parents[1] / "data" / "digest"
VARIANTS = [name + suffix for name in ALGORITHMS for suffix in ("", "-sess")]

wire_text = st.binary(max_size=40).map(lambda octets: octets.decode("utf-8", "surrogateescape"))


def rows(name: str) -> list[Any]:
    return [json.loads(line) for line in (DATA / name).read_text().splitlines()]


def openssl(algorithm: str, data: bytes) -> str:
    option = {"MD5": "-md5", "SHA-256": "-sha256", "SHA-512-256": "-sha512-256"}[algorithm]
    result = subprocess.run(["openssl", "dgst", option, "-r"], input=data, capture_output=True, check=True)
    return result.stdout.split()[0].decode()


def parameters(**changes: str | None) -> dict[str, str]:
    values: dict[str, str | None] = {
        "username": "bob",
        "realm": "biloxi.com",
        "nonce": "n",
        "uri": "sip:bob@biloxi.com",
        "response": "0" * 32,
        "cnonce": "c",
        "qop": "auth",
        "nc": "00000001",
        **changes,
    }
    return {name: value for name, value in values.items() if value is not None}


def test_all_names_exist() -> None:
    assert all(hasattr(digest, name) for name in digest.__all__)


@pytest.mark.parametrize("row", rows("vectors.jsonl"), ids=lambda row: row["source"])
def test_published_examples(row: Any) -> None:
    credentials = Credentials.parse(row["parameters"])
    ha1 = compute_ha1(credentials.algorithm, credentials.username, credentials.realm, row["password"])
    body = row["body"].encode()
    assert request_digest(credentials, ha1, row["method"], body) == row["parameters"]["response"]
    assert verify(credentials, ha1, row["method"], body)
    assert not verify(credentials, ha1, "BYE", body)
    assert verify(credentials, ha1, row["method"], body + b"x") == (credentials.qop != "auth-int")


def test_the_responses_of_rfc_3665_are_made_up() -> None:
    """They cannot verify: some lack digits, some lack the cnonce that their qop needs."""
    lengths = set()
    for row in rows("rfc3665.jsonl"):
        if "qop" in row["parameters"]:
            with pytest.raises(ParseError, match="qop without cnonce"):
                Credentials.parse(row["parameters"], row["header"])
            continue
        credentials = Credentials.parse(row["parameters"], row["header"])
        lengths.add(len(credentials.response))
        for password in ("", "password", "zanzibar", credentials.username):
            ha1 = compute_ha1(credentials.algorithm, credentials.username, credentials.realm, password)
            assert not verify(credentials, ha1, row["method"])
    assert lengths == {23, 26, 31, 32}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("qop", [None, "auth", "auth-int"])
def test_against_openssl(variant: str, qop: str | None) -> None:
    algorithm = base_algorithm(variant)
    username, realm, password = 'al"i\\c\u00e9\udcff', "re:alm \u20ac", "p:\u00e4ss"
    credentials = Credentials(username, realm, "n", "sip:b@c", "", variant, "cn", None, qop, "0000001f")
    a1 = b'al"i\\c\xc3\xa9\xff:re:alm \xe2\x82\xac:p:\xc3\xa4ss'
    ha1 = openssl(algorithm, a1)
    assert compute_ha1(variant, username, realm, password) == ha1
    key = openssl(algorithm, f"{ha1}:n:cn".encode()) if variant.endswith("-sess") else ha1
    entity = f":{openssl(algorithm, b'body')}" if qop == "auth-int" else ""
    ha2 = openssl(algorithm, f"MESSAGE:sip:b@c{entity}".encode())
    middle = "" if qop is None else f"0000001f:cn:{qop}:"
    expected = openssl(algorithm, f"{key}:n:{middle}{ha2}".encode())
    assert request_digest(credentials, ha1, "MESSAGE", b"body") == expected


@pytest.mark.parametrize("qop", ["auth", None])
def test_against_the_client_of_the_standard_library(qop: str | None) -> None:
    passwords = HTTPPasswordMgr()
    passwords.add_password("the realm", "http://example.com/", "bob", "zanzibar")
    request = Request("http://example.com/dir", headers={})
    challenge = {"realm": "the realm", "nonce": "abc", "opaque": "xyz"} | ({} if qop is None else {"qop": qop})
    line = AbstractDigestAuthHandler(passwords).get_authorization(request, challenge)
    assert line is not None
    message = Message()
    message["A"] = "Digest; " + line.replace(", ", "; ")
    credentials = Credentials.parse(dict(message.get_params(header="A", failobj=[])[1:]))
    assert verify(credentials, compute_ha1("MD5", "bob", "the realm", "zanzibar"), "GET")


@pytest.mark.parametrize(
    ("algorithm", "empty"),
    [
        ("MD5", "d41d8cd98f00b204e9800998ecf8427e"),
        ("SHA-256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ],
)
def test_a_missing_body_hashes_as_the_empty_string(algorithm: str, empty: str) -> None:
    """RFC 3261 22.4 item 7 and RFC 8760 2.6 item 7 give these hashes."""
    credentials = Credentials("u", "r", "n", "sip:x", "", algorithm, "c", None, "auth-int", "00000001")
    ha2 = openssl(algorithm, f"BYE:sip:x:{empty}".encode())
    assert request_digest(credentials, "h", "BYE") == openssl(algorithm, f"h:n:00000001:c:auth-int:{ha2}".encode())


@given(
    username=wire_text,
    realm=wire_text,
    password=wire_text,
    uri=wire_text,
    body=st.binary(max_size=30),
    qop=st.sampled_from([(), ("auth",), ("auth-int",), ("x", "auth-int", "auth")]),
    variant=st.sampled_from(VARIANTS),
    count=st.integers(1, 0xFFFFFFFF),
)
def test_what_a_client_answers_verifies(
    username: str,
    realm: str,
    password: str,
    uri: str,
    body: bytes,
    qop: tuple[str, ...],
    variant: str,
    count: int,
) -> None:
    sent = Challenge(realm, "nonce", variant, qop, "op", True, ("sip:a", "sip:b"))
    challenge = Challenge.parse(sent.parameters())
    assert challenge.parameters() == sent.parameters()
    ha1 = compute_ha1(variant, username, realm, password)
    answer = answer_challenge(challenge, username, ha1, "INVITE", uri, "cnonce", count, body)
    credentials = Credentials.parse(answer.parameters())
    assert credentials.parameters() == answer.parameters()
    assert credentials.nonce_count == (count if answer.qop else 0)
    assert verify(credentials, ha1, "INVITE", body)
    assert not verify(credentials, compute_ha1(variant, username, realm, password + "x"), "INVITE", body)
    info = AuthenticationInfo.parse(AuthenticationInfo.proving(credentials, ha1, b"answer").parameters())
    assert verify_rspauth(info, credentials, ha1, b"answer")
    assert not verify_rspauth(info, credentials, ha1 + "x", b"answer")


@given(st.dictionaries(st.sampled_from([*parameters(), "algorithm", "opaque", "stale", "domain"]), wire_text))
def test_any_parameters_give_a_value_or_a_parse_error(values: dict[str, str]) -> None:
    with suppress(ParseError):
        assert Challenge.parse(values).parameters()["realm"] == values["realm"]
    with suppress(ParseError):
        assert not verify(Credentials.parse(values), "0" * 32, "REGISTER")


@pytest.mark.parametrize("name", ["username", "realm", "nonce", "uri", "response"])
def test_credentials_need_their_parameters(name: str) -> None:
    with pytest.raises(ParseError, match=f"without {name}") as caught:
        Credentials.parse(parameters(**{name: None}), "Proxy-Authorization")
    assert (caught.value.status, caught.value.header) == (400, "Proxy-Authorization")


@pytest.mark.rfc("8760 2.6 #4")
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"nc": "1"}, "nc is not"),
        ({"nc": "0000000g"}, "nc is not"),
        ({"nc": "+0000001"}, "nc is not"),
        ({"nc": None}, "qop without"),
        ({"cnonce": None}, "qop without"),
        ({"qop": "auth-conf"}, "neither auth"),
        ({"qop": ""}, "neither auth"),
        ({"qop": None, "cnonce": None, "algorithm": "md5-sess"}, "MD5-sess without cnonce"),
    ],
)
def test_odd_credentials(changes: dict[str, str | None], reason: str) -> None:
    with pytest.raises(ParseError, match=reason):
        Credentials.parse(parameters(**changes))


def test_lenient_writings_are_understood() -> None:
    values = parameters(qop="AUTH-INT", algorithm="sha-256-SESS", nc="0000000A", opaque="")
    credentials = Credentials.parse(values)
    assert credentials.algorithm == "SHA-256-sess"
    assert credentials.nonce_count == 10
    assert credentials.opaque == ""
    credentials.response = request_digest(credentials, "f" * 64, "INVITE", b"one")
    assert verify(credentials, "f" * 64, "INVITE", b"one")
    assert not verify(credentials, "f" * 64, "INVITE", b"two"), "AUTH-INT covers the body"


def test_an_empty_answer_before_the_first_challenge_is_no_error() -> None:
    """RFC 8760 2.7: a client that has no challenge yet may send empty values."""
    credentials = Credentials.parse(parameters(nonce="", response="", cnonce=None, qop=None, nc=None))
    assert not verify(credentials, compute_ha1("MD5", "bob", "biloxi.com", "x"), "REGISTER")


@pytest.mark.parametrize("algorithm", ["AKAv1-MD5", "", "SHA-1", "\udcff", "-sess"])
def test_an_unknown_algorithm_never_verifies(algorithm: str) -> None:
    credentials = Credentials.parse(parameters(algorithm=algorithm))
    assert credentials.algorithm == algorithm
    assert not verify(credentials, "", "REGISTER")


@pytest.mark.parametrize("response", ["", "\udcff", "\u00e4", "f" * 31, "f" * 33])
def test_a_response_of_any_text_fails_quietly(response: str) -> None:
    assert not verify(Credentials.parse(parameters(response=response)), "f" * 32, "REGISTER")


@pytest.mark.parametrize("name", ["realm", "nonce"])
def test_a_challenge_needs_its_parameters(name: str) -> None:
    values = {"realm": "r", "nonce": "n"}
    del values[name]
    with pytest.raises(ParseError, match=name) as caught:
        Challenge.parse(values, "Proxy-Authenticate")
    assert caught.value.header == "Proxy-Authenticate"


def test_reading_a_challenge() -> None:
    challenge = Challenge.parse(
        {
            "realm": "",
            "nonce": "n",
            "qop": " auth , , AUTH-int",
            "stale": "TRUE",
            "domain": "sip:a  sip:b",
            "opaque": "",
        }
    )
    assert challenge.algorithm == "MD5"
    assert challenge.qop == ("auth", "auth-int")
    assert challenge.stale
    assert challenge.domain == ("sip:a", "sip:b")
    assert challenge.opaque == ""
    assert not Challenge.parse({"realm": "", "nonce": "", "stale": "FALSE"}).stale


@pytest.mark.rfc("8760 2.6 #5", "8760 2.6 #7", "3261 22.4 #4", "3261 22.4 #6")
@pytest.mark.parametrize(
    ("algorithm", "qop", "chosen"),
    [
        ("MD5", (), None),
        ("MD5", ("auth-int", "auth"), "auth"),
        ("MD5", ("auth-int",), "auth-int"),
        ("MD5-sess", (), "auth"),
        ("SHA-256", (), "auth"),
    ],
)
def test_the_qop_of_an_answer(algorithm: str, qop: tuple[str, ...], chosen: str | None) -> None:
    challenge = Challenge("r", "n", algorithm, qop)
    assert challenge.understood
    answer = answer_challenge(challenge, "u", "h", "BYE", "sip:x", "c")
    assert answer.qop == chosen
    assert ("cnonce" in answer.parameters()) == ("nc" in answer.parameters()) == (chosen is not None)


@pytest.mark.rfc("8760 2.4 #1", "8760 2.4 #2")
@pytest.mark.parametrize(("algorithm", "qop"), [("SHA-3", ("auth",)), ("MD5", ("token",)), ("", ())])
def test_what_is_not_understood_is_not_chosen(algorithm: str, qop: tuple[str, ...]) -> None:
    odd = Challenge("r", "1", algorithm, qop)
    assert not odd.understood
    plain = Challenge("r", "2")
    assert choose_challenges([odd, plain]) == [plain]
    assert choose_challenges([odd]) == []


@pytest.mark.rfc("8760 2.4 #1")
def test_the_topmost_challenge_of_each_realm_is_chosen() -> None:
    """RFC 8760 2.4; MD5 on top is the server's wish."""
    offers = [Challenge("a", "1", "MD5"), Challenge("b", "2", "SHA-256"), Challenge("a", "3", "SHA-256")]
    assert choose_challenges(offers) == offers[:2]


def test_rspauth_leaves_the_method_out() -> None:
    credentials = Credentials("u", "r", "n", "sip:x", "", "MD5", "c", None, "auth-int", "00000001")
    ha2 = openssl("MD5", f":sip:x:{openssl('MD5', b'body')}".encode())
    assert rspauth(credentials, "h", b"body") == openssl("MD5", f"h:n:00000001:c:auth-int:{ha2}".encode())
    assert not verify_rspauth(AuthenticationInfo(), credentials, "h", b"body")


def test_authentication_info_carries_the_request_s_values() -> None:
    credentials = Credentials("u", "r", "n", "sip:x", "", "MD5", "c", None, "auth", "0000000b")
    info = AuthenticationInfo.proving(credentials, "h", nextnonce="next")
    assert info.parameters() == {
        "nextnonce": "next",
        "qop": "auth",
        "rspauth": rspauth(credentials, "h"),
        "cnonce": "c",
        "nc": "0000000b",
    }
    assert AuthenticationInfo.parse({}).parameters() == {}


def test_names_of_algorithms() -> None:
    assert canonical_algorithm("sha-512-256-Sess") == "SHA-512-256-sess"
    assert canonical_algorithm("SHA-512/256") is None
    assert set(available_algorithms()) == set(ALGORITHMS), "the OpenSSL under test lacks one"
    assert require_algorithms(["md5", "Sha-256"]) == ("MD5", "SHA-256")


@pytest.mark.rfc("8760 2.3 #1")
@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([], "no digest algorithm"),
        (["SHA-1"], "'SHA-1' is not"),
        (["MD5-sess"], "'MD5-sess' is not"),
        (["MD5", "md5"], "MD5 is named twice"),
    ],
)
def test_mistakes_in_the_configured_algorithms(names: list[str], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        require_algorithms(names)


def test_an_openssl_without_sha_512_256_is_reported_at_configuration_time() -> None:
    program = """
import hashlib
new = hashlib.new
def poorer(name, *args, **kwargs):
    if name == "sha512_256":
        raise ValueError("unsupported hash type sha512_256")
    return new(name, *args, **kwargs)
hashlib.new = poorer
from offhook.errors import ConfigError
from offhook.security.digest import Challenge, Credentials, available_algorithms, require_algorithms, verify
assert available_algorithms() == ("SHA-256", "MD5")
assert not Challenge("r", "n", "SHA-512-256").understood
assert not verify(Credentials("u", "r", "n", "sip:x", "", "SHA-512-256"), "", "BYE")
try:
    require_algorithms(["SHA-512-256"])
except ConfigError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.startswith("this Python's OpenSSL does not offer SHA-512-256;")
