"""Messages of our own making with what they say, and what tshark reads in them."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from pathlib import Path
from random import Random
from typing import Final
from urllib.parse import quote

from offhook.sdp.attributes import Attribute, Fmtp, Rtpmap
from offhook.sdp.fields import Bandwidth, Connection, MediaField, Origin
from offhook.sdp.parser import parse as parse_session
from offhook.sdp.session import MediaDescription, SessionDescription
from offhook.sip.headers.address import Contact, NameAddr
from offhook.sip.headers.auth import Challenge, Credentials
from offhook.sip.headers.cseq import CSeq, RAck
from offhook.sip.headers.reason import Reason
from offhook.sip.headers.via import Via
from offhook.sip.message import Message, Request, Response
from offhook.sip.serializer import Draft, new_request, new_response
from offhook.sip.uri import SipUri
from tests.media.pcap import write_pcap

__all__ = ["Facts", "Writer", "facts_of", "read_by_tshark"]

Facts = dict[str, list[str]]
"""From the name of a field of tshark to its values, in order."""

Params = dict[str, str | None]

PORT: Final = 5060
SEPARATOR, AGGREGATOR = "\x01", "\x02"
QUOTED: Final = (".display.info", "sip.auth.")
# Of users of one letter and ports of one digit tshark tells nothing, and it reads the text of SDP as ASCII.
USERS: Final = (
    "alice",
    "bob smith",
    "+15551234",
    "h\u00e9l\u00e8ne",
    "*31#",
    "a%41",
    "o'neil",
    "1/2",
    "x@y",
    "a:b",
    "\u65e5\u672c",
)
NAMES: Final = ("Bob", 'Bob "x" \\ y', "\u65e5\u672c, <sip:x>", "a;b=c", "J. (x) D\u00e9", "'", "\\", 'end"')
HOSTS: Final = ("example.com", "192.0.2.1", "2001:db8::1", "a-b.example.", "xn--4ca.example", "::ffff:192.0.2.7")
PORTS: Final = (None, None, 80, 5070, 65535)
PARAMS: Final[tuple[Params, ...]] = (
    {"transport": "tcp"},
    {"lr": None},
    {"user": "phone", "x": "a b"},
    {"maddr": "192.0.2.9", "ttl": "5"},
    {},
)
VIA_PARAMS: Final[tuple[Params, ...]] = ({"rport": None}, {"received": "192.0.2.8"})
CONTACT_PARAMS: Final[tuple[Params, ...]] = ({}, {"q": "0.5", "expires": "60"}, {"expires": "0"})
NUMBERS: Final = (("Expires", 0xFFFFFFFF), ("RSeq", 0x7FFFFFFF), ("Min-Expires", 3600), ("Retry-After", 86400))
METHODS: Final = (
    *("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "PRACK", "UPDATE", "INFO", "MESSAGE", "REFER"),
    *("SUBSCRIBE", "NOTIFY", "PUBLISH"),
)
STATUSES: Final = (100, 180, 183, 200, 202, 302, 401, 404, 407, 480, 486, 487, 503, 603)
TEXTS: Final = ("Hello", "a, b; c=d", "\u00e9 \u65e5\u672c", '"quoted" (text)', "%41 <x>")
HEX: Final = "0123456789abcdef"


def escaped(user: str) -> str:
    """A user part as RFC 3261 25.1 wants it, by another's escaping."""
    return quote(user, safe="-_.!~*'()&=+$,;?/")


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class Writer:
    """Makes messages from drawn values; `facts` has those of the last one."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.facts: defaultdict[str, list[str]] = defaultdict(list)

    def message(self) -> tuple[bytes, Facts]:
        """One message, and what a reader has to find in it."""
        self.facts = defaultdict(list)
        draw = self._random
        method = draw.choice(METHODS)
        if draw.random() < 0.6:
            uri, text = self._uri("sip.r-uri")
            # Its parameters are shown within the whole alone.
            self.facts.pop("sip.r-uri.param", None)
            draft = new_request(method, uri.serialize())
            self._say({"sip.Method": method, "sip.r-uri": text})
            self._number(draft, "Max-Forwards", 255)
        else:
            status = draw.choice(STATUSES)
            draft = new_response(status)
            self._say({"sip.Status-Code": str(status)})
        self._route(draft)
        self._parties(draft)
        self._say({"sip.Call-ID": self._token() + "@h"}, draft)
        number = draw.choice((0, 1, 2, (1 << 31) - 1))
        draft.add("CSeq", str(CSeq(number, method)))
        self._say({"sip.CSeq.seq": str(number), "sip.CSeq.method": method})
        for optional in (self._contacts, self._authorization, self._challenge, self._texts, self._numbers, self._body):
            if draw.random() < 0.5:
                optional(draft)
        message = draft.finish()
        self.facts["sip.Content-Length"] = [str(len(message.body))]
        return message.serialize(), {name: values for name, values in self.facts.items() if values}

    def _say(self, facts: dict[str, str], draft: Draft | None = None) -> None:
        """Note facts; with a draft, that are headers' whole values."""
        for name, value in facts.items():
            self.facts[name].append(value)
            if draft is not None:
                draft.add(name.removeprefix("sip."), value)

    def _token(self) -> str:
        return "".join(self._random.choices(HEX, k=8))

    def _uri(self, kind: str, params: bool = True) -> tuple[SipUri, str]:
        """A URI and how it is written; its parts become facts."""
        draw = self._random
        user, host, port = draw.choice((None, *USERS)), draw.choice(HOSTS), draw.choice(PORTS)
        chosen = draw.choice(PARAMS) if params else {}
        uri = SipUri.build(host, user, port, scheme=draw.choice(("sip", "sips")), params=chosen)
        text = bracketed(host) if port is None else f"{bracketed(host)}:{port}"
        self.facts[f"{kind}.host"].append(bracketed(host))
        if user is not None:
            self.facts[f"{kind}.user"].append(escaped(user))
            text = f"{escaped(user)}@{text}"
        if port is not None:
            self.facts[f"{kind}.port"].append(str(port))
        for name, value in chosen.items():
            param = name if value is None else f"{name}={quote(value, safe='')}"
            self.facts[f"{kind}.param"].append(param)
            text += f";{param}"
        return uri, f"{uri.scheme}:{text}"

    def _route(self, draft: Draft) -> None:
        draw = self._random
        for _ in range(draw.randint(1, 3)):
            transport, host, port = draw.choice(("UDP", "TCP", "TLS")), draw.choice(HOSTS), draw.choice(PORTS)
            branch = "z9hG4bK" + self._token()
            params = {"branch": branch, **draw.choice(VIA_PARAMS)}
            draft.add("Via", str(Via(transport, bracketed(host), port, params)))
            self._say({"sip.Via.transport": transport, "sip.Via.sent-by.address": host, "sip.Via.branch": branch})
            self._say({"sip.Via.sent-by.port": str(port)} if port is not None else {})
            self._say({"sip.Via.received": "192.0.2.8"} if "received" in params else {})
        for name in ("Route", "Record-Route", "Service-Route"):
            if draw.random() < 0.3:
                routes = []
                for _ in range(draw.randint(1, 3)):
                    uri, text = self._uri(f"sip.{name}")
                    self._say({f"sip.{name}.uri": text})
                    routes.append(str(NameAddr(uri)))
                draft.add(name, ", ".join(routes))

    def _parties(self, draft: Draft) -> None:
        draw = self._random
        for name in ("From", "To"):
            kind = f"sip.{name.lower()}"
            uri, text = self._uri(kind)
            shown = draw.choice((None, *NAMES))
            tag = self._token() if draw.random() < 0.8 else None
            draft.add(name, str(NameAddr(uri, shown, {} if tag is None else {"tag": tag})))
            self._say({f"{kind}.addr": text})
            self._say({} if tag is None else {f"{kind}.tag": tag})
            self._say({} if shown is None else {f"{kind}.display.info": shown})

    def _contacts(self, draft: Draft) -> None:
        draw = self._random
        contacts = []
        for _ in range(draw.randint(1, 3)):
            uri, text = self._uri("sip.contact")
            shown = draw.choice((None, *NAMES))
            params = draw.choice(CONTACT_PARAMS)
            contacts.append(str(Contact(uri, shown, params)))
            self._say({"sip.contact.uri": text})
            self._say({} if shown is None else {"sip.contact.display.info": shown})
            self.facts["sip.contact.parameter"] += [f"{name}={value}" for name, value in params.items()]
        draft.add("Contact", ", ".join(contacts))

    def _authorization(self, draft: Draft) -> None:
        draw = self._random
        said = {
            "username": draw.choice(("alice", 'b"o\\b', "h\u00e9l\u00e8ne", "a,b")),
            "realm": draw.choice(("example.com", "The, Realm", '"R"', "\u65e5\u672c")),
            "nonce": self._token(),
            "uri": "sip:example.com;x=y",
            "response": self._token() * 4,
            "algorithm": draw.choice(("MD5", "SHA-256", "SHA-512-256")),
            "cnonce": self._token(),
            "opaque": draw.choice(("", "o,p=q", "=")),
            "qop": "auth",
            "nc": "0000000a",
        }
        draft.add(draw.choice(("Authorization", "Proxy-Authorization")), str(Credentials("Digest", said)))
        self._auth_facts(said)

    def _challenge(self, draft: Draft) -> None:
        if "sip.auth.scheme" in self.facts:
            return
        header = self._random.choice(("WWW-Authenticate", "Proxy-Authenticate"))
        for algorithm in self._random.choice((("MD5",), ("SHA-256", "MD5"))):
            said = {
                "realm": self._random.choice(("example.com", 'The "Realm"', "a\\b")),
                "nonce": self._token(),
                "algorithm": algorithm,
                "qop": "auth,auth-int",
                "opaque": "",
                "stale": "true",
                "domain": "sip:a sip:b",
            }
            draft.add(header, str(Challenge("Digest", said)))
            self._auth_facts(said)

    def _auth_facts(self, said: dict[str, str]) -> None:
        self._say({"sip.auth.scheme": "Digest"})
        self._say(
            {"sip.auth.digest.response" if name == "response" else f"sip.auth.{name}": said[name] for name in said}
        )

    def _texts(self, draft: Draft) -> None:
        draw = self._random
        chosen = {
            "sip.Subject": draw.choice(TEXTS),
            "sip.User-Agent": "Offhook/0.1 (a b)",
            "sip.Allow": "INVITE, ACK, BYE",
            "sip.Supported": "100rel, timer",
            "sip.Event": "presence;id=1",
            "sip.Content-Disposition": "session;handling=optional",
            "sip.Session-Expires": "1800;refresher=uac",
            "sip.Require": "100rel",
        }
        self._say({name: chosen[name] for name in draw.sample(sorted(chosen), 4)}, draft)
        cause, text = draw.choice((16, 31, 127)), draw.choice(("Terminated", "a; b"))
        draft.add("Reason", str(Reason("Q.850", {"cause": str(cause), "text": f'"{text}"'})))
        self._say({"sip.reason_protocols": "Q.850", "sip.reason_cause_q850": str(cause)})

    def _number(self, draft: Draft, name: str, most: int) -> None:
        self._say({f"sip.{name}": str(self._random.choice((0, 1, 70, most)))}, draft)

    def _numbers(self, draft: Draft) -> None:
        for name, most in (
            ("Expires", 0xFFFFFFFF),
            ("RSeq", 0x7FFFFFFF),
            ("Min-Expires", 3600),
            ("Retry-After", 86400),
        ):
            self._number(draft, name, most)
        draft.add("RAck", str(RAck(7, 9, "INVITE")))
        self._say({"sip.RAck.RSeq.seq": "7", "sip.RAck.CSeq.seq": "9", "sip.RAck.CSeq.method": "INVITE"})

    # Session descriptions

    def _body(self, draft: Draft) -> None:
        draw = self._random
        numbers = draw.randrange(1 << 62), draw.randrange(1 << 62)
        origin = Origin.of("192.0.2.1", *numbers, draw.choice(("-", "bob")))
        media = [self._media() for _ in range(draw.randint(1, 3))]
        session = SessionDescription.build(
            origin,
            session_name=draw.choice(("-", "a b")),
            connection=Connection.to("192.0.2.1"),
            bandwidths=[Bandwidth("AS", 64)],
            attributes=[Attribute("sendrecv"), Attribute("tool", "x y")],
            media=[one for one, _, _ in media],
        )
        draft.body(session.serialize(), "application/sdp")
        self.facts["sip.Content-Type"] = ["application/sdp"]
        self._say(
            {
                "sdp.owner.username": origin.username,
                "sdp.owner.sessionid": str(origin.session_id),
                "sdp.owner.version": str(origin.session_version),
                "sdp.owner.address": "192.0.2.1",
                "sdp.session_name": session.session_name,
                "sdp.bandwidth.modifier": "AS",
                "sdp.bandwidth.value": "64",
                "sdp.time.start": "0",
                "sdp.time.stop": "0",
            }
        )
        self.facts["sdp.session_attr"] = ["sendrecv", "tool:x y"]
        self.facts["sdp.connection_info.address"] = ["192.0.2.1", *(address for _, address, _ in media if address)]
        self.facts["sdp.media_attr"] = [attribute for _, _, attributes in media for attribute in attributes]

    def _media(self) -> tuple[MediaDescription, str, list[str]]:
        """A media description, its own address if it has one, and its attributes as text."""
        draw = self._random
        kind, port = draw.choice(("audio", "video")), draw.choice((0, 4000, 65534))
        formats = draw.choice((("0", "8", "101"), ("111",), ("9", "96")))
        address = draw.choice(("", "192.0.2.3", "2001:db8::5"))
        attributes = [Attribute("rtpmap", Rtpmap(int(formats[-1]), "x-codec", 8000).serialize())]
        attributes += [Attribute("fmtp", Fmtp(formats[-1], "a=b; c").serialize()), Attribute("ptime", "20")]
        field = MediaField(kind, port, "RTP/AVP", formats)
        connections = [Connection.to(address)] if address else []
        self._say({"sdp.media": f"{kind} {port} RTP/AVP {' '.join(formats)}"})
        self._say({"sdp.media.media": kind, "sdp.media.port": str(port), "sdp.media.proto": "RTP/AVP"})
        texts = [f"rtpmap:{formats[-1]} x-codec/8000", f"fmtp:{formats[-1]} a=b; c", "ptime:20"]
        return MediaDescription.build(field, connections=connections, attributes=attributes), address, texts


def facts_of(message: Message) -> Facts:
    """What a message of a program of ours says, as it reads it itself."""
    vias = [value for value in message.headers("Via") if isinstance(value, Via)]
    facts: dict[str, list[object]] = {
        "sip.Call-ID": [message.call_id],
        "sip.CSeq.seq": [message.cseq_number],
        "sip.CSeq.method": [message.cseq_method],
        "sip.from.tag": [message.from_tag],
        "sip.to.tag": [message.to_tag],
        "sip.Via.branch": [via.branch for via in vias],
        "sip.Via.sent-by.address": [via.host.strip("[]") for via in vias],
        "sip.Via.transport": [via.transport for via in vias],
        "sip.Content-Length": [len(message.body)],
    }
    if isinstance(message, Request):
        facts |= {
            "sip.Method": [message.method],
            "sip.r-uri": [message.uri],
            "sip.Max-Forwards": [message.max_forwards],
        }
    elif isinstance(message, Response):
        facts["sip.Status-Code"] = [message.status]
    for name in ("From", "To"):
        for value in message.headers(name):
            if isinstance(value, NameAddr) and isinstance(value.uri, SipUri):
                facts[f"sip.{name.lower()}.user"] = [value.uri.user]
                facts[f"sip.{name.lower()}.host"] = [value.uri.host]
    facts["sip.contact.uri"] = [value.uri for value in message.headers("Contact") if isinstance(value, Contact)]
    for name in ("Authorization", "Proxy-Authorization", "WWW-Authenticate", "Proxy-Authenticate"):
        for value in message.headers(name):
            if isinstance(value, Credentials | Challenge):
                for param in ("username", "realm", "nonce", "uri", "cnonce", "nc", "opaque", "algorithm"):
                    facts.setdefault(f"sip.auth.{param}", []).append(value.params.get(param))
                facts.setdefault("sip.auth.digest.response", []).append(value.params.get("response"))
    if message.body.startswith(b"v=0"):
        session = parse_session(message.body)
        facts["sdp.owner.sessionid"] = [session.origin.session_id]
        facts["sdp.media"] = [media.field.serialize() for media in session.media]
        connections = [*session.connections, *(each for media in session.media for each in media.connections)]
        facts["sdp.connection_info.address"] = [each.address for each in connections]
        facts["sdp.media_attr"] = [each.serialize() for media in session.media for each in media.attributes]
    said = {name: [str(value) for value in values if value is not None] for name, values in facts.items()}
    return {name: values for name, values in said.items() if values}


def read_by_tshark(messages: list[bytes], names: list[str], folder: Path) -> list[Facts]:
    """What tshark finds under these names in each of the messages, quoted strings without their quotes."""
    file = folder / "messages.pcap"
    write_pcap(file, [(PORT, octets) for octets in messages])
    command = ["tshark", "-r", str(file), "-d", f"udp.port=={PORT},sip", "-T", "fields"]
    command += ["-E", f"separator={SEPARATOR}", "-E", f"aggregator={AGGREGATOR}"]
    command += [argument for name in names for argument in ("-e", name)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    rows = done.stdout.removesuffix("\n").split("\n")
    assert len(rows) == len(messages)
    return [
        {
            name: [plain(name, value) for value in cell.split(AGGREGATOR)]
            for name, cell in zip(names, row.split(SEPARATOR), strict=True)
            if cell
        }
        for row in rows
    ]


def plain(name: str, text: str) -> str:
    """A value without its quotes (RFC 3261 25.1), read here and not by what is tested."""
    if not text.startswith('"') or not any(kind in name for kind in QUOTED):
        return text
    inner = iter(text[1:-1])
    return "".join([next(inner) if char == "\\" else char for char in inner])
