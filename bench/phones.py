"""The phones of a measurement: SIPp's scenarios, written from what real phones send.

Four kinds take turns at random, each with its own order, spelling and number of headers and its own size of session
description, as they come together at a server: a test program's messages, a desk phone's with compact names, a
softphone's long ones, and a trunk's with extensions that a proxy does not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["CALLERS", "DOMAIN", "Phone", "callee", "caller", "registering", "ringing"]

REGISTRAR = "[remote_ip]:[remote_port]"
DOMAIN = "example.com"

SHORT_SDP = (
    "v=0",
    "o=user1 53655765 2353687637 IN IP[local_ip_type] [local_ip]",
    "s=-",
    "c=IN IP[media_ip_type] [media_ip]",
    "t=0 0",
    "m=audio [media_port] RTP/AVP 0",
    "a=rtpmap:0 PCMU/8000",
)
USUAL_SDP = (
    *SHORT_SDP[:5],
    "m=audio [media_port] RTP/AVP 9 8 0 101",
    "a=rtpmap:9 G722/8000",
    "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:0 PCMU/8000",
    "a=rtpmap:101 telephone-event/8000",
    "a=fmtp:101 0-15",
    "a=ptime:20",
    "a=sendrecv",
)
LONG_SDP = (
    *SHORT_SDP[:5],
    "a=ice-ufrag:8hhY",
    "a=ice-pwd:asd88fgpdd777uzjYhagZg",
    "m=audio [media_port] RTP/AVP 96 97 9 8 0 98 99",
    "a=rtpmap:96 opus/48000/2",
    "a=fmtp:96 useinbandfec=1;stereo=0",
    "a=rtpmap:97 speex/16000",
    "a=rtpmap:9 G722/8000",
    "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:0 PCMU/8000",
    "a=rtpmap:98 telephone-event/48000",
    "a=rtpmap:99 telephone-event/8000",
    "a=rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss,dup,jitt,TTL voip-metrics",
    "a=candidate:1 1 UDP 2130706431 [local_ip] 7078 typ host",
    "a=candidate:1 2 UDP 2130706430 [local_ip] 7078 typ host",
    "a=rtcp-fb:* trr-int 1000",
    "a=rtcp-fb:* ccm tmmbr",
    "a=sendrecv",
)

Field = tuple[str, str]
"""A header's name as the phone spells it, and its value."""


class Phone:
    """How one kind of phone writes: `names` are its spellings of headers, in the order in which it sends them.

    `more` are headers of its own, by the methods that have them; the place of each is behind Max-Forwards. `sdp` is its
    offer.
    """

    def __init__(self, name: str, names: str, more: dict[str, Sequence[Field]], sdp: Sequence[str]) -> None:
        self.name = name
        self.names = names.split()
        self.more = more
        self.sdp = sdp

    def request(self, first: str, method: str, cseq: int, fields: dict[str, str], answers: bool = False) -> str:
        """A request in SIPp's notation; `fields` by their full names, and "" for a line of SIPp's own."""
        values = {
            "Via": "SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
            "Call-ID": "[call_id]",
            "CSeq": f"{cseq} {method}",
            "Max-Forwards": "70",
            **fields,
        }
        sdp = self.sdp if method == "INVITE" else ()
        if sdp:
            values["Content-Type"] = "application/sdp"
        lines = [first]
        for name in self.names:
            full = FULL_NAMES.get(name, name)
            if full in values:
                lines.append(f"{name}: {values[full]}")
            if full == "To":
                lines += [fields[key] for key in ("routes",) if key in fields]
                lines += ["[field1]"] if answers else []
            elif full == "Max-Forwards":
                lines += [f"{key}: {value}" for key, value in self.more.get(method, self.more.get("", ()))]
        lines.append(f"{'l' if 'c' in self.names else 'Content-Length'}: {'[len]' if sdp else '0'}")
        return "\n".join([*lines, "", *sdp])


FULL_NAMES = {
    "f": "From",
    "t": "To",
    "i": "Call-ID",
    "m": "Contact",
    "c": "Content-Type",
}

_ALLOW = "INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE, SUBSCRIBE, INFO, PRACK, UPDATE"

CALLERS = (
    Phone("test", "Via From To Call-ID CSeq Contact Max-Forwards Content-Type", {}, SHORT_SDP),
    Phone(
        "desk",
        "Via Max-Forwards f t i CSeq m c",
        {"INVITE": [("k", "replaces, 100rel, timer"), ("x", "1800"), ("User-Agent", "desk/4.2.1 0004f2000001")]},
        USUAL_SDP,
    ),
    Phone(
        "soft",
        "Via From To CSeq Call-ID Max-Forwards Contact Content-Type",
        {
            "INVITE": [
                ("Supported", "replaces, outbound, gruu, path"),
                ("Allow", _ALLOW),
                ("User-Agent", "soft/5.2.6 (belle-sip/5.2.0)"),
            ],
            "": [("User-Agent", "soft/5.2.6 (belle-sip/5.2.0)")],
        },
        LONG_SDP,
    ),
    Phone(
        "trunk",
        "Via Max-Forwards To From Call-ID CSeq Contact Content-Type",
        {
            "INVITE": [
                ("P-Asserted-Identity", '"Alice" <sip:alice@example.com>'),
                ("Privacy", "none"),
                ("Date", "Sat, 13 Nov 2010 23:29:00 GMT"),
                ("Session-Expires", "1800;refresher=uac"),
                ("Min-SE", "90"),
                ("Allow", _ALLOW),
                ("Supported", "timer, 100rel"),
                ("X-Trunk-Group", "7"),
                ("X-Charge-Info", "sip:+15550100@example.com;noa=3"),
            ],
        },
        USUAL_SDP,
    ),
)


def caller(answers: bool) -> str:
    """A call from INVITE to the answer to BYE; with `answers` the first INVITE is challenged, and BYE too."""
    return _scenario("caller", [_call(phone, answers) for phone in CALLERS])


def registering(answers: bool) -> str:
    """A REGISTER of a user; with `answers` it is challenged first."""
    return _scenario("registering", [_registration(phone, answers) for phone in CALLERS])


def callee() -> str:
    """Who answers: 180 and 200, in the order of a phone and in that of a trunk."""
    return _scenario("callee", [_answer(order) for order in ANSWERS], first='<recv request="INVITE" rrs="true"/>')


def ringing(cseq: int = 1) -> str:
    """Who rings until the caller has enough; `cseq` is the INVITE's number.

    The INVITE's Vias, the server's and the caller's, are needed once more when the CANCEL has come.
    """
    kept = "".join(
        f'<ereg regexp=".*" search_in="hdr" header="Via:" occurrence="{number}" assign_to="{number}"/>'
        for number in (1, 2)
    )
    head = ("[last_From:]", "[last_To:];tag=[pid]r[call_number]", "[last_Call-ID:]")

    def answer(status: str, *lines: str, again: bool = False) -> str:
        return _send("\n".join([f"SIP/2.0 {status}", *lines, "Content-Length: 0", ""]), again)

    steps = [
        answer("180 Ringing", "[last_Via:]", *head, "[last_CSeq:]", "[last_Record-Route:]"),
        '<recv request="CANCEL"/>',
        answer("200 OK", "[last_Via:]", *head, "[last_CSeq:]"),
        answer("487 Request Terminated", "Via:[$1]", "Via:[$2]", *head, f"CSeq: {cseq} INVITE", again=True),
        '<recv request="ACK"/>',
    ]
    return _scenario("ringing", [steps], first=f'<recv request="INVITE"><action>{kept}</action></recv>')


ANSWERS = (
    ("[last_Via:]", "[last_From:]", "TO", "[last_Call-ID:]", "[last_CSeq:]", "[last_Record-Route:]", "CONTACT"),
    ("[last_Via:]", "[last_Record-Route:]", "CONTACT", "TO", "[last_From:]", "[last_Call-ID:]", "[last_CSeq:]"),
)
"""The order of an answer's headers."""


def _call(phone: Phone, answers: bool) -> list[str]:
    user = "[field0]" if answers else "alice"
    sender = f'"Alice" <sip:{user}@{DOMAIN}>;tag=[pid]SIPpTag00[call_number]'
    contact = f"<sip:{user}@[local_ip]:[local_port]>"
    start = {"From": sender, "To": f"<sip:[service]@{DOMAIN}>", "Contact": contact}
    within = {**start, "To": f"<sip:[service]@{DOMAIN}>[peer_tag_param]", "routes": "[routes]"}
    first = f"INVITE sip:[service]@{REGISTRAR} SIP/2.0"
    steps = []
    if answers:
        steps += [
            _send(phone.request(first, "INVITE", 1, start), again=True),
            '<recv response="100" optional="true"/>',
            '<recv response="407" auth="true"/>',
            _send(phone.request(first.replace("INVITE", "ACK", 1), "ACK", 1, {**start, "To": within["To"]})),
        ]
    cseq = 2 if answers else 1
    steps += [
        _send(phone.request(first, "INVITE", cseq, start, answers), again=True, timed=True),
        *(f'<recv response="{status}" optional="true"/>' for status in (100, 180)),
        '<recv response="200" rtd="1" rrs="true"/>',
        _send(phone.request("ACK [next_url] SIP/2.0", "ACK", cseq, within)),
        _send(phone.request("BYE [next_url] SIP/2.0", "BYE", cseq + 1, within), again=True),
        '<recv response="200"/>',
    ]
    return steps


def _registration(phone: Phone, answers: bool) -> list[str]:
    user = "[field0]" if answers else "u[call_number]"
    address = f"<sip:{user}@{DOMAIN}>"
    fields = {
        "From": f"{address};tag=[pid]r[call_number]",
        "To": address,
        "Contact": f"<sip:{user}@[local_ip]:[local_port]>;expires=3600",
    }
    first = f"REGISTER sip:{REGISTRAR} SIP/2.0"
    steps = []
    if answers:
        steps += [
            _send(phone.request(first, "REGISTER", 1, fields), again=True),
            '<recv response="401" auth="true"/>',
        ]
    return [
        *steps,
        _send(phone.request(first, "REGISTER", 2 if answers else 1, fields, answers), again=True, timed=True),
        '<recv response="200" rtd="1"/>',
    ]


def _answer(order: Sequence[str]) -> list[str]:
    written = {
        "TO": "[last_To:];tag=[pid]SIPpTag01[call_number]",
        "CONTACT": "Contact: <sip:[local_ip]:[local_port];transport=[transport]>",
    }
    head = [written.get(line, line) for line in order]
    last = [written.get(line, line) for line in order if line not in ("TO", "[last_Record-Route:]")]
    body = ["Content-Type: application/sdp", "Content-Length: [len]", "", *USUAL_SDP]
    return [
        _send("\n".join(["SIP/2.0 180 Ringing", *head, "Content-Length: 0", ""])),
        _send("\n".join(["SIP/2.0 200 OK", *head, *body]), again=True),
        '<recv request="ACK"/>',
        '<recv request="BYE"/>',
        _send("\n".join(["SIP/2.0 200 OK", *last, "[last_To:]", "Content-Length: 0", ""])),
    ]


def _send(message: str, again: bool = False, timed: bool = False) -> str:
    attributes = (' retrans="500"' if again else "") + (' start_rtd="1"' if timed else "")
    return f"<send{attributes}><![CDATA[\n\n{message}\n\n]]></send>"


def _scenario(name: str, ways: Sequence[Iterable[str]], first: str = "") -> str:
    """One of the `ways` at random, each as often as the others."""
    text = ['<?xml version="1.0" encoding="UTF-8"?>', '<!DOCTYPE scenario SYSTEM "sipp.dtd">']
    text += [f'<scenario name="{name}">', first]
    for number in range(1, len(ways)):
        text.append(f'<nop next="{number}" chance="{1 / (len(ways) - number + 1):.4f}"/>')
    for number in reversed(range(len(ways))):
        if number < len(ways) - 1:
            text.append(f'<label id="{number + 1}"/>')
        text += ways[number]
        if number:
            text.append('<nop next="end"/>')
    return "\n".join([*text, '<label id="end"/>', "</scenario>", ""])
