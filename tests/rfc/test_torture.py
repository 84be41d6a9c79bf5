"""The torture messages of RFC 4475 and RFC 5118: verdicts, facts, and what the RFCs ask of a parser."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Final

import pytest

from offhook import sdp
from offhook.errors import ParseError
from offhook.sip.checks import INVALID, MALFORMED, OK, judge
from offhook.sip.framing import StreamFramer
from offhook.sip.headers.address import Contact, NameAddr
from offhook.sip.message import Message, Request, Response
from offhook.sip.mime import body_of
from offhook.sip.parser import parse
from offhook.sip.serializer import Draft
from offhook.sip.uri import SipUri
from tests.rfc.torture import BY_NAME, ROWS, SETS, Row


def each(*expects: str) -> pytest.MarkDecorator:
    chosen = [row for row in ROWS if not expects or row.expect in expects]
    return pytest.mark.parametrize("row", chosen, ids=[row.name for row in chosen])


def request(name: str) -> Request:
    message = parse(BY_NAME[name].data)
    assert isinstance(message, Request)
    return message


def refusal(name: str) -> tuple[str, int | None, str | None]:
    judgement = judge(BY_NAME[name].data)
    return judgement.verdict, judgement.status, judgement.clause


def test_all_messages_are_there() -> None:
    assert len(ROWS) == sum(SETS.values()) == len(BY_NAME)
    for row in ROWS:
        assert len(row.data) == row.manifest["bytes"]


@each()
def test_verdicts(row: Row) -> None:
    verdict = judge(row.data).verdict
    if row.expect == "valid":
        assert verdict == OK
    elif row.expect == "invalid":
        assert verdict in (INVALID, MALFORMED)
    else:
        assert row.expect == "lenient"


@pytest.mark.parametrize("name", [row.name for row in ROWS if "verdict" in row.manifest])
def test_exact_verdicts(name: str) -> None:
    row = BY_NAME[name]
    judgement = judge(row.data)
    assert (judgement.verdict, judgement.status) == (row.manifest["verdict"], row.manifest["status"])


def test_the_command_judges_them_all() -> None:
    command = [sys.executable, "-m", "offhook", "lint", "--json", *[str(row.path) for row in ROWS]]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert (done.returncode, done.stderr) == (1, "")
    verdicts = [json.loads(line)["verdict"] for line in done.stdout.splitlines()]
    for row, verdict in zip(ROWS, verdicts, strict=True):
        assert (verdict == OK) == {"valid": True, "invalid": False}.get(str(row.expect), verdict == OK), row.name


def address(message: Message, name: str) -> NameAddr:
    value = message.header(name)
    assert isinstance(value, NameAddr)
    return value


def sip_uri(value: object) -> SipUri:
    assert isinstance(value, SipUri)
    return value


def first_contact(message: Message) -> Contact:
    value = message.contacts[0]
    assert isinstance(value, Contact)
    return value


FACTS: Final[dict[str, Callable[[Message], object]]] = {
    "method": lambda message: message.method if isinstance(message, Request) else None,
    "status": lambda message: message.status if isinstance(message, Response) else None,
    "reason": lambda message: message.reason if isinstance(message, Response) else None,
    "ruri": lambda message: message.request_uri if isinstance(message, Request) else None,
    "ruri_host": lambda message: sip_uri(message.uri).host if isinstance(message, Request) else None,
    "ruri_user_unescaped": lambda message: (
        sip_uri(message.uri).user_unescaped if isinstance(message, Request) else None
    ),
    "cseq": lambda message: message.cseq_number,
    "cseq_method": lambda message: message.cseq_method,
    "max_forwards": lambda message: message.number("Max-Forwards"),
    "via_count": lambda message: len(message.vias),
    "contact_count": lambda message: len(message.contacts),
    "from_tag": lambda message: message.from_tag,
    "to_tag": lambda message: message.to_tag,
    "call_id": lambda message: message.call_id,
    "content_length": lambda message: message.content_length,
    "body_len": lambda message: len(message.body),
    "serialized_len": lambda message: len(message.serialize()),
    "to_display": lambda message: message.to.display_name,
    "from_display": lambda message: message.from_.display_name,
    "to_user_unescaped": lambda message: sip_uri(message.to.uri).user_unescaped,
    "contact_param": lambda message: next(iter(first_contact(message).params)),
    "contact_headers": lambda message: [list(pair) for pair in sip_uri(first_contact(message).uri).headers],
}


@pytest.mark.parametrize(
    ("name", "fact"), [(row.name, fact) for row in ROWS for fact in row.facts], ids=lambda value: str(value)
)
def test_facts(name: str, fact: str) -> None:
    row = BY_NAME[name]
    assert FACTS[fact](parse(row.data)) == row.facts[fact]


@each("valid")
def test_valid_messages_come_back_byte_for_byte(row: Row) -> None:
    assert row.data.startswith(parse(row.data).serialize())


@each("valid")
def test_valid_messages_can_be_forwarded(row: Row) -> None:
    """What a proxy leaves alone arrives as it came, and the next element finds nothing wrong either."""
    message = parse(row.data)
    forwarded = Draft.of(message).prepend("Via", "SIP/2.0/UDP proxy.example.com;branch=z9hG4bKx").finish()
    again = parse(forwarded.serialize())
    added = 0 if message.has("Content-Length") else 1
    assert again.lines[2 : len(again.lines) - added] == message.lines[1:]
    assert again.body == message.body
    assert judge(forwarded.serialize()).verdict == OK


@each("valid")
def test_valid_messages_come_whole_over_a_stream(row: Row) -> None:
    framer = StreamFramer()
    items = [item for octet in row.data for item in framer.receive(bytes([octet]))]
    message = parse(row.data)
    if message.has("Content-Length"):
        assert items[0] == message.serialize()
    else:
        assert items[0] == message.serialize()[: len(items[0])]


def tshark_of(row: Row) -> dict[str, list[str]]:
    found = row.manifest.get("tshark")
    return found if isinstance(found, dict) else {}


@each("valid")
def test_tshark_reads_the_same(row: Row) -> None:
    expected = tshark_of(row)
    if not expected:
        return
    message = parse(row.data)
    if isinstance(message, Request):
        assert expected["sip.Method"] == [message.method]
        assert expected["sip.r-uri"] == [message.request_uri]
    else:
        assert isinstance(message, Response)
        assert expected["sip.Status-Code"] == [str(message.status)]
    assert expected["sip.Call-ID"] == [message.call_id]
    assert expected["sip.CSeq.seq"] == [str(message.cseq_number)]
    assert expected["sip.CSeq.method"] == [message.cseq_method]


# RFC 4475: what it asks of a parser beyond that


@pytest.mark.rfc("4475 3.1.1.1")
def test_wsinv() -> None:
    message = request("wsinv")
    assert message.headers("UnknownHeaderWithUnusualValue") == [";;,,;;,;"]
    assert b"UnknownHeaderWithUnusualValue: ;;,,;;,;\r\n" in Draft.of(message).finish().serialize()
    contact = first_contact(message)
    assert (contact.q, contact.display_name) == (0.33, 'Quoted string ""')
    assert contact.params["newparam"] == "newvalue"
    assert message.from_.display_name == 'J Rosenberg \\"'
    assert sip_uri(message.routes[0].uri).lr


@pytest.mark.rfc("4475 3.1.1.2")
def test_intmeth() -> None:
    message = request("intmeth")
    assert message.from_.display_name == "token1~` token2'+_ token3*%!.-"
    assert message.from_.param("fromparam''~+*_!.-%") == "работающий"
    assert sip_uri(message.uri).password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert message.text("extensionHeader-!.%*+_`'~") == "\ufeff大停電"


@pytest.mark.rfc("4475 3.1.1.3")
def test_esc01() -> None:
    message = request("esc01")
    assert sip_uri(message.uri).user_unescaped == "sips:user@example.com"
    assert sip_uri(message.uri).host == "example.net"
    assert sip_uri(message.to.uri).user_unescaped == "user"
    assert sip_uri(message.from_.uri).user_unescaped == "I have spaces"
    contact = sip_uri(first_contact(message).uri)
    assert contact.lr
    assert contact.params["name"] == "value%41"
    assert contact.user_unescaped == "caller"


@pytest.mark.rfc("4475 3.1.1.4")
def test_escnull() -> None:
    one, other = request("escnull").contacts
    assert isinstance(one, Contact)
    assert isinstance(other, Contact)
    assert sip_uri(one.uri).user_unescaped == "\0"
    assert sip_uri(other.uri).user_unescaped == "\0\0"
    assert one.uri != other.uri


@pytest.mark.rfc("4475 3.1.1.5")
def test_esc02() -> None:
    message = request("esc02")
    assert message.method != "REGISTER"
    assert message.texts("C%6Fntact") == ["<sip:alias2@host2.example.com>"]
    assert message.to.display_name == "%Z%45"
    assert refusal("esc02")[1] == 501


@pytest.mark.rfc("4475 3.1.1.7")
def test_longreq() -> None:
    message = request("longreq")
    assert message.call_id == "longreq.one" + "really" * 20 + "longcallid"
    name = message.to.display_name
    assert name is not None
    assert name.startswith("I have a user name of extreme")
    assert len(message.text("Unknown-" + "Long" * 20 + "-Name") or "") > 200
    assert (message.vias[-1].branch or "").endswith("longbranchvalue")
    assert message.from_tag == "12" + "982" * 50 + "424"


@pytest.mark.rfc("4475 3.1.1.11")
def test_mpart01() -> None:
    message = request("mpart01")
    parts = body_of(message).multipart().parts
    assert [part.media_type.essence for part in parts] == ["text/plain", "application/octet-stream"]
    assert b"\0" in parts[1].content


@pytest.mark.rfc("4475 3.1.1.8")
def test_dblreq() -> None:
    """A datagram holds one message; over a stream the same octets are two."""
    data = BY_NAME["dblreq"].data
    framer = StreamFramer()
    one, other = [item for item in framer.receive(data) if item.strip()]
    assert parse(one).cseq_method == "REGISTER"
    assert parse(other).cseq_method == "INVITE"


@pytest.mark.rfc("4475 3.1.1.10")
def test_transports() -> None:
    assert [via.transport for via in request("transports").vias] == ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]


@pytest.mark.parametrize(
    ("name", "verdict", "status"),
    [
        ("badinv01", MALFORMED, 400),
        ("clerr", INVALID, 400),
        ("scalar02", MALFORMED, 400),
        ("quotbal", MALFORMED, 400),
        ("lwsruri", MALFORMED, 400),
        ("baddate", MALFORMED, 400),
        ("badvers", MALFORMED, 505),
        ("mismatch02", INVALID, 501),
        ("insuf", MALFORMED, 400),
        ("mcl01", MALFORMED, 400),
        ("novelsc", OK, 416),
        ("bext01", OK, 420),
        ("regaut01", OK, 401),
        ("zeromf", OK, 483),
        ("sdp01", OK, 406),
        ("trws", OK, None),
        ("badaspec", OK, None),
        ("cparam02", OK, None),
    ],
)
def test_answers_of_rfc_4475(name: str, verdict: str, status: int | None) -> None:
    assert refusal(name)[:2] == (verdict, status)


@pytest.mark.parametrize("name", ["badinv01", "quotbal", "lwsruri", "badvers", "insuf", "mcl01", "multi01", "ncl"])
def test_broken_requests_can_be_answered(name: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(BY_NAME[name].data)
    salvage = caught.value.salvage
    assert salvage is not None
    assert salvage.method in ("INVITE", "OPTIONS")
    assert salvage.via
    assert salvage.cseq is not None


@pytest.mark.rfc("4475 3.1.2.10")
def test_trws_never_leaves_with_its_blanks() -> None:
    message = request("trws")
    assert message.serialize().startswith(b"OPTIONS sip:remote-target@example.com SIP/2.0\r\n")


@pytest.mark.rfc("4475 3.1.2.13")
def test_uris_with_questions_need_brackets() -> None:
    assert refusal("regbadct") == (MALFORMED, 400, "RFC 3261 20")


@pytest.mark.rfc("4475 3.3.12")
def test_whose_parameter_it_is() -> None:
    one, other = first_contact(request("cparam01")), first_contact(request("cparam02"))
    assert ("unknownparam" in one.params, "unknownparam" in sip_uri(one.uri).params) == (True, False)
    assert ("unknownparam" in other.params, "unknownparam" in sip_uri(other.uri).params) == (False, True)


@pytest.mark.rfc("4475 3.4.1")
def test_inv2543() -> None:
    message = request("inv2543")
    assert (message.branch, message.from_tag, message.max_forwards) == (None, None, None)
    assert sip_uri(message.record_routes[0].uri).maddr == "ss1.example.com"
    assert message.to.params == {"user": "phone"}
    assert sdp.parse(message.body).media[0].port == 49217


# RFC 5118


@pytest.mark.rfc("5118 4.1")
def test_ipv6_references() -> None:
    message = request("ipv6-good")
    assert sip_uri(message.uri).bare_host == "2001:db8::10"
    assert message.top_via.host == "2001:db8::9:1"
    assert refusal("ipv6-bad")[:2] == (MALFORMED, 400)


@pytest.mark.rfc("5118 4.3")
def test_where_the_port_is() -> None:
    ambiguous, plain = sip_uri(request("port-ambiguous").uri), sip_uri(request("port-unambiguous").uri)
    assert (ambiguous.bare_host, ambiguous.port) == ("2001:db8::10:5070", None)
    assert (plain.bare_host, plain.port) == ("2001:db8::10", 5070)


@pytest.mark.rfc("5118 4.5")
@pytest.mark.parametrize("name", ["via-received-param-with-delim", "via-received-param-no-delim"])
def test_received_is_read_with_brackets_and_never_written_so(name: str) -> None:
    message = request(name)
    assert message.vias[0].received == "2001:db8::9:255"
    assert ";received=2001:db8::9:255" in str(message.vias[0])


@pytest.mark.rfc("5118 4.6")
def test_ipv6_in_a_session_description() -> None:
    data = BY_NAME["ipv6-in-sdp"].data
    assert refusal("ipv6-in-sdp") == (INVALID, 400, "RFC 3261 18.3")
    body = data.partition(b"\r\n\r\n")[2]
    mended = data.replace(b"Content-Length: 268", b"Content-Length: %d" % len(body))
    assert judge(mended).verdict == OK
    connection = sdp.parse(parse(mended).body).connection
    assert connection is not None
    assert connection.address == "2001:db8::20"


@pytest.mark.rfc("5118 4.10")
def test_three_colons_are_borne_with() -> None:
    assert judge(BY_NAME["ipv6-bug-abnf-3-colons"].data).verdict == OK
    assert sip_uri(request("ipv6-bug-abnf-3-colons").uri).bare_host == "2001:db8::192.0.2.1"
    assert sip_uri(request("ipv6-correct-abnf-2-colons").uri) == sip_uri(request("ipv6-bug-abnf-3-colons").uri)


@pytest.mark.rfc("5118 4.9")
def test_mapped_addresses() -> None:
    assert [via.host for via in request("ipv4-mapped-ipv6").vias] == ["[::ffff:192.0.2.10]", "[::ffff:192.0.2.2]"]
