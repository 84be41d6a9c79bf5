"""What twenty years of phones, proxies and test suites write, and what nobody may take for SIP.

Each field stands for itself in an else faultless message, so that a verdict is about it alone.
"""

from __future__ import annotations

import pytest

from offhook.sip.checks import INVALID, MALFORMED, OK, judge
from offhook.sip.message import Message
from offhook.sip.parser import parse
from tests.rfc.fields import with_field
from tests.sip.messages import OPTIONS, with_start

UNDERSTOOD: dict[bytes, list[bytes]] = {
    b"Via": [
        b"SIP/2.0/UDP 192.0.2.1",
        b" SIP/2.0/UDP 192.0.2.1:5060;branch=1",
        b" SIP / 2.0 / UDP 192.0.2.1 : 5060 ; branch = z9hG4bK1 ; rport",
        b" sip/2.0/udp 192.0.2.1;branch=z9hG4bK1",
        b" SIP/2.0/UDP erlang.bell-telephone.com:5060;hidden",
        b" SIP/2.0/UDP first.example.com:4000;ttl=16;maddr=224.2.0.1 ;branch=a7c6a8dlze (Acme server)",
        b" SIP/2.0/UDP 192.0.2.1;received=host.example.com;branch=z9hG4bK1",
        b" SIP/2.0/UDP 192.0.2.1;BRANCH=z9hG4bK1;RPORT=5060;Received=192.0.2.9",
        b" SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;rport=",
        b" SIP/2.0/UDP my_host;branch=z9hG4bK-=/+:@",
        b' SIP/2.0/UDP host.;branch=z9hG4bK1;x="a,b;c\\""',
        b" SIP/2.0/TLS-SCTP [2001:db8::1]:5061;branch=z9hG4bK1",
        b" SIP/2.0/UDP a;branch=z9hG4bK1,SIP/2.0/UDP b;branch=z9hG4bK2 ,\r\n SIP/2.0/TCP c;branch=z9hG4bK3",
        b" SIP/2.0/UDP a;branch=z9hG4bK" + b"1" * 5000,
        b" SIP/2.0/UDP a;branch=z9hG4bK1" + b"".join([b";p%d=v" % number for number in range(500)]),
    ],
    b"From": [
        b" sip:alice@example.com",
        b"sip:alice@example.com;tag=1;x=y",
        b" <sip:alice@example.com> ;tag=1 ",
        b" <sip:alice@example.com>\r\n\t;tag=1",
        b' "" <sip:alice@example.com>;tag=1',
        b' "Alice \\"A\\" \\\\ Smith"<sip:alice@example.com>;tag=1',
        b" Alice B. Smith <sip:alice@example.com>;tag=1",
        b' "J\xc3\xbcrgen" <sip:j@example.com>;tag=1',
        b' "J\xfcrgen" <sip:j@example.com>;tag=1',
        b" J\xc3\xbcrgen <sip:j@example.com>;tag=1",
        b" \xe5\xa4\xa7\xe5\x81\x9c <sip:j@example.com>;tag=1",
        b" Alice (work) <sip:alice@example.com>;tag=1",
        b" 1234 <sip:1234@example.com>;tag=1",
        b" alice@home <sip:alice@example.com>;tag=1",
        b" <sip:alice:secret@example.com:5060;transport=udp;lr>;tag=1",
        b" <sip:+1-212-555-0101@example.com;user=phone>;tag=1",
        b" <sip:1234;phone-context=+1@example.com;user=phone>;tag=1",
        b" <tel:+1-212-555-0101>;tag=1",
        b" tel:911;tag=1",
        b" <mailto:alice@example.com>;tag=1",
        b" <http://www.example.com/~alice/>;tag=1",
        b" <sip:anonymous@anonymous.invalid>;tag=1",
        b" <sip:%61lice%40home@example.com>;tag=1",
        b" <sip:alice#1@example.com>;tag=1",
        b" <sip:*72@example.com>;tag=1",
        b" <sip:j\xc3\xbcrgen@example.com>;tag=1",
        b" <sip:192.0.2.1>;tag=1",
        b" <sip:@example.com>;tag=1",
        b" <sips:alice@[2001:db8::1]>;tag=1",
        b" <sip:alice@example.com>;TAG=1;epid=0d4c418ddf",
        b" <sip:alice@example.com>;tag=a.b-c_d!e*f'g~h`i%j+k=l/m",
        b' <sip:alice@example.com>;x="a;b,c>";tag=1',
        b" <sip:alice@example.com>;tag=" + b"1" * 5000,
        b' "' + b"A" * 5000 + b'" <sip:alice@example.com>;tag=1',
    ],
    b"To": [
        b" <sip:bob@b>;tag=",
        b" sip:bob@b",
        b"bob <sip:bob@b>",
        b" isbn:2983792873",
        b' "Watson, Thomas" < sip:t.watson@b >',
    ],
    b"Call-ID": [
        b" f81d4fae-7dec-11d0-a765-00a0c91e6bf6@foo.bar.com",
        b" @",
        b" a@b@c",
        b' <"[{\\}]">:?/=,;()@x',
        b"\r\n 1",
        b" " + b"a" * 5000,
    ],
    b"CSeq": [b"1 OPTIONS", b"  0001 \t OPTIONS ", b" 0 OPTIONS", b"\r\n 1\r\n OPTIONS", b" 2147483647 OPTIONS"],
    b"Max-Forwards": [b"70", b" 0070 ", b" 255", b""],
    b"Content-Length": [b"0", b" 0 ", b" 0000"],
    b"Contact": [
        b" <sip:alice@192.0.2.1>",
        b" sip:alice@192.0.2.1",
        b" <sip:a@b>;q=0.7, sip:c@d;q=.5 , <sips:e@f>;q=1.0;expires=60",
        b" <sip:a@b>;q=0.12345",
        b' "Mr. Watson" <sip:watson@example.com>;q=0.7; expires=3600, "Mr. Watson" <mailto:watson@example.com> ;q=0.1',
        b' <sip:a@b>;expires="Thu, 01 Dec 2040 16:00:00 GMT";action=proxy',
        b" <sip:a@b>;expires=never",
        b" <sip:a@b>;expires=" + b"9" * 30,
        b' <sip:a@b>;methods="INVITE, MESSAGE, INFO"',
        b' <sip:a@b;gr=x>;+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>";reg-id=1;audio;video',
        b" <sip:a@b?Subject=x&Route=%3Csip:c%3E>",
        b" tel:+12125550101, <http://x.example.com/a?b=c>, <name:John_Smith>",
        b" sip:127.0.0.1;unknownparam",
        b"",
    ],
    b"Route": [
        b" <sip:a;lr>",
        b" <sip:a;lr=on>,<sip:b;lr>",
        b" sip:a",
        b" <sip:u@[::1]:5060;transport=tcp;lr>;x=y",
        b"",
    ],
    b"Record-Route": [b" <sip:UserB@example.com;maddr=ss1.example.com>", b"<sip:a;lr;ftag=x-y_z;vst=AAAA=>"],
    b"Accept": [b"", b" application/sdp;level=1, text/*;q=0.5, */*;q=.1", b" application/sdp,", b" Application/SDP"],
    b"Accept-Encoding": [b"", b" gzip;q=1.0, identity; q=0.5, *;q=0", b" compress,gzip"],
    b"Accept-Language": [b"", b" da, en-gb;q=0.8, en;q=0.7", b" *"],
    b"Allow": [b"", b" INVITE,ACK , BYE", b" INVITE, ACK,", b" NEWMETHOD", b" invite"],
    b"Supported": [b"", b" 100rel, timer", b" ,100rel,,timer", b" *"],
    b"Unsupported": [b" foo, bar"],
    b"Require": [b"", b" 100rel"],
    b"Date": [b" Sat, 13 Nov 2010 23:29:00 GMT", b" sat, 13 nov 2010 23:29:00 gmt", b""],
    b"Expires": [b" 3600", b" 0", b" 4294967296", b" " + b"1" * 100, b" Thu, 01 Dec 2040 16:00:00 GMT", b""],
    b"Retry-After": [
        b" 120 (I'm in a meeting)",
        b" 18000;duration=3600",
        b" 949302838503028349304023988",
        b" Mon, 21 Jul 1997 18:48:34 GMT (I'm in a meeting)",
        b" Mon, 01 Jan 9999 00:00:00 GMT (Dear John: Don't call me back, ever)",
    ],
    b"Subject": [b"", b" a\tb", b" caf\xe9", b" " + b"very long " * 900, b' "quoted" <bracketed>', b" a,b;c:d"],
    b"Organization": [b" Boxes by Bob", b"", b" \xe5\xa4\xa7"],
    b"User-Agent": [
        b" X-Lite release 1103m",
        b" Grandstream HT-502  V1.1B 1.0.1.57",
        b" Cisco-CP7960G/8.0 (a (nested) comment)",
        b" RTC/(Microsoft RTC)",
        b" \xc3\xa9toile/1 @home (never closed",
        b"",
    ],
    b"Server": [b" HomeServer v2", b" (only a comment)"],
    b"Warning": [
        b" 301 isi.edu \"Incompatible network address type 'E.164'\"",
        b' 399 192.0.2.1:5060 "a, b", 370 devnull "Choose a bigger pipe"',
    ],
    b"Timestamp": [b" 54", b" 54.21 .3", b" 54. 0."],
    b"WWW-Authenticate": [
        b' Digest realm="a", nonce="b"',
        b' digest realm="a",nonce="b",qop="auth,auth-int",algorithm="MD5",stale=FALSE',
        b' Digest realm="a", nonce=unquoted==, qop=auth',
        b' Basic realm="a"',
        b" NTLM TlRMTVNTUAACAAAA==",
        b' PGP version="5.0", realm="a", algorithm=md5, nonce="913082051"',
        b" Negotiate",
    ],
    b"Authorization": [
        b' Digest username="a", realm="b", nonce="c", uri="sip:b", response="0"',
        b' Digest username="a",uri=sip:b;x=y,response=0,opaque="",nc="00000001"',
        b' Digest username="caf\xe9 \\"x\\"", realm=""',
        b" NoOneKnowsThisScheme opaque-data=here",
        b' PGP version=5.0,\r\n realm="a", signature="x"',
        b"",
    ],
    b"Encryption": [b" PGP version=2.6.2,encoding=ascii"],
    b"Call-Info": [b" <http://a.example.com/x.jpg> ;purpose=icon, <http://b.example.com/> ;purpose=info"],
    b"Alert-Info": [b" <http://a.example.com/moo.wav>", b" Bellcore-dr2", b" ;info=alert-autoanswer"],
    b"Error-Info": [b" <sip:not-in-service-recording@atlanta.example.com>"],
    b"Event": [b" presence;id=1", b"  registration", b" message-summary"],
    b"Subscription-State": [b" active;expires=60", b" terminated;reason=timeout;retry-after=x", b" odd-state"],
    b"Refer-To": [b" <sip:a@b?Replaces=12345%40192.168.118.3%3Bto-tag%3D12345%3Bfrom-tag%3D5FFE-3994>", b" sip:a@b"],
    b"Referred-By": [b' <sip:a@b>;cid="2UWQFN309shb3@referrer.example"'],
    b"Replaces": [b" 98732@sip.example.com\r\n ;from-tag=r33th4x0r\r\n ;to-tag=ff87ff;early-only"],
    b"Reason": [b' Q.850 ;cause=16 ;text="Terminated"', b' SIP;cause=200;text="Call completed elsewhere", X;y'],
    b"Session-Expires": [b" 1800;refresher=uac", b" 90 ; x"],
    b"Privacy": [b" id", b" header; session ;critical", b" id,user"],
    b"P-Asserted-Identity": [b' "Cullen Jennings" <sip:fluffy@cisco.com>, tel:+14085264000'],
    b"In-Reply-To": [b" 70710@saturn.example.com, 17320@saturn.example.com"],
    b"Priority": [b" non-urgent", b" whatever"],
    b"Content-Type": [b" application/sdp", b"APPLICATION/SDP ; charset=utf-8", b' multipart/mixed; boundary="a b"'],
    b"Content-Disposition": [b" session ; handling=required", b" attachment;filename=smime.p7s"],
    b"Content-Language": [b" fr, en-gb"],
    b"MIME-Version": [b" 1.0", b" 1 . 0"],
    b"Min-SE": [b" 60;x=y"],
    b"Path": [b" <sip:a;lr>,<sip:b;lr>"],
    b"RSeq": [b" 988789"],
    b"RAck": [b" 776656 1 INVITE"],
    b"Hide": [b" route"],
    b"Response-Key": [b' pgp version="2.6.2"'],
    b"C%6Fntact": [b" <"],
    b"X-Unknown": [b"", b" ;;,,;;,;", b' "never closed', b" \x01\x7f\xff", b" : :", b" \r\n "],
}
REFUSED: dict[bytes, list[bytes]] = {
    b"Via": [
        b"",
        b" SIP/2.0",
        b" SIP/2.0/UDP",
        b" SIP/2.0/UDP ;branch=z9hG4bK1",
        b" SIP/2.0/UDP a b",
        b" SIP/2.0/UDP a:65536",
        b" SIP/2.0/UDP a:port",
        b" SIP/2.0/UDP a;;branch=z9hG4bK1",
        b" SIP/2.0/UDP a;branch=z9hG4bK1,,SIP/2.0/UDP b",
        b" SIP/2.0/UDP a;branch=z9hG4bK1,",
        b" ,SIP/2.0/UDP a;branch=z9hG4bK1",
        b" SIP/2.0/UDP a;branch=1;branch=2",
        b" SIP/2.0/UDP 2001:db8::1;branch=z9hG4bK1",
        b" SIP/2.0/UDP [2001:db8::1;branch=z9hG4bK1",
        b" SIP/2.0/UDP a;rport=x",
        b" SIP/2.0/UDP a;x=\"never closed",
    ],
    b"From": [
        b"",
        b" ",
        b" Alice",
        b" <>",
        b" <sip:>;tag=1",
        b" <sip:alice@>;tag=1",
        b" <sip:alice@example.com;tag=1",
        b" sip:alice@example.com>;tag=1",
        b' "Alice <sip:alice@example.com>;tag=1',
        b' Alice" <sip:alice@example.com>;tag=1',
        b" Bell, Alexander <sip:a.g.bell@example.com>;tag=43",
        b" <sip:alice@example.com>;tag=1;tag=2",
        b" <sip:alice@example.com>tag=1",
        b" <sip:alice@example.com>;tag=1, <sip:bob@example.com>",
        b" <sip:alice@example.com:port>;tag=1",
        b" <sip:alice@exa mple.com>;tag=1",
        b" <sip:alice%4@example.com>;tag=1",
        b" <sip:alice%@example.com>;tag=1",
        b" <sip:alice@[2001:db8::g]>;tag=1",
        b" sip:alice@example.com?x=y;tag=1",
        b" sip:user;par=u@example.net;tag=1",
    ],
    b"To": [b"", b" <sip:bob@b", b' "Mr. J. User <sip:j.user@example.com>', b" <sip:a> <sip:b>"],
    b"Call-ID": [b"", b" a b", b" a\tb", b" a\x07"],
    b"CSeq": [
        *(b"", b" 1", b" OPTIONS", b" 1OPTIONS", b" OPTIONS 1", b" -1 OPTIONS", b" 2147483648 OPTIONS"),
        *(b" 1 OPT/IONS", b" 1 OPTIONS x"),
    ],
    b"Max-Forwards": [b" 256", b" -1", b" x", b" 7 0"],
    b"Content-Length": [b"", b" -1", b" x", b" 1 2", b" 0, 0", b" +0", b" 0x0"],
    b"Contact": [
        b' "Joe" <sip:joe@example.org>;;;;',
        b" sip:user@example.com?Route=%3Csip:sip.example.com%3E",
        b" <sip:a@b>;q=2",
        b" <sip:a@b>;q=x",
        b" <sip:a@b>;q=0.1;q=0.2",
        b" <sip:a@b;lr;lr>",
        b" **",
        b" *;expires=0",
    ],
    b"Route": [b" <sip:a;lr", b" sip:a;lr", b" ;lr", b" <sip:a;lr>,"],
    b"Date": [b" Fri, 01 Jan 2010 16:00:00 EST", b" yesterday", b" Fri, 32 Jan 2010 16:00:00 GMT"],
    b"Expires": [b" never", b" -1", b" 3600 seconds"],
    b"Retry-After": [b" soon", b" -1", b" 5 (never closed"],
    b"Warning": [b' 1812 overture "In Progress"', b" 399 a b", b' 399 "a"'],
    b"Authorization": [b' Digest username="a', b' Digest username="a" realm="b"', b" Digest username", b" Digest ="],
    b"WWW-Authenticate": [b' Digest realm="a";nonce="b"', b" =x"],
    b"Event": [b" a b", b" ;id=1"],
    b"Replaces": [b" a;to-tag=1", b" ;to-tag=1;from-tag=2"],
    b"RAck": [b" 1 2", b" x 1 INVITE"],
    b"RSeq": [b" 0", b" x"],
    b"Require": [b" a b", b" ,"],
    b"Content-Type": [b" application", b" /sdp", b" application/sdp;;", b" application/sdp;=x"],
    b"Min-SE": [b" x", b" 60;;"],
}  # fmt: skip


def cases(table: dict[bytes, list[bytes]]) -> list[object]:
    return [
        pytest.param(name, value, id=f"{name.decode()}-{number}")
        for name, values in table.items()
        for number, value in enumerate(values)
    ]


@pytest.mark.parametrize(("name", "value"), cases(UNDERSTOOD))
def test_what_is_understood(name: bytes, value: bytes) -> None:
    data = with_field(name, value)
    judgement = judge(data)
    assert judgement.verdict == OK, judgement
    assert parse(data).serialize() == data


@pytest.mark.parametrize(("name", "value"), cases(REFUSED))
def test_what_is_refused(name: bytes, value: bytes) -> None:
    judgement = judge(with_field(name, value))
    assert judgement.verdict in (MALFORMED, INVALID)
    assert judgement.clause is not None


def test_compact_forms_in_any_case() -> None:
    names = {"Via": "v", "From": "f", "To": "t", "Call-ID": "i", "Content-Length": "l"}
    for change in (str.lower, str.upper):
        data = OPTIONS
        for name, compact in names.items():
            data = data.replace(f"\r\n{name}:".encode(), f"\r\n{change(compact)}:".encode())
        assert judge(data).verdict == OK
        assert parse(data).keys == parse(OPTIONS).keys
        assert parse(data).serialize() == data != OPTIONS


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        (b"sip:b", None),
        (b"sips:alice@example.com", None),
        (b"sip:alice:secret@example.com;transport=tcp;lr", None),
        (b"sip:alice@EXAMPLE.com.", None),
        (b"sip:%61lice@example.com:5060", None),
        (b"sip:+1;phone-context=+1@example.com;user=phone", None),
        (b"sip:user;par=u%40example.net@example.com", None),
        (b"sip:alice@[2001:db8::1]:5060;lr", None),
        (b"sip:a@b;maddr=239.255.255.1;ttl=15", None),
        (b"sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com", None),
        (b"SIP:alice@example.com", None),
        (b"tel:+1-212-555-0101;ext=5", None),
        (b"alice@example.com", None),
        (b"mailto:alice@example.com", 416),
        (b"urn:service:sos", 416),
        (b"soap.beep://192.0.2.103:3002", 416),
        (b"nobodyKnowsThisScheme:totallyopaquecontent", 416),
    ],
)
def test_request_uris(uri: bytes, status: int | None) -> None:
    judgement = judge(with_start(OPTIONS, b"OPTIONS " + uri + b" SIP/2.0"))
    assert (judgement.verdict, judgement.status) == (OK, status)


@pytest.mark.parametrize(
    "uri",
    [
        *(
            b"<sip:a@b>",
            b'"sip:a@b"',
            b"sip:",
            b"sip:@",
            b"sip:a@",
            b"sip:a@b:",
            b"sip:a@b:65536",
            b"sip:a@b:x",
        ),
        *(
            b"sip:a@b;lr;lr",
            b"sip:a@b?",
            b"sip:a@b?x=y",
            b"sip:a@b;method=INVITE",
            b"sip:a%zz@b",
            b"sip:a@b@c",
            b"sip:2001:db8::1",
        ),
        *(
            b"sip:[::1",
            b"sip:[:::::]",
            b"sip:a b@c",
            b"sip:a@b; lr",
            b"bob",
            b"tel:",
            b"tel:+",
            b"tel:x",
            b":",
            b"%",
            b"*",
        ),
    ],
)
def test_request_uris_that_are_refused(uri: bytes) -> None:
    judgement = judge(with_start(OPTIONS, b"OPTIONS " + uri + b" SIP/2.0"))
    assert judgement.verdict in (MALFORMED, INVALID)
    assert judgement.status == 400


OLD_INVITE = (
    b"INVITE sip:watson@boston.bell-tel.com SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP kton.bell-tel.com\r\n"
    b"From: A. Bell <sip:a.g.bell@bell-tel.com>\r\n"
    b"To: T. Watson <sip:watson@bell-tel.com>\r\n"
    b"Call-ID: 3298420296@kton.bell-tel.com\r\n"
    b"CSeq: 1 INVITE\r\n"
    b"Subject: Mr. Watson, come here.\r\n"
    b"Content-Type: application/sdp\r\n\r\n"
    b"v=0\r\n"
)


@pytest.mark.parametrize(
    "data", [OLD_INVITE, OLD_INVITE.replace(b"\r\n", b"\n"), OLD_INVITE + b"more", b"\r\n\r\n" + OLD_INVITE]
)
def test_messages_of_rfc_2543(data: bytes) -> None:
    """RFC 2543 16.1: no branch, no tag, no Max-Forwards, no Contact, no Content-Length."""
    assert (judge(data).verdict, judge(data).status) == (OK, None)
    message: Message = parse(data)
    assert message.body.startswith(b"v=0")
    assert (message.branch, message.from_tag, message.content_length) == (None, None, None)
