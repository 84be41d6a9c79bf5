from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.security.digest import Credentials
from offhook.sip.headers.auth import Credentials as CredentialsValue
from offhook.trace import masking
from offhook.trace.masking import MASK, masked


def test_all_names_exist() -> None:
    assert all(hasattr(masking, name) for name in masking.__all__)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'Authorization: Digest username="bob", response="6629fae49393a05397450978507c4ef1", qop=auth',
            'Authorization: Digest username="bob", response=***, qop=auth',
        ),
        ('Proxy-Authorization: Digest RESPONSE = "6629"', "Proxy-Authorization: Digest RESPONSE = ***"),
        ("Authorization: Digest response=6629, nc=1", "Authorization: Digest response=***, nc=1"),
        ('Authorization: Digest nonce="a",\r\n response=\r\n "66\\"29"\r\nX: y', None),
        ('Authorization: Digest response="6629\r\nX: y', "Authorization: Digest response=***"),
        ('Authentication-Info: rspauth="6629", nc=1', "Authentication-Info: rspauth=***, nc=1"),
        ("Authorization: Basic QWxhZGRpbjpvcGVu", "Authorization: Basic ***"),
        ("authorization:Bearer\r\n eyJhbGci.x.y\r\nX: y", "authorization:Bearer ***\r\nX: y"),
        ('Authorization: Custom a="b",\r\n c="d"\r\nX: y', "Authorization: Custom ***\r\nX: y"),
        ("To: a\rAuthorization: Bearer eyJhbGci\r x.y\rX: y", "To: a\rAuthorization: Bearer ***\rX: y"),
        ("INVITE sip:bob:secret99@example.com SIP/2.0", "INVITE sip:bob:***@example.com SIP/2.0"),
        ("To: <SIPS:bob:x:y@a>;tag=1, sip:c:d@e", "To: <SIPS:bob:***@a>;tag=1, sip:c:***@e"),
        ("Contact: <sip:bob@a:5060>", "Contact: <sip:bob@a:5060>"),
        ("X-Account: password=hunter2; HA1=0123456789abcdef", "X-Account: password=***; HA1=***"),
        ("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1j|2^20|1:4", None),
        ("v=0\r\nk=base64:c2VjcmV0\r\nk=prompt\r\n", "v=0\r\nk=base64:***\r\nk=prompt\r\n"),
        ("Subject: no response; cresponse=3", "Subject: no response; cresponse=3"),
    ],
)
def test_secrets_are_blacked_out(text: str, expected: str | None) -> None:
    found = masked(text)
    for secret in ("6629", "QWx", "eyJ", "secret99", "hunter2", "0123", "WVN", "c2V", '"d"'):
        assert secret not in found
    if expected is not None:
        assert found == expected


@given(st.text(st.characters(codec="utf-8", min_codepoint=0x20, exclude_characters="\x7f"), max_size=30))
def test_the_response_of_any_credentials_is_gone(username: str) -> None:
    parameters = Credentials(username, "realm", "nonce", "sip:a", "0" * 31 + "1").parameters()
    line = f"Authorization: {CredentialsValue('Digest', parameters).serialize()}"
    assert "0" * 31 not in masked(line)


@pytest.mark.parametrize(
    "text",
    [
        "sip:x:" * 20_000,
        "sip:x:" * 20_000 + "@",
        "response" + " " * 120_000,
        'response="' + "\\" * 120_000,
        "Authorization: Basic" + "\n " * 60_000,
        "Authorization:" + " " * 120_000,
        "k=" * 60_000,
        "password=" * 15_000,
    ],
)
def test_no_text_takes_long(text: str) -> None:
    begun = time.process_time()
    masked(text)
    assert time.process_time() - begun < 1.0


def test_the_mask_says_nothing_of_the_length() -> None:
    assert masked("password=a") == masked(f"password={'a' * 50}") == f"password={MASK}"
