"""URIs of every scheme (RFC 3261 19.1, RFC 3966): two lines, for what is compared."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from functools import cache
from random import Random
from typing import Final

from offhook.errors import ParseError
from offhook.flow import Flow
from offhook.sip.uri import OtherUri, SipUri, TelUri, Uri, parse_uri
from tests.fuzz.messages import DATA
from tests.fuzz.octets import MARKS
from tests.fuzz.target import Target, documented
from tests.fuzz.timing import OF_A_CHECK, stopwatch

__all__ = ["URIS"]

EXAMPLES: Final = (
    *("sip:alice@example.com", "sips:alice:secret@[2001:db8::1]:5061;transport=tcp?Subject=a%20b&X=y", "sip:a.b."),
    *("sip:+1-212-555-1212:1234@gateway.example;user=phone", "sip:%61lice@EXAMPLE.com;Lr;maddr=[::1];ttl=15;method=X"),
    *("sip:1212;isub=5;postd=pp22;phone-context=+1@h;user=phone", "tel:+1-201-555-0123", "tel:7042;phone-context=a.b"),
    *("tel:863-1234;phone-context=+1-914-555;ext=12;isub=a%20b", "mailto:a@b", "urn:service:sos", "http://a/b?c#d"),
    *("im:a@b", "sip:a@b;p=%C3%A9;q=%ff", "bob@b.example.com", "ss1.a.example.com;lr", "sip:a%3Bb%40c@192.0.2.1:0"),
    *("sip:\u00e9@x;\u00e9=\u00e9", "sip:[:::1]", "cid:foo@bar", "sip:*21#@pbx", "data:,x", "tel:911", "tel:*#06#"),
)
PAIRS: Final = 400
SECRET: Final = b"a secret"


@cache
def seeds() -> tuple[bytes, ...]:
    """The URIs of the corpus's header fields and a few with everything, each beside itself or another."""
    found = list(EXAMPLES)
    for name in ("fields", "tshark"):
        for line in (DATA / "headers" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            text = record["text"] if name == "fields" else record["texts"][0]
            found += re.findall(r"(?:sips?|tel|mailto|https?):[^<>\s\",]+", text)
    known = list(dict.fromkeys(found))
    random = Random(0)
    pairs = [(one, random.choice((one, random.choice(known)))) for one in random.sample(known, min(PAIRS, len(known)))]
    pairs += [(one, one) for one in EXAMPLES]
    return tuple(f"{one}\n{other}".encode("utf-8", "surrogateescape") for one, other in pairs)


def check_pair(data: bytes) -> bool:
    texts = data.decode("utf-8", "surrogateescape").split("\n", 1)
    uris = [uri for text in texts if (uri := check_uri(text)) is not None]
    if len(uris) == 2:
        one, other = uris
        assert stopwatch.within(lambda: one == other) == (other == one)
        assert one != other or hash(one) == hash(other)
    Flow.from_token(texts[0], SECRET)
    return bool(uris)


def check_uri(text: str) -> Uri | None:
    """The URI, or None; it is written as it is read, and everything that can be asked of it has an answer."""
    try:
        uri = stopwatch.within(lambda: parse_uri(text))
    except ParseError as error:
        documented(error, 400)
        return None
    written = uri.serialize()
    again = parse_uri(written)
    assert again == uri
    assert again.serialize() == written
    assert hash(again) == hash(uri)
    repr(uri)
    key = stopwatch.within(uri.aor)
    assert parse_uri(key).aor() == key
    if isinstance(uri, SipUri):
        read_sip(uri)
        change_sip(uri)
    elif isinstance(uri, TelUri):
        assert uri.digits
        assert (uri.is_global, uri.ext, uri.isub, uri.phone_context)[0] == uri.number.startswith("+")
        assert uri.with_param("x-a", "b c").params["x-a"] == "b c"
        uri.without_param("isub")
        as_sip = SipUri.of_telephone(uri, "example.com")
        assert parse_uri(as_sip.serialize()) == as_sip
        number = as_sip.telephone
        assert number is not None
        # Some characters of a parameter are escaped in a user part, and are another number's by RFC 3986 6.2.2.2.
        assert (number.digits, same_case(number)) == (uri.digits, same_case(uri))
    else:
        assert isinstance(uri, OtherUri)
    return uri


def same_case(number: TelUri) -> dict[str, str | None]:
    return {name: value and value.lower() for name, value in number.params.items()}


def read_sip(uri: SipUri) -> None:
    assert uri.ttl is None or 0 <= uri.ttl < 256
    assert uri.port is None or 0 <= uri.port < 65536
    assert uri.host_key
    assert uri.bare_host
    assert (uri.user_unescaped is None) == (uri.user is None)
    for name, value in uri.params.items():
        assert name.isascii() is False or name == name.lower()
        assert value is None or value
    assert all(isinstance(value, str) for header in uri.headers for value in header)
    assert uri.lr == ("lr" in uri.params)
    str((uri.transport, uri.maddr, uri.user_param, uri.method, uri.secure))
    number = uri.telephone
    if number is not None:
        assert parse_uri(number.serialize()) == number


def change_sip(uri: SipUri) -> None:
    """Copies are URIs too."""
    copies = [
        uri.with_param("transport", "a;b"),
        uri.without_param("transport"),
        uri.with_user("a b@\u00e9"),
        uri.with_host("::1", 5060),
        uri.with_header("Subject", "a&b"),
        uri.without_headers(),
        uri.without_params(),
        uri.with_scheme("sips"),
    ]
    for copy in copies:
        # An empty name of a parameter can be escaped, and be there once more after a change.
        with suppress(ParseError):
            assert parse_uri(copy.serialize()) == copy
    assert copies[0].transport == "a;b"
    assert copies[1].transport is None
    assert copies[2].user_unescaped == "a b@\u00e9"
    assert copies[4].headers[-1] == ("Subject", "a&b")


URIS: Final = Target("uris", seeds, check_pair, marks=MARKS, largest=65536, most=OF_A_CHECK)
