"""Values of header fields, each through its row of the registry."""

from __future__ import annotations

import json
from functools import cache
from random import Random
from typing import Final

from offhook.errors import ParseError
from offhook.sip.headers.auth import Challenge, Credentials
from offhook.sip.headers.grammar import unfold
from offhook.sip.headers.registry import HeaderRow, key_of, row, rows
from offhook.sip.headers.value import Parameterized
from offhook.sip.scan import WHITE, decoded
from tests.fuzz.messages import DATA
from tests.fuzz.octets import MARKS
from tests.fuzz.target import Target
from tests.fuzz.timing import OF_A_CHECK, stopwatch

__all__ = ["HEADERS", "check_text"]

EXAMPLES: Final = {
    "Accept-Contact": '*;audio;require;methods="INVITE,BYE"',
    "Accept-Encoding": "gzip;q=0.5, identity, *",
    "Accept-Language": "da, en-gb;q=0.8, en;q=0.7",
    "Alert-Info": "<http://www.example.com/sounds/moo.wav>;appearance=1, <urn:alert:service:normal>",
    "Allow-Events": "presence, conference, message-summary.winfo",
    "Authentication-Info": 'nextnonce="47364c23", qop=auth, rspauth="6629fae49393a05397450978507c4ef1", nc=00000001',
    "Call-ID": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6@foo.bar.com",
    "Call-Info": '<http://wwww.example.com/alice/photo.jpg>;purpose=icon,<http://www.example.com/alice/>;purpose="info"',
    "Content-Disposition": "session;handling=optional",
    "Content-Encoding": "gzip, x",
    "Content-Language": "fr, en-GB",
    "Content-Length": "349",
    "Diversion": '"Bob" <sip:bob@example.com>;reason=user-busy;counter=1;privacy="full"',
    "Encryption": "PGP version=2.6.2,encoding=ascii",
    "Flow-Timer": "120",
    "History-Info": "<sip:bob@example.com?Reason=SIP%3Bcause%3D302>;index=1.1;rc=1",
    "In-Reply-To": "70710@saturn.bell-tel.com, 17320@saturn.bell-tel.com",
    "Join": "12adf2f34456gs5;to-tag=12345;from-tag=54321",
    "MIME-Version": "1.0",
    "Max-Breadth": "60",
    "Min-Expires": "60",
    "Min-SE": "90;lr",
    "Organization": "Boxes by \u00e9",
    "P-Asserted-Identity": '"Cullen" <sip:fluffy@cisco.com>, tel:+14085264000',
    "P-Associated-URI": "<sip:b@c>;x=y, <tel:+1>",
    "P-Called-Party-ID": "<sip:user1-business@example.com>;x",
    "P-Preferred-Identity": '"Cullen Jennings" <sip:fluffy@cisco.com>',
    "Path": "<sip:p1.example.com;lr>,<sip:p2.example.com;lr;ob>",
    "Priority": "emergency",
    "Privacy": "header;session;critical",
    "RAck": "776656 1 INVITE",
    "RSeq": "988789",
    "Reason": 'Q.850;cause=16;text="Terminated", SIP;cause=600',
    "Refer-Sub": "false",
    "Referred-By": '<sip:a@b.example>;cid="2UWQFN309shb3@a.example"',
    "Reject-Contact": '*;actor="msg-taker";video',
    "Replaces": "425928@bobster.example.org;to-tag=7743;from-tag=6472;early-only",
    "Reply-To": "Bob <sip:bob@biloxi.com>;x=y",
    "Request-Disposition": "proxy, no-cancel, parallel",
    "Retry-After": "18000 (in a (nested) meeting);duration=3600;x",
    "SIP-ETag": "dx200xyz",
    "SIP-If-Match": "dx200xyz",
    "Server": "HomeServer/v2 (a (b\\) c)) x/1",
    "Service-Route": "<sip:P2.HOME.EXAMPLE.COM;lr>,<sip:HSP.HOME.EXAMPLE.COM;lr>",
    "Session-Expires": "4000;refresher=uac",
    "Subscription-State": "terminated;reason=deactivated;retry-after=10;expires=3",
    "Target-Dialog": "fa77as7dad8-sd98ajzz@host.example.com;local-tag=kkaz-;remote-tag=6544",
    "Timestamp": "54.125 0.5",
    "Unsupported": "foo, 100rel",
    "Warning": '307 isi.edu "Session parameter \'foo\' not understood", 301 [::1]:5060 ""',
}
"""Of headers that our corpus of messages has rarely or never."""


@cache
def seeds() -> tuple[bytes, ...]:
    """Fields as they were seen, a few for each header."""
    found: dict[str, list[str]] = {key_of(name.encode()): [f"{name}: {text}"] for name, text in EXAMPLES.items()}
    for line in (DATA / "headers" / "fields.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        found.setdefault(key_of(record["header"].encode()), []).append(f"{record['header']}: {record['text']}")
    for line in (DATA / "headers" / "tshark.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if record["header"] != "Request-URI":
            field = f"{record['header']}: {record['texts'][0]}"
            found.setdefault(key_of(record["header"].encode()), []).append(field)
    # As many of a header that is everywhere as of one that is nowhere.
    chosen = [fields[:: max(1, len(fields) // 12)] for key, fields in found.items() if row(key)]
    return tuple(field.encode("utf-8", "surrogateescape") for fields in chosen for field in fields)


def other_name(random: Random, data: bytes) -> bytes:
    """Give the value to another header: what is right for one grammar and wrong for the next."""
    return random.choice(rows()).name.encode() + b":" + data.partition(b":")[2]


def check_field(data: bytes) -> bool:
    """Whether a field can be decoded, whose text is unfolded as `Message.headers` does it."""
    name, _, value = data.partition(b":")
    try:
        known = row(key_of(name))
    except ParseError:
        return False
    return known is not None and check_text(known, unfold(decoded(value.strip(WHITE))))


def check_text(known: HeaderRow, text: str) -> bool:
    """A row raises ParseError, or gives values that are written so that they are read again, the same."""
    error: ParseError | None = None
    values: list[object] = []
    try:
        values = stopwatch.within(lambda: known.decode(text))
    except ParseError as caught:
        error = caught
    assert error is None or (error.status == 400 and error.clause)
    for value in values:
        written = str(value)
        assert not {"\r", "\n"} & set(written) or isinstance(value, str), (known.name, text)
        again = known.parse(written)
        assert again == value, (known.name, text)
        assert str(again) == written
        hash(again)
        repr(again)
        if isinstance(value, Parameterized | Challenge | Credentials):
            for param in value.params:
                value.param(param)
    return error is None


HEADERS: Final = Target("headers", seeds, check_field, marks=MARKS, more=(other_name,), largest=65536, most=OF_A_CHECK)
