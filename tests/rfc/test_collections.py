"""What the test suites and the traces of other SIP programs are full of: single fields, and whole messages.

Each field stands for itself in an else faultless message; the messages are written anew after the habits they show.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from offhook.sip.checks import MALFORMED, OK, judge
from offhook.sip.message import Request, Response
from offhook.sip.parser import parse
from offhook.sip.serializer import Draft
from tests.rfc.fields import with_field
from tests.rfc.test_torture_agent import answering
from tests.rfc.test_torture_server import FORWARDED, serving
from tests.rfc.wire import statuses
from tests.sip.messages import INVITE, OPTIONS, with_line, with_more, with_start

FIELDS: dict[bytes, list[bytes]] = {
    b"Via": [
        b" SIP/2.0/UDP sip33.example.com,SIP/2.0/UDP sip32.example.com,SIP/2.0/UDP oldstyle:5060",
        b" SIP/2.0/UDP 166.34.120.100;branch=0000045d-00000001,SIP/2.0/UDP 166.35.224.216:5000",
        b" SIP/2.0/UDP 135.180.130.133;branch=-12345",
        b" SIP/2.0/UDP 10.0.0.1;branch=;rport",
        b" SIP/2.0/UDP a;branch=z9hG4bK1;received=::1;ttl=1",
        b' SIP/2.0/UDP a;branch="z9hG4bK1"',
        b" SIP/2.0/UDP a;branch=z9hG4bK{1}|2^3",
        b" SIP/2.0/UDP a;branch=z9hG4bK\xc3\xa9",
        b" SIP/2.0/UDP a;branch=z9hG4bK1;",
        b" SIP/2.0/UDP a;keep;alias;branch=z9hG4bK1;comp=sigcomp;sigcomp-id=\"<urn:uuid:0>\"",
        b" SIP/2.0/UDP host_with_underscore.example.com:05060;branch=z9hG4bK1",
        b" SIP/2.0/UDP 192.168.1.1:5060;maddr=;branch=z9hG4bK1;hidden",
        b" SIP/2.0/UDP 4444;branch=z9hG4bK1",
    ],
    b"From": [
        b" sip:alice@example.com ; tag = 1234",
        b" 'Alice' <sip:alice@example.com>;tag=1",
        b" <SIP:alice@example.com >;tag=1",
        b' <sip:alice@example.com>;tag="1"',
        b" <sip:alice@example.com>;tag=1;",
        b" <sip:alice@example.com;>;tag=1",
        b" <sip:alice@example.com>;tag",
        b" <sip:alice@example.com>;tag=\xc3\xa9",
        b" <sip:alice:@example.com>;tag=1",
        b" <sip:alice@example.com:0>;tag=1",
        b" <sip:alice@example.com?Subject=&Priority=urgent>;tag=1",
        b" <sip:a&b=c+d$e,f;g?h/i@example.com>;tag=1",
        b" <sip:+1(212)555-0101@example.com;user=phone>;tag=1",
        b" sip:alice@example.com;user=phone;tag=1",
        b' "tab\there \x01 \xff\xfe \\u00e9" <sip:a@example.com>;tag=1',
        b' "<sip:x@y>;tag=2" <sip:a@example.com>;tag=1',
        b" anonymous <sip:restricted>;tag=1",
        b" <sip:unknown>;tag=1",
        b" <alice@example.com>;tag=1",
        b" <sip:a@example.com;p=[x]{y}>;tag=1",
        b" <sip:annc@10.10.30.186:6666;early=no;play=http://10.10.30.186:8080/pin.vxml>;tag=1",
        b" <sip:a@[::ffff:1.2.3.4]:5060>;tag=1",
        b" <urn:service:sos>;tag=1",
        b" <sip:conference=1234@sip.convedia.com;xyz=pqd>;tag=1",
    ],
    b"To": [b'   "X"\r\n   <sip:bob@b>\r\n ;tag=1', b" <sip:bob@b>;tag", b" <sip:bob@b> ; tag = "],
    b"CSeq": [b" 1\tOPTIONS", b" 00000000001 OPTIONS"],
    b"Call-ID": [b' (a)<b>"c"', b" \xc3\xa9@host", b" a;b=c,d"],
    b"Contact": [
        b" , <sip:a@b>",
        b" <sip:a@b>, ",
        b" <sip:a@b>;expires=60;",
        b' <sip:a@b>;expires="60"',
        b" <sip:a@b>;expires=-1",
        b" <sip:a@b>;q=",
        b" sip:a@b;expires=60, sip:c@d;q=0.1",
        b" LittleGuy <sip:UserB@there.com;user=phone>,<sip:+1-972@gw1.wcom.com;user=phone>,tel:+1-972-555-2222",
        b' "Bo Bob Biggs"\r\n < sip:user@example.com?Route=%3Csip:sip.example.com%3E >',
        b" <sip:a@192.168.1.1:2051;line=v0kkx4kq>;q=1.0;+sip.instance=\"<urn:uuid:a>\";audio;mobility=\"fixed\"",
        b' <sip:a@b>;+u.sip!devicename.ccm.cisco.com="SEP001";methods="INVITE,BYE"',
        b' <sip:a@b>;audio;text="FALSE";description="<PC>"',
        b" <sip:a@b;rinstance=d42207a765c0626b>;expires=3600",
        b" <http://example.com/a;b?c=d&e#f>",
        b" <sip:a@b>;pub-gruu=sip:x@y",
    ],
    b"Route": [b" sip:a, sip:b", b" <sip:a;lr=true>;x", b' "proxy" <sip:a;lr=>'],
    b"Record-Route": [b" <sip:1.2.3.4;r2=on;lr=on>,<sip:5.6.7.8;transport=tcp;r2=on;lr=on;ftag=a+b/c=>", b""],
    b"Accept": [b" */*;q=0", b' text/html;level="1"', b" application/sdp,, text/plain"],
    b"Accept-Language": [b" en_US", b" i-cherokee;q=0.2", b" en-us;q=0.7, *;q=.1"],
    b"Allow-Events": [b"", b" talk,hold,conference,LocalModeStatus"],
    b"Supported": [b" replaces, norefersub, X-cisco-serviceuri",
                   b" com.nortelnetworks.firewall,p-3rdpartycontrol,gruu-10"],
    b"Require": [b"", b" 100rel,"],
    b"Expires": [b" Sat, 01 Dec 2040 16:00:00 GMT"],
    b"Retry-After": [b" 120;duration=3600;ra=oli", b" 1230 (I'm in a meeting);fg=der;duration=23", b" 10 ()"],
    b"User-Agent": [b' Foo/1.0 (bar; "baz)', b" <script>", b" a/b/c d:e;f", b" (\xe9)"],
    b"Server": [b" Sip EXpress router (0.8.14 (i386/linux))", b" Cirpack/v4.76 (gw_sip)"],
    b"Warning": [
        b' 392 192.0.2.1:5060 "Noisy feedback tells:  pid=3 req_src_port=5 in_uri=sip:a out_uri=sip:b via_cnt==1"',
        b' 399 - "x", 304 [2001:db8::1]:5060 "y"',
    ],
    b"Timestamp": [b" 52.34 .34", b" 54 "],
    b"WWW-Authenticate": [
        b' Digest realm="a" , nonce="b" , opaque="" , stale="FALSE" , algorithm="MD5"',
        b' Digest\trealm="a"\r\n ,nonce="b",',
        b' Digest realm="a", , nonce="\xe9"',
        b' NTLM realm="SIP Communications Service", targetname="x", version=3',
        b' Kerberos targetname="sip/x.y", gssapi-data="", realm="SIP", version=4',
    ],
    b"Authorization": [
        b' Digest realm=66.100.107.120, username="1234", nonce="1011"   , uri="sip:66.100.107.120"   , response="8a"',
        b" SuperPGP ajsohdaosdh0asyhdaind08yasdknasd09asidhas0d8",
        b' Digest username="a",realm="b",nonce="c",uri="sip:b",response="0",nc=1,cnonce="x",qop="auth"',
        b" Digest username=a@b,realm=b,",
    ],
    b"Call-Info": [b" answer-after=0", b" <sip:a@b>;answer-after=0", b" \\;answer-after=0",
                   b" <urn:x-cisco-remotecc:hold>"],
    b"Alert-Info": [b" info=alert-internal", b" Ring Answer", b" http://a, http://b", b"", b" <Bellcore-dr1>;x=y"],
    b"Event": [b" dialog;sla;include-session-description", b" refer;id=", b" keep-alive;", b" Presence"],
    b"Subscription-State": [b" Active;Expires=60", b" active;expires="],
    b"Refer-To": [b" sip:a@b;method=BYE", b" <sip:a@b?Replaces=x@y;to-tag=1;from-tag=2>", b" <http://x.y/>"],
    b"Replaces": [b" a%40b; from-tag = 2; to-tag = 1", b" a@b;to-tag=0;from-tag=0;"],
    b"Reason": [b' Q.850 ;cause="16"', b" SIP;cause=603;text=Decline", b' preemption;cause=1;text="UA"'],
    b"Session-Expires": [b' 1800;refresher="uac"', b" 1800;"],
    b"Privacy": [b" id;", b" user;header;id;critical"],
    b"P-Asserted-Identity": [b" sip:a@b;user=phone", b"", b" tel:+1;phone-context=x"],
    b"Remote-Party-ID": [b' "x" <sip:a@b>;party=calling;id-type=subscriber;privacy=full;screen=yes', b" <"],
    b"Diversion": [b" <sip:a@b>;reason=unconditional;counter=1;privacy=off"],
    b"History-Info": [b" <sip:a@b?Reason=SIP%3Bcause%3D302>;index=1, <sip:c@d>;index=1.1"],
    b"Content-Type": [
        b' multipart/mixed; boundary="=_x"',
        b" application / sdp",
        b" application/sdp; o=we ;l=ek ; i=end",
        b" text/plain;charset",
        b' message/external-body;access-type="URL"; expiration="Mon, 24"; URL="http://x"',
    ],
    b"Content-Encoding": [b"", b" identity"],
    b"MIME-Version": [b" 1.0 (produced by a (good) program)", b""],
    b"Priority": [b" Urgent ", b" 5"],
    b"Subject": [b" =?utf-8?B?w6k=?=", b" \xc3\x28"],
    b"Accept-Contact": [b' *;audio;require;+sip.x="<y>"'],
    b"123": [b" y"],
    b"P-Access-Network-Info": [b' IEEE-802.11a;x="y"'],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param(name, value, id=f"{name.decode()}-{number}")
        for name, values in FIELDS.items()
        for number, value in enumerate(values)
    ],
)
def test_fields_that_are_understood(name: bytes, value: bytes) -> None:
    data = with_field(name, value)
    judgement = judge(data)
    assert judgement.verdict == OK, judgement
    assert parse(data).serialize() == data


# The first of the torture tests that went before RFC 4475: white space wherever there may be some, RFC 2543 throughout.
TORTUOUS = (
    b"INVITE sip:vivekg@chair.example.com SIP/2.0\r\n"
    b"TO :\r\n sip:vivekg@chair.example.com ;   tag    = 1918181833n\r\n"
    b'From   : "J Rosenberg \\\\\\"" <sip:jdrosen@lucent.example.com>\r\n  ;\r\n  tag = 98asjd8\r\n'
    b"Max-Forwards: 6\r\nCall-ID: 0ha0isndaksdj@10.1.1.1\r\ncseq: 8\r\n  INVITE\r\n"
    b"Via  : SIP  /   2.0\r\n /UDP\r\n    135.180.130.133\r\nSubject :\r\n"
    b"NewFangledHeader:   newfangled value\r\n more newfangled value\r\nContent-Type: application/sdp\r\n"
    b"v:  SIP  / 2.0  / TCP     1192.168.156.222   ;\r\n  branch  =   9ikj8  ,\r\n"
    b" SIP  /    2.0   / UDP  192.168.255.111   ; hidden\r\n"
    b'm:"Quoted string \\"\\"" <sip:jdrosen@bell-labs.example.com> ; newparam =\r\n      newvalue ;\r\n'
    b"  secondparam = secondvalue  ; q = 0.33,\r\n tel:4443322\r\n\r\nv=0\r\n"
)
# Line ends of every kind, folds, lower case, lists in one line and in several, an empty header.
MIXED_ENDS = (
    b"INVITE sip:user@foo SIP/2.0\n"
    b"from: Hi I'm Joe <sip:joe.user@bar.otherdomain.example.com>;tag=1234578901234567890\r"
    b"To: Fellow User <sip:user@foo.bar.domain.example.com>\r\n"
    b"Call-ID: 12345678901234567890@bar\r\nContent-Length: 0\r\nCSeq: 123456 INVITE\n"
    b"Contact: <sip:joe@bar> ; q=0.5;expires=3600\r  ;x=y\n"
    b"Content-Type: text/html ; charset=ISO-8859-4\r"
    b"Route: <sip:bigbox3.site3.atlanta.example.com;lr>,\r\n  <sip:server10.biloxi.example.com;lr>\r"
    b"Record-Route: <sip:server10.biloxi.example.com>,\r\n  <sip:bigbox3.site3.atlanta.example.com;lr>\n"
    b"v: SIP/2.0/SCTP bigbox3.site3.atlanta.example.com;branch=z9hG4bK77ef4c230\n"
    b"Via: SIP/2.0/UDP pc33.atlanta.example.com;branch=z9hG4bKnashds8\n ;received=192.0.2.1\r\n"
    b"Via: SIP/2.0/UDP 10.2.1.1, SIP/2.0/TCP 192.168.1.1\n"
    b"Organization: \rMax-Forwards: 70\nX-Header: \r\nP-Associated-URI:\r\n\r\n"
)
OLD_REGISTER = (
    b"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.5:5060\r\n"
    b"From: sip:joe@example.com\r\nTo: sip:joe@example.com\r\nCall-ID: 1-7@10.0.0.5\r\nCSeq: 1 REGISTER\r\n"
    b"Contact: sip:joe@10.0.0.5:5060;action=proxy, mailto:joe@example.com\r\n"
    b"Expires: Sat, 01 Dec 2040 16:00:00 GMT\r\nContent-Length: 0\r\n\r\n"
)
MESSENGER = (
    b"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.5:14123\r\nMax-Forwards: 70\r\n"
    b"From: <sip:joe@example.com>;tag=c0c2f5a1;epid=0d4c418ddf\r\nTo: <sip:joe@example.com>\r\n"
    b"Call-ID: 92f1@10.0.0.5\r\nCSeq: 1 REGISTER\r\n"
    b'Contact: <sip:10.0.0.5:14123;transport=tcp>;methods="INVITE, MESSAGE, INFO, SUBSCRIBE, OPTIONS, BYE, CANCEL"\r\n'
    b"User-Agent: RTC/1.3.5369 (Messenger 5.1.0701)\r\nEvent: registration\r\nAllow-Events: presence\r\n"
    b"Supported: adhoclist, msrtc-event-categories\r\nContent-Length: 0\r\n\r\n"
)
DESK_PHONE_SDP = (
    b"v=0\r\no=Cisco-SIPUA 28639 9208 IN IP4 10.0.0.5\r\ns=SIP Call\r\nc=IN IP4 10.0.0.5\r\nt=0 0\r\n"
    b"m=audio 25876 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)
DESK_PHONE = (
    b"INVITE sip:5551234@example.com;user=phone SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK4e7f1c2a\r\n"
    b'From: "5550000" <sip:5550000@example.com>;tag=003094c3d2e3000a5d6c8b2f-1c5a2b3d\r\n'
    b"To: <sip:5551234@example.com;user=phone>\r\nCall-ID: 003094c3-d2e30003-1d2e3f40-5a6b7c8d@10.0.0.5\r\n"
    b"Date: Thu, 21 Feb 2002 13:02:03 GMT\r\nCSeq: 101 INVITE\r\nUser-Agent: CSCO/7\r\n"
    b"Contact: <sip:5550000@10.0.0.5:5060>\r\nExpires: 180\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n"
    b'Accept: application/sdp\r\nRemote-Party-ID: "5550000" <sip:5550000@10.0.0.5>;party=calling;privacy=off\r\n\r\n'
    b"%b" % (len(DESK_PHONE_SDP), DESK_PHONE_SDP)
)
COMPACT = (
    b"INVITE sip:user@example.com SIP/2.0\r\nv:SIP/2.0/UDP 10.0.0.5;branch=z9hG4bKc\r\nf:<sip:a@b>;tag=1\r\n"
    b"t:<sip:user@example.com>\r\ni:compact\r\nCSEQ:1 INVITE\r\nm:<sip:a@10.0.0.5>\r\nk:timer,,100rel\r\n"
    b"x:1800;\r\nMAX-FORWARDS:70\r\ns:\r\nu:\r\no:call-completion\r\nb:<sip:c@d>\r\nj:*;video\r\nd:no-fork\r\nl:0\r\n\r\n"
)
LONG = (
    b"OPTIONS sip:user@example.com SIP/2.0\r\n"
    + b"".join([b"Via: SIP/2.0/UDP p%d.example.com;branch=z9hG4bK%d\r\n" % (hop, hop) for hop in range(69)])
    + b"From: <sip:a@b;" + b";".join([b"p%d=%b" % (number, b"v" * 50) for number in range(300)]) + b">;tag=1\r\n"
    + b"To: <sip:user@example.com>;" + b";".join([b"q%d" % number for number in range(300)]) + b"\r\n"
    + b"Call-ID: " + b"long" * 1000 + b"\r\nCSeq: 1 OPTIONS\r\nSubject: " + b"x y " * 2000 + b"\r\n"
    + b"Supported: " + b", ".join([b"tag%d" % number for number in range(500)]) + b"\r\n"
    + b"Content-Length: 0\r\n\r\n"
)  # fmt: skip
REQUESTS = {
    "tortuous": TORTUOUS,
    "mixed line ends": MIXED_ENDS,
    "registration of RFC 2543": OLD_REGISTER,
    "messenger": MESSENGER,
    "desk phone": DESK_PHONE,
    "compact": COMPACT,
    "long": LONG,
    "a body that nobody describes": with_line(INVITE, b"Content-Type"),
    "more than Content-Length says": OPTIONS + b"trailing rubbish\0\xff",
    "nothing optional": with_line(with_line(OPTIONS, b"Max-Forwards"), b"Content-Length"),
    "LF alone": INVITE.replace(b"\r\n", b"\n").replace(b"Content-Length: 129", b"Content-Length: 122"),
    "CR alone": OPTIONS.replace(b"\r\n", b"\r"),
    "line ends in front": b"\r\n\n\r\n" + OPTIONS,
    "lower case version": with_start(OPTIONS, b"OPTIONS sip:carol@chicago.example.com sip/2.0"),
    "no scheme": with_start(OPTIONS, b"OPTIONS carol@chicago.example.com SIP/2.0"),
    "the same header many times": with_more(OPTIONS, *[b"X-Same: %d" % number for number in range(100)]),
}
RESPONSES = {
    "no phrase": b"SIP/2.0 200 ",
    "no phrase and no blank": b"SIP/2.0 200",
    "a phrase in Latin-1": b"SIP/2.0 200 D\xe9croch\xe9",
    "a phrase with two blanks": b"SIP/2.0 200  OK ",
    "an unknown status": b"SIP/2.0 299 Whatever",
    "lower case": b"sip/2.0 200 ok",
    "a long phrase": b"SIP/2.0 200 " + b"very " * 1000 + b"well",
}


@pytest.mark.parametrize("name", REQUESTS)
def test_whole_requests_are_understood(name: str) -> None:
    data = REQUESTS[name]
    judgement = judge(data)
    assert judgement.verdict == OK, judgement
    request = parse(data)
    assert isinstance(request, Request)
    forwarded = Draft.of(request).prepend("Via", "SIP/2.0/UDP proxy.example.com;branch=z9hG4bKx").finish().serialize()
    if name != "long":
        assert judge(forwarded).verdict == OK
    head = forwarded.partition(b"\r\n\r\n")[0].replace(b"\r\n", b"")
    assert b"\r" not in head
    assert b"\n" not in head


@pytest.mark.parametrize("name", RESPONSES)
def test_whole_responses_are_understood(name: str) -> None:
    data = with_start(with_more(OPTIONS, b"Server: x"), RESPONSES[name])
    assert judge(data).verdict == OK
    response = parse(data)
    assert isinstance(response, Response)
    assert response.status in (200, 299)


def test_what_the_tortuous_one_says() -> None:
    message = parse(TORTUOUS)
    assert (message.to_tag, message.from_tag, message.cseq_number) == ("1918181833n", "98asjd8", 8)
    assert [(via.transport, via.host) for via in message.vias] == [
        ("UDP", "135.180.130.133"),
        ("TCP", "1192.168.156.222"),
        ("UDP", "192.168.255.111"),
    ]
    assert message.from_.display_name == 'J Rosenberg \\"'
    assert message.body == b"v=0\r\n"


def test_what_the_one_with_mixed_line_ends_says() -> None:
    message = parse(MIXED_ENDS)
    assert [str(via.transport) for via in message.vias] == ["SCTP", "UDP", "UDP", "TCP"]
    assert len(message.routes) == len(message.record_routes) == 2
    assert message.vias[1].received == "192.0.2.1"
    assert (message.text("Organization"), message.number("Max-Forwards")) == ("", 70)


# Against what runs

ANSWERED = {name: data for name, data in REQUESTS.items() if name not in ("tortuous", "long")}
"""Those whose way back a stranger on loopback can stand at; the others have a sent-by or a dialog of their own."""


@pytest.mark.parametrize("name", ANSWERED)
async def test_a_user_agent_answers(name: str) -> None:
    async with answering() as (wire, _):
        (status,) = statuses(await wire.over("UDP", ANSWERED[name]))
    expected = {
        "registration of RFC 2543": 405,
        "messenger": 405,
        "a body that nobody describes": 415,
        "compact": 603,
        "desk phone": 603,
        "mixed line ends": 603,
        "LF alone": 603,
    }
    assert status == expected.get(name, 200)


@pytest.mark.parametrize("name", ["registration of RFC 2543", "messenger", "desk phone", "compact", "long"])
async def test_a_server_takes_them(tmp_path: Path, name: str) -> None:
    async with serving(tmp_path) as site:
        (status,) = statuses(await site.wire.over("UDP", REQUESTS[name]))
        behind = len(site.forwarded())
    assert (status, behind) == ((200, 0) if b"REGISTER" in REQUESTS[name] else (FORWARDED, 1))


UNNEEDED = [
    b"no colon", b": no name", b"two words: x", b"Subject: \x01", b"Date: yesterday", b"Warning: x",
    b"Reply-To: <", b"Call-Info: <", b"Timestamp: x", b"P-Asserted-Identity: <", b"Session-Expires: x",
    b"Priority: a b", b"Retry-After: soon",
    b"In-Reply-To: a b", b"MIME-Version: one", b"Event: a b", b"Refer-To: <", b"Organization: \x7f", b"Allow: a b",
    b"User-Agent: \x02", b"Content-Language: a b", b"Alert-Info: <", b"Unsupported: a b", b"Min-SE: x", b"RSeq: 0",
    b"Accept-Language: a b", b"Accept-Encoding: a b", b"Supported: a b", b"Accept: a b", b"Replaces: x",
]  # fmt: skip


@pytest.mark.parametrize("line", UNNEEDED)
def test_lint_tells_what_is_malformed(line: bytes) -> None:
    assert judge(with_more(OPTIONS, line)).verdict == MALFORMED


async def test_nobody_refuses_a_request_for_a_header_that_is_not_needed(tmp_path: Path) -> None:
    """RFC 3261 8.2.2, and 16.3 step 1."""
    requests = [
        (
            line,
            with_start(with_more(OPTIONS, line), b"OPTIONS sip:user@example.com SIP/2.0").replace(b"a84b", b"%d-" % at),
        )
        for at, line in enumerate(UNNEEDED)
    ]
    async with answering() as (wire, _):
        for line, data in requests:
            assert statuses(await wire.over("UDP", data)) == [200], line
    async with serving(tmp_path) as site:
        for line, data in requests:
            assert statuses(await site.wire.over("UDP", data)) == [FORWARDED], line
        assert [line in request.lines for (line, _), request in zip(requests, site.forwarded(), strict=True)] == [
            True
        ] * len(requests)


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n", b"\r\n", b"\0", b"\0\0\0\0", b"jaK", b"\xff" * 20, b"\n" * 100, b"hello", b"\r\n\r\n\0",
        b"\x01\x01\x00\x00\x21\x12\xa4\x42" + b"\x07" * 12, b"GET / HTTP/1.0\r\n\r\n", b"SIP/2.0",
        b"SIP/2.0 200 OK\r\n\r\n",
        b"INVITE", b"ACK sip:a@b SIP/2.0\r\n\r\n", b" " * 1000, b":" * 1000, b"\x80\x00" * 100, b"<" * 60000,
    ],
)  # fmt: skip
async def test_what_is_no_message_does_no_harm(tmp_path: Path, data: bytes) -> None:
    """Keep-alives of all kinds, RTP and STUN astray, other protocols, rubbish."""
    async with serving(tmp_path) as site:
        for transport in ("UDP", "TCP"):
            assert statuses(await site.wire.over(transport, data, answered=False)) == []
